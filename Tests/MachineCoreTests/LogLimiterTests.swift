// Floods of log records, in virtual time: what is written, what is summed up, and that the rest of the log is unharmed.

import MachineCore
import Testing

/// What a log with a limiter holds.
private struct LimitedLog {
    var limiter = LogLimiter()
    var now = Moment(nanoseconds: 5_000_000_000)
    var written: [LogRecord] = []

    mutating func write(_ record: LogRecord) {
        settle()
        if limiter.admits(record, now: now) { written.append(record) }
    }

    mutating func pass(_ duration: Duration) {
        now = now.advanced(by: duration)
        settle()
    }

    private mutating func settle() { written += limiter.takeDue(now: now) }
}

private func refusal(_ peer: String, _ event: String = "agent.turned-away") -> LogRecord {
    LogRecord(.warning, event, [.init("peer", peer), .init("code", "unauthorized")])
}

@Suite struct LogLimiterTests {
    @Test func aFloodOfOneKindIsSummedUp() {
        var log = LimitedLog()
        for _ in 0..<12_365 { log.write(refusal("203.0.113.9")) }
        #expect(log.written == Array(repeating: refusal("203.0.113.9"), count: LogLimiter.share))
        #expect(log.limiter.nextDeadline == log.now.advanced(by: LogLimiter.period))
        log.written = []
        log.pass(.milliseconds(9_999))
        #expect(log.written.isEmpty)
        log.pass(.milliseconds(1))
        let summary = LogRecord(
            .warning, "agent.turned-away",
            [
                .init("summary", "… 12,345 more in 10 s from 203.0.113.9"), .init("more", "12345"), .init("seconds", "10"),
                .init("peer", "203.0.113.9"),
            ])
        #expect(log.written == [summary])
        #expect(log.limiter.nextDeadline == nil)
        log.write(refusal("203.0.113.9"))
        #expect(log.written == [summary, refusal("203.0.113.9")])
    }

    @Test func aFloodThatGoesOnIsALineOrTwoASecond() {
        var log = LimitedLog()
        for _ in 0..<60_000 {
            log.write(refusal("203.0.113.9"))
            log.pass(.milliseconds(1))
        }
        #expect(log.written.count <= 6 * (LogLimiter.share + 1))
        let told = log.written.compactMap { $0.fields.first { $0.name == "more" }.flatMap { Int($0.value) } ?? 1 }
        log.pass(.seconds(10))
        #expect(told.reduce(0, +) + 6 >= 60_000 - 10_000, "every record is written or counted")
    }

    @Test func theRestOfTheLogIsUnharmed() {
        var log = LimitedLog()
        for _ in 0..<1_000 { log.write(refusal("203.0.113.9")) }
        log.written = []
        let others = [
            refusal("198.51.100.1"), refusal("203.0.113.9", "agent.refused"), LogRecord(.info, "gateway.reloaded"),
            LogRecord(.error, "alert.failed", [.init("agent", "a")]),
        ]
        for other in others { log.write(other) }
        #expect(log.written == others)
    }

    @Test func whatAnOperatorAskedForIsNeverLeftOut() {
        var log = LimitedLog()
        var request = LogRecord(.info, "web.request", [.init("peer", "203.0.113.9")])
        request.isAskedFor = true
        let detail = LogRecord(.debug, "visitor.refused", [.init("peer", "203.0.113.9")])
        for _ in 0..<1_000 {
            log.write(request)
            log.write(detail)
        }
        #expect(log.written.count == 2_000 && log.limiter.nextDeadline == nil)
    }

    /// An agent's log names no addresses.
    @Test func recordsWithoutAnAddressAreOneKind() {
        var log = LimitedLog()
        for number in 0..<1_020 { log.write(LogRecord(.warning, "service.unreachable", [.init("reason", "\(number)")])) }
        log.written = []
        log.pass(.seconds(10))
        #expect(log.written.first?.fields.first?.value == "… 1,000 more in 10 s")
        #expect(log.written.first?.fields.count == 3)
    }

    @Test func manyAddressesAreNoWayAround() {
        var log = LimitedLog()
        for number in 0..<100_000 { log.write(refusal("2001:db8::\(String(number, radix: 16))")) }
        #expect(log.written.count == LogLimiter.eventShare)
        log.write(LogRecord(.info, "gateway.reloaded"))
        #expect(log.written.last?.event == "gateway.reloaded")
        log.written = []
        log.pass(.seconds(10))
        #expect(log.written.count <= LogLimiter.maximumEntries + 1)
        #expect(log.written.last?.fields.first?.value.hasSuffix("from other addresses") == true)
        let told = log.written.compactMap { $0.fields.first { $0.name == "more" }.flatMap { Int($0.value) } }
        #expect(told.reduce(0, +) == 100_000 - LogLimiter.eventShare)
    }

    @Test func aLogThatEndsSaysWhatItLeftOut() {
        var log = LimitedLog()
        for _ in 0..<LogLimiter.share + 7 { log.write(refusal("unix")) }
        log.now = log.now.advanced(by: .milliseconds(2_500))
        #expect(log.limiter.takeAll(now: log.now).map { $0.fields.first?.value } == ["… 7 more in 3 s from unix"])
        #expect(log.limiter.takeAll(now: log.now).isEmpty)
    }

    @Test func aQuietLogRemembersNothing() {
        var log = LimitedLog()
        for _ in 0..<LogLimiter.share { log.write(refusal("203.0.113.9")) }
        log.pass(.seconds(11))
        for _ in 0..<LogLimiter.share { log.write(refusal("203.0.113.9")) }
        #expect(log.written.count == 2 * LogLimiter.share)
    }
}
