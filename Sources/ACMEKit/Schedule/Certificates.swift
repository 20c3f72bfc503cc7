// The certificates that there are, and when each is renewed. The CA is asked for its opinion when a certificate is new or comes
// from the disk, and then as often as it says (RFC 9773 §4.3).

import MachineCore
import Primitives

struct Certificates: Sendable {
    private var certificates: [ACMENames: StoredCertificate] = [:]

    subscript(names: ACMENames) -> StoredCertificate? { certificates[names] }

    /// A certificate from the disk. Of its plan without the CA's opinion nothing was kept, and nothing need be.
    mutating func restore(_ certificate: StoredCertificate) { certificates[certificate.names] = certificate }

    mutating func store(_ certificate: StoredCertificate, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        certificates[certificate.names] = certificate
        // What the CA is about to say is of the earlier one.
        services.calls.cancel(.renewalInfo(certificate.names), &turn)
        services.storage.store(certificate.file(services.directory), &turn)
        turn.emit(.certificate(certificate.certificate))
    }

    /// Asks the CA about the certificate for `names`, if it is time to; when it will be, in seconds since 1970, nil: never.
    mutating func ask(
        about names: ACMENames, _ directory: ACMEDirectory, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) -> Int64? {
        guard let certificate = certificates[names], let base = directory.renewalInfo, let id = certificate.facts.renewalID,
            let url = ACMEURL(base.description + (base.description.hasSuffix("/") ? "" : "/") + id)
        else { return nil }
        let now = services.unixSeconds(turn)
        if let checkAt = certificate.plan.checkAt, checkAt > now { return checkAt }
        guard now < certificate.facts.notAfter else { return nil }
        if !services.calls.isUnderWay(.renewalInfo(names)) {
            services.calls.begin(ACMECall(url: url, content: .plain), for: .renewalInfo(names))
        }
        // Asked for; the response moves it.
        return now + Self.usualWait
    }

    mutating func received(
        _ result: CallResult, for names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        guard var certificate = certificates[names] else { return }
        let now = services.unixSeconds(turn)
        var wait = services.jitter.about(Self.usualWait)
        switch result {
        case .response(let response):
            do throws(ACMEFormatError) {
                let info = try RenewalInfo(response, services.limits)
                if let asked = RetryAfter.read(response.fields, unixSeconds: now) {
                    wait = min(max(asked.wholeSeconds, Self.shortestWait), Self.longestWait)
                }
                accept(info, &certificate, &services, &turn)
            } catch {
                turn.log(.warning, "acme.no-renewal-info", [.init("names", "\(names)"), .init("reason", error.description)])
            }
        case .problem(let problem):
            if let asked = problem.retryAfter { wait = min(max(asked.wholeSeconds, Self.shortestWait), Self.longestWait) }
            turn.log(.info, "acme.no-renewal-info", [.init("names", "\(names)"), .init("reason", problem.text)])
        case .unreachable(let reason):
            turn.log(.info, "acme.no-renewal-info", [.init("names", "\(names)"), .init("reason", reason)])
        }
        certificate.plan.checkAt = now + wait
        certificates[names] = certificate
    }

    private func accept(
        _ info: RenewalInfo, _ certificate: inout StoredCertificate, _ services: inout Services,
        _ turn: inout Turn<ACMENote>
    ) {
        let window = RenewalWindow(start: info.start, end: info.end)
        guard certificate.plan.suggested(window, jitter: &services.jitter) else { return }
        services.storage.store(certificate.file(services.directory), &turn)
        turn.log(
            .info, "acme.renewal-planned",
            [
                .init("names", "\(certificate.names)"), .init("at", UTCTime.text(certificate.plan.renewAt)),
                .init("explanation", info.explanation ?? ""),
            ].filter { !$0.value.isEmpty })
    }

    private static let usualWait: Int64 = 21_600
    private static let shortestWait: Int64 = 60
    private static let longestWait: Int64 = 86_400
}
