// The gateway's and the visitors' part of the fixture, and what a test looks at.
//
// A gateway takes the upgrade as RFC 6455 §4.2 has it and is from then on a real TunnelSession, driven by AgentFixture.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

extension AgentFixture {
    // MARK: The gateway

    /// The oldest dial is a gateway's, which takes the upgrade with this version (nil: no subprotocol).
    @discardableResult
    mutating func acceptUpgrade(_ version: TunnelVersion?, naming: Bool = true) throws -> ConnectionID {
        let id = try accept()
        if links[id]?.tlsPeer != nil { secure(id) }
        let head = try upgradeRequest(on: id)
        var session = TunnelSession(.gateway, version: version ?? .v1, limits: gatewayLimits)
        session.admit()
        gateways[id] = Gateway(session: session)
        reply(id, try Self.switching(head, version: version))
        return id
    }

    /// The TLS handshake on the connection is over.
    mutating func secure(_ id: ConnectionID) {
        let name = links[id]?.tlsPeer?.host
        event(
            .secured(
                id,
                TLSFacts(
                    serverName: name, applicationProtocol: nil, version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384",
                    peerSubject: "CN=g", peerNames: [name].compactMap(\.self))))
    }

    mutating func upgradeRequest(on id: ConnectionID) throws -> HTTPRequestHead {
        let bytes = read(id)
        var decoder = HTTPRequestDecoder()
        decoder.receive(bytes[...])
        guard case .head(let head, _) = try decoder.next() else { throw Missing(what: "an upgrade request") }
        links[id]?.acknowledge(bytes.count)
        return head
    }

    static func switching(_ head: HTTPRequestHead, version: TunnelVersion?) throws -> String {
        let key = try #require(head.fields[.secWebSocketKey])
        let accept = try #require(WSHandshake.accept(forKey: key))
        let named = version.map { "Sec-WebSocket-Protocol: \($0.subprotocol)\r\n" } ?? ""
        return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(accept)\r\n\(named)\r\n"
    }

    /// A visitor's request comes through the gateway.
    @discardableResult
    mutating func request(
        _ gateway: ConnectionID, _ method: String, _ path: String, query: String? = nil, fields: [(String, String)] = [],
        upgrade: String? = nil, body: String? = nil, isWhole: Bool = true
    ) throws -> StreamID {
        var request = WebRequest(method: method, path: Array(path.utf8), query: query.map { Array($0.utf8) })
        for (name, value) in fields { try request.fields.append(HTTPFieldName(name), value) }
        request.upgrade = upgrade
        request.hasBody = body != nil
        guard let stream = gateways[gateway]?.session.open(request) else { throw Missing(what: "a free stream") }
        if let body { _ = gateways[gateway]?.session.send(Array(body.utf8)[...], on: stream, end: isWhole) }
        talk()
        return stream
    }

    /// More of a request's body, or of an upgraded stream.
    mutating func more(_ gateway: ConnectionID, _ stream: StreamID, _ text: String, end: Bool = false) {
        _ = gateways[gateway]?.session.send(Array(text.utf8)[...], on: stream, end: end)
        talk()
    }

    /// What the gateway has to say goes to the agent.
    mutating func talk() {
        _ = talkToGateways()
        settle()
    }

    func response(_ gateway: ConnectionID, _ stream: StreamID) -> Response {
        gateways[gateway]?.responses[stream] ?? Response()
    }

    // MARK: Ends

    /// Nothing is left over: no exchange before the agent stops, and nothing at all after.
    mutating func expectNothingLeft() {
        #expect(agent.counters.openExchanges == 0)
        #expect(agent.counters.openCalls == 0)
        send(.stop)
        #expect(agent.counters == AgentCounters())
        #expect(agent.nextDeadline == nil)
        #expect(agent.phase == .stopped)
        #expect(dials.isEmpty)
        #expect(links.values.allSatisfy { $0.ending != Ending.none })
    }

    var records: [ExchangeRecord] { notes.compactMap { if case .exchange(let record) = $0 { record } else { nil } } }
    var phases: [AgentPhase] { notes.compactMap { if case .phase(let phase) = $0 { phase } else { nil } } }
    var logs: [LogRecord] { notes.compactMap { if case .log(let record) = $0 { record } else { nil } } }
    var calls: [(HandlerCall, HandlerRequest)] {
        notes.compactMap { if case .call(let call, let request) = $0 { (call, request) } else { nil } }
    }
    var stops: [String] { notes.compactMap { if case .stopped(let reason) = $0 { reason } else { nil } } }

    /// The reason of the back-off that the agent is in.
    var lossReason: String? { if case .backingOff(_, let reason) = agent.phase { reason } else { nil } }
    /// How long the back-off that the agent is in will last.
    var wait: Duration? { if case .backingOff(let until, _) = agent.phase { until.since(now) } else { nil } }
}
