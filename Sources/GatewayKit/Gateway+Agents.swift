// An agent's connection: its handshake (RFC 6455 §4.2), its registration, its life and its end, and what comes through its tunnel.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

// MARK: Handshake

extension Gateway {
    mutating func upgradeAgent(_ id: ConnectionID, _ request: VisitorRequest, _ now: Moment, _ outputs: inout Outputs) {
        do throws(GatewayError) {
            let handshake = try AgentHandshake(request)
            try authorize(handshake)
            guard !isDraining else { throw .overloaded }
            welcomeAgent(id, handshake, request.head, now, &outputs)
        } catch {
            log(
                .warning, "agent.turned-away",
                [.init("peer", visitors[id]?.peer ?? ""), .init("status", "\(error.status)"), .init("code", error.code)],
                &outputs)
            answer(id, error, to: request, now, &outputs)
        }
    }

    /// A wrong token is refused at once; a missing one may still come inside `agent.register`.
    private func authorize(_ handshake: AgentHandshake) throws(GatewayError) {
        if let token = handshake.token {
            let isKnown = accepts(token, for: handshake.agentID) || handshake.agentID == nil && isSomebodys(token)
            guard isKnown else { throw .unauthorized }
        }
        if configuration.duplicateAgents == .reject, let id = handshake.agentID, handshake.token != nil || !needsToken(id),
            registry.records[id]?.isOnline == true
        {
            throw .duplicateAgent(id)
        }
    }

    private func tokens(for agentID: String?) -> [String] {
        let own = agentID.flatMap { configuration.agents[$0]?.tokens } ?? []
        return own.isEmpty ? configuration.gatewayTokens : own
    }

    private func needsToken(_ agentID: String?) -> Bool { !tokens(for: agentID).isEmpty }

    /// Whether some agent has this token of its own. Which one it may be is checked when it says who it is.
    private func isSomebodys(_ token: String) -> Bool {
        configuration.agents.values.reduce(false) { Authorization.accepts(token, among: $1.tokens) || $0 }
    }

    private func accepts(_ token: String?, for agentID: String?) -> Bool {
        let tokens = tokens(for: agentID)
        return tokens.isEmpty || Authorization.accepts(token ?? "", among: tokens)
    }

    private mutating func welcomeAgent(
        _ id: ConnectionID, _ handshake: AgentHandshake, _ head: HTTPRequestHead, _ now: Moment, _ outputs: inout Outputs
    ) {
        var bytes: [UInt8] = []
        try? handshake.response.encode(into: &bytes)
        outputs.append(.transport(.write(id, bytes[...])))
        let unread = visitors[id]?.decoder.takeUnread() ?? []
        let deadline = now.advanced(by: configuration.limits.registrationTimeout)
        let link = AgentLink(
            peer: visitors[id]?.peer ?? "",
            session: TunnelSession(.gateway, version: handshake.version, limits: configuration.limits.tunnel),
            agentID: handshake.agentID, presentedToken: handshake.token, now: now, deadline: deadline)
        link.session.agentIDInURL = handshake.agentID
        link.host = head.fields[.host]
        visitors[id] = nil
        deadlines.cancel(.visitor(id))
        agents[id] = link
        deadlines.set(.agent(id), at: deadline)
        // The seed's agents say who they are in the URL and nothing more.
        if handshake.version == .v1, let agentID = handshake.agentID, accepts(handshake.token, for: agentID) {
            register(id, AgentDescription(agentID: agentID), now, &outputs)
        }
        if !unread.isEmpty { receiveFromAgent(id, unread, now, &outputs) }
    }
}

/// What an agent's handshake says.
struct AgentHandshake {
    var agentID: String?
    var token: String?
    var version = TunnelVersion.v1
    var response = HTTPResponseHead(status: 101, fields: HTTPFields())

    init(_ request: VisitorRequest) throws(GatewayError) {
        let head = request.head
        guard head.method == "GET" else { throw .methodNotAllowed(allow: "GET") }
        guard head.isUpgrade, head.fields.containsToken("websocket", in: .upgrade), request.framing == .none,
            head.fields[.secWebSocketVersion] == "13", let key = head.fields[.secWebSocketKey],
            let accept = WSHandshake.accept(forKey: key)
        else { throw .upgradeRequired }
        let query = Router.pathAndQuery(of: head.target)?.query
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
}

// MARK: Registration

extension Gateway {
    private mutating func register(
        _ id: ConnectionID, asked rpcID: RPCID, _ description: AgentDescription, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let link = agents[id] else { return }
        let agentID = description.agentID
        guard AgentDescription.isValidID(agentID), link.agentID == nil || link.agentID == agentID else {
            let reason = "agentId must be 1 to 64 of A-Z a-z 0-9 . _ - and the same as in the URL"
            return refuse(id, rpcID, TunnelFailure.badAgentID.failure(reason), .notRegistered, now, &outputs)
        }
        guard link.isRegistered || accepts(link.presentedToken ?? description.token, for: agentID) else {
            let failure = TunnelFailure.unauthorized.failure("the token is missing or wrong")
            return refuse(id, rpcID, failure, .unauthorized, now, &outputs)
        }
        let others = registry.records[agentID]?.connections.filter { $0 != id } ?? []
        if configuration.duplicateAgents == .reject, !others.isEmpty {
            let failure = TunnelFailure.duplicateAgent.failure("an agent \(agentID) is connected already")
            return refuse(id, rpcID, failure, .duplicate, now, &outputs)
        }
        register(id, description, now, &outputs)
        let welcome = welcome(for: agentID, link)
        agents[id]?.session.welcome(rpcID, welcome)
        markDirty(id)
    }

