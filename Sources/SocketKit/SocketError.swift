// What the system refused. Connections never throw: their failures are events with a text. Only what an operator set up
// (a listener, a poller, a signal) fails this way, so the text says what was tried, on what, and the system's own reason.

/// A system call that failed while something was being set up.
public struct SocketError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried, as it follows "cannot": `listen on`, `wait for events`, …
    public var operation: String
    /// What it was tried on: an address, a path; empty if there is nothing to name.
    public var subject: String
    /// The `errno` of the failed call, or 0 if we refused before asking the system.
    public var code: Int32
    /// Why, for people.
    public var reason: String

    /// A failure that the system reported as `code` (an `errno`).
    public init(_ operation: String, _ subject: String = "", code: Int32) {
        self.init(operation, subject, code: code, reason: errorText(code))
    }

    /// A failure that has a reason of ours.
    public init(_ operation: String, _ subject: String = "", code: Int32 = 0, reason: String) {
        self.operation = operation
        self.subject = subject
        self.code = code
        self.reason = reason
    }

    /// `cannot listen on 127.0.0.1:80: Permission denied`.
    public var description: String {
        subject.isEmpty ? "cannot \(operation): \(reason)" : "cannot \(operation) \(subject): \(reason)"
    }
}
