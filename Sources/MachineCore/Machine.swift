// What a sans-I/O machine is. Everything that happens to it is an input, all that it wants is an output; time is an argument
// and entropy a seed that it was made with. So a test drives it over a fake wire, and a daemon over sockets, in the same way.

/// A state machine that neither reads a clock nor touches a socket.
public protocol Machine {
    /// What the host says to it beside transport events: "drain", the response of an in-process handler, …
    associatedtype Message: Sendable
    /// What it says to the host beside transport commands: log records, changes of phase, …
    associatedtype Note: Sendable

    /// Takes one input and appends what is to be done to `outputs`. Never traps, whatever the input.
    mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Note>])

    /// Called after all inputs of one turn of the loop, so that what they produced for one connection can share a write.
    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Note>])

    /// When the machine wants a `.tick`, if nothing else happens before.
    var nextDeadline: Moment? { get }
}

/// Something that happened to a machine.
public enum MachineInput<Message: Sendable>: Sendable {
    /// A connection was made, carried bytes, or ended.
    case transport(TransportEvent)
    /// The host says something.
    case message(Message)
    /// `nextDeadline` may have passed; a tick that comes early does no harm.
    case tick
}

/// Something that a machine wants done.
public enum MachineOutput<Note: Sendable>: Sendable {
    /// For whoever owns the sockets.
    case transport(TransportCommand)
    /// For the host.
    case note(Note)
}

extension MachineInput: Equatable where Message: Equatable {}
extension MachineOutput: Equatable where Note: Equatable {}
