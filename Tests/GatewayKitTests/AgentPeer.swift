// An agent's end of a connection: a real session, and a local service that is whatever the test says.

import GatewayKit
import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WireWS

final class AgentPeer {
    let id: ConnectionID
    var session: TunnelSession
    /// Everything but data.
    private(set) var events: [TunnelEvent] = []
    private(set) var bodies: [StreamID: [UInt8]] = [:]
    /// Whether what comes is consumed at once.
    var consumes = true
    /// Whether it answers at all, be it with a pong.
    var isAlive = true
    private unowned let fixture: GatewayFixture
    private var seen = 0

    init(_ fixture: GatewayFixture, _ id: ConnectionID, _ version: TunnelVersion, limits: TunnelLimits = .init()) {
        self.fixture = fixture
        self.id = id
        session = TunnelSession(.agent(seed: [1]), version: version, limits: limits)
    }

    func receive(_ bytes: ArraySlice<UInt8>) {
        session.receive(bytes)
        while let event = session.next() {
            if case .data(let stream, let bytes) = event {
                bodies[stream, default: []] += bytes
                if consumes { session.consumed(bytes.count, on: stream) }
            } else {
                events.append(event)
            }
        }
        flush()
    }

    /// Writes what the session has ready.
    func flush() {
        guard isAlive else { return }
        let ready = session.takeOutput()
        guard !ready.isEmpty else { return }
        session.wrote(ready.count)
        fixture.happen(.transport(.received(id, ready)))
    }

    /// The next request that was not looked at.
    func request(sourceLocation: SourceLocation = #_sourceLocation) throws -> (id: StreamID, head: WebRequest) {
        while seen < events.count {
            seen += 1
            if case .request(let id, let head) = events[seen - 1] { return (id, head) }
        }
        Issue.record("the agent got no request", sourceLocation: sourceLocation)
        throw NoRequest()
    }

    /// The number of requests that were not looked at.
    var waitingRequests: Int {
        events.dropFirst(seen).count { if case .request = $0 { true } else { false } }
    }

    /// The bytes of a stream's request, as text.
    func body(_ id: StreamID) -> String { String(decoding: bodies[id] ?? [], as: UTF8.self) }

    func has(_ event: TunnelEvent) -> Bool { events.contains(event) }

    var hasEnded: (StreamID) -> Bool { { id in self.events.contains { if case .end(id, _) = $0 { true } else { false } } } }

    // MARK: What it does

    func register(_ description: AgentDescription) {
        session.register(description)
        flush()
    }

    /// Responds, whole.
    func respond(_ id: StreamID, _ status: Int = 200, _ fields: HTTPFields = HTTPFields(), _ body: String = "") {
        begin(id, status, fields, hasBody: !body.isEmpty)
        if !body.isEmpty { send(id, Array(body.utf8), end: true) }
    }

    func begin(_ id: StreamID, _ status: Int = 200, _ fields: HTTPFields = HTTPFields(), hasBody: Bool = true) {
        session.respond(WebResponse(status: status, fields: fields, hasBody: hasBody), on: id)
        flush()
    }

    func send(_ id: StreamID, _ bytes: [UInt8], end: Bool = false, trailers: HTTPFields = HTTPFields()) {
        _ = session.send(bytes[...], on: id, end: end, trailers: trailers)
        flush()
    }

    func send(_ id: StreamID, _ text: String, end: Bool = false) { send(id, Array(text.utf8), end: end) }

    func fail(_ id: StreamID, _ failure: TunnelFailure, _ reason: ResetReason = .unreachable, _ message: String = "refused") {
        session.fail(id, failure.failure(message), reason: reason)
        flush()
    }

    func reset(_ id: StreamID, _ reason: ResetReason) {
        session.reset(id, reason)
        flush()
    }

    func consume(_ id: StreamID, _ count: Int) {
        session.consumed(count, on: id)
        flush()
    }

    /// Begins the closing handshake.
    func close() {
        session.close(.normal, reason: "")
        flush()
    }

    struct NoRequest: Error {}
}

extension GatewayFixture {
    static let sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

    /// The head of an agent's handshake.
    static func handshake(_ query: String = "agentId=a", protocols: String? = "miagent.v1, miagent.v2", _ extra: String = "")
        -> String
    {
        "GET /agent\(query.isEmpty ? "" : "?\(query)") HTTP/1.1\r\nHost: gw.example\r\nUpgrade: websocket\r\n"
            + "Connection: Upgrade\r\nSec-WebSocket-Key: \(sampleKey)\r\nSec-WebSocket-Version: 13\r\n"
            + (protocols.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? "") + extra + "\r\n"
    }

    /// An agent that did the handshake, and no more.
    func dial(
        _ version: TunnelVersion = .v2, query: String = "agentId=a", _ extra: String = "", from peer: String = "198.51.100.7",
        limits: TunnelLimits = .init(), on loop: Int = 0, tls: TLSFacts? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> AgentPeer {
        let protocols = version == .v1 ? nil : TunnelVersion.offer(upTo: version)
        let id = visit(Self.handshake(query, protocols: protocols, extra), from: peer, on: loop, tls: tls)
        return accepted(id, version, limits: limits, sourceLocation: sourceLocation)
    }

    /// The agent whose handshake was accepted on this connection.
    func accepted(
        _ id: ConnectionID, _ version: TunnelVersion = .v2, limits: TunnelLimits = .init(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> AgentPeer {
        let agent = AgentPeer(self, id, version, limits: limits)
        let bytes = readBytes(id)
        var decoder = HTTPResponseDecoder()
        decoder.receive(bytes[...])
        guard case .head(let head, _)? = try? decoder.next(), head.status == 101 else {
            Issue.record("no handshake: \(String(decoding: bytes, as: UTF8.self))", sourceLocation: sourceLocation)
            return agent
        }
        agents[id] = agent
        agent.receive(decoder.takeUnread())
        return agent
    }

    /// An agent that is registered under `name`.
    func agent(
        _ name: String = "a", _ version: TunnelVersion = .v2, limits: TunnelLimits = .init(), on loop: Int = 0
    ) -> AgentPeer {
        let agent = dial(version, query: "agentId=\(name)", limits: limits, on: loop)
        agent.register(AgentDescription(agentID: name))
        return agent
    }
}

extension GatewayFixture {
    /// Has the agent say a text message that no session would.
    func say(_ agent: AgentPeer, _ text: String) {
        var bytes: [UInt8] = []
        var socket = WSConnection(.client(seed: [3]))
        #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
        send(agent.id, bytes)
    }
}