    private mutating func welcome(for agentID: String, _ link: AgentLink) -> Welcome {
        sessionCount += 1
        return Welcome(
            sessionID: "s\(sessionCount)", webURL: webURL(of: agentID, host: link.host),
            ping: configuration.limits.pingInterval,
            initialWindow: configuration.limits.tunnel.initialWindow, maximumStreams: configuration.limits.tunnel.maximumStreams
        )
    }

    /// Puts the agent on the list; those before it under the same id make way.
    private mutating func register(_ id: ConnectionID, _ description: AgentDescription, _ now: Moment, _ outputs: inout Outputs)
    {
        let agentID = description.agentID
        for other in registry.records[agentID]?.connections ?? [] where other != id {
            closeAgent(other, TunnelClose.replaced, "another agent registered as \(agentID)", now, &outputs)
        }
        let isNew = agents[id]?.isRegistered == false
        agents[id]?.agentID = agentID
        agents[id]?.isRegistered = true
        agents[id]?.presentedToken = nil
        let peer = agents[id]?.peer ?? ""
        if isNew {
            registry.add(description, connection: id, remoteAddress: peer, at: clock.unixSeconds(at: now))
            scheduleAgent(id, at: now.advanced(by: configuration.limits.pingInterval))
            let version = agents[id]?.session.version.subprotocol ?? ""
            log(
                .info, "agent.registered",
                [.init("agent", agentID), .init("peer", peer), .init("protocol", version)], &outputs)
        } else {
            registry.update(agentID) { $0.description = description }
        }
    }

    private mutating func refuse(
        _ id: ConnectionID, _ rpcID: RPCID, _ failure: RPCFailure, _ code: TunnelClose, _ now: Moment, _ outputs: inout Outputs
    ) {
        log(
            .warning, "agent.refused",
            [.init("peer", agents[id]?.peer ?? ""), .init("code", "\(failure.code)"), .init("reason", failure.message)],
            &outputs)
        agents[id]?.session.refuse(rpcID, failure)
        closeAgent(id, code, failure.message, now, &outputs)
    }

    /// Where visitors find an agent.
    func webURL(of agentID: String, host: String?) -> String {
        let base = configuration.publicURL ?? "http://\(host ?? "localhost")"
        guard let subdomainHost = configuration.web.subdomainHost else {
            return "\(base)\(configuration.web.pathPrefix)/\(agentID)/"
        }
        let scheme = base.hasPrefix("https:") ? "https" : "http"
        let port =
            base.split(separator: ":").last.flatMap { $0.allSatisfy(\.isNumber) && base.hasSuffix($0) ? ":\($0)" : nil } ?? ""
        return "\(scheme)://\(agentID.lowercased()).\(subdomainHost)\(port)/"
    }
}

// MARK: The tunnel

extension Gateway {
    mutating func receiveFromAgent(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        agents[id]?.lastHeard = now
        agents[id]?.session.receive(bytes)
        pumpAgent(id, now, &outputs)
        guard let session = agents[id]?.session else { return }
        if session.backlog > session.limits.maximumBacklog {
            loseAgent(id, "it does not read what is sent to it", now, &outputs)
            outputs.append(.transport(.abort(id)))
        } else if session.hasOutput {
            markDirty(id)
        }
    }

    mutating func pumpAgent(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        while let event = agents[id]?.session.next() { handle(event, of: id, now, &outputs) }
    }

    private mutating func handle(_ event: TunnelEvent, of id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        switch event {
        case .register(let rpcID, let description): register(id, asked: rpcID, description, now, &outputs)
        case .status(let update): updateStatus(id, update)
        case .response(let stream, let response):
            if let visitor = visitor(id, stream) { respond(visitor, response, now, &outputs) }
        case .data(let stream, let bytes):
            if let visitor = visitor(id, stream) { deliver(visitor, bytes, now, &outputs) }
        case .end(let stream, let trailers):
            if let visitor = visitor(id, stream) { endResponse(visitor, trailers, now, &outputs) }
        case .failed(let stream, let failure):
            if let visitor = visitor(id, stream) {
                let error = Self.visitorError(failure, agentID: agents[id]?.agentID ?? "", limit: 0)
                failExchange(visitor, error, .cancelled, now, &outputs)
            }
        case .reset(let stream, let reason):
            if let visitor = visitor(id, stream) { streamReset(visitor, reason, now, &outputs) }
        case .resume(let stream):
            if let visitor = visitor(id, stream) { setReading(visitor, true, &outputs) }
        case .pong(let payload): pong(id, payload, now)
        case .closed(let code, let reason):
            loseAgent(id, "closed by the agent (\(code?.rawValue ?? 1005) \(reason))", now, &outputs)
            outputs.append(.transport(.close(id)))
        case .broken(_, let reason):
            loseAgent(id, reason, now, &outputs)
            outputs.append(.transport(.close(id)))
        case .welcome, .refused, .request, .drain: break  // not said to a gateway
        }
    }

