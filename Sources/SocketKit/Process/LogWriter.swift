// Where log lines go: a descriptor, usually standard error, which a terminal, a pipe or journald reads.
// A log must not hurt the daemon. Each line is one write(2); a reader that does not read costs one short wait and from then
// on nothing, a reader that has gone costs its lines only. Lines that were lost are counted, and the next one that gets
// through is preceded by their number.

import MachineCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

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
    private let sink: LogSink
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
        sink = LogSink(descriptor: descriptor)
        ignoreBrokenPipes()
    }

    /// Writes `record`, unless its level is too low or the descriptor takes no more.
    public func write(_ record: LogRecord) {
        guard record.level >= minimumLevel else { return }
        let time = clock()
        let line = LogFormat.line(record, time: time, format: format)
        sink.state.withLock { state in
            if state.droppedLines > 0 {
                let note = LogRecord(.warning, "log.dropped", [.init("lines", String(state.droppedLines))])
                guard state.send(LogFormat.line(note, time: time, format: format)) else {
                    state.droppedLines += 1
                    return
                }
                state.droppedLines = 0
            }
            if !state.send(line) { state.droppedLines += 1 }
        }
    }

    /// How many lines have been lost since one last got through.
    public var droppedLines: Int { sink.state.withLock { $0.droppedLines } }
}

/// What the copies of a writer share. The lock is held while a line is written: at most for `maximumWaitMs`.
private final class LogSink: Sendable {
    let state: Mutex<LogSinkState>

    init(descriptor: Int32) {
        state = Mutex(LogSinkState(descriptor: descriptor))
    }
}

/// How long the first line that finds the descriptor full waits for its reader, in milliseconds.
private let maximumWaitMs: Int32 = 50
/// A line is given up after so many system calls that moved nothing; it is a bound for odd descriptors, not a tuning knob.
private let maximumAttempts = 64

private struct LogSinkState: Sendable {
    let descriptor: Int32
    var droppedLines = 0
    /// The last line was given up because the descriptor was full: the next one does not wait.
    var isStalled = false
    /// The last line broke off in its middle: the next one starts with a line feed.
    var isUnterminated = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Writes one line; false if it was lost, wholly or in part.
    mutating func send(_ line: [UInt8]) -> Bool {
        let bytes = isUnterminated ? [UInt8(ascii: "\n")] + line : line
        var sent = 0
        for _ in 0..<maximumAttempts {
            // The descriptor is shared with whoever started us and may not be made non-blocking, so ask before each write. A
            // pipe that is ready takes 4096 bytes without blocking, unless another writer comes between.
            guard waitUntilWritable() else { break }
            let count = bytes[sent...].withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                sent += count
                isUnterminated = sent < bytes.count
                if !isUnterminated {
                    isStalled = false
                    return true
                }
            } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
                break
            }
        }
        return false
    }

    private mutating func waitUntilWritable() -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let ready = poll(&request, 1, isStalled ? 0 : maximumWaitMs)
        // A signal that ends the wait early is not worth a second one; the line then takes its chance with write.
        if ready == 0 { isStalled = true }
        return ready > 0
    }
}

/// The function, by a name that the methods called `write` do not hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Ignores SIGPIPE where it would end the process (a null handler is SIG_DFL); an embedder's own handler is put back.
private func ignoreBrokenPipes() {
    if let handler = signal(SIGPIPE, SIG_IGN) { _ = signal(SIGPIPE, handler) }
}
