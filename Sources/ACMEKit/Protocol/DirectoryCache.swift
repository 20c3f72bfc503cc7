// What the CA offers, asked for when it is first needed and once a day from then on. Without the CA nothing is lost but time.

import MachineCore

struct DirectoryCache: Sendable {
    private(set) var directory: ACMEDirectory?
    private var fetchedAt: Moment?
    private var retryAt: Moment?
    private var failures = 0
    /// Why there is none; nil if there is.
    private(set) var problem: String?

    /// When to try again.
    var nextDeadline: Moment? { retryAt }

    /// The directory, asked for if there is none or if it is old; nil: it has to be waited for.
    mutating func prepare(_ services: inout Services, _ turn: inout Turn<ACMENote>) -> ACMEDirectory? {
        if let fetchedAt, turn.now.since(fetchedAt) < Self.lifetime { return directory }
        guard !services.calls.isUnderWay(.directory), retryAt.map({ $0 <= turn.now }) ?? true else { return directory }
        retryAt = nil
        services.calls.begin(ACMECall(url: services.configuration.directory, content: .plain), for: .directory)
        return directory
    }

    mutating func received(_ result: CallResult, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        switch result {
        case .response(let response):
            do throws(ACMEFormatError) {
                directory = try ACMEDirectory(response, services.limits)
                (fetchedAt, failures, problem) = (turn.now, 0, nil)
            } catch {
                failed("the CA's directory is of no use: \(error.description)", after: nil, &services, &turn)
            }
        case .problem(let refusal): failed(refusal.text, after: refusal.retryAfter, &services, &turn)
        case .unreachable(let reason): failed(reason, after: nil, &services, &turn)
        }
    }

    /// The next request tries at once.
    mutating func forgive() {
        retryAt = nil
        failures = 0
    }

    private mutating func failed(
        _ reason: String, after asked: Duration?, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        failures = min(failures + 1, 30)
        let wait = services.jitter.about(min(5 << Int64(min(failures - 1, 12)), Self.longestWait))
        let seconds = min(max(wait, asked?.wholeSeconds ?? 0), services.limits.longestWait.wholeSeconds)
        retryAt = turn.now.advanced(by: .seconds(seconds))
        problem = reason
        turn.log(
            .warning, "acme.unreachable",
            [
                .init("directory", services.configuration.directory.description), .init("reason", reason),
                .init("retrySeconds", "\(seconds)"),
            ])
    }

    private static let lifetime = Duration.seconds(86_400)
    private static let longestWait: Int64 = 3_600
}
