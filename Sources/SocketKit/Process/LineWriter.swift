// Lines to a descriptor that another process reads: a terminal, a pipe, journald, a file.
// Logging never blocks the daemon for long. Each line is one write(2); a reader that does not read costs one short wait and
// from then on nothing, a reader that has gone costs its lines only. Lines that were lost are counted, and the next one that
// gets through is preceded by their number, if the caller gives a text for it.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes whole lines, from any thread. The lock is held while a line is written: at most for `maximumWaitMs`.
public final class LineWriter: Sendable {
    private let sink: Mutex<LineSink>
    /// Set if the descriptor is ours.
    private let path: String?

    /// A writer to `descriptor`, which stays the caller's. If SIGPIPE has no handler, it is ignored for the whole process from
    /// now on: a log whose reader has gone must not end the daemon.
    public init(descriptor: Int32) {
        sink = Mutex(LineSink(descriptor: descriptor))
        path = nil
        ignoreBrokenPipes()
    }

    /// A writer to the end of the file at `path`, which is made if it is not there, for its owner and group alone.
    public init(path: String) throws(FileError) {
        sink = Mutex(LineSink(descriptor: try Self.openFile(path)))
        self.path = path
        ignoreBrokenPipes()
    }

    deinit {
        if path != nil { sink.withLock { _ = close($0.descriptor) } }
    }

    /// Writes `line`, which ends with a line feed, unless the descriptor takes no more. `notice` makes the line that precedes
    /// it after some were lost.
    public func write(_ line: [UInt8], notice: (Int) -> [UInt8]? = { _ in nil }) {
        sink.withLock { sink in
            if sink.droppedLines > 0 {
                if let notice = notice(sink.droppedLines), !sink.send(notice) {
                    sink.droppedLines += 1
                    return
                }
                sink.droppedLines = 0
            }
            if !sink.send(line) { sink.droppedLines += 1 }
        }
    }

    /// How many lines have been lost since one last got through.
    public var droppedLines: Int { sink.withLock { $0.droppedLines } }

    /// Opens the file by its name again, after the old one was moved away (logrotate); the old one stays if that fails.
    public func reopen() throws(FileError) {
        guard let path else { return }
        let fresh = try Self.openFile(path)
        let old = sink.withLock { sink in
            defer { sink.descriptor = fresh }
            return sink.descriptor
        }
        close(old)
    }

    private static func openFile(_ path: String) throws(FileError) -> Int32 {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw FileError(path: path, reason: .badName) }
        let descriptor = openDescriptor(path, O_WRONLY | O_APPEND | O_CREAT, mode: 0o640)
        guard descriptor >= 0 else { throw FileError(path: path, code: errno) }
        return descriptor
    }
}

/// How long the first line that finds the descriptor full waits for its reader, in milliseconds.
private let maximumWaitMs: Int32 = 50
/// A line is given up after so many system calls that moved nothing; it is a bound for odd descriptors, not a tuning knob.
private let maximumAttempts = 64

private struct LineSink: Sendable {
    var descriptor: Int32
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
            guard isWritable() else { break }
            let count = writeBytes(descriptor, bytes[sent...])
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

    private mutating func isWritable() -> Bool {
        let ready = waitUntilWritable(descriptor, milliseconds: isStalled ? 0 : maximumWaitMs)
        // A signal that ends the wait early is not worth a second one; the line then takes its chance with write.
        if ready == 0 { isStalled = true }
        return ready > 0
    }
}

/// Ignores SIGPIPE where it would end the process (a null handler is SIG_DFL); an embedder's own handler is put back.
private func ignoreBrokenPipes() {
    if let handler = signal(SIGPIPE, SIG_IGN) { _ = signal(SIGPIPE, handler) }
}
