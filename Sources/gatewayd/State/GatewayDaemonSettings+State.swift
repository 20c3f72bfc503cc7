// What is not in the settings because the gateway keeps it itself: tokens that were made at the first start.

import ACMEKit
import GatewayKit
import SettingsCore
import SocketKit
import X509

extension GatewayDaemonSettings {
    /// Whether something is to be kept.
    private var needsState: Bool { isAutomatic || certificates.domain != nil }

    /// Opens the state directory, if it is needed, and takes the tokens in it for those that the settings do not have; what is
    /// missing there too is made. To be called after each reading of the settings.
    /// - Throws: if the folder or a file in it cannot be used.
    mutating func openState() throws(SettingsRefused) {
        guard needsState else { return }
        guard let statePath else {
            throw SettingsRefused(problems: ["stateDirectory: is required, since there is neither STATE_DIRECTORY nor HOME"])
        }
        do throws(PrivateFolderError) { state = try PrivateFolder(statePath) } catch {
            throw SettingsRefused(problems: ["stateDirectory: \(error)"])
        }
        if certificates.domain != nil, let state { try takeTokens(from: state) }
    }

    private mutating func takeTokens(from folder: PrivateFolder) throws(SettingsRefused) {
        var tokens = try StoredTokens(from: folder)
        let before = tokens
        if gateway.gatewayTokens.isEmpty {
            let token = tokens.agent ?? StoredTokens.make()
            tokens.agent = token
            gateway.gatewayTokens = [token]
        }
        let page = gateway.statusPage
        if page.isEnabled, !page.isPublic, page.authTokens.isEmpty, gateway.web.authTokens.isEmpty {
            let token = tokens.status ?? StoredTokens.make()
            tokens.status = token
            gateway.statusPage.authTokens = [token]
        }
        guard tokens != before else { return }
        do throws(PrivateFolderError) { try tokens.write(to: folder) } catch {
            throw SettingsRefused(problems: ["stateDirectory: \(error)"])
        }
        newTokens = tokens
    }

    /// What to do with tokens that were made just now; nil: none were.
    var welcome: String? {
        guard let newTokens, let state, let address = gateway.publicURL else { return nil }
        var lines = [
            "This gateway is new, and has made its tokens. They are kept in \(state.path)/\(StoredTokens.fileName).", "",
        ]
        if let token = newTokens.agent {
            lines += [
                "  On your machine, for a web service on port 4173:", "",
                "    agentd 4173 --gateway \(Self.webSocketAddress(address)) --token \(token)", "",
            ]
        }
        if let token = newTokens.status {
            lines += ["  In a browser:  \(address)/", "  Log in with:   \(token)", ""]
        }
        return lines.joined(separator: "\n")
    }

    private static func webSocketAddress(_ address: String) -> String {
        address.hasPrefix("http") ? "ws" + address.dropFirst(4) : address
    }
}

extension GatewayDaemonSettings {
    /// Which certificates there shall be; nil: none are asked for.
    var certificatePlan: CertificatePlan? {
        let files = listeners.compactMap(\.tls).filter(\.isAutomatic)
        guard !files.isEmpty, let acme = certificates.configuration else { return nil }
        let own = files.compactMap { try? $0.load() }.flatMap(\.credentials)
        return CertificatePlan(
            acme: acme, authorities: certificates.authorities, hosts: HostNames(gateway), own: own)
    }

    /// Starts what sees to certificates, if they come from a CA. What is to be shown until it says otherwise.
    mutating func startCertificates() throws -> [TLSCredential] {
        guard let plan = certificatePlan, let state else { return [] }
        try state.claim()
        let automatic = try AutomaticCertificates(plan, try PrivateFolder(state.path + "/acme"), log)
        self.automatic = automatic
        return automatic.first
    }

    /// Reads what certificates from a CA need; after all else that they depend on.
    mutating func readCertificates(_ reader: inout SettingsReader) {
        certificates.read(&reader)
        reader.read(
            .file("stateDirectory", "Where certificates and tokens that the gateway made are kept; nobody else may use it.")
                .defaulting(to: StatePath.defaultText).onReload(.restart), into: &statePath)
        guard isAutomatic else { return }
        guard let name = HostNames(gateway).publicHost else {
            return reader.problem("tls.auto", "needs a name to ask for: set domain, or publicUrl")
        }
        do throws(ACMENameError) { _ = try ACMENames([name]) } catch {
            reader.problem("tls.auto", "cannot ask for the host of publicUrl: \(error)")
        }
    }

    /// Whether certificates are asked for.
    var isAutomatic: Bool { listeners.contains { $0.tls?.isAutomatic == true } }
}
