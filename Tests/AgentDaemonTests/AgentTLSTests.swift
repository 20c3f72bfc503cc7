// `tls` of agentd: what is read, what is refused and in which words, what the loop is given, and a real handshake over loopback
// with a listener that speaks TLS. Without OpenSSL on the machine the suite is left out.

import Foundation
import MachineCore
import SettingsCore
import Testing
import X509

@testable import AgentKit
@testable import SocketKit
@testable import agentd

@Suite(.enabled(if: TLSLibrary.problem == nil, "left out: there is no OpenSSL on this machine, or MIAGENT_OPENSSL is `none`"))
struct AgentTLSTests {
    /// A credential that is for `localhost`, in files.
    private final class Files {
        let credential: TLSCredential
        let pin: TLSPin
        let folder = FileManager.default.temporaryDirectory.appending(path: "miagent-\(UUID().uuidString)")

        init(_ names: [String] = ["localhost"]) throws {
            let keys = try OpenSSLKeys()
            credential = try keys.selfSigned(for: names, unixSeconds: unixNow().seconds)
            pin = TLSPin(ofPublicKey: try keys.publicKey(ofKey: credential.keyPEM))
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(credential.chain).write(to: folder.appending(path: "cert.pem"))
            try Data(credential.key).write(to: folder.appending(path: "key.pem"))
            try Data("no PEM".utf8).write(to: folder.appending(path: "odd.pem"))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }
    }

    /// What agentd makes of a settings file with these members; `$` is the folder of `files`.
    private func read(
        _ members: String, _ files: Files? = nil, gateway: String = "wss://localhost"
    ) -> (agent: AgentConfiguration?, tls: AgentTLS, problems: [String]) {
        let folder = files.map { $0.path("") } ?? ""
        let text = #"{"agentId": "a", "gatewayUrl": "\#(gateway)", \#(members.replacing("$", with: folder))}"#
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        let agent = AgentConfiguration.read(from: &reader)
        let tls = AgentTLS.read(&reader, for: agent)
        return (agent, tls, reader.finish().map(\.description))
    }

    // MARK: Settings

