// A gateway, its visitors and its agents, on a fake wire in virtual time. The wire takes what is written at once unless told to
// hold it, closes what it is told to close, and writes everything down. The gateway may have several loops: the wire carries
// what they say to each other, and a connection keeps its name here wherever it lives (World+Loops).

import GatewayKit
import MachineCore
import Testing
import TunnelLink

/// One connection as the wire sees it.
struct Wire {
    /// Written by the gateway and not yet looked at.
    var written: [UInt8] = []
    /// Written and not yet acknowledged, while `isHeld`.
    var unacknowledged = 0
    /// The peer does not read.
    var isHeld = false
    /// Whether the gateway reads.
    var isReading = true
    /// The gateway half-closed.
    var isFinished = false
    /// The gateway closed, in order.
    var isClosing = false
    /// It waits, after its last byte, for the peer's.
    var lingers = true
    /// The gateway cut it.
    var isAborted = false
    /// `closed` was told.
    var isGone = false
}

/// 2026-04-10T05:21:22Z, when the world begins.
let worldBegins: Int64 = 1_775_798_482

final class World {
    private(set) var loops: [Gateway]
    var places = Places()
    private(set) var now = Moment(nanoseconds: 0)
    private(set) var wires: [ConnectionID: Wire] = [:]
    private(set) var logs: [LogRecord] = []
    private(set) var alerts: [AgentAlert] = []
    private(set) var accessRecords: [AccessRecord] = []
    private var drainedLoops: Set<Int> = []
    var agents: [ConnectionID: AgentPeer] = [:]
    /// For a connection under its name here, wherever it then is, or for a loop.
    private enum Input { case event(TransportEvent), input(MachineInput<GatewayMessage>, loop: Int) }
    private var inputs: [Input] = []
    private var isTurning = false

    init(loops count: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) {
        var configuration = GatewayConfiguration()
        configuration.web.agentWait = .zero  // whoever is not here is told so at once, unless a test is about that
        configure(&configuration)
        let clock = WallClock(unixNanosecondsAtZero: worldBegins * 1_000_000_000)
        loops = (0..<count).map { Gateway(configuration, clock: clock, loop: $0, of: count, secret: Array(0..<32)) }
    }

    /// The only loop, or the first.
    var gateway: Gateway { loops[0] }
    var hasDrained: Bool { drainedLoops.count == loops.count }

    // MARK: What happens

    /// Somebody connects, and a loop accepts it. `isHeld`: it reads nothing.
    func connect(from peer: String = "203.0.113.9", on loop: Int = 0, isHeld: Bool = false) -> ConnectionID {
        let id = places.add(on: loop)
        wires[id] = Wire(isHeld: isHeld)
        happen(.transport(.accepted(id, peer: peer, listener: 0)))
        return id
    }

    /// Somebody connects and sends `text`, in Latin-1.
    func visit(_ text: String, from peer: String = "203.0.113.9", on loop: Int = 0) -> ConnectionID {
        let id = connect(from: peer, on: loop)
        send(id, text)
        return id
    }

    func send(_ id: ConnectionID, _ text: String) { send(id, latin1(text)) }

    func send(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard wires[id]?.isGone == false else { return }
        happen(.transport(.received(id, bytes[...])))
    }

    /// The peer will send no more.
    func finish(_ id: ConnectionID) { happen(.transport(.receivedEOF(id))) }

    /// The connection breaks.
    func leave(_ id: ConnectionID) { close(id, "reset by peer") }

    /// The host says it to every loop.
    func tell(_ message: GatewayMessage) {
        for loop in loops.indices { happen(.message(message), on: loop) }
    }

    /// Time passes; each deadline on the way gets its tick.
    func wait(_ duration: Duration) {
        let target = now.advanced(by: duration)
        while let next = loops.compactMap(\.nextDeadline).min(), next <= target {
            now = max(now, next)
            tick()
        }
        now = target
        tick()
    }

    private func tick() {
        for loop in loops.indices { happen(.tick, on: loop) }
    }

    /// From now on the peer reads nothing.
    func hold(_ id: ConnectionID) { wires[id]?.isHeld = true }

    /// The peer reads up to `count` bytes of what it was sent, and then nothing more.
    func take(_ id: ConnectionID, _ count: Int = .max) {
        let taken = min(count, wires[id]?.unacknowledged ?? 0)
        wires[id]?.unacknowledged -= taken
        if taken > 0 { happen(.transport(.wrote(id, taken))) }
        closeIfWritten(id)
    }

    /// Everybody's connection breaks, agents last. Nothing may be left over then.
    func end(sourceLocation: SourceLocation = #_sourceLocation) {
        let order = wires.keys.sorted { (agents[$0] == nil ? 0 : 1, $0.slot) < (agents[$1] == nil ? 0 : 1, $1.slot) }
        for id in order where wires[id]?.isGone == false { leave(id) }
        wait(.seconds(2))  // what loops count is reported within a second, and then they are quiet
        for loop in loops {
            #expect(loop.counters == GatewayCounters(), sourceLocation: sourceLocation)
            #expect(loop.nextDeadline == nil, sourceLocation: sourceLocation)
        }
    }

