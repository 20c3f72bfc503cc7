// The runner with a small machine: events, messages, notes and ticks go where they belong, and the turn is seen through.

import Dispatch
import MachineCore
import SocketKit
import Testing

/// Echoes, counts, and does what it is told.
private struct EchoMachine: Machine {
    enum Message: Sendable { case dial(Endpoint), report, tickAt(Moment) }
    enum Note: Sendable, Hashable { case echoed(Int), response([UInt8]), count(Int), ticked }

    var echoed = 0
    var gathered: [UInt8] = []
    var unsaid = 0
    var nextDeadline: Moment?

    mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Note>]) {
        switch input {
        case .transport(.received(let id, let bytes)):
            if bytes.first == UInt8(ascii: "<") {
                gathered += bytes
                outputs.append(.note(.response(gathered)))
            } else {
                echoed += bytes.count
                unsaid += bytes.count
                outputs.append(.transport(.write(id, [UInt8(ascii: "<")] + bytes)))
            }
        case .transport(.connected(_, let id)):
            outputs.append(.transport(.write(id, Array("ping".utf8)[...])))
        case .transport: break
        case .message(.dial(let endpoint)): outputs.append(.transport(.dial(DialID(rawValue: 1), endpoint)))
        case .message(.report): outputs.append(.note(.count(echoed)))
        case .message(.tickAt(let moment)): nextDeadline = moment
        case .tick:
            nextDeadline = nil
            outputs.append(.note(.ticked))
        }
    }

    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Note>]) {
        if unsaid > 0 { outputs.append(.note(.echoed(unsaid))) }
        unsaid = 0
    }
}

/// Names who came, greets whom it is told to, and repeats what it is told.
private struct Greeter: Machine {
    enum Message: Sendable { case dial(Endpoint), greet(ConnectionID) }
    enum Note: Sendable, Hashable { case came(ConnectionID), heard([UInt8]) }

    var nextDeadline: Moment? { nil }
    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Note>]) {}

    mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Note>]) {
        switch input {
        case .transport(.accepted(let id, _, _)): outputs.append(.note(.came(id)))
        case .transport(.received(_, let bytes)): outputs.append(.note(.heard(Array(bytes))))
        case .message(.dial(let endpoint)): outputs.append(.transport(.dial(DialID(rawValue: 1), endpoint)))
        case .message(.greet(let id)): outputs.append(.transport(.write(id, Array("hello".utf8)[...])))
        case .transport, .tick: break
        }
    }
}

@Suite("The runner")
struct RunnerTests {
    @Test(arguments: backends)
    func drivesAMachineOverRealSockets(backend: PollerBackend) throws {
        let loop = try SocketLoop(backend: backend)
        let endpoint = try loop.listen(on: .tcp(host: "127.0.0.1", port: 0)).endpoint
        let runner = Runner(EchoMachine(), on: loop)
        var notes: [EchoMachine.Note] = []
        runner.onNote = { note, runner in
            notes.append(note)
            if case .response = note { runner.send(.report) }
            if case .count = note { runner.stop() }
        }
        runner.send(.dial(endpoint))
        try runner.run()
        #expect(notes == [.echoed(4), .response(Array("<ping".utf8)), .count(4)])
        #expect(runner.machine.echoed == 4)
    }

    @Test(arguments: backends)
    func deliversMessagesOfOtherThreadsInOrder(backend: PollerBackend) throws {
        let runner = Runner(EchoMachine(), on: try SocketLoop(backend: backend))
        let mailbox = runner.mailbox
        var reports = 0
        runner.onNote = { note, runner in
            reports += 1
            if reports == 1000 { runner.stop() }
        }
        DispatchQueue.global().async { for _ in 0..<1000 { mailbox.post(.report) } }
        try runner.run()
        #expect(reports == 1000)
    }

    @Test(arguments: backends)
    func aConnectionGoesToAnotherRunnerThroughItsMailbox(backend: PollerBackend) throws {
        let here = Runner(Greeter(), on: try SocketLoop(backend: backend))
        let there = Runner(Greeter(), on: try SocketLoop(backend: backend))
        let mailbox = there.mailbox
        here.onNote = { note, runner in
            switch note {
            case .came(let id):
                if let connection = runner.loop.detach(id) { mailbox.post(connection) { .greet($0) } }
                mailbox.stop()
                runner.stop()
            case .heard(let bytes):
                #expect(bytes == Array("hello".utf8))
                runner.stop()
            }
        }
        here.send(.dial(try here.loop.listen(on: .tcp(host: "127.0.0.1", port: 0)).endpoint))
        try here.run()
        try there.run()
        #expect(there.loop.connectionCount == 1)
        try here.run()
    }

    @Test(arguments: backends)
    func ticksWhenTheMachineAskedForIt(backend: PollerBackend) throws {
        let runner = Runner(EchoMachine(), on: try SocketLoop(backend: backend))
        var notes: [EchoMachine.Note] = []
        runner.onNote = { note, runner in
            notes.append(note)
            runner.stop()
        }
        let deadline = SocketLoop.now().advanced(by: .milliseconds(3))
        runner.send(.tickAt(deadline))
        try runner.run()
        #expect(notes == [.ticked])
        #expect(SocketLoop.now() >= deadline)
    }

    @Test(arguments: backends)
    func aTurnEndsAtItsLimit(backend: PollerBackend) throws {
        let runner = Runner(EchoMachine(), on: try SocketLoop(backend: backend))
        try runner.turn(until: SocketLoop.now())
        let limit = SocketLoop.now().advanced(by: .milliseconds(2))
        while SocketLoop.now() < limit { try runner.turn(until: limit) }
        #expect(runner.loop.statistics.turns <= 4)
    }
}
