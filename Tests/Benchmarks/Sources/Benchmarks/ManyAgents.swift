// A gateway with many agents, in one process and without sockets: what an event costs when there are many of them. Agents are
// bytes made beforehand, so that what is measured, and what memory grows by, is the gateway.

import GatewayKit
import MachineCore
import TunnelLink
import WireWS

final class ManyAgents {
    private(set) var gateway: Gateway
    private let count: Int
    private var now = Moment(nanoseconds: 1_000_000_000)
    private var inputs: [MachineInput<GatewayMessage>] = []
    private(set) var outputs: [MachineOutput<GatewayNote>] = []
    /// The next agent that is asked.
    private var next = 0
    private let visitor: ConnectionID

    init(agents count: Int) {
        self.count = count
        var configuration = GatewayConfiguration()
        configuration.limits.maximumConnections = count + 10
        gateway = Gateway(configuration, clock: WallClock(unixNanosecondsAtZero: 1_775_798_482_000_000_000))
        visitor = ConnectionID(slot: UInt32(count), generation: 1)
    }

    static func agentID(_ number: Int) -> String { "agent-\(number)" }
    private func id(_ number: Int) -> ConnectionID { ConnectionID(slot: UInt32(number), generation: 1) }

    // MARK: What happens

    /// The bytes with which an agent introduces itself: its handshake, and `agent.register`.
    static func introduction(_ number: Int) -> (handshake: [UInt8], registration: [UInt8]) {
        let lines = [
            "GET /agent?agentId=\(agentID(number)) HTTP/1.1", "Host: gateway", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: miagent.v2",
            "", "",
        ]
        var session = TunnelSession(.agent(seed: [UInt8(truncatingIfNeeded: number)]), version: .v2)
        session.register(AgentDescription(agentID: agentID(number), type: "host", host: "host", model: "model", version: "1"))
        return (Array(lines.joined(separator: "\r\n").utf8), Array(session.takeOutput()))
    }

    /// Agents from `range` connect and register.
    func register(_ range: Range<Int>, _ introductions: [(handshake: [UInt8], registration: [UInt8])]) {
        for (number, introduction) in zip(range, introductions) {
            inputs.append(.transport(.accepted(id(number), peer: "192.0.2.1", listener: 0)))
            inputs.append(.transport(.received(id(number), introduction.handshake[...])))
            inputs.append(.transport(.received(id(number), introduction.registration[...])))
            turn()
            pongFirstPing()
        }
    }

    /// The first ping comes with the welcome, as the last frame: two bytes and eight of payload.
    private func pongFirstPing() {
        let written = outputs
        tookAll()
        for case .transport(.write(let id, let bytes)) in written where bytes.suffix(10).first == 0x89 {
            inputs.append(.transport(.received(id, Self.pong(to: bytes.suffix(10)))))
        }
        turn()
        tookAll()
    }

    /// Time passes until the gateway has pinged all agents, and all respond; how many did.
    func pingAll() -> Int {
        var pings = 0
        let end = now.advanced(by: .seconds(21))
        while let deadline = gateway.nextDeadline, deadline <= end {
            now = max(now, deadline)
            inputs.append(.tick)
            // A pong's turn may be that of the next ping.
            while !inputs.isEmpty {
                turn()
                let asked = outputs
                tookAll()
                for case .transport(.write(let id, let frame)) in asked {
                    inputs.append(.transport(.received(id, Self.pong(to: frame))))
                    pings += 1
                }
                if asked.isEmpty { break }
            }
        }
        return pings
    }

    /// The pong to an unmasked ping of at most 125 bytes; the mask of a client may be zero.
    private static func pong(to frame: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let payload = frame.dropFirst(2)
        return [0x8a, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
    }

    /// A visitor asks the next agent something on a kept-alive connection, and gets its response.
    func request() throws {
        let number = next
        next = (next + 1) % count
        let head = "GET /web/\(Self.agentID(number))/ HTTP/1.1\r\nHost: gateway\r\n\r\n"
        inputs.append(.transport(.received(visitor, Array(head.utf8)[...])))
        turn()
        let sent = outputs
        tookAll()
        var session = TunnelSession(.agent(seed: [1]), version: .v2)
        for case .transport(.write(let id, let bytes)) in sent where id != visitor { session.receive(bytes) }
        while let event = session.next() {
            guard case .request(let stream, _) = event else { continue }
            session.respond(WebResponse(status: 204), on: stream)
        }
        inputs.append(.transport(.received(id(number), session.takeOutput())))
        turn()
        let hasResponse = outputs.contains {
            if case .transport(.write(visitor, let bytes)) = $0 { bytes.starts(with: "HTTP/1.1 204".utf8) } else { false }
        }
        tookAll()
        try require(hasResponse, "agent \(number) did not respond")
    }

    /// The visitor of `request` connects.
    func admitVisitor() {
        inputs.append(.transport(.accepted(visitor, peer: "192.0.2.2", listener: 0)))
        turn()
        tookAll()
    }

    /// One of the gateway's own pages; its size.
    func page(_ path: String) -> Int {
        inputs.append(.transport(.received(visitor, Array("GET \(path) HTTP/1.1\r\nHost: gateway\r\n\r\n".utf8)[...])))
        turn()
        var size = 0
        for case .transport(.write(_, let bytes)) in outputs { size += bytes.count }
        tookAll()
        return size
    }

    /// Every agent's connection breaks.
    func loseAll() {
        for number in 0..<count {
            inputs.append(.transport(.closed(id(number), error: "connection reset")))
            turn()
            tookAll()
        }
    }

    // MARK: Turns

    private func turn() {
        now = now.advanced(by: .microseconds(1))
        feed()
        inputs.removeAll(keepingCapacity: true)
    }

    /// Never inlined, so that a profile tells what the gateway costs.
    @inline(never) private func feed() {
        for input in inputs { gateway.handle(input, now: now, into: &outputs) }
        gateway.finishTurn(now: now, into: &outputs)
    }

    /// The transport has taken all that was written.
    private func tookAll() {
        for case .transport(.write(let id, let bytes)) in outputs { inputs.append(.transport(.wrote(id, bytes.count))) }
        outputs.removeAll(keepingCapacity: true)
    }
}
