// A request that a person sends again: out to the agent as if this visitor had asked, and what comes back goes to the inspector
// alone. The visitor's response is the exchange as it was recorded, whole or cut after a time or a size.
//
// Refuses what is not the JSON of a replay, exchanges that are forgotten, agents that are not inspected or not here. Other
// sites are refused before (nothing but a page of ours may make a browser do this), and more replays at once than the limit.

import HTTPCodec
import Inspection
import MachineCore
import TunnelLink

extension Exchanges {
    /// Sends an exchange of the agent again, as `request`, whose body is here, asks for it.
    func beginReplay(
        _ request: VisitorRequest, body: [UInt8], of visitor: VisitorConnection, to record: AgentRecord?, _ agentID: String,
        _ turn: inout Turn
    ) throws(GatewayError) {
        guard web.isEnabled else { throw .webServiceOff }
        let (wanted, original, again) = try replayed(body, agentID)
        guard let record, record.loop == environment.loop, record.isOnline else { throw .agentOffline(agentID) }
        guard record.description.servesWeb, let agent = agents.tunnel(among: record.connections) else {
            throw .noWebService(agentID)
        }
        guard agent.isInspected else { throw .notInspected(agentID) }
        let maximum = agents.maximumBody(through: agent)
        guard UInt64(again.body.count) <= maximum else { throw .bodyTooLarge(limit: maximum) }
        let web = webRequest(again, of: visitor, request, to: agentID, like: original)
        guard let stream = openStream(ForwardedRequest(web), on: agent) else { throw .tooManyStreams(agentID) }
        let sent = VisitorRequest(head: again.head(web.fields), framing: .none, id: request.id, received: turn.now)
        let exchange = add(sent, of: visitor, visitor.address, to: agentID, agent, stream, turn.now)
        exchange.prefix = web.fields[.xForwardedPrefix] ?? ""
        exchange.replay = request
        exchange.requestEnded = true
        exchange.requestBytes = UInt64(again.body.count)
        began(exchange, ForwardedRequest(web), replayOf: wanted.number, turn.now)
        visitor.setDeadline(turn.now.advanced(by: ReplayRequest.maximumTime))
        guard !again.body.isEmpty else { return }
        if let number = exchange.capture { inspector.requestBody(again.body[...], of: number) }
        // What the tunnel does not take at once waits in the stream: at most `ReplayRequest.maximumBodyBytes`.
        _ = agent.session.send(again.body[...], on: stream, end: true)
    }

    /// The request for the agent, by the rules of a visit: what is for us alone goes no further, and what says where a visitor
    /// came from is not the person's to say. It is as it was at first, but for the address.
    private func webRequest(
        _ again: ReplayedRequest, of visitor: VisitorConnection, _ request: VisitorRequest, to agentID: String,
        like original: CapturedExchange
    ) -> WebRequest {
        let policy = environment.access.policy(for: agentID)
        let head = HTTPRequestHead(method: again.method, target: again.target[...], fields: again.fields)
        let context = VisitorContext(
            peer: visitor.peer, isTrustedProxy: false, prefix: "",
            grant: Grant(removesAuthorization: policy.accepts(Authorization.visitorToken(head))),
            removesCookies: environment.access.issuesCookies, requestID: request.id)
        var fields = HeaderRules.toService(head, context).whole
        for name in [HTTPFieldName.xForwardedProto, .xForwardedHost, .xForwardedPrefix] {
            fields.removeAll(name)
            if let value = original.requestFields.first(name) { try? fields.append(name, bytes: value) }
        }
        if environment.forwarding.isTrusted(visitor.peerAddress) {
            // Values that came as legal fields are legal again, and an address always is.
            let way = request.head.fields.all(.xForwardedFor).map { Array($0) } + [Array(visitor.peer.utf8)]
            fields.removeAll(.xForwardedFor)
            try? fields.append(.xForwardedFor, bytes: Array(way.joined(separator: ", ".utf8))[...])
        }
        if !again.body.isEmpty { try? fields.append(.contentLength, "\(again.body.count)") }
        let token = QueryToken(in: again.query?[...])
        let query = policy.accepts(token?.value) ? token?.rest : again.query
        return WebRequest(method: again.method, path: again.path, query: query, fields: fields, hasBody: !again.body.isEmpty)
    }

    /// What is asked for, of which exchange, and the request that comes of it.
    private func replayed(
        _ body: [UInt8], _ agentID: String
    ) throws(GatewayError) -> (ReplayRequest, CapturedExchange, ReplayedRequest) {
        do throws(ReplayProblem) {
            let wanted = try ReplayRequest(json: body)
            if let original = inspector.store[wanted.number], original.agentID == agentID {
                return (wanted, original, try wanted.applied(to: original))
            }
        } catch {
            throw .badReplay(error.reason)
        }
        throw .unknownExchange
    }

    // MARK: The response

    /// The head of the agent's response: for the inspector alone. What follows is counted, recorded and not written.
    func beginReplayedResponse(_ exchange: Exchange, _ response: WebResponse, _ now: Moment) {
        let host = exchange.request.head.fields[.host]
        let (fields, dropped) = HeaderRules.toVisitor(response.fields, prefix: exchange.prefix, host: host)
        responseBegan(exchange, ForwardedResponse(status: response.status, fields: fields, without: dropped), now)
    }

    func isReplayTooLarge(_ exchange: Exchange) -> Bool {
        exchange.responseBytes > UInt64(ReplayRequest.maximumResponseBytes)
    }

    /// It takes too long, or its response is too large.
    func cutReplay(_ exchange: Exchange, _ turn: inout Turn) { fail(exchange, .replayCut, .cancelled, &turn) }

    /// It is over: the visitor's response is what was recorded.
    func respondToReplay(_ exchange: Exchange, _ request: VisitorRequest, _ turn: inout Turn) {
        let visitor = exchange.visitor
        inspector.endReplay(by: visitor.id)
        let record = exchange.capture.flatMap { inspector.store[$0] }
        let response = record.map { OwnResponse.json(200, ExchangeJSON.full($0)) } ?? .error(.unknownExchange, to: request)
        visitor.respond(response, to: request, &turn)
        visitor.setReading(true, &turn)
    }
}

extension ReplayedRequest {
    /// The request's head as the visitor might have sent it: what responses are rewritten by, and what is logged.
    fileprivate func head(_ fields: HTTPFields) -> HTTPRequestHead {
        var head = HTTPRequestHead(method: method, target: (Array((fields[.xForwardedPrefix] ?? "").utf8) + target)[...])
        if let host = fields.first(.xForwardedHost) { try? head.fields.append(.host, bytes: host) }
        return head
    }
}
