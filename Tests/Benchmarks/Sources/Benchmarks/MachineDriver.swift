// One machine and what it is connected to, driven by hand: the tunnel in slot 0, and visitors or the service in the others.
// Bytes pass as a loop would pass them: at most `readBytes` at once, as much as a loop reads, all of a turn before
// `finishTurn`, `wrote` after the write.
//
// `feed` is never inlined, so that a profile tells what a machine costs from what this costs.
//
// Tests have a simulated network (Tests/TestSupport); benchmarks do without it on purpose: its queue of actions, its clock and
// its connections would add instructions and allocations to every request that is counted here.

import MachineCore

final class MachineDriver<M: Machine> {
    private static var readBytes: Int { 256 * 1024 }

    // Unchecked, as in `Runner`: the machine knows nothing of its driver.
    @exclusivity(unchecked) private(set) var machine: M
    /// What goes in at the next turn, beside the tunnel's bytes.
    private var inputs: [MachineInput<M.Message>] = []
    @exclusivity(unchecked) private var outputs: [MachineOutput<M.Note>] = []
    /// Came through the tunnel and was not read yet.
    private var unread: [UInt8] = []
    /// Written into the tunnel; for the other machine.
    private(set) var sent: [UInt8] = []
    private var connections: [ScriptedConnection] = [ScriptedConnection()]
    /// What the script sends on each connection but the tunnel, and the message that is due there.
    private let sends: [UInt8]
    private let expects: [UInt8]
    /// Called with the slot of a connection on which a whole message was written.
    var onMessage: (MachineDriver, Int) -> Void = { _, _ in }

    init(_ machine: M, sends: [UInt8], expects: [UInt8]) {
        self.machine = machine
        self.sends = sends
        self.expects = expects
    }

    var isQuiet: Bool { inputs.isEmpty && unread.isEmpty }

    func firstBytes(of slot: Int) -> [UInt8] { connections[slot].firstBytes }

    func send(_ input: MachineInput<M.Message>) { inputs.append(input) }

    /// A client connects.
    func accept(_ slot: Int) {
        while connections.count <= slot { connections.append(ScriptedConnection()) }
        inputs.append(.transport(.accepted(id(slot), peer: "127.0.0.1", listener: 0)))
    }

    /// The script's side of a connection sends its message.
    func begin(_ slot: Int) {
        connections[slot].begin()
        pass(slot)
    }

    /// Takes what the other machine wrote into the tunnel.
    func receive(from other: inout [UInt8]) {
        unread += other
        other.removeAll(keepingCapacity: true)
    }

    /// What was written into the tunnel, to be handed on.
    func takeSent(_ body: (inout [UInt8]) -> Void) { body(&sent) }

    /// One turn of the loop.
    func turn(at now: Moment) {
        if let deadline = machine.nextDeadline, deadline <= now { inputs.append(.tick) }
        var start = 0
        while start < unread.count {
            let end = min(start + Self.readBytes, unread.count)
            inputs.append(.transport(.received(id(0), unread[start..<end])))
            start = end
        }
        feed(now)
        inputs.removeAll(keepingCapacity: true)
        unread.removeAll(keepingCapacity: true)
        for output in outputs {
            if case .transport(let command) = output { perform(command) }
        }
        outputs.removeAll(keepingCapacity: true)
    }

    @inline(never) private func feed(_ now: Moment) {
        for input in inputs { machine.handle(input, now: now, into: &outputs) }
        machine.finishTurn(now: now, into: &outputs)
    }

    private func id(_ slot: Int) -> ConnectionID { ConnectionID(slot: UInt32(slot), generation: 1) }

    private func perform(_ command: TransportCommand) {
        switch command {
        case .dial(let dial, _):
            // The first dial is the gateway's, whose slot is there from the start.
            let slot = connections[0].isNew ? 0 : connections.count
            if slot == 0 { connections[0].isNew = false } else { connections.append(ScriptedConnection()) }
            inputs.append(.transport(.connected(dial, id(slot))))
        case .write(let connection, let bytes):
            inputs.append(.transport(.wrote(connection, bytes.count)))
            if connection.slot == 0 {
                sent += bytes
            } else if connections[connection.slot].took(bytes, of: expects) {
                onMessage(self, connection.slot)
            }
        case .setReading(let connection, let isOn):
            connections[connection.slot].isReading = isOn
            if isOn { pass(connection.slot) }
        case .startTLS, .cancelDial, .finishWriting, .close, .closeAtOnce, .abort: break
        }
    }

    /// One read of what the script still has to say there.
    private func pass(_ slot: Int) {
        guard connections[slot].isReading, let piece = connections[slot].next(of: sends, Self.readBytes) else { return }
        inputs.append(.transport(.received(id(slot), piece)))
    }

    /// Lets every connection whose script has more to say have one read.
    func passMore() {
        for slot in 1..<max(1, connections.count) { pass(slot) }
    }
}
