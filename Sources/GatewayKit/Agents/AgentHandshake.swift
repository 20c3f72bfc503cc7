// The content of an agent's WebSocket handshake (RFC 6455 §4.2).

import HTTPCodec
import TunnelLink
import WireWS

/// The content of an agent's handshake.
struct AgentHandshake {
    var agentID: String?
    var token: String?
    var version = TunnelVersion.v1
    var response = HTTPResponseHead(status: 101, fields: HTTPFields())

    init(_ request: VisitorRequest) throws(GatewayError) {
        let head = request.head
        guard head.method == "GET" else { throw .methodNotAllowed(allow: "GET") }
        guard head.asksForUpgrade, head.fields.containsToken("websocket", in: .upgrade), request.framing == .none,
            head.fields[.secWebSocketVersion] == "13", let key = head.fields[.secWebSocketKey],
            let accept = WSHandshake.accept(forKey: key)
        else { throw Self.isTornHandshake(head) ? .upgradeDropped : .upgradeRequired }
        let query = request.query
        agentID = Authorization.queryValue("agentId", in: query)
        if let agentID, !AgentDescription.isValidID(agentID) { throw .badAgentID }
        token = Authorization.bearerToken(head.fields) ?? Authorization.queryValue("token", in: query)
        let offered = head.fields.tokens(.secWebSocketProtocol).compactMap { TunnelVersion(subprotocol: $0) }.max()
        version = offered ?? .v1
        for (name, value) in [
            (.upgrade, "websocket"), (.connection, "Upgrade"), (.secWebSocketAccept, accept),
        ] as [(HTTPFieldName, String)] { try? response.fields.append(name, value) }
        if let offered { try? response.fields.append(.secWebSocketProtocol, offered.subprotocol) }
    }

    /// Whether it began as a WebSocket handshake: its end-to-end fields are here, those of one connection are not.
    private static func isTornHandshake(_ head: HTTPRequestHead) -> Bool {
        head.fields.contains(.secWebSocketKey)
            && !(head.asksForUpgrade && head.fields.containsToken("websocket", in: .upgrade))
    }
}
