// The settings of certificates from a CA: `domain`, which is all that most need, and `acme`.

import ACMEKit
import GatewayKit
import SettingsCore
import SocketKit
import X509

struct CertificateSettings {
    /// The one name that all else follows from; nil: it does not.
    var domain: String?
    /// Where the CA says what it offers.
    var directory = CertificateSettings.letsEncrypt
    /// The authorities by which the CA's own server is believed, as PEM; nil: the system's.
    var authorities: [UInt8]?
    var contact: [String] = []
    var profile: String?
    var weeklyQuota = 50
    var agreesToTerms = true
    var challenges = ACMEChallengeKind.allCases

    static let letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

    /// What the client is made with; nil: the CA's URL is none, which was refused.
    var configuration: ACMEConfiguration? {
        guard let url = ACMEURL(directory) else { return nil }
        var acme = ACMEConfiguration(directory: url)
        acme.contact = contact
        acme.profile = profile
        acme.weeklyQuota = weeklyQuota
        acme.agreesToTerms = agreesToTerms
        acme.challenges = challenges
        return acme
    }

    // MARK: Reading

    mutating func read(_ reader: inout SettingsReader) {
        readAuthority(&reader)
        reader.read(
            Setting.texts("acme.contact", "Whom the CA may write to: mail addresses.").parsed(Self.contact)
                .onReload(.restart), into: &contact)
        reader.read(
            .text("acme.profile", "The kind of certificate to ask for, if the CA offers it: `shortlived`, …")
                .onReload(.restart), into: &profile)
        reader.read(
            .integer(
                "acme.weeklyQuota", in: 1...10_000,
                "New certificates in any seven days, renewals apart; keep it below the CA's own limit."
            ).beyond("the next waits").onReload(.restart), into: &weeklyQuota)
        reader.read(
            .flag("acme.termsAgreed", "Whether you agree to the CA's terms of service; without, there are no certificates.")
                .onReload(.restart), into: &agreesToTerms)
        reader.read(
            Setting.texts(
                "acme.challenges",
                "How the CA is shown that a name is ours, best first: `tls-alpn-01` on its port 443, `http-01` on its port 80."
            ).parsed(Self.challenges, written: { .array($0.map { .string($0.rawValue) }) }).onReload(.restart),
            into: &challenges)
    }

    private mutating func readAuthority(_ reader: inout SettingsReader) {
        reader.read(
            Setting.text("acme.directory", "The CA: the URL of its directory (RFC 8555).")
                .checked { ACMEURL($0) == nil ? "must be an https:// URL" : nil }.onReload(.restart), into: &directory)
        reader.read(
            Setting.file("acme.caFile", "Authorities by which the CA's own server is believed, as PEM: for a CA of your own.")
                .defaulting(to: "the system's").parsed(Self.authorities).onReload(.restart), into: &authorities)
    }

    private static func authorities(_ path: String, _ refuse: (String) -> Void) -> [UInt8]? {
        do {
            let text = try readWholeFile(path)
            if try PEMBlock.all(in: text).contains(where: { $0.label == "CERTIFICATE" }) { return text }
            refuse("names a file without certificates: \(path)")
        } catch {
            refuse("names a file that cannot be used: \(error)")
        }
        return nil
    }

    private static func contact(_ texts: [String], _ refuse: (String) -> Void) -> [String]? {
        let urls = texts.map { $0.hasPrefix("mailto:") ? $0 : "mailto:" + $0 }
        let areAddresses = urls.allSatisfy { url in
            let parts = url.dropFirst("mailto:".count).split(separator: "@", omittingEmptySubsequences: false)
            return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && url.utf8.allSatisfy { (0x21..<0x7f).contains($0) }
        }
        if areAddresses { return urls }
        refuse("must hold mail addresses, such as \"admin@example.com\"")
        return nil
    }

    private static func challenges(_ texts: [String], _ refuse: (String) -> Void) -> [ACMEChallengeKind]? {
        let kinds = texts.compactMap(ACMEChallengeKind.init)
        if kinds.count == texts.count, !kinds.isEmpty { return kinds }
        refuse("must hold tls-alpn-01, http-01 or both")
        return nil
    }
}
