// Waiting for a condition, never for a time: every wait has the same generous deadline and says what did not happen. A
// machine under load makes tests slower, not red: no deadline here is near what is usual, and none is asserted to pass.
// Errors tell two things apart: a test that cannot go on, and a peer that broke off, which is often what a test is about.

import Foundation

/// Something that a test needs did not happen; says what.
struct TestFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// The peer ended, by a FIN or a reset, before the message that was being read was whole.
struct CutOff: Error {
    var wasReset: Bool
}

/// A point in time after which waiting is of no use.
struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    init(in duration: Duration = .seconds(10)) { end = .now + duration }

    var isOver: Bool { .now >= end }

    /// What is left, in milliseconds, as `poll` wants it.
    var milliseconds: Int32 {
        let left = ContinuousClock.Instant.now.duration(to: end).components
        return Int32(clamping: max(0, left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000))
    }
}

/// Returns as soon as `condition` holds; fails, saying `what`, if it does not in time.
func eventually(_ what: @autoclosure () -> String, _ condition: () throws -> Bool) throws {
    _ = try eventualValue(what()) { try condition() ? true : nil }
}

/// The first value that `find` has to give; fails, saying `what`, if there is none in time.
func eventualValue<Value>(_ what: @autoclosure () -> String, _ find: () throws -> Value?) throws -> Value {
    let deadline = Deadline()
    while true {
        if let value = try find() { return value }
        if deadline.isOver { throw TestFailure("did not happen in time: \(what())") }
        usleep(2_000)  // how often to look, not how long to wait
    }
}

/// One thread tells another that something has happened, once for each `ring`.
final class Bell: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let what: String

    init(_ what: String) { self.what = what }

    func ring() { semaphore.signal() }

    func await() throws {
        if semaphore.wait(timeout: .now() + .seconds(10)) == .timedOut { throw TestFailure("did not happen in time: \(what)") }
    }
}

/// Runs `work` on `count` threads of their own, waits for all, and throws the first error.
func onThreads(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Void) throws {
    let done = DispatchSemaphore(value: 0)
    let errors = Shared<[any Error & Sendable]>([])
    for index in 0..<count {
        Thread.detachNewThread {
            do { try work(index) } catch { errors.change { $0.append(TestFailure("thread \(index): \(error)")) } }
            done.signal()
        }
    }
    for _ in 0..<count where done.wait(timeout: .now() + .seconds(30)) == .timedOut {
        throw TestFailure("a thread does not end")
    }
    if let error = errors.value.first { throw error }
}
