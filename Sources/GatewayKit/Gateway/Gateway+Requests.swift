// A request on its way to an agent: who may ask, which tunnel takes it, and its body, each byte of which goes on when it is
// here.
//
// Refuses, before anything reaches the agent: who may not (Access/Permission), an unknown or absent agent, a declared body above the limit,
// more streams than agreed. Errors are those of the table in Docs/Protocol.md.

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    mutating func beginExchange(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard configuration.web.isEnabled else { return answer(id, .webServiceOff, to: request, now, &outputs) }
        // Whoever resolved it would find another agent, or a page of ours.
        if !route.prefix.isEmpty, PathDots.climb(route.path) {
            return answer(id, .malformed(.badStartLine("the path leads out of \(route.prefix)/")), to: request, now, &outputs)
        }
        let record = registry.record(for: route)
        guard let grant = admit(id, request, record?.description.agentID ?? route.agentID, now, &outputs) else { return }
        do throws(GatewayError) {
            guard let record else { throw .unknownAgent(route.agentID) }
            if record.loop != loop { return move(id, request, .web(route), to: record.loop, &outputs) }
            guard record.isOnline else { throw .agentOffline(route.agentID) }
            guard record.description.servesWeb else { throw .noWebService(route.agentID) }
            guard let connection = tunnel(of: record, besides: visitors[id]?.refusedBy ?? []) else {
                throw visitors[id]?.refusedBy.isEmpty == false ? .tooManyStreams(route.agentID) : .agentOffline(route.agentID)
            }
            try checkBody(of: request, for: connection)
            try checkBuffers(connection, request.framing, route.agentID)
            try open(id, request, route, record, on: connection, grant, now)
        } catch {
            if holdForAgent(id, request, route, error, now, &outputs) { return }
            return answer(id, error, to: request, now, &outputs)
        }
        visitors[id]?.phase = .exchanging
        exchangeBegan(id, now)
        setDeadline(of: id, at: now.advanced(by: configuration.web.timeout))
        if request.expectsContinue { settleExpectation(id, now, &outputs) }
        // One that another tunnel refused has ended before, and its end will not be said again.
        if request.isOver { endRequest(id, HTTPFields(), now, &outputs) }
    }

    /// Whether the visitor's `Expect: 100-continue` is for the service to answer: a v1 agent could not pass its word on.
    private func passesExpect(_ request: VisitorRequest, on connection: ConnectionID) -> Bool {
        request.expectsContinue && agents[connection]?.session.version == .v2
    }

    /// The visitor sends no body until it is told to. The service says so (v2), or time does; in v1 the request is on its way
    /// only when its body is here, so it is told at once.
    private mutating func settleExpectation(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return }
        exchange.awaitsContinue = true
        guard agents[exchange.connection]?.session.version == .v2, !exchange.isUpgrade else {
            return sayContinue(id, now, &outputs)
        }
        setDeadline(of: id, at: now.advanced(by: configuration.limits.continueTimeout))
    }

    /// Tells a visitor that waits for it to go on with its body.
    mutating func sayContinue(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.awaitsContinue else { return }
        exchange.awaitsContinue = false
        setDeadline(of: id, at: now.advanced(by: configuration.web.timeout))
        write(id, Self.continueLine, &outputs)
    }

    static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)[...]

    /// What this visitor may do with the agent; nil: nothing, and it was answered. Who may not learns nothing of who is here. A visitor
    /// that goes on to another loop is asked again there.
    private mutating func admit(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ now: Moment, _ outputs: inout Outputs
    ) -> Grant? {
        guard access.guardsAgents else { return Grant() }
        let door = access.door(of: agentID)
        if door.isOpen { return Grant() }
        if isPassingPreflight(request, of: id, door) {
            return Grant(removesToken: true, isPreflight: true)
        }
        return pass(id, request, door, agentID: agentID, now, &outputs)
    }

    /// The tunnel with the fewest requests under way, of equals the one that waited longest. Of a pool only those that serve
    /// the web, and before others those that read what they are sent; none that leaves, nor one that has refused the request.
    func tunnel(of record: AgentRecord, besides refused: [ConnectionID] = []) -> ConnectionID? {
        if record.connections.count == 1, refused.isEmpty {
            return record.connections.first.flatMap { agents[$0]?.isLeaving == false ? $0 : nil }
        }
        var best: (id: ConnectionID, load: Int, lastExchange: UInt64)?
        for id in record.connections {
            guard let link = agents[id], link.description.servesWeb, !link.isLeaving, !refused.contains(id) else { continue }
            let load = isClogged(link) ? Int.max : link.isRetiring ? Int.max - 1 : link.session.openStreams
            if let best, (best.load, best.lastExchange) <= (load, link.lastExchange) { continue }
            best = (id, load, link.lastExchange)
        }
        return best?.id
    }

    /// So much waits for the agent to read it that it gets no new requests.
    private func isClogged(_ link: AgentLink) -> Bool {
        link.session.backlog >= configuration.limits.tunnel.maximumBacklog / 2
    }

    private func checkBody(of request: VisitorRequest, for connection: ConnectionID) throws(GatewayError) {
        guard case .length(let count) = request.framing else { return }
        let maximum = maximumBody(through: connection)
        if count > maximum { throw .bodyTooLarge(limit: maximum) }
    }

    func maximumBody(through connection: ConnectionID) -> UInt64 {
        let configured = configuration.web.maximumBody == 0 ? UInt64.max : configuration.web.maximumBody
        guard let session = agents[connection]?.session, session.version == .v1 else { return configured }
        return min(configured, UInt64(clamping: session.limits.maximumBufferedBody))
    }

    private mutating func open(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ record: AgentRecord, on connection: ConnectionID,
        _ grant: Grant, _ now: Moment
    ) throws(GatewayError) {
        guard let visitor = visitors[id], let link = agents[connection] else { throw .agentOffline(record.description.agentID) }
        let head = request.head
        let peer = visitor.peer
        let client = client(id, visitor, head)
        try checkShare(of: client, on: link)
        let isTrusted = Provenance.isTrusted(peer, among: configuration.trustedProxies)
        let context = VisitorContext(
            peer: peer, isTrustedProxy: isTrusted,
            prefix: visits.outerPrefix.untold(head.fields, isByTrustedProxy: isTrusted) + route.prefix,
            grant: grant, removesCookies: access.issuesCookies, requestID: request.id,
            passesExpect: passesExpect(request, on: connection))
        let query = grant.removesToken ? QueryToken(in: route.query)?.rest : route.query.map { Array($0) }
        var web = WebRequest(
            method: head.method, path: Array(route.path), query: query,
            fields: HeaderRules.toService(head, context), hasBody: request.framing != .none)
        // v1 has no way to leave HTTP, and after a body nobody could tell where the other protocol begins. A server may always
        // ignore the wish (RFC 9110 §7.8).
        let hasNoBody = request.framing == .none || request.framing == .length(0)
        let upgrade = hasNoBody && link.session.version == .v2 ? visits.upgrades.wanted(by: head) : nil
        if upgrade != nil {
            web.upgrade = upgrade
            web.hasBody = true
        }
        // To be read by the agent as one message.
        guard link.session.fits(web) else { throw .malformed(.tooLarge(.fieldSection)) }
        guard let stream = openStream(web, on: connection, for: id) else { throw .tooManyStreams(record.description.agentID) }
        visitor.exchange = WebExchange(
            agentID: record.description.agentID, client: client, connection: connection, stream: stream, request: request,
            route: route, prefix: visits.outerPrefix.of(head.fields, isByTrustedProxy: isTrusted) + route.prefix,
            started: now, upgrade: upgrade)
        if link.isInspected { capture(id, web, now) }
    }

    /// Gives a request to an agent on behalf of a visitor; nil if it has too much to do.
    mutating func openStream(_ web: WebRequest, on connection: ConnectionID, for id: ConnectionID) -> StreamID? {
        guard let link = agents[connection], !isClogged(link), let stream = link.session.open(web) else { return nil }
        statistics.exchanges &+= 1
        link.lastExchange = statistics.exchanges
        link.visitors.insert(id, stream)
        markDirty(connection)
        return stream
    }

    /// Passes bytes of the request's body, or of an upgraded stream, on.
    mutating func forwardBody(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, !exchange.requestEnded else { return }
        let total = exchange.requestBytes + UInt64(bytes.count)
        exchange.requestBytes = total
        sentBody(exchange, bytes.count)
        if let number = exchange.capture { inspector.store.appendRequestBody(bytes, to: number) }
        let maximum = maximumBody(through: exchange.connection)
        guard exchange.isUpgrade || total <= maximum else {
            return failExchange(id, .bodyTooLarge(limit: maximum), .overran, now, &outputs)
        }
        if let link = agents[exchange.connection], !hasBufferRoom(link, bytes.count) {
            failExchange(id, .buffersFull(exchange.agentID), .cancelled, now, &outputs)
            return settleBuffers(link)
        }
        if exchange.awaitsContinue, exchange.status == nil { sayContinue(id, now, &outputs) }
        if exchange.status == nil { setDeadline(of: id, at: now.advanced(by: configuration.web.timeout)) }
        markDirty(exchange.connection)
        let outcome = agents[exchange.connection]?.session.send(bytes, on: exchange.stream, end: false) ?? .gone
        if let link = agents[exchange.connection] { settleBuffers(link) }
        switch outcome {
        case .sent, .gone: break
        case .full: setReading(id, false, &outputs)
        case .overflow: failExchange(id, .bodyTooLarge(limit: maximum), .overran, now, &outputs)
        }
    }

    /// The request is whole, or the visitor's half of an upgraded stream is over.
    mutating func endRequest(_ id: ConnectionID, _ trailers: HTTPFields, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return }
        // The head of an upgrade is whole, but its bytes begin only after the 101.
        if exchange.isUpgrade, visitors[id]?.phase != .upgraded { return }
        exchange.requestEnded = true
        exchange.awaitsContinue = false
        let trailers = HeaderRules.trailersToService(trailers)
        _ = agents[exchange.connection]?.session.send([], on: exchange.stream, end: true, trailers: trailers)
        markDirty(exchange.connection)
        finishIfOver(id, now, &outputs)
    }
}