    private func visitor(_ id: ConnectionID, _ stream: StreamID) -> ConnectionID? { agents[id]?.visitors[stream] }

    private mutating func streamReset(_ visitor: ConnectionID, _ reason: ResetReason, _ now: Moment, _ outputs: inout Outputs) {
        let error: GatewayError =
            switch reason {
            case .refused: .tooManyStreams(visitors[visitor]?.exchange?.agentID ?? "")
            case .timedOut: .serviceTimedOut(seconds: 0)
            case .unreachable: .serviceUnreachable("it broke off")
            case .cancelled: .serviceBroken("the agent gave it up")
            case .overran, .protocolError: .serviceBroken("the agent broke the tunnel's rules")
            }
        failExchange(visitor, error, reason, now, &outputs)
    }

    private mutating func updateStatus(_ id: ConnectionID, _ update: StatusUpdate) {
        guard let link = agents[id], link.isRegistered, let agentID = link.agentID else { return }
        registry.update(agentID) { record in
            if let status = update.status { record.description.status = status }
            if let model = update.model { record.description.model = model }
            if let servesWeb = update.servesWeb { record.description.servesWeb = servesWeb }
        }
    }
}

// MARK: Life and end

extension Gateway {
    private mutating func scheduleAgent(_ id: ConnectionID, at moment: Moment) {
        agents[id]?.deadline = moment
        deadlines.set(.agent(id), at: moment)
    }

    private mutating func pong(_ id: ConnectionID, _ payload: ArraySlice<UInt8>, _ now: Moment) {
        guard let link = agents[id], let sent = link.pingSentAt, payload.elementsEqual(link.pingPayload) else { return }
        agents[id]?.pingSentAt = nil
        scheduleAgent(id, at: sent.advanced(by: configuration.limits.pingInterval))
        if let agentID = link.agentID { registry.update(agentID) { $0.roundTrip = now.since(sent) } }
    }

    /// Time to register has run out, or it is time to ping, or the answer to a ping is late. Any byte since counts as life.
    mutating func agentDeadlinePassed(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let link = agents[id] else { return }
        guard link.deadline <= now else { return deadlines.set(.agent(id), at: link.deadline) }
        if !link.isRegistered {
            closeAgent(id, .notRegistered, "agent.register did not come in time", now, &outputs)
        } else if let sent = link.pingSentAt, link.lastHeard <= sent {
            loseAgent(id, "it did not answer a ping", now, &outputs)
            outputs.append(.transport(.abort(id)))
        } else if link.pingSentAt != nil {
            agents[id]?.pingSentAt = nil
            scheduleAgent(id, at: now.advanced(by: configuration.limits.pingInterval))
        } else {
            agents[id]?.pingCount += 1
            agents[id]?.pingSentAt = now
            let payload = agents[id]?.pingPayload ?? []
            agents[id]?.session.ping(payload)
            scheduleAgent(id, at: now.advanced(by: configuration.limits.pongTimeout))
            markDirty(id)
        }
    }

    mutating func closeAgent(
        _ id: ConnectionID, _ code: TunnelClose, _ reason: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        closeAgent(id, WSCloseCode(rawValue: code.rawValue), reason, now, &outputs)
    }

    mutating func closeAgent(
        _ id: ConnectionID, _ code: WSCloseCode, _ reason: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        agents[id]?.session.close(code, reason: reason)
        loseAgent(id, reason, now, &outputs)
        outputs.append(.transport(.close(id)))
    }

    /// Takes the agent out of every table; what it left unanswered is answered here. The caller closes the connection.
    mutating func loseAgent(_ id: ConnectionID, _ reason: String, _ now: Moment, _ outputs: inout Outputs) {
        guard let link = agents[id] else { return }
        let last = link.session.takeOutput()
        if !last.isEmpty { outputs.append(.transport(.write(id, last))) }
        agents[id] = nil
        deadlines.cancel(.agent(id))
        let agentID = link.agentID ?? ""
        if link.isRegistered {
            registry.remove(id, of: agentID, at: clock.unixSeconds(at: now))
            log(.info, "agent.lost", [.init("agent", agentID), .init("peer", link.peer), .init("reason", reason)], &outputs)
        }
        for (_, visitor) in link.visitors { failExchange(visitor, .agentLost(agentID), .cancelled, now, &outputs) }
    }
}
