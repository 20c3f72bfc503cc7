// gatewayd and agentd as child processes, known by what they write and how they end. Two threads read what a daemon writes,
// so that it never waits for a test; a third waits for its end, and keeps its process id from becoming another's while
// anybody might still send it a signal.

import Foundation

/// How a process ended.
enum Ending: Sendable, Equatable {
    case exited(Int32)
    case killed(signal: Int32)
}

/// A running daemon, or one that has ended.
final class Daemon: Sendable {
    let name: String
    let pid: pid_t
    private let output = Shared<[String]>([])
    private let ending = Shared<Ending?>(nil)
    private let openStreams: Shared<Int>
    /// The test has ended it, or expects it to end.
    let isDoneWith = Shared(false)

    /// `onTerminal`: both of its streams are a terminal of 80 columns. `leads`: it leads a session of its own, at that terminal
    /// if there is one. `descriptors`: how many it may open.
    init(
        _ name: String, _ words: [String], environment: [String: String] = [:], onTerminal: Bool = false,
        leads: Bool = false, descriptors: Int? = nil
    ) throws {
        self.name = name
        var program = try Spawning.products.get() + "/" + name
        var arguments = words
        if let descriptors {
            arguments = ["-c", "ulimit -n \(descriptors) && exec \"$0\" \"$@\"", program] + words
            program = "/bin/sh"
        }
        let terminal = onTerminal ? try Self.pseudoTerminal() : nil
        let streams = try terminal.map { [($0.reading, $0.writing)] } ?? [try Self.pipe(), try Self.pipe()]
        let session: Spawning.Session = leads ? terminal.map { .terminal($0.path) } ?? .own : .ours
        openStreams = Shared(streams.count)
        let writing = streams.map(\.1)
        defer { for descriptor in writing { close(descriptor) } }
        do {
            pid = try Spawning.spawn(
                program, arguments, environment: Self.environment(adding: environment), output: writing[0],
                error: writing[writing.count - 1], session: session)
        } catch {
            for stream in streams { close(stream.0) }
            throw error
        }
        for stream in streams { read(stream.0) }
        awaitEnding()
    }

    // MARK: What it writes

    /// All its lines so far, of both streams.
    var lines: [String] { output.value }

    /// How many lines there are, for `waitForLine(after:)`.
    var mark: Int { lines.count }

    /// The first line after `mark` that has all of `parts`.
    @discardableResult
    func waitForLine(with parts: String..., after mark: Int = 0) throws -> String {
        try eventualValue("\(name) writes \(parts); it wrote:\n\(lines.joined(separator: "\n"))") {
            // Looked at in this order: a process that has ended writes no more.
            let hasEnded = ending.value != nil && openStreams.value == 0
            if let line = lines.dropFirst(mark).first(where: { line in parts.allSatisfy { line.contains($0) } }) { return line }
            if hasEnded { throw TestFailure("\(name) ended without writing \(parts):\n\(lines.joined(separator: "\n"))") }
            return nil
        }
    }

    // MARK: Life

    var isRunning: Bool { ending.value == nil }

    func signal(_ number: Int32) {
        ending.change { ending in
            if ending == nil { _ = systemKill(pid, number) }
        }
    }

    /// How it ended, once it has and all its lines are here.
    func waitForEnding() throws -> Ending {
        isDoneWith.change { $0 = true }
        return try eventualValue("\(name) ends; it wrote:\n\(lines.joined(separator: "\n"))") {
            openStreams.value == 0 ? ending.value : nil
        }
    }

    /// SIGTERM; how it ended.
    func terminate() throws -> Ending {
        signal(SIGTERM)
        return try waitForEnding()
    }

    /// SIGKILL, as a crash.
    func kill() throws {
        signal(SIGKILL)
        _ = try waitForEnding()
    }

    #if os(Linux)
        /// How many descriptors it has open.
        var descriptorCount: Int {
            get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count }
        }
    #endif

    // MARK: Below

    private static func pipe() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        guard systemPipe(&ends) == 0 else { throw TestFailure("pipe: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }

    private static func pseudoTerminal() throws -> (reading: Int32, writing: Int32, path: String) {
        let reading = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        #if canImport(Darwin)
            guard reading >= 0, grantpt(reading) == 0, unlockpt(reading) == 0 else { throw TestFailure("no terminal") }
            let path = String(cString: ptsname(reading))
        #else
            // What unlockpt(3) and ptsname(3) do; the Glibc module has neither. TIOCSPTLCK and TIOCGPTN are macros.
            var (unlocked, number): (Int32, Int32) = (0, 0)
            guard reading >= 0, ioctl(reading, 0x4004_5431, &unlocked) == 0, ioctl(reading, 0x8004_5430, &number) == 0 else {
                throw TestFailure("no terminal: \(String(cString: strerror(errno)))")
            }
            let path = "/dev/pts/\(number)"
        #endif
        let writing = open(path, O_RDWR | O_NOCTTY)
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        guard writing >= 0, ioctl(reading, UInt(TIOCSWINSZ), &size) == 0 else {
            throw TestFailure("the terminal does not open: \(String(cString: strerror(errno)))")
        }
        return (reading, writing, path)
    }

    /// Ours, without anything that configures a daemon.
    private static func environment(adding more: [String: String]) -> [String: String] {
        let prefixes = ["MIAGENT_", "NOTIFY_", "LISTEN_", "XCTest"]
        let kept = ProcessInfo.processInfo.environment.filter { name, _ in !prefixes.contains { name.hasPrefix($0) } }
        return kept.merging(more) { $1 }
    }

    private func read(_ descriptor: Int32) {
        Thread.detachNewThread { [output, openStreams] in
            var partial: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while case let count = systemRead(descriptor, &buffer, buffer.count), count > 0 || (count < 0 && errno == EINTR) {
                partial += buffer.prefix(max(0, count))
                let pieces = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                let lines = pieces.dropLast().map { String(decoding: $0, as: UTF8.self) }
                partial = pieces.last.map { Array($0) } ?? []
                output.change { $0 += lines }
            }
            let rest = partial.isEmpty ? [] : [String(decoding: partial, as: UTF8.self)]
            output.change { $0 += rest }
            close(descriptor)
            openStreams.change { $0 -= 1 }
        }
    }

    /// Reaps the process. Its number is not another's until then, and `signal` uses it no more afterwards.
    private func awaitEnding() {
        Thread.detachNewThread { [pid, ending] in
            var information = siginfo_t()
            while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            ending.change { ending in
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                let number = status & 0x7f
                ending = number == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: number)
            }
        }
    }
}

// The functions, by names that the methods above do not hide.
private func systemKill(_ pid: pid_t, _ number: Int32) -> Int32 { kill(pid, number) }
private func systemPipe(_ ends: inout [Int32]) -> Int32 { pipe(&ends) }
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
