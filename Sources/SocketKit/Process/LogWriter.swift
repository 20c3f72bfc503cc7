// The daemons' log: records as lines, to a descriptor, usually standard error, which a terminal, a pipe or journald reads.

import MachineCore

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

    /// A writer to `descriptor`, which stays the caller's. If nobody handles SIGPIPE, it is ignored for the whole process from
    /// now on: a log whose reader has gone must not end the daemon.
    public init(
        format: Format = .text, minimumLevel: LogRecord.Level = .info, descriptor: Int32 = 2,
        clock: @escaping Clock = { unixNow() }
    ) {
        self.format = format
        self.minimumLevel = minimumLevel
        self.clock = clock
        lines = LineWriter(descriptor: descriptor)
    }

    /// Writes `record`, unless its level is too low or the descriptor takes no more.
    public func write(_ record: LogRecord) {
        guard record.level >= minimumLevel else { return }
        let time = clock()
        lines.write(LogFormat.line(record, time: time, format: format)) { lost in
            LogFormat.line(LogRecord(.warning, "log.dropped", [.init("lines", String(lost))]), time: time, format: format)
        }
    }

    /// How many lines have been lost since one last got through.
    public var droppedLines: Int { lines.droppedLines }
}
