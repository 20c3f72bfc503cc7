// The daemons' log: records as lines, to a descriptor, usually standard error, which a terminal, a pipe or journald reads. One
// that is limited sums up what repeats (MachineCore's LogLimiter), at this one place for all records of a daemon.

import Dispatch
import MachineCore
import Synchronization

/// Writes log records to a descriptor, from any thread; copies share it.
public struct LogWriter: Sendable {
    /// How lines are written.
    public enum Format: String, Sendable, Hashable, CaseIterable {
        /// `2026-04-10T05:21:22.123Z info agent.registered agent=my-agent`
        case text
        /// `{"time":"2026-04-10T05:21:22.123Z","level":"info","event":"agent.registered","agent":"my-agent"}`
        case json
    }

    /// Tells the time since 1970 in UTC.
    public typealias Clock = @Sendable () -> (seconds: Int64, nanoseconds: Int64)

    /// How lines are written.
    public let format: Format
    /// Records below this level are left out.
    public let minimumLevel: LogRecord.Level
    private let lines: LineWriter
    private let clock: Clock
    private let limiter: SharedLimiter?

    /// A writer to `descriptor`, which stays the caller's. If SIGPIPE has no handler, it is ignored for the whole process from
    /// now on: a log whose reader has gone must not end the daemon. `isLimited`: what repeats is summed up.
    public init(
        format: Format = .text, minimumLevel: LogRecord.Level = .info, descriptor: Int32 = 2, isLimited: Bool = false,
        clock: @escaping Clock = { unixNow() }
    ) {
        self.format = format
        self.minimumLevel = minimumLevel
        self.clock = clock
        lines = LineWriter(descriptor: descriptor)
        limiter = isLimited ? SharedLimiter() : nil
        // Dispatch takes its descriptors for timers at the first one: now, and not when a flood has used them up.
        if isLimited { DispatchQueue.global().asyncAfter(deadline: .now()) {} }
    }

    /// Writes `record`, unless its level is too low, it is one of too many, or the descriptor takes no more.
    public func write(_ record: LogRecord) { write(record, now: SocketLoop.now()) }

    func write(_ record: LogRecord, now: Moment) {
        guard record.level >= minimumLevel else { return }
        guard let limiter else { return put(record) }
        let verdict = limiter.judge(record, now)
        for summary in verdict.due { put(summary) }
        if verdict.isAdmitted { put(record) }
        if verdict.isFirstLeftOut {
            DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(LogLimiter.period.components.seconds))) {
                sumUp(now: SocketLoop.now())
            }
        }
    }

    /// Says how many records were left out of a period that is over.
    func sumUp(now: Moment) {
        for summary in limiter?.takeDue(now) ?? [] { put(summary) }
    }

    /// Says how many records were left out until now: before the process ends.
    public func finish() {
        for summary in limiter?.takeAll(SocketLoop.now()) ?? [] { put(summary) }
    }

    private func put(_ record: LogRecord) {
        let time = clock()
        lines.write(LogFormat.line(record, time: time, format: format)) { lost in
            LogFormat.line(LogRecord(.warning, "log.dropped", [.init("lines", String(lost))]), time: time, format: format)
        }
    }

    /// How many lines have been lost since one last got through.
    public var droppedLines: Int { lines.droppedLines }
}

/// One limiter for all copies of a writer.
private final class SharedLimiter: Sendable {
    /// What is to be done with a record.
    struct Verdict {
        /// To be written before it.
        var due: [LogRecord]
        var isAdmitted: Bool
        /// A timer must look when the period is over.
        var isFirstLeftOut: Bool
    }

    private let state = Mutex(LogLimiter())

    func judge(_ record: LogRecord, _ now: Moment) -> Verdict {
        state.withLock { limiter in
            let due = limiter.takeDue(now: now)
            let wasQuiet = limiter.nextDeadline == nil
            let isAdmitted = limiter.admits(record, now: now)
            return Verdict(
                due: due, isAdmitted: isAdmitted, isFirstLeftOut: wasQuiet && limiter.nextDeadline != nil)
        }
    }

    func takeDue(_ now: Moment) -> [LogRecord] { state.withLock { $0.takeDue(now: now) } }

    func takeAll(_ now: Moment) -> [LogRecord] { state.withLock { $0.takeAll(now: now) } }
}
