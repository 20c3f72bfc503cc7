// What one call of a machine is about: the time, and where what it wants done goes. A machine makes a turn of the two
// parameters of `Machine.handle` and passes it down as `inout`, so that no part of it needs to hold either.
//
// The caller's array is moved in and out, never copied. Inlinable, because a generic that the machine's module cannot
// specialise would cost more than what it appends.

/// The time of one call, and the outputs of that call in their order.
public struct Turn<Note: Sendable>: Sendable {
    /// The time of this call.
    public let now: Moment
    /// What is to be done, in this order: what the caller had before, and what was added since.
    public var outputs: [MachineOutput<Note>]
    /// Fields that come first in each log record of this turn, such as the machine's own name.
    public var logContext: [LogRecord.Field]

    /// A turn at `now`, which takes the caller's `outputs` and leaves it an empty array until `end(into:)`.
    @inlinable public init(now: Moment, taking outputs: inout [MachineOutput<Note>], logContext: [LogRecord.Field] = []) {
        self.now = now
        self.outputs = []
        self.logContext = logContext
        swap(&self.outputs, &outputs)
    }

    /// Gives `outputs` back, longer by what was added. The turn is then over.
    @inlinable public mutating func end(into outputs: inout [MachineOutput<Note>]) { swap(&self.outputs, &outputs) }

    /// Asks for something to be done to a connection.
    @inlinable public mutating func emit(_ command: TransportCommand) { outputs.append(.transport(command)) }

    /// Says something to the host.
    @inlinable public mutating func emit(_ note: Note) { outputs.append(.note(note)) }
}

/// A note that can be a log record; an enum with a case `log(LogRecord)` is one.
public protocol LoggingNote: Sendable {
    /// The note that hands `record` to the host's log.
    static func log(_ record: LogRecord) -> Self
}

extension Turn where Note: LoggingNote {
    /// Hands the host a log record of `event`, a constant such as `agent.registered`. No field may hold a secret.
    @inlinable public mutating func log(_ level: LogRecord.Level, _ event: String, _ fields: [LogRecord.Field] = []) {
        emit(Note.log(LogRecord(level, event, logContext + fields)))
    }
}
