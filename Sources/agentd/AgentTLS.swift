// What TLS takes on the agent's side, read out of files and tried before anything is dialled: whom to believe, and what to
// present. The machine knows none of it, only the names under which the loop keeps it (`TLSProfile`).
//
// A setting that would count for nothing is refused: a pin beside `ws://` promises what nobody keeps. A certificate is not, for
// presenting none harms nobody, and one environment may serve several programs.

import AgentKit
import MachineCore
import SettingsCore
import SocketKit
import X509

struct AgentTLS: Equatable {
    /// Whom the agent's dials believe, by what they are to.
    private(set) var profiles: [TLSProfile: TLSClientSettings] = [:]
    /// Whether every gateway is believed.
    private(set) var isInsecure = false

    /// Has the loop use these settings from the next connection on. What is as in `old` stays, and with it the sessions that
    /// can be resumed.
    func apply(to loop: SocketLoop, after old: AgentTLS? = nil) throws(TLSError) {
        for (profile, settings) in profiles where old?.profiles[profile] != settings {
            try loop.setTLS(settings, for: profile)
        }
    }

    /// Reads `tls`, for an agent of this configuration. What is wrong is a problem of the reader's, and left out.
    static func read(_ reader: inout SettingsReader, for agent: AgentConfiguration?) -> AgentTLS {
        let files = Files(&reader)
        var tls = AgentTLS()
        guard let agent else { return tls }
        if agent.gateway.isSecure {
            tls.isInsecure = files.isInsecure
            let place = files.hasCredential ? "tls.certificate" : "tls.caFile"
            tls.add(files.settings, as: .gateway, place, &reader)
        } else {
            files.refuseForPlain(&reader)
        }
        for (path, service) in agent.service.webServices { tls.add(service, "\(path).tls.caFile", &reader) }
        return tls
    }

    private mutating func add(_ service: LocalHTTPService, _ path: String, _ reader: inout SettingsReader) {
        guard let tls = service.tls, let profile = service.tlsProfile else { return }
        var trust = tls.isInsecure ? TLSTrust.insecure : .system
        if let file = tls.caFile {
            do throws(FileError) {
                trust = .authorities(try readWholeFile(file))
            } catch {
                return reader.problem(path, "names a file that cannot be read: \(error)")
            }
        }
        add(TLSClientSettings(trust: trust, protocols: ["http/1.1"]), as: profile, path, &reader)
    }

    /// Takes the settings, if a context can be made of them.
    private mutating func add(
        _ settings: TLSClientSettings, as profile: TLSProfile, _ path: String, _ reader: inout SettingsReader
    ) {
        if let problem = TLSLibrary.problem {
            let place = profile == .gateway ? "gatewayUrl" : "webService"
            return reader.problem(place, "asks for TLS, which this machine lacks: \(problem)")
        }
        do throws(TLSError) {
            _ = try TLSContext(client: settings)
            profiles[profile] = settings
        } catch {
            reader.problem(path, "cannot be used: \(error)")
        }
    }
}

/// What `tls` says.
private struct Files {
    let authorities: [UInt8]?
    let pins: [TLSPin]?
    let certificate: [UInt8]?
    let key: [UInt8]?
    let isInsecure: Bool

    init(_ reader: inout SettingsReader) {
        authorities = reader.read(
            .contents(
                "tls.caFile", "The authorities that may vouch for a `wss://` gateway, in a PEM file, instead of the system's."))
        pins = reader.read(
            Setting.texts(
                "tls.pin",
                "The SHA-256 of the gateway's public key, `sha256:` and 64 digits; several while it changes. Without `tls.caFile` the key"
                    + " alone counts, whatever names and times its certificate has."
            ).parsed(Self.pins).onReload(.nextConnection))
        certificate = reader.read(
            .contents("tls.certificate", "A certificate to present to the gateway, in a PEM file, with its intermediate ones."))
        key = reader.read(.contents("tls.key", "The private key of `tls.certificate`, in a PEM file."))
        isInsecure = reader.read(
            .flag(
                "tls.insecure",
                "For a trial alone: the gateway may have any certificate, and whoever is on the way can read and change everything."
            ).onReload(.nextConnection), default: false)
        if (certificate == nil) != (key == nil) { refuseHalf(&reader) }
        if isInsecure, authorities != nil || pins != nil {
            reader.problem(
                "tls.insecure", "cannot stand beside tls.caFile or tls.pin: nothing of the certificate would be checked")
        }
    }

    private static func pins(_ texts: [String], _ refuse: (String) -> Void) -> [TLSPin]? {
        let pins = texts.compactMap { TLSPin($0) }
        if pins.count == texts.count, !pins.isEmpty { return pins }
        refuse("must be the SHA-256 of a public key: sha256: and 64 hexadecimal digits")
        return nil
    }

    private func refuseHalf(_ reader: inout SettingsReader) {
        let (there, missing) = certificate == nil ? ("tls.key", "tls.certificate") : ("tls.certificate", "tls.key")
        if !reader.exists(missing) { reader.problem(there, "needs \(missing) beside it") }
    }

    /// What would count for nothing without TLS.
    func refuseForPlain(_ reader: inout SettingsReader) {
        let given = [
            ("tls.caFile", authorities != nil), ("tls.pin", pins != nil), ("tls.insecure", isInsecure),
        ]
        for (path, isGiven) in given where isGiven {
            reader.problem(path, "is for wss://, and gatewayUrl is ws://: no certificate is looked at")
        }
    }

    var hasCredential: Bool { certificate != nil && key != nil }

    /// What a client is told to believe.
    var settings: TLSClientSettings {
        var trust = TLSTrust.system
        if isInsecure {
            trust = .insecure
        } else if authorities != nil || pins != nil {
            trust = TLSTrust.authorities(authorities ?? [])
            trust.pins = Set(pins ?? [])
        }
        let credential = certificate.flatMap { chain in key.map { TLSCredential(chain: chain, key: $0) } }
        return TLSClientSettings(trust: trust, credential: credential, protocols: ["http/1.1"])
    }
}

extension Setting<[UInt8]> {
    /// What is in a file, of which the setting is the name.
    fileprivate static func contents(_ path: String, _ meaning: String) -> Setting<[UInt8]> {
        Setting<String>.file(path, meaning).parsed { (name, refuse) -> [UInt8]? in
            do throws(FileError) {
                return try readWholeFile(name)
            } catch {
                refuse("names a file that cannot be read: \(error)")
                return nil
            }
        }.onReload(.nextConnection)
    }
}

extension LocalService {
    /// The web services among them, each with the place of its settings.
    fileprivate var webServices: [(path: String, service: LocalHTTPService)] {
        switch self {
        case .http(let service): [("webService", service)]
        case .routes(let routes):
            routes.compactMap { route in
                if case .http(let service) = route.service { ("webService.routes.\(route.prefix)", service) } else { nil }
            }
        case .handler, .streamingHandler, .folder, .none: []
        }
    }
}