    @Test func withoutSettingsTheSystemIsBelieved() {
        let (_, tls, problems) = read(#""type": "t""#)
        #expect(problems == [])
        #expect(tls.profiles == [.gateway: TLSClientSettings(trust: .system, protocols: ["http/1.1"])])
        #expect(!tls.isInsecure)
        #expect(read(#""type": "t""#, gateway: "ws://localhost").tls.profiles.isEmpty)
    }

    @Test func everySettingIsRead() throws {
        let files = try Files()
        let pins = [files.pin.description, "sha256/" + Data(files.pin.digest).base64EncodedString()]
        let list = pins.map { "\"\($0)\"" }.joined(separator: ", ")
        let (_, tls, problems) = read(
            #""tls": {"caFile": "$cert.pem", "pin": [\#(list)], "certificate": "$cert.pem", "key": "$key.pem"}"#, files)
        #expect(problems == [])
        let settings = try #require(tls.profiles[.gateway])
        #expect(settings.trust.authorities == files.credential.chain)
        #expect(!settings.trust.includesSystem && !settings.trust.isInsecure)
        #expect(settings.trust.pins == [files.pin])
        #expect(settings.credential == files.credential)
        // With a pin alone the key counts alone.
        let pinned = read(#""tls": {"pin": "\#(pins[0])"}"#)
        #expect(pinned.problems == [])
        #expect(pinned.tls.profiles[.gateway]?.trust == .pins([files.pin]))
        let insecure = read(#""tls": {"insecure": true}"#)
        #expect(insecure.problems == [])
        #expect(insecure.tls.isInsecure && insecure.tls.profiles[.gateway]?.trust == .insecure)
    }

    @Test(arguments: [
        (#""tls": {"caFile": "$none.pem"}"#, "\"tls.caFile\" names a file that cannot be read: "),
        (#""tls": {"caFile": "$odd.pem"}"#, "\"tls.caFile\" cannot be used: "),
        (#""tls": {"pin": "sha256:12"}"#, "\"tls.pin\" must be the SHA-256 of a public key"),
        (#""tls": {"certificate": "$cert.pem"}"#, "\"tls.certificate\" needs tls.key beside it"),
        (#""tls": {"key": "$key.pem"}"#, "\"tls.key\" needs tls.certificate beside it"),
        (#""tls": {"certificate": "$odd.pem", "key": "$key.pem"}"#, "\"tls.certificate\" cannot be used: "),
        (#""tls": {"certificate": "$cert.pem", "key": "$none.pem"}"#, "\"tls.key\" names a file that cannot be read"),
        (#""tls": {"insecure": true, "caFile": "$cert.pem"}"#, "\"tls.insecure\" cannot stand beside tls.caFile or tls.pin"),
        (#""tls": {"ca": "$cert.pem"}"#, "did you mean \"tls.caFile\"?"),
        (#""insecure": true"#, "did you mean \"tls.insecure\"?"),
        (
            #""webService": {"url": "https://h", "tls": {"caFile": "$none.pem"}}"#,
            "\"webService.tls.caFile\" names a file that cannot be read: "
        ),
        (
            #""webService": {"routes": {"/a": {"url": "https://h", "tls": {"caFile": "$odd.pem"}}}}"#,
            "\"webService.routes./a.tls.caFile\" cannot be used: "
        ),
    ])
    func whatIsWrongIsNamed(members: String, part: String) throws {
        let (_, _, problems) = read(members, try Files())
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.contains(part) == true, "\(problems)")
    }

    @Test(arguments: [
        "\"caFile\": \"$cert.pem\"", "\"pin\": \"sha256:\(String(repeating: "0", count: 64))\"", "\"insecure\": true",
    ])
    func whatCountsForNothingIsRefused(member: String) throws {
        let (_, tls, problems) = read("\"tls\": {\(member)}", try Files(), gateway: "ws://localhost")
        #expect(
            problems.count == 1 && problems.first?.contains("is for wss://, and gatewayUrl is ws://") == true, "\(problems)")
        #expect(tls.profiles.isEmpty)
    }

    @Test func aCertificateBesidePlainIsNoProblem() throws {
        let members = #""tls": {"certificate": "$cert.pem", "key": "$key.pem"}"#
        #expect(read(members, try Files(), gateway: "ws://localhost").problems == [])
    }

    @Test func servicesHaveProfilesOfTheirOwn() throws {
        let files = try Files()
        let (agent, tls, problems) = read(
            #"""
            "webService": {"routes": {"/a": {"url": "https://a"}, "/b": {"url": "https://a", "tls": {"insecure": true}},
             "/c": {"url": "https://c", "tls": {"caFile": "$cert.pem"}}, "/d": {"port": 1}}}
            """#, files, gateway: "ws://g")
        #expect(problems == [])
        guard case .routes(let routes) = agent?.service else {
            Issue.record("there are no routes")
            return
        }
        let trusts = routes.map { route in
            if case .http(let service) = route.service, let profile = service.tlsProfile {
                tls.profiles[profile]?.trust
            } else {
                nil as TLSTrust?
            }
        }
        #expect(trusts == [.system, .insecure, .authorities(files.credential.chain), nil])
        #expect(tls.profiles.count == 3)
    }

    // MARK: The loop

    @Test func aReloadKeepsWhatIsAsItWas() throws {
        let loop = try SocketLoop()
        let files = try Files()
        let before = read(#""tls": {"pin": "\#(files.pin)"}"#).tls
        try before.apply(to: loop)
        let context = loop.tls.clients[.gateway]
        try read(#""tls": {"pin": "\#(files.pin)"}, "type": "x""#).tls.apply(to: loop, after: before)
        #expect(loop.tls.clients[.gateway] === context && context != nil)
        try read(#""tls": {"caFile": "$cert.pem"}"#, files).tls.apply(to: loop, after: before)
        #expect(loop.tls.clients[.gateway] !== context)
    }

    /// What an agent says of a gateway that asks for a token, after it was dialled with these settings; the gateway speaks TLS
    /// with the credential of `files`, unless it is nil.
    private func reason(
        _ members: String, _ files: Files?, host: String = "localhost", clients: TLSServerSettings.Clients = .anonymous,
        byProxy: Bool = false
    ) throws -> String {
        let gateway = try GatewayStandIn(files.map { TLSServerSettings([$0.credential], clients: clients) })
        let (agent, tls, problems) = read(members, files, gateway: "wss://\(host):\(gateway.port)")
        #expect(problems == [])
        var configuration = try #require(agent)
        if byProxy { configuration.proxy = try ProxyURL("http://joe:hush@127.0.0.1:\(gateway.proxyPort)") }
        let loop = try SocketLoop()
        try tls.apply(to: loop)
        let runner = Runner(Agent(configuration, seed: secureRandomBytes(32)), on: loop)
        runner.send(.start)
        let limit = SocketLoop.now().advanced(by: .seconds(20))
        while SocketLoop.now() < limit {
            try gateway.turn()
            try runner.turn(until: SocketLoop.now().advanced(by: .milliseconds(5)))
            guard case .backingOff(_, let reason) = runner.machine.phase else { continue }
            #expect(gateway.tunnels == (byProxy ? ["CONNECT \(host):\(gateway.port) HTTP/1.1"] : []))
            return reason
        }
        return "waited in vain"
    }

    private static let reached = "the gateway asks for a token (401); set gatewayToken"

    @Test(arguments: [
        #""tls": {"caFile": "$cert.pem"}"#, #""tls": {"insecure": true}"#, #""tls": {"pin": "PIN"}"#,
        #""tls": {"pin": ["PIN", "sha256:\#(String(repeating: "0", count: 64))"], "caFile": "$cert.pem"}"#,
    ])
    func aGatewayThatIsBelievedIsReached(members: String) throws {
        let files = try Files()
        #expect(try reason(members.replacing("PIN", with: "\(files.pin)"), files) == Self.reached)
    }

    @Test func aProxyIsNoObstacleToTLS() throws {
        let files = try Files()
        #expect(try reason(#""tls": {"caFile": "$cert.pem"}"#, files, byProxy: true) == Self.reached)
        let stranger = try reason(#""type": "t""#, files, byProxy: true)
        #expect(stranger.contains("\(files.pin) (tls.pin, --pin)"), "\(stranger)")
    }

    @Test func whoeverIsNotBelievedIsNamed() throws {
        let files = try Files()
        let stranger = try reason(#""type": "t""#, files)
        #expect(
            stranger.hasPrefix("no TLS with localhost:") && stranger.contains("\(files.pin) (tls.pin, --pin)"), "\(stranger)")
        let other = try reason(#""tls": {"pin": "sha256:\#(String(repeating: "0", count: 64))"}"#, files)
        #expect(other.contains("not one that is pinned: it is \(files.pin); if the gateway has a new key"), "\(other)")
        let named = try reason(#""tls": {"caFile": "$cert.pem"}"#, files, host: "127.0.0.1")
        #expect(named.contains("not for 127.0.0.1, but for localhost; gatewayUrl must have a name"), "\(named)")
        let plain = try reason(#""type": "t""#, nil)
        #expect(plain.contains("ws:// instead of wss://"), "\(plain)")
    }

    @Test func aGatewayMayAskForACertificate() throws {
        let files = try Files()
        let asks = TLSServerSettings.Clients.mustAuthenticate(authorities: files.credential.chain)
        let without = try reason(#""tls": {"caFile": "$cert.pem"}"#, files, clients: asks)
        #expect(without.contains("set tls.certificate and tls.key (--tls-certificate, --tls-key)"), "\(without)")
    }

    // MARK: Advice

    /// AgentKit knows sentences of SocketKit by some words, and that they are in them is to be seen only here.
    @Test(
        arguments: [
            (.plainHTTP, "plain HTTP is spoken there: ws:// instead of wss://?"),
            (.selfSigned(subject: "CN=x", pin: TLSPin(ofPublicKey: [])), "(tls.pin, --pin)"),
            (.unknownAuthority("Corp"), "name its certificate in tls.caFile (--ca-file), or pin the gateway's key (--pin)"),
            (.pinMismatch(seen: TLSPin(ofPublicKey: [])), "if the gateway has a new key, put it into tls.pin (--pin)"),
            (.nameMismatch(host: "a", names: ["b"]), "gatewayUrl must have a name that it is for"),
            (.certificateRequired, "set tls.certificate and tls.key"), (.refusedByPeer(alert: 48), "check tls.certificate"),
            (.refusedByPeer(alert: 45), "check tls.certificate"),
            (.endedInHandshake, "if no TLS is spoken there: ws:// instead of wss://"),
            (.notTLS(firstBytes: [1]), "is it a gateway that listens there?"),
        ] as [(TLSError, String)])
    func eachFailureGetsItsAdvice(error: TLSError, advice: String) {
        let said = TLSAdvice.text(error.description, of: .gateway)
        #expect(said.contains(advice), "\(said)")
        #expect(TLSAdvice.words.contains { error.description.contains($0) })
    }

    @Test(
        arguments: [
            .expired(subject: "CN=x", since: 0), .notYetValid(subject: "CN=x", from: 0), .noAuthorities, .protocolTooOld,
            .truncated,
            .revoked(subject: ""),
        ] as [TLSError])
    func whatSaysItAllStands(error: TLSError) {
        #expect(TLSAdvice.text(error.description, of: .gateway) == error.description)
        #expect(TLSAdvice.text(error.description, of: .service) == error.description)
    }
}
