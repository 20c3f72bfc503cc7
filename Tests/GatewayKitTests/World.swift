// A gateway, its visitors and its agents, on a fake wire in virtual time. The wire takes what is written at once unless told to
// hold it, closes what it is told to close, and writes everything down.

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
    /// The gateway cut it.
    var isAborted = false
    /// `closed` was told.
    var isGone = false
}

/// 2026-04-10T05:21:22Z, when the world begins.
let worldBegins: Int64 = 1_775_798_482

final class World {
    var gateway: Gateway
    private(set) var now = Moment(nanoseconds: 0)
    private(set) var wires: [ConnectionID: Wire] = [:]
    private(set) var logs: [LogRecord] = []
    private(set) var hasDrained = false
    var agents: [ConnectionID: AgentPeer] = [:]
    private var inputs: [MachineInput<GatewayMessage>] = []
    private var slots: UInt32 = 0
    private var isTurning = false

    init(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) {
        var configuration = GatewayConfiguration()
        configure(&configuration)
        gateway = Gateway(configuration, clock: WallClock(unixNanosecondsAtZero: worldBegins * 1_000_000_000))
    }

    // MARK: What happens

    /// Somebody connects.
    func connect(from peer: String = "203.0.113.9") -> ConnectionID {
        slots += 1
        let id = ConnectionID(slot: slots, generation: 1)
        wires[id] = Wire()
        happen(.transport(.accepted(id, peer: peer, listener: 0)))
        return id
    }

    /// Somebody connects and sends `text`, in Latin-1.
    func visit(_ text: String, from peer: String = "203.0.113.9") -> ConnectionID {
        let id = connect(from: peer)
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

    func tell(_ message: GatewayMessage) { happen(.message(message)) }

    /// Time passes; each deadline on the way gets its tick.
    func wait(_ duration: Duration) {
        let target = now.advanced(by: duration)
        while let next = gateway.nextDeadline, next <= target {
            now = max(now, next)
            happen(.tick)
        }
        now = target
        happen(.tick)
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
        #expect(gateway.counters == GatewayCounters(), sourceLocation: sourceLocation)
        #expect(gateway.nextDeadline == nil, sourceLocation: sourceLocation)
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

    func happen(_ input: MachineInput<GatewayMessage>) {
        inputs.append(input)
        guard !isTurning else { return }
        isTurning = true
        defer { isTurning = false }
        while !inputs.isEmpty {
            var outputs: Gateway.Outputs = []
            gateway.handle(inputs.removeFirst(), now: now, into: &outputs)
            gateway.finishTurn(now: now, into: &outputs)
            for output in outputs { perform(output) }
        }
    }

    private func perform(_ output: MachineOutput<GatewayNote>) {
        switch output {
        case .note(.log(let record)): logs.append(record)
        case .note(.drained): hasDrained = true
        case .transport(let command): perform(command)
        }
    }

    private func perform(_ command: TransportCommand) {
        switch command {
        case .write(let id, let bytes): write(id, bytes)
        case .setReading(let id, let isOn): wires[id]?.isReading = isOn
        case .finishWriting(let id): wires[id]?.isFinished = true
        case .close(let id):
            wires[id]?.isClosing = true
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
            inputs.append(.transport(.wrote(id, bytes.count)))
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
