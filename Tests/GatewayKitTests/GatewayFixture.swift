// A gateway with its visitors and its agents on the simulated network: the test is the peer of every connection. What is
// written arrives and is acknowledged at once, unless the test holds it. The gateway may have several loops: a connection keeps
// its name here, whichever loop has it, while each loop knows it by an id of its own.

import GatewayKit
import MachineCore
import TestSupport
import Testing
import TunnelLink

/// 2026-04-10T05:21:22Z, when the simulation begins.
let simulationStart: Int64 = 1_775_798_482

final class GatewayFixture {
    /// What loops send each other.
    let mail: LoopMail<Gateway>
    private(set) var logs: [LogRecord] = []
    private(set) var alerts: [AgentAlert] = []
    private(set) var accessRecords: [AccessRecord] = []
    /// Agents that registered with a token that their id takes, in order.
    private(set) var provenAgents: [String] = []
    /// Those whose connection is an agent's: they get what is written there.
    var agents: [ConnectionID: AgentPeer] = [:]
    private let network: SimulatedNetwork
    private let hosts: [Host<Gateway>]
    private var connections: [ConnectionID: ScriptedConnection] = [:]
    private var drainedLoops: Set<Int> = []

    init(loops count: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) {
        var configuration = GatewayConfiguration()
        configuration.web.agentWait = .zero  // whoever is not here is told so at once, unless a test is about that
        configure(&configuration)
        let clock = WallClock(unixNanosecondsAtZero: simulationStart * 1_000_000_000)
        let network = SimulatedNetwork(startingAt: Moment(nanoseconds: 0))
        self.network = network
        hosts = (0..<count).map {
            let gateway = Gateway(configuration, clock: clock, loop: $0, of: count, secret: Array(0..<32))
            return network.add(gateway, endsTurnsAtOnce: true)
        }
        mail = LoopMail(between: hosts)
        network.onMistake = { Issue.record("\($0)") }
        for (loop, host) in hosts.enumerated() {
            host.onNote = { [unowned self] in take($0, of: loop) }
            host.onHandled = { [unowned mail] in mail.deliverUnlessHeld() }
        }
    }

    var loops: [Gateway] { hosts.map(\.machine) }
    /// The only loop, or the first.
    var gateway: Gateway { hosts[0].machine }
    var now: Moment { network.now }
    var hasDrained: Bool { drainedLoops.count == hosts.count }

    // MARK: What happens

    /// A client connects, and a loop accepts it. `isHeld`: it reads nothing. `tls`: what TLS on it came to.
    func connect(
        from peer: String = "203.0.113.9", on loop: Int = 0, listener: Int = 0, tls: TLSFacts? = nil, isHeld: Bool = false
    ) -> ConnectionID {
        let id = ConnectionID(slot: UInt32(connections.count + 1), generation: 1)
        let connection = hosts[loop].addConnection(isHeld: isHeld)
        connection.onWrite = { [unowned self] bytes in
            guard let agent = agents[id] else { return false }
            agent.receive(bytes)
            return true
        }
        connections[id] = connection
        connection.deliver(.accepted(id, peer: peer, listener: listener))
        if let tls { connection.deliver(.secured(id, tls)) }
        return id
    }

    /// A client connects and sends `text`, in Latin-1.
    func visit(
        _ text: String, from peer: String = "203.0.113.9", on loop: Int = 0, listener: Int = 0, tls: TLSFacts? = nil
    ) -> ConnectionID {
        let id = connect(from: peer, on: loop, listener: listener, tls: tls)
        send(id, text)
        return id
    }

    func send(_ id: ConnectionID, _ text: String) { send(id, latin1(text)) }

    func send(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard connections[id]?.isGone == false else { return }
        happen(.transport(.received(id, bytes[...])))
    }

    /// The peer will send no more.
    func finish(_ id: ConnectionID) { happen(.transport(.receivedEOF(id))) }

    /// The connection breaks.
    func leave(_ id: ConnectionID) { connections[id]?.end("reset by peer") }

    /// The host sends it to every loop.
    func tell(_ message: GatewayMessage) {
        for host in hosts { host.send(message) }
    }

