// A request that a person sends again: out to the agent as if this visitor had asked, and what comes back goes to the inspector
// alone. The visitor's answer is the exchange as it was recorded, whole or cut after a time or a size.
//
// Refuses: other sites (nothing but a page of ours may make a browser do this), what is not the JSON of a replay, exchanges that
// are forgotten, agents that are not inspected or not here, and more replays at once than the limit.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

extension Gateway {
    /// Why the replay's body need not be read; nil: it may come.
    mutating func objection(toReplayBy id: ConnectionID, _ request: VisitorRequest) -> GatewayError? {
        guard configuration.inspector.allowsReplay else { return .replayOff }
        guard isFromHere(provenance(id, request.head)) else { return .crossSite }
        guard ReplayRequest.accepts(contentType: request.head.fields[.contentType]) else {
            return .badReplay("Content-Type must be application/json")
        }
        guard inspector.replayers.count < ReplayRequest.maximumAtOnce, !isDraining else { return .overloaded }
        inspector.replayers.insert(id)
        return nil
    }

    /// The body of the replay is here.
    mutating func replay(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ body: [UInt8], _ now: Moment,
        _ outputs: inout Outputs
    ) {
        do throws(GatewayError) {
            try beginReplay(id, request, agentID, body, now)
        } catch {
            return answer(id, error, to: request, now, &outputs)
        }
        visitors[id]?.phase = .exchanging
        exchangeBegan(id, now)
        setDeadline(of: id, at: now.advanced(by: ReplayRequest.maximumTime))
    }

    private mutating func beginReplay(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ body: [UInt8], _ now: Moment
    ) throws(GatewayError) {
        guard configuration.web.isEnabled else { throw .webServiceOff }
        let (wish, original, again) = try replayed(body, agentID)
        guard let record = registry.records[agentID], record.loop == loop, record.isOnline else { throw .agentOffline(agentID) }
        guard record.description.servesWeb, let connection = tunnel(of: record) else { throw .noWebService(agentID) }
        guard agents[connection]?.isInspected == true else { throw .notInspected(agentID) }
        let maximum = maximumBody(through: connection)
        guard UInt64(again.body.count) <= maximum else { throw .bodyTooLarge(limit: maximum) }
        let web = webRequest(again, by: id, request, to: agentID, like: original)
        guard let stream = openStream(web, on: connection, for: id) else { throw .tooManyStreams(agentID) }
        let sent = VisitorRequest(head: again.head(web.fields), framing: .none, id: request.id, received: now)
        let exchange = WebExchange(
            agentID: agentID, client: visitors[id]?.address ?? .unknown, connection: connection, stream: stream, request: sent,
            route: nil, prefix: web.fields[.xForwardedPrefix] ?? "", started: now, upgrade: nil)
        exchange.replay = request
        exchange.requestEnded = true
        exchange.requestBytes = UInt64(again.body.count)
        visitors[id]?.exchange = exchange
        capture(id, web, replayOf: wish.number, now)
        guard !again.body.isEmpty else { return }
        if let number = exchange.capture { inspector.store.appendRequestBody(again.body[...], to: number) }
        // What the tunnel does not take at once waits in the stream: at most `ReplayRequest.maximumBodyBytes`.
        _ = agents[connection]?.session.send(again.body[...], on: stream, end: true)
    }

    /// The request for the agent, by the rules of a visit: what is for us alone goes no further, and what says where a visitor came
    /// from is not the person's to say. It is as it was at first, but for the address.
    private func webRequest(
        _ again: ReplayedRequest, by id: ConnectionID, _ request: VisitorRequest, to agentID: String,
        like original: CapturedExchange
    ) -> WebRequest {
        let (door, peer) = (access.door(of: agentID), visitors[id]?.peer ?? "")
        let head = HTTPRequestHead(method: again.method, target: again.target, fields: again.fields)
        let context = VisitorContext(
            peer: peer, isTrustedProxy: false, prefix: "",
            grant: Grant(removesAuthorization: door.opens(to: Authorization.visitorToken(head))),
            removesCookies: access.issuesCookies, requestID: request.id)
        var fields = HeaderRules.toService(head, context)
        for name in [HTTPFieldName.xForwardedProto, .xForwardedHost, .xForwardedPrefix] {
            fields.removeAll(name)
            if let value = original.requestFields.first(name) { try? fields.append(name, bytes: value) }
        }
        if Provenance.isTrusted(peer, among: configuration.trustedProxies) {
            // Values that came as legal fields are legal again, and an address always is.
            let way = request.head.fields.all(.xForwardedFor).map { Array($0) } + [Array(peer.utf8)]
            fields.removeAll(.xForwardedFor)
            try? fields.append(.xForwardedFor, bytes: Array(way.joined(separator: ", ".utf8))[...])
        }
        if !again.body.isEmpty { try? fields.append(.contentLength, "\(again.body.count)") }
        let token = QueryToken(in: again.query?[...])
        let query = door.opens(to: token?.value) ? token?.rest : again.query
        return WebRequest(method: again.method, path: again.path, query: query, fields: fields, hasBody: !again.body.isEmpty)
    }

    /// What is asked for, of which exchange, and the request that comes of it.
    private func replayed(
        _ body: [UInt8], _ agentID: String
    ) throws(GatewayError) -> (ReplayRequest, CapturedExchange, ReplayedRequest) {
        do throws(ReplayProblem) {
            let wish = try ReplayRequest(json: body)
            if let original = inspector.store[wish.number], original.agentID == agentID {
                return (wish, original, try wish.applied(to: original))
            }
        } catch {
            throw .badReplay(error.reason)
        }
        throw .unknownExchange
    }

    // MARK: The answer

    /// The head of the agent's answer: for the inspector alone. What follows is counted, recorded and not written.
    mutating func beginReplayedAnswer(_ exchange: WebExchange, _ response: WebResponse, _ now: Moment) {
        exchange.status = response.status
        let fields = HeaderRules.toVisitor(response.fields, prefix: exchange.prefix, host: exchange.host)
        answerBegan(exchange, HTTPResponseHead(status: response.status, fields: fields), now)
    }

    /// It takes too long, or its answer is too large.
    mutating func cutReplay(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        failExchange(id, .replayCut, .cancelled, now, &outputs)
    }

    /// It is over: the visitor's answer is what was recorded.
    mutating func answerReplay(
        _ id: ConnectionID, _ exchange: WebExchange, _ request: VisitorRequest, _ now: Moment, _ outputs: inout Outputs
    ) {
        if let number = exchange.capture, let record = inspector.store[number] {
            answer(id, .json(200, ExchangeJSON.full(record)), to: request, now, &outputs)
        } else {
            answer(id, .unknownExchange, to: request, now, &outputs)
        }
        setReading(id, true, &outputs)
        pumpVisitor(id, now, &outputs)
    }
}

extension ReplayedRequest {
    /// The request's head as the visitor might have sent it: what answers are rewritten by, and what is logged.
    fileprivate func head(_ fields: HTTPFields) -> HTTPRequestHead {
        var head = HTTPRequestHead(method: method, target: Array((fields[.xForwardedPrefix] ?? "").utf8) + target)
        if let host = fields.first(.xForwardedHost) { try? head.fields.append(.host, bytes: host) }
        return head
    }
}
