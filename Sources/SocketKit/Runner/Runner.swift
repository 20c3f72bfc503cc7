// Drives one machine over one loop. Every input goes in with the time of its turn, every output is done at once, and the loop
// writes after the machine has finished the turn, so that what it produced for one connection shares a call.
//
//     let runner = Runner(machine, on: try SocketLoop())
//     runner.onNote = { note, runner in … }
//     try runner.run()
//
// Inlinable, because a machine behind an unspecialised generic would cost more than its own work.

import MachineCore
import Synchronization

/// A machine, its loop, and the exchange between them; belongs to the loop's thread.
public final class Runner<M: Machine> {
    /// The machine, as the last input left it.
    @inlinable public var machine: M { storedMachine }
    /// The loop that it runs on.
    public let loop: SocketLoop
    /// Called with each note of the machine, on the loop's thread.
    public var onNote: (M.Note, Runner) -> Void = { _, _ in }
    /// Where other threads leave messages for the machine.
    public let mailbox: Mailbox<M.Message>

    // Unchecked: the machine knows nothing of its runner, and its notes are passed on when it has returned.
    @safe @exclusivity(unchecked) @usableFromInline var storedMachine: M
    @safe @exclusivity(unchecked) @usableFromInline var outputs: [MachineOutput<M.Note>] = []
    @usableFromInline var inbox: [M.Message] = []
    @usableFromInline var isStopped = false
    /// The last turn ended with something still to be finished.
    @usableFromInline var isUnfinished = false
    @usableFromInline var tookInput = false

    /// Flushes within one turn, after which other connections are looked at even if there is more.
    @usableFromInline static var maximumRounds: Int { 4 }

    /// A runner for `machine` on `loop`, which it has to itself.
    @inlinable public init(_ machine: M, on loop: SocketLoop) {
        storedMachine = machine
        self.loop = loop
        mailbox = Mailbox(waker: loop.waker)
    }

    /// Gives the machine a message, in the present turn or in the next.
    @inlinable public func send(_ message: M.Message) {
        inbox.append(message)
    }

    /// Runs turns until `stop`; fails only if the poller does.
    @inlinable public func run() throws(SocketError) {
        isStopped = false
        while !isStopped { try turn(until: nil) }
    }

    /// Makes `run` return after the present turn; other threads use `mailbox.stop`.
    @inlinable public func stop() {
        isStopped = true
    }

    /// One turn: waits until something happens, until the machine's deadline or until `limit` (nil: no limit), and sees it
    /// through to the bytes written. Fails only if the poller does.
    @inlinable public func turn(until limit: Moment?) throws(SocketError) {
        try loop.turn(until: nextWake(limit), woken: openMailbox) { take(.transport($0)) }
        deliverMessages()
        if let deadline = storedMachine.nextDeadline, deadline <= loop.moment { take(.tick) }
        finish()
    }

    @inlinable func nextWake(_ limit: Moment?) -> Moment? {
        if isUnfinished || !inbox.isEmpty { return Moment() }
        guard let deadline = storedMachine.nextDeadline else { return limit }
        return min(deadline, limit ?? deadline)
    }

    /// Delivers what other threads left. Before the events of the turn: what came before a peer could send something, the
    /// machine gets before it, too.
    @inlinable func openMailbox() {
        for envelope in mailbox.take() {
            switch envelope {
            case .message(let message): take(.message(message))
            case .perform(let action): action(loop)
            case .connection(let connection, let message):
                if let id = loop.adopt(connection) { take(.message(message(id))) }
            case .stop: isStopped = true
            }
        }
    }

    @inlinable func deliverMessages() {
        if inbox.isEmpty { return }
        var messages: [M.Message] = []
        swap(&messages, &inbox)
        for message in messages { take(.message(message)) }
    }

    /// Lets the machine finish the turn, and flushes, until neither brings up anything new.
    @inlinable func finish() {
        isUnfinished = true
        for _ in 0..<Self.maximumRounds {
            storedMachine.finishTurn(now: loop.moment, into: &outputs)
            perform()
            tookInput = false
            if !inbox.isEmpty { deliverMessages() }
            loop.flush { take(.transport($0)) }
            if !tookInput, !loop.hasUnsettled, inbox.isEmpty {
                isUnfinished = false
                return
            }
        }
    }

    @inlinable func take(_ input: MachineInput<M.Message>) {
        tookInput = true
        storedMachine.handle(input, now: loop.moment, into: &outputs)
        perform()
    }

    @inlinable func perform() {
        if outputs.isEmpty { return }
        // Taken out meanwhile, since a note's receiver may do anything.
        var pending: [MachineOutput<M.Note>] = []
        swap(&pending, &outputs)
        for output in pending {
            switch output {
            case .transport(let command): loop.perform(command)
            case .note(let note): onNote(note, self)
            }
        }
        loop.writeLent()
        pending.removeAll(keepingCapacity: true)
        swap(&pending, &outputs)
    }
}