    /// Time passes; each deadline on the way gets its tick.
    func wait(_ duration: Duration) {
        network.pass(duration, atDeadline: tick)
        tick()
    }

    private func tick() {
        for host in hosts { host.take(.tick) }
    }

    /// From now on the peer reads nothing.
    func hold(_ id: ConnectionID) { connections[id]?.isHeld = true }

    /// The peer reads up to `count` bytes of what it was sent, and then nothing more.
    func take(_ id: ConnectionID, _ count: Int = .max) { connections[id]?.acknowledge(count) }

    /// Something happens to a connection, whichever loop has it. One that does not exist is for the first loop.
    func happen(_ input: MachineInput<GatewayMessage>) {
        guard case .transport(let event) = input else { return }
        if let connection = event.connection.flatMap({ connections[$0] }) {
            connection.deliver(event)
        } else {
            hosts[0].deliver(event)
        }
    }

    func happen(_ input: MachineInput<GatewayMessage>, on loop: Int) { hosts[loop].take(input) }

    /// All connections break, those of agents last. Nothing may be left over then.
    func end(sourceLocation: SourceLocation = #_sourceLocation) {
        let order = connections.keys.sorted { (agents[$0] == nil ? 0 : 1, $0.slot) < (agents[$1] == nil ? 0 : 1, $1.slot) }
        for id in order { leave(id) }
        wait(.seconds(2))  // what loops count is reported within a second, and then they are quiet
        for loop in loops {
            #expect(loop.counters == GatewayCounters(), sourceLocation: sourceLocation)
            #expect(loop.nextDeadline == nil, sourceLocation: sourceLocation)
        }
        #expect(network.dialCount == 0, "a gateway never dials", sourceLocation: sourceLocation)
    }

    // MARK: What was seen

    func connection(_ id: ConnectionID) -> ScriptedConnection {
        guard let connection = connections[id] else { preconditionFailure("nobody connected as \(id)") }
        return connection
    }

    /// The loop that a connection is on; nil between two.
    func loop(of id: ConnectionID) -> Int? { hosts.firstIndex { connection(id).isAt($0) } }

    /// What was written since the last look, in Latin-1.
    func read(_ id: ConnectionID) -> String { String(String.UnicodeScalarView(readBytes(id).map { Unicode.Scalar($0) })) }

    func readBytes(_ id: ConnectionID) -> [UInt8] { connection(id).takeWritten() }

    func putBack(_ bytes: [UInt8], _ id: ConnectionID) { connection(id).putBack(bytes) }

    /// Records of this event that were logged since the last look.
    func takeLogs(_ event: String) -> [LogRecord] {
        defer { logs.removeAll { $0.event == event } }
        return logs.filter { $0.event == event }
    }

    // MARK: What the gateway's host does

    private func take(_ note: GatewayNote, of loop: Int) {
        switch note {
        case .log(let record): logs.append(record)
        case .alert(let alert): alerts.append(alert)
        case .access(let record): accessRecords.append(record)
        case .draining: break
        case .agentRegistered(let id): provenAgents.append(id)
        case .drained: drainedLoops.insert(loop)
        case .loop(let note): carry(note.content, from: loop)
        }
    }

    /// What one loop sends to others is on its way.
    private func carry(_ note: LoopNote.Content, from loop: Int) {
        switch note {
        case .broadcast(let broadcast): mail.post(.loop(LoopMessage(.broadcast(broadcast, from: loop))), toAllBut: loop)
        case .report(let report): mail.post(.loop(LoopMessage(.report(report, from: loop))), to: 0)
        case .move(let id, let visitor, let target):
            guard mail.move(id, from: loop, to: target, as: { .loop(LoopMessage(.adopt($0, visitor))) }) else {
                return hosts[loop].send(.loop(LoopMessage(.moveFailed)))
            }
        }
    }
}

/// The bytes of `text`, one for each character up to U+00FF.
func latin1(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

/// `count` bytes that differ from place to place; they repeat after 64 KiB.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
        let place = (start + bytes.count) % patternBlock.count
        bytes += patternBlock[place..<min(patternBlock.count, place + count - bytes.count)]
    }
    return bytes
}

private let patternBlock: [UInt8] = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
