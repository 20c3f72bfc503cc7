// A log that cannot be flooded. What untrusted peers can bring about as often as they like (a refused handshake, a wrong token,
// a service that fails) is written a number of times for each event and address; further ones within the period are counted,
// and one record says how many at its end:
//
//     … warning agent.turned-away summary="… 12,345 more in 10 s from 203.0.113.9" more=12345 seconds=10 peer=203.0.113.9
//
// All of one event together have a limit too, so that many addresses are no way around it, and the table has a bound.
// Everything else in the log is unaffected: a record of another event, or of another address, is written as ever. Records that
// an operator asked for (`isAskedFor`) and those for debugging are not limited.

/// Decides which records are written, and makes those that sum up the others.
public struct LogLimiter: Sendable {
    /// Records of one event from one address that are written in one period.
    public static let share = 20
    /// Records of one event that are written in one period, from wherever.
    public static let eventShare = 200
    /// How long records are counted before they are summed up.
    public static let period = Duration.seconds(10)
    /// Events and addresses that are told apart in one period; beyond, all addresses of an event are one.
    public static let maximumEntries = 512

    private struct Key: Sendable, Hashable {
        var event: String
        /// Nil: all that are not told apart.
        var address: String?
    }

    private struct Count: Sendable {
        var level: LogRecord.Level
        var seen = 0
        var left = 0
    }

    private var counts: [Key: Count] = [:]
    /// In the order in which something was first left out.
    private var order: [Key] = []
    private var writtenOfEvent: [String: Int] = [:]
    private var began: Moment?

    /// A limiter that has seen nothing.
    public init() {}

    /// When `takeDue` has something to say; nil: nothing was left out.
    public var nextDeadline: Moment? { order.isEmpty ? nil : began?.advanced(by: Self.period) }

    /// Whether `record` is to be written now. Call `takeDue` first: what it gives comes before.
    public mutating func admits(_ record: LogRecord, now: Moment) -> Bool {
        guard record.level > .debug, !record.isAskedFor else { return true }
        beginPeriod(now)
        let key = key(of: record)
        var count = counts[key] ?? Count(level: record.level)
        defer { counts[key] = count }
        count.seen += 1
        let ofEvent = writtenOfEvent[record.event, default: 0]
        if count.seen <= Self.share, ofEvent < Self.eventShare {
            writtenOfEvent[record.event] = ofEvent + 1
            return true
        }
        if count.left == 0 { order.append(key) }
        count.left += 1
        count.level = max(count.level, record.level)
        return false
    }

    /// What sums up a period that is over.
    public mutating func takeDue(now: Moment) -> [LogRecord] {
        guard let began, now >= began.advanced(by: Self.period) else { return [] }
        return takeAll(now: now)
    }

    /// What sums up the period until now, over or not: before the log ends.
    public mutating func takeAll(now: Moment) -> [LogRecord] {
        guard let began else { return [] }
        let milliseconds = min(now.since(began), Self.period).wholeMilliseconds
        let seconds = (milliseconds + 999) / 1_000
        let summaries = order.compactMap { key in counts[key].map { summary(of: key, $0, seconds: seconds) } }
        self = LogLimiter()
        return summaries
    }

    private mutating func beginPeriod(_ now: Moment) {
        if let began, now < began.advanced(by: Self.period) || !order.isEmpty { return }
        self = LogLimiter()
        began = now
    }

    private func key(of record: LogRecord) -> Key {
        let key = Key(event: record.event, address: record.fields.first { $0.name == Self.addressField }?.value ?? "")
        return counts.count < Self.maximumEntries || counts[key] != nil ? key : Key(event: record.event)
    }

    private func summary(of key: Key, _ count: Count, seconds: Int64) -> LogRecord {
        let place = key.address.map { $0.isEmpty ? "" : " from \($0)" } ?? " from other addresses"
        var fields: [LogRecord.Field] = [
            .init("summary", "… \(Self.grouped(count.left)) more in \(seconds) s\(place)"), .init("more", "\(count.left)"),
            .init("seconds", "\(seconds)"),
        ]
        if let address = key.address, !address.isEmpty { fields.append(.init(Self.addressField, address)) }
        return LogRecord(count.level, key.event, fields)
    }

    /// The field that says where a record comes from.
    private static let addressField = "peer"

    /// Such as `12,345`.
    private static func grouped(_ count: Int) -> String {
        let digits = Array("\(count)")
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }
}
