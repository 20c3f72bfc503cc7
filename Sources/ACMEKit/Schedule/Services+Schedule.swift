// When a certificate may be ordered: what the ledger says about it, and what becomes of the ledger.

import MachineCore
import Primitives

extension Services {
    /// When `certificate` is renewed, in seconds since 1970; nil: there is none. A new one is kept for an hour, or for a
    /// quarter of a life that is shorter than four, though the CA should want it back at once.
    func renewAt(_ certificate: StoredCertificate?, _ now: Int64) -> Int64? {
        guard let certificate else { return nil }
        guard certificate.plan.renewAt <= now else { return certificate.plan.renewAt }
        let age = min(3_600, (certificate.facts.notAfter - certificate.facts.notBefore) / 4)
        return max(certificate.plan.renewAt, ledger.lastIssue(of: certificate.names.fileKey).map { $0 + age } ?? 0)
    }

    /// When the quota lets one more order pass, given that `reserved` orders under way do not count yet; nil: now.
    func quotaFreeAt(_ names: ACMENames, isRenewal: Bool, reserved: Int, _ now: Int64) -> Int64? {
        let ofSet = ledger.freeAt(now, quota: limits.weeklyIssuesOfSet, names: names.fileKey)
        if isRenewal { return ofSet }
        return [ledger.freeAt(now, quota: configuration.weeklyQuota, reserved: reserved), ofSet].compactMap { $0 }.max()
    }

    /// An order with a new key, instead of the certificate that there is.
    func makeOrder(_ names: ACMENames, replacing earlier: StoredCertificate?) throws(ACMECryptoError) -> Order {
        Order(
            names, keyPEM: try crypto.makePrivateKey(), isNew: earlier == nil, replaces: earlier?.facts.renewalID,
            profile: configuration.profile, preference: configuration.challenges, limits: limits)
    }

    /// There is no certificate: the names wait, less long if the one that there is expires soon.
    mutating func failed(
        _ names: ACMENames, _ certificate: StoredCertificate?, _ severity: Ledger.Severity, _ reason: String,
        _ turn: inout Turn<ACMENote>
    ) {
        let now = unixSeconds(turn)
        var longest = limits.longestWait.wholeSeconds
        if let end = certificate?.facts.notAfter { longest = min(longest, max(3_600, (end - now) / 4)) }
        let retryAt = ledger.failed(
            names.fileKey, severity, reason: reason, at: now, longest: longest, jitter: &jitter)
        turn.log(
            .error, "acme.failed",
            [.init("names", "\(names)"), .init("reason", reason), .init("retryAt", UTCTime.text(retryAt))])
        turn.emit(.failed(names, reason: reason, retryAt: retryAt))
        storeLedger(&turn)
    }
}