    // MARK: What was seen

    func wire(_ id: ConnectionID) -> Wire { wires[id] ?? Wire() }

    /// What was written since the last look, in Latin-1.
    func read(_ id: ConnectionID) -> String { String(String.UnicodeScalarView(readBytes(id).map { Unicode.Scalar($0) })) }

    func readBytes(_ id: ConnectionID) -> [UInt8] {
        defer { wires[id]?.written = [] }
        return wires[id]?.written ?? []
    }

    func putBack(_ bytes: [UInt8], _ id: ConnectionID) { wires[id]?.written = bytes }

    /// Whether an event of this name was logged since the last look.
    func takeLogs(_ event: String) -> [LogRecord] {
        defer { logs.removeAll { $0.event == event } }
        return logs.filter { $0.event == event }
    }

    // MARK: The loop

    /// Something happens to a connection.
    func happen(_ input: MachineInput<GatewayMessage>) {
        if case .transport(let event) = input { happen(.event(event)) }
    }

    func happen(_ input: MachineInput<GatewayMessage>, on loop: Int) { happen(.input(input, loop: loop)) }

    private func happen(_ input: Input) {
        inputs.append(input)
        guard !isTurning else { return }
        isTurning = true
        defer { isTurning = false }
        while !inputs.isEmpty {
            switch inputs.removeFirst() {
            case .input(let input, let loop): turn(loop, input)
            case .event(let event):
                if let (loop, event) = places.inner(event) { turn(loop, .transport(event)) }
            }
        }
    }

    private func turn(_ loop: Int, _ input: MachineInput<GatewayMessage>) {
        var outputs: Gateway.Outputs = []
        loops[loop].handle(input, now: now, into: &outputs)
        loops[loop].finishTurn(now: now, into: &outputs)
        for output in outputs { perform(output, of: loop) }
        if !places.isHeld { deliverMail() }
    }

    private func perform(_ output: MachineOutput<GatewayNote>, of loop: Int) {
        switch output {
        case .note(.log(let record)): logs.append(record)
        case .note(.alert(let alert)): alerts.append(alert)
        case .note(.access(let record)): accessRecords.append(record)
        case .note(.draining): break
        case .note(.drained): drainedLoops.insert(loop)
        case .note(.loop(let note)): carry(note.content, from: loop)
        case .transport(let command):
            if let command = places.outer(command, on: loop) { perform(command) }
        }
    }

    /// What one loop says to others is on its way.
    private func carry(_ note: LoopNote.Content, from loop: Int) {
        switch note {
        case .move(let id, let visitor, let target):
            if let outer = places.outer(id, on: loop), wires[outer]?.isGone == false, !places.isLosing {
                places.post(.visitor(outer, visitor), to: target)
            } else {
                happen(.message(.loop(LoopMessage(.moveFailed))), on: loop)
            }
        case .broadcast(let broadcast):
            let message = GatewayMessage.loop(LoopMessage(.broadcast(broadcast, from: loop)))
            for other in loops.indices where other != loop { places.post(.message(message), to: other) }
        case .report(let report): places.post(.message(.loop(LoopMessage(.report(report, from: loop)))), to: 0)
        }
    }

    /// What the loops have said to each other arrives.
    func deliverMail() {
        for (loop, letter) in places.takeMail() {
            switch letter {
            case .message(let message): happen(.message(message), on: loop)
            case .visitor(let outer, let visitor):
                let (id, events) = places.move(outer, to: loop)
                happen(.message(.loop(LoopMessage(.adopt(id, visitor)))), on: loop)
                for event in events { happen(.event(event)) }
            }
        }
    }

    private func perform(_ command: TransportCommand) {
        switch command {
        case .write(let id, let bytes): write(id, bytes)
        case .setReading(let id, let isOn): wires[id]?.isReading = isOn
        case .finishWriting(let id): wires[id]?.isFinished = true
        case .close(let id), .closeAtOnce(let id):
            wires[id]?.isClosing = true
            if case .closeAtOnce = command { wires[id]?.lingers = false }
            closeIfWritten(id)
        case .abort(let id):
            wires[id]?.isAborted = true
            close(id, "aborted")
        case .dial, .cancelDial: Issue.record("a gateway never dials")
        }
    }

    private func write(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>) {
        guard let wire = wires[id], !wire.isGone else { return }
        #expect(!wire.isClosing && !wire.isFinished && !bytes.isEmpty, "written after the end, or nothing written")
        if let agent = agents[id] {
            agent.receive(bytes)
        } else {
            wires[id]?.written += bytes
        }
        if wire.isHeld {
            wires[id]?.unacknowledged += bytes.count
        } else {
            happen(.transport(.wrote(id, bytes.count)))
        }
    }

    private func closeIfWritten(_ id: ConnectionID) {
        guard let wire = wires[id], wire.isClosing, wire.unacknowledged == 0 else { return }
        close(id, nil)
    }

    private func close(_ id: ConnectionID, _ error: String?) {
        guard wires[id]?.isGone == false else { return }
        wires[id]?.isGone = true
        happen(.transport(.closed(id, error: error)))
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
