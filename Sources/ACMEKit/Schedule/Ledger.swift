// What must outlive a restart so that restarts cost nothing: how many certificates were ordered lately, and which names failed
// and have to wait.
//
// A quota of our own, below that of the CA, keeps something for tomorrow: what one night's mistake uses up at a CA is gone for
// a week. Renewals do not count against it, since a certificate that is in use must not expire because new ones were wanted.

import MachineCore
import RPCCore

struct Ledger: Sendable {
    /// A certificate that was ordered: a CSR was sent.
    struct Issue: Sendable, Hashable {
        var at: Int64
        /// `ACMENames.fileKey`.
        var names: String
        /// Tells the order apart from others of the same names.
        var order: String
        /// Not a renewal.
        var isNew: Bool
    }

    /// Names whose order failed.
    struct Failure: Sendable, Hashable {
        var count: Int
        /// Seconds since 1970.
        var retryAt: Int64
        var reason: String
    }

    /// How much hope there is.
    enum Severity: Sendable, Hashable {
        /// The CA or the way to it: it may be over in a minute.
        case passing
        /// Something that a person has to mend: CAs count these (five an hour for a name at Let's Encrypt).
        case refused
        /// Too many requests; the CA may say for how long.
        case limited(Duration?)
        /// The CA will never do this.
        case hopeless
    }

    private(set) var issues: [Issue] = []
    private(set) var failures: [String: Failure] = [:]

    static let week: Int64 = 7 * 86_400

    // MARK: Quota

    /// How many new certificates were ordered in the last seven days.
    func used(at now: Int64) -> Int { issues.filter { $0.isNew && $0.at > now - Self.week }.count }

    /// When one more new certificate may be ordered, given that `reserved` are about to be; nil: now.
    func freeAt(_ now: Int64, quota: Int, reserved: Int) -> Int64? {
        Self.freeAt(now, quota: quota - reserved, issues.filter { $0.isNew && $0.at > now - Self.week })
    }

    /// The same for a certificate of these names, new or renewed.
    func freeAt(_ now: Int64, quota: Int, names: String) -> Int64? {
        Self.freeAt(now, quota: quota, issues.filter { $0.names == names && $0.at > now - Self.week })
    }

    private static func freeAt(_ now: Int64, quota: Int, _ issues: [Issue]) -> Int64? {
        guard issues.count >= max(quota, 0) else { return nil }
        guard quota > 0 else { return now + week }
        let times = issues.map(\.at).sorted()
        return times[times.count - quota] + week
    }

    /// When a certificate of these names was last ordered, as far as it is known; nil: not in the last seven days.
    func lastIssue(of names: String) -> Int64? { issues.lazy.filter { $0.names == names }.map(\.at).max() }

    /// Counts an order, once.
    mutating func record(_ names: String, order: String, isNew: Bool, at now: Int64) {
        issues.removeAll { $0.at <= now - Self.week }
        guard !issues.contains(where: { $0.order == order && $0.names == names }) else { return }
        if issues.count >= Self.maximumIssues { issues.removeFirst() }
        issues.append(Issue(at: now, names: names, order: order, isNew: isNew))
    }

    // MARK: Failures

    /// Notes a failure; when to try again. `longest` bounds the wait.
    mutating func failed(
        _ names: String, _ severity: Severity, reason: String, at now: Int64, longest: Int64, jitter: inout Jitter
    ) -> Int64 {
        let count = (failures[names]?.count ?? 0) + 1
        let wait = jitter.about(min(Self.wait(severity, failures: count), longest))
        var retryAt = now + min(wait, longest)
        if case .limited(let asked?) = severity { retryAt = max(retryAt, now + min(asked.wholeSeconds, longest)) }
        if failures.count >= Self.maximumFailures, failures[names] == nil { forgetOldest() }
        failures[names] = Failure(count: min(count, 1_000), retryAt: retryAt, reason: reason)
        return retryAt
    }

    mutating func succeeded(_ names: String) { failures[names] = nil }

    /// All may be tried at once.
    mutating func forgive() { failures = [:] }

    private mutating func forgetOldest() {
        if let oldest = failures.min(by: { ($0.value.retryAt, $0.key) < ($1.value.retryAt, $1.key) }) {
            failures[oldest.key] = nil
        }
    }

    /// Seconds to wait after so many failures in a row.
    private static func wait(_ severity: Severity, failures count: Int) -> Int64 {
        let first: Int64
        switch severity {
        case .passing: first = 60
        case .refused: first = 1_200
        case .limited: first = 3_600
        case .hopeless: first = 86_400
        }
        return first << Int64(min(count - 1, 20))
    }

    private static let maximumIssues = 5_000
    private static let maximumFailures = 2_000

    // MARK: File

    func file(_ directory: ACMEURL) -> ACMEFile {
        let issues = issues.map { issue -> JSONValue in
            [
                "at": .integer(issue.at), "names": .string(issue.names), "order": .string(issue.order),
                "new": .bool(issue.isNew),
            ]
        }
        let failures = failures.sorted { $0.key < $1.key }.map { names, failure -> JSONValue in
            [
                "names": .string(names), "count": .integer(Int64(failure.count)), "retryAt": .integer(failure.retryAt),
                "reason": .string(failure.reason),
            ]
        }
        return StoredObject.file(
            .ledger, directory: directory, [JSONMember("issues", .array(issues)), JSONMember("failures", .array(failures))])
    }

    init() {}

    /// What a file says. What lies in the future by a clock that was wrong counts as of now.
    init(_ file: ACMEFile, directory: ACMEURL, now: Int64, longest: Int64) throws(StoredFileError) {
        let root = try StoredObject.read(file, .ledger, directory: directory)
        for node in (root["issues"] ?? root).elements.prefix(Self.maximumIssues) {
            guard let at = node["at"]?.int64, let names = node["names"]?.string, let order = node["order"]?.string,
                let isNew = node["new"]?.bool
            else {
                throw StoredFileError(description: "\(file.name) is damaged: an issue without its time or names")
            }
            issues.append(Issue(at: min(max(at, 0), now), names: names, order: order, isNew: isNew))
        }
        for node in (root["failures"] ?? root).elements.prefix(Self.maximumFailures) {
            guard let names = node["names"]?.string, let count = node["count"]?.int64, let retryAt = node["retryAt"]?.int64
            else {
                throw StoredFileError(description: "\(file.name) is damaged: a failure without its time or names")
            }
            failures[names] = Failure(
                count: Int(min(max(count, 1), 1_000)), retryAt: min(max(retryAt, 0), now + longest),
                reason: node["reason"]?.string ?? "")
        }
    }
}
