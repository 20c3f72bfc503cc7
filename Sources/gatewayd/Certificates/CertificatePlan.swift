// Which certificates there shall be, and which the operator's own make superfluous.

import ACMEKit
import GatewayKit
import X509

/// What the settings say of certificates from a CA.
struct CertificatePlan: Sendable {
    /// The CA, and on whose behalf.
    var acme: ACMEConfiguration
    /// The authorities by which the CA's own server is believed, as PEM; nil: the system's.
    var authorities: [UInt8]?
    /// The gateway's names and those that agents may have.
    var hosts: HostNames
    /// Certificates from files: a name that one of them is for is not asked for.
    var own: [TLSCredential] = []

    /// The names that are wanted whether or not an agent registers.
    var names: [String] { ([hosts.publicHost].compactMap { $0 } + hosts.ofConfiguredAgents).filter { !isCovered($0) } }

    /// The name that is wanted for an agent; nil: there is none, or a certificate from a file has it.
    func name(ofAgent id: String) -> String? { hosts.ofAgent(id).flatMap { isCovered($0) ? nil : $0 } }

    /// Whether these names are one, and that of an agent which may have it.
    func isOfAgent(_ names: ACMENames) -> Bool {
        guard let host = hosts.subdomainHost, names.identifiers.count == 1, let name = names.identifiers.first?.text,
            name.hasSuffix("." + host)
        else { return false }
        return self.name(ofAgent: String(name.dropLast(host.utf8.count + 1))) == name
    }

    /// What is shown before the first certificate is there: one name for the gateway, one for all agents.
    var selfSignedNames: [String] { [hosts.publicHost, hosts.subdomainHost.map { "*." + $0 }].compactMap { $0 } }

    /// Whether a certificate from a file is for the name, or for all names beside it (RFC 9525 §6.3).
    private func isCovered(_ name: String) -> Bool {
        let wildcard = name.firstIndex(of: ".").map { "*" + name[$0...] }
        return own.contains { credential in
            credential.certificate?.names.contains { $0 == name || $0 == wildcard } == true
        }
    }
}
