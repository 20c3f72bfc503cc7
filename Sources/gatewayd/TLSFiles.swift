// What TLS of a listener is made of, as the settings name it, and the reading of the files. What is wrong with one of them is
// said with its name and with what to do.

import MachineCore
import SettingsCore
import SocketKit
import X509

/// The files of a listener's TLS.
struct TLSFiles: Sendable, Hashable {
    /// A certificate with what proves it, and its private key.
    struct Pair: Sendable, Hashable {
        var certificate: String
        var key: String
        /// Where in `tls` they are named: empty, or `certificates[0].`.
        var place = ""
    }

    /// What clients present.
    enum ClientAuthentication: String, Sendable, Hashable, CaseIterable {
        case optional, required
    }

    /// The first is for clients that name no server, or one that none is for.
    var pairs: [Pair] = []
    /// The authorities of clients' certificates; nil: clients are not asked for any.
    var clientCA: String?
    var clientAuthentication = ClientAuthentication.required
    /// Whether certificates of a CA stand behind these.
    var isAutomatic = false

    /// Why the files cannot be used: which setting is at fault, and a text that reads on after its name.
    struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        var setting: String
        var text: String
        var description: String { "\(setting) \(text)" }
    }
}

// MARK: Settings

extension TLSFiles {
    /// What `tls` says where the reader is; nil if it says nothing of certificates.
    init?(from reader: inout SettingsReader, isAutomaticByDefault: Bool = false) {
        let main = Self.pair(
            &reader, "tls.certificate", "tls.key",
            "The file with the certificate, and behind it those of the intermediate authorities, as PEM. With it the listener"
                + " speaks TLS.")
        if let main { pairs.append(main) }
        readFurther(&reader)
        isAutomatic =
            reader.read(
                .flag(
                    "tls.auto",
                    "Whether the listener shows certificates that a CA gives by itself (`acme`), for names that no certificate from a"
                        + " file is for."
                ).defaulting(to: "true with `domain` and without `tls.certificate`").onReload(.restart))
            ?? (isAutomaticByDefault && pairs.isEmpty)
        reader.read(
            .file(
                "tls.clientCA",
                "The file with the authorities of clients' certificates, as PEM: visitors and agents alike are asked for one of theirs."
            ).onReload(.restart), into: &clientCA)
        let choice: ClientAuthentication? = reader.read(
            .choice("tls.clientAuthentication", "Whether a client without a certificate is refused, where there is `clientCA`.")
                .defaulting(to: "`required`").onReload(.restart))
        clientAuthentication = choice ?? clientAuthentication
        if choice != nil, clientCA == nil { reader.problem("tls.clientAuthentication", "needs tls.clientCA") }
        if pairs.isEmpty, !isAutomatic {
            if clientCA != nil { reader.problem("tls.clientCA", "needs tls.certificate and tls.key, or tls.auto") }
            return nil
        }
        check(&reader)
    }

    private mutating func readFurther(_ reader: inout SettingsReader) {
        var further: [Pair] = []
        let list = SettingsList(
            "tls.certificates",
            "Certificates for further names. Clients get the one for the name that they ask for, of which one may be a wildcard"
                + " (`*.example.com`), else the first of all.")
        reader.eachElement(of: list) { index, element in
            let pair = Self.pair(&element, "certificate", "key", "The file with the certificate, as `tls.certificate`.")
            guard var pair else {
                let isEmpty = !element.exists("certificate") && !element.exists("key")
                return isEmpty ? element.problem("", "must hold certificate and key") : ()
            }
            pair.place = "certificates[\(index)]."
            further.append(pair)
        }
        pairs += further
    }

    /// Two files that need each other.
    private static func pair(
        _ reader: inout SettingsReader, _ certificatePath: String, _ keyPath: String, _ meaning: String
    ) -> Pair? {
        let certificate = reader.read(.file(certificatePath, meaning))
        let key = reader.read(.file(keyPath, "The file with the certificate's private key, as PEM and not encrypted."))
        switch (certificate, key) {
        case (nil, nil): return nil
        case (nil, _?):
            reader.problem(keyPath, "needs \(certificatePath)")
            return nil
        case (_?, nil):
            reader.problem(certificatePath, "needs \(keyPath)")
            return nil
        case (let certificate?, let key?): return Pair(certificate: certificate, key: key)
        }
    }

    /// Says what is wrong with the files.
    private func check(_ reader: inout SettingsReader) {
        if let problem = TLSLibrary.problem { return reader.problem("tls", "cannot be had: \(problem)") }
        do throws(Problem) {
            _ = try load()
        } catch {
            reader.problem("tls.\(error.setting)", error.text)
        }
    }
}

// MARK: Reading

extension TLSFiles {
    /// The contents of the files, checked.
    func load() throws(Problem) -> TLSServerSettings {
        let settings = try contents()
        try check(settings)
        return settings
    }

    /// The contents of the files.
    func contents() throws(Problem) -> TLSServerSettings {
        var credentials: [TLSCredential] = []
        for pair in pairs {
            let chain = try Self.read(pair.certificate, pair.place + "certificate")
            credentials.append(TLSCredential(chain: chain, key: try Self.read(pair.key, pair.place + "key")))
        }
        var settings = TLSServerSettings(credentials, protocols: ["http/1.1"])
        guard let clientCA else { return settings }
        let authorities = try Self.read(clientCA, "clientCA")
        settings.clients =
            switch clientAuthentication {
            case .optional: .mayAuthenticate(authorities: authorities)
            case .required: .mustAuthenticate(authorities: authorities)
            }
        return settings
    }

    /// Refuses contents that no server could use, by the file that is at fault.
    func check(_ settings: TLSServerSettings) throws(Problem) {
        for (pair, credential) in zip(pairs, settings.credentials) {
            let names = "and key name \(pair.certificate) and \(pair.key)"
            try Self.check(TLSServerSettings([credential]), pair.place + "certificate", names)
        }
        var settings = settings
        if settings.credentials.isEmpty {
            guard clientCA != nil else { return }  // all comes from a CA
            let standIn = try? OpenSSLKeys().selfSigned(for: ["localhost"], unixSeconds: unixNow().seconds)
            settings.credentials = [standIn].compactMap { $0 }
        }
        try Self.check(settings, clientCA == nil ? "certificates" : "clientCA", "names \(clientCA ?? "them")")
    }

    private static func check(_ settings: TLSServerSettings, _ setting: String, _ files: String) throws(Problem) {
        do throws(TLSError) {
            _ = try TLSContext(server: settings)
        } catch {
            throw Problem(setting: setting, text: "\(files), which cannot be used: \(error)")
        }
    }

    private static func read(_ path: String, _ setting: String) throws(Problem) -> [UInt8] {
        do throws(FileError) {
            return try readWholeFile(path)
        } catch {
            throw Problem(setting: setting, text: "names a file that cannot be read: \(error)")
        }
    }
}
