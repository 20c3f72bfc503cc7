// The agents' side of a gateway: connections become tunnels, what comes through them goes to the exchanges, and what is ready
// for them is sent once a turn. Each of these is a component of its own; this file joins them.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

final class Backend: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private let frontend: Frontend
    private let agents: Agents
    private let registrar: Registrar
    private let exchanges: Exchanges
    private let waiting: WaitingRequests
    private let alerts: OfflineAlerts
    private var isDraining = false

    init(
        _ environment: Environment, _ frontend: Frontend, _ agents: Agents, _ registrar: Registrar, _ exchanges: Exchanges,
        _ waiting: WaitingRequests, _ alerts: OfflineAlerts
    ) {
        self.environment = environment
        self.frontend = frontend
        self.agents = agents
        self.registrar = registrar
        self.exchanges = exchanges
        self.waiting = waiting
        self.alerts = alerts
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    // MARK: Visitors' connections

    /// Handles all that came on a visitor's connection, which may turn out to be an agent's.
    func pump(_ visitor: VisitorConnection, _ turn: inout Turn) {
        guard let request = frontend.pump(visitor, &turn) else { return }
        connect(request, of: visitor, isAtOwningLoop: environment.isAlone, &turn)
    }

    /// Requests that waited are taken up, in the order in which they came.
    private func resume(_ requests: [WaitingRequests.Waiting], _ turn: inout Turn) {
        for request in requests {
            frontend.resume(request, &turn)
            pump(request.visitor, &turn)
        }
    }

    // MARK: Registration

    /// An agent's handshake. `isAtOwningLoop`: this loop owns its agent.
    func connect(_ request: VisitorRequest, of visitor: VisitorConnection, isAtOwningLoop: Bool, _ turn: inout Turn) {
        let fields = request.head.fields
        do throws(GatewayError) {
            let handshake = try AgentHandshake(request)
            let client = environment.forwarding.client(visitor.peer, fields)
            try registrar.check(handshake, origin: fields, from: client, turn.now)
            guard !isDraining else { throw .overloaded }
            if !isAtOwningLoop, let loop = try registrar.loop(for: handshake.agentID, turn.now) {
                let reason = MovedVisitor.Reason.handshake(request, isAtOwningLoop: environment.loop == 0)
                return frontend.move(visitor, reason, to: loop, &turn)
            }
            guard registrar.isProof(handshake) || agents.hasRoomForUnproven(from: client) else { throw .overloaded }
            switchProtocols(handshake, request, of: visitor, client, &turn)
        } catch {
            var record: [LogRecord.Field] = [
                .init("peer", environment.forwarding.clientText(visitor.peer, fields)), .init("status", "\(error.status)"),
                .init("code", error.code),
            ]
            // No reason is sent to a refused agent; a missing token is no reason to, since it may come in `agent.register`.
            if error == .unauthorized { record.append(.init("reason", "the token is wrong")) }
            turn.log(.warning, "agent.turned-away", record)
            visitor.respond(.error(error, to: request), to: request, &turn)
            pump(visitor, &turn)
        }
    }

    private func switchProtocols(
        _ handshake: AgentHandshake, _ request: VisitorRequest, of visitor: VisitorConnection, _ client: NetworkAddress?,
        _ turn: inout Turn
    ) {
        var bytes: [UInt8] = []
        try? handshake.response.encode(into: &bytes)
        visitor.flush(&turn)
        turn.emit(.write(visitor.id, bytes[...]))
        let unread = visitor.takeUnread()
        frontend.remove(visitor)
        let origin = environment.forwarding.provenance(visitor.peer, of: request)
        let source = AgentSource(
            id: visitor.id, peer: visitor.peer, client: client, page: request.head.fields[.origin],
            address: environment.forwarding.address(origin), certificate: request.security?.clientSubject)
        let agent = registrar.connect(handshake, source, turn.now)
        if let description = registrar.agentInHandshake(handshake) {
            enlist(agent, description, &turn)
            resume(waiting.takeAll(for: description.agentID), &turn)
        }
        if !unread.isEmpty { receive(unread, from: agent, &turn) }
    }

    private func register(_ agent: AgentConnection, _ rpcID: RPCID, _ description: AgentDescription, _ turn: inout Turn) {
        if let refusal = registrar.objection(to: description, of: agent, turn.now) {
            turn.log(
                .warning, "agent.refused",
                [.init("peer", agent.peer), .init("code", "\(refusal.failure.code)"), .init("reason", refusal.reason)])
            agent.session.refuse(rpcID, refusal.failure)
            return close(agent, refusal.close, refusal.failure.message, &turn)
        }
        enlist(agent, description, &turn)
        agent.session.welcome(rpcID, agents.welcome(agent, as: description.agentID))
        agents.markDirty(agent)
        resume(waiting.takeAll(for: description.agentID), &turn)
    }

    /// Puts the agent on the list; those before it under the same id make way, unless they share the work.
    private func enlist(_ agent: AgentConnection, _ description: AgentDescription, _ turn: inout Turn) {
        let agentID = description.agentID
        for other in registrar.replaced(by: agent, as: agentID) {
            close(other, .replaced, "another agent registered as \(agentID)", &turn)
        }
        if registrar.register(agent, description, &turn) { alerts.agentCame(agentID, &turn) }
    }

    /// An agent registered on another loop: those that wait for it go there.
    func agentCameElsewhere(_ agentID: String, _ turn: inout Turn) {
        alerts.agentCame(agentID, &turn)
        resume(waiting.takeAll(for: agentID), &turn)
    }

    // MARK: What comes through a tunnel

    func receive(_ bytes: ArraySlice<UInt8>, from agent: AgentConnection, _ turn: inout Turn) {
        agent.heartbeat.received()
        agent.session.receive(bytes)
        pump(agent, &turn)
        guard agents[agent.id] === agent else { return }
        agents.bodies.settle(agent)
        agents.bodies.pauseIfFull(agent, &turn)
        if agent.session.backlog > agent.session.backlogLimit {
            lose(agent, "it does not read what is sent to it", &turn)
            turn.emit(.abort(agent.id))
        } else if agent.session.hasOutput {
            agents.markDirty(agent)
        }
    }

    private func pump(_ agent: AgentConnection, _ turn: inout Turn) {
        while let event = agent.session.next() {
            handle(event, of: agent, &turn)
            guard agents[agent.id] === agent else { return }
        }
    }

    private func handle(_ event: TunnelEvent, of agent: AgentConnection, _ turn: inout Turn) {
        switch event {
        case .informational(let stream, let interim):
            if let exchange = exchanges.exchange(of: agent, stream) { exchanges.inform(exchange, interim, &turn) }
        case .response(let stream, let response):
            guard let exchange = exchanges.exchange(of: agent, stream) else { return }
            exchanges.respond(exchange, response, &turn)
            agent.session.recycle(response.fields)
            pumpIfFree(exchange, &turn)
        case .data(let stream, let bytes):
            guard let exchange = exchanges.exchange(of: agent, stream) else { return }
            exchanges.deliver(exchange, bytes, &turn)
            pumpIfFree(exchange, &turn)
        case .end(let stream, let trailers):
            guard let exchange = exchanges.exchange(of: agent, stream) else { return }
            exchanges.endResponse(exchange, trailers, &turn)
            pumpIfFree(exchange, &turn)
        case .failed(let stream, let failure):
            guard let exchange = exchanges.exchange(of: agent, stream) else { return }
            let isRefusal = failure.code == TunnelFailure.tooManyStreams.rawValue
            if !isRefusal || !retry(exchange, &turn) { exchanges.failed(exchange, failure, &turn) }
            pumpIfFree(exchange, &turn)
        case .reset(let stream, let reason):
            guard let exchange = exchanges.exchange(of: agent, stream) else { return }
            exchanges.recordReset(exchange, reason, &turn)
            if reason != .refused || !retry(exchange, &turn) { exchanges.streamReset(exchange, reason, &turn) }
            pumpIfFree(exchange, &turn)
        case .resume(let stream): exchanges.exchange(of: agent, stream)?.visitor.setReading(true, &turn)
        case .register(let rpcID, let description): register(agent, rpcID, description, &turn)
        case .status(let update): registrar.update(agent, update)
        case .leaving(let isLeaving):
            guard registrar.setLeaving(agent, isLeaving, &turn), !isLeaving, let agentID = agent.agentID else { return }
            resume(waiting.takeAll(for: agentID), &turn)
        case .pong(let payload):
            if let roundTrip = agents.pong(agent, payload, turn.now) { registrar.measured(roundTrip, of: agent) }
        case .closed(let code, let reason):
            lose(agent, "closed by the agent (\(code?.rawValue ?? 1005) \(reason))", &turn)
            turn.emit(.close(agent.id))
        case .broken(_, let reason):
            lose(agent, reason, &turn)
            turn.emit(.close(agent.id))
        case .welcome, .refused, .request, .drain: break  // not sent to a gateway
        }
    }

    /// If the exchange is over, its visitor's connection takes the next request, of which something may be here.
    private func pumpIfFree(_ exchange: Exchange, _ turn: inout Turn) {
        if exchange.visitor.exchange != exchange.id { pump(exchange.visitor, &turn) }
    }

    /// Gives a request that its agent refused to another tunnel, or lets it wait for one. False: that cannot be, and the
    /// visitor is to be told of the refusal.
    private func retry(_ exchange: Exchange, _ turn: inout Turn) -> Bool {
        guard let pending = exchanges.withdraw(exchange, turn.now) else { return false }
        let visitor = exchange.visitor
        frontend.begin(pending, of: visitor, &turn)
        if visitor.exchange == nil { visitor.setReading(true, &turn) }
        return true
    }

    // MARK: Output

    /// Collects what is ready for each tunnel into one write.
    func flush(_ turn: inout Turn) {
        while let agent = agents.takeDirty() { flush(agent, &turn) }
        agents.resumeReading(&turn)
    }

    private func flush(_ agent: AgentConnection, _ turn: inout Turn) {
        if agent.session.wantsRoundTrip, agent.heartbeat.state == .resting { agents.ping(agent, turn.now) }
        if let count = agent.refusedAt, agent.session.openStreams < count { retryRefused(by: agent, &turn) }
        for piece in agent.session.takePieces() { turn.emit(.write(agent.id, piece)) }
        pump(agent, &turn)  // sending may have made room in a stream that was full
        guard agents[agent.id] === agent else { return }
        agents.bodies.settle(agent)
        // An agent of the original v1 need not know `gateway.drain`: it is sent away, to dial again, as soon as it has nothing
        // in flight. A v2 agent has another tunnel by then, and this one is of use as long as there are visitors.
        if isDraining, agent.session.version == .v1, agent.exchanges.isEmpty {
            close(agent, .serviceRestart, "the gateway stops", &turn)
        }
    }

    /// Something on this tunnel is over: the first of the requests that it refused is tried again.
    private func retryRefused(by agent: AgentConnection, _ turn: inout Turn) {
        let (request, hasMore) = waiting.takeRefused(by: agent)
        if !hasMore { agent.refusedAt = nil }
        if let request { resume([request], &turn) }
    }

    // MARK: Time

    /// Handles an agent's time limit that has passed; false: none has.
    func expire(_ turn: inout Turn) -> Bool {
        guard let expiry = agents.popExpired(turn.now) else { return false }
        switch expiry {
        case .notRegistered(let agent):
            close(agent, .notRegistered, "agent.register did not come in time", &turn)
        case .checkLiveness(let agent):
            if agents.bodies.holdsUnclaimedMessage(agent) {
                cut(agent, "it does not end a message that no request waits for, and there is no room for more", &turn)
            } else if !agents.checkLiveness(agent, turn.now) {
                cut(agent, "it did not answer a ping", &turn)
            }
        }
        return true
    }

    // MARK: The end

    private func cut(_ agent: AgentConnection, _ reason: String, _ turn: inout Turn) {
        lose(agent, reason, &turn)
        turn.emit(.abort(agent.id))
    }

    private func close(_ agent: AgentConnection, _ code: TunnelClose, _ reason: String, _ turn: inout Turn) {
        close(agent, WSCloseCode(rawValue: code.rawValue), reason, &turn)
    }

    private func close(_ agent: AgentConnection, _ code: WSCloseCode, _ reason: String, _ turn: inout Turn) {
        agent.session.close(code, reason: reason)
        lose(agent, reason, &turn)
        turn.emit(.close(agent.id))
    }

    /// Takes the agent out of every table; exchanges that it leaves behind fail. The caller closes the connection.
    func lose(_ agent: AgentConnection, _ reason: String, _ turn: inout Turn) {
        guard agents[agent.id] === agent else { return }
        agents.remove(agent, &turn)
        let agentID = agent.agentID ?? ""
        if registrar.deregister(agent, reason, &turn), !isDraining { alerts.agentWentAway(agentID, turn.now) }
        for exchange in exchanges.all(of: agent) {
            exchanges.fail(exchange, .agentLost(agentID), .cancelled, &turn)
            pump(exchange.visitor, &turn)
        }
        exchanges.forget(agent)
    }

    /// New settings are in force: whoever they let in no longer goes at once. An agent's tunnel is closed with a reason; of
    /// visitors those go whose exchange is under way, be it an upgraded connection or a response without an end.
    func revoke(_ access: AccessControl, _ turn: inout Turn) {
        for (agent, code, reason) in registrar.revoked() { close(agent, code, reason, &turn) }
        guard environment.access.guardsAgents || !environment.configuration.web.isEnabled else { return }
        for exchange in exchanges.all where exchange.replay == nil {
            let peer = exchange.visitor.peer
            guard let error = access.objection(toStayOf: exchange.request, from: peer, at: exchange.agentID) else { continue }
            exchanges.fail(exchange, error, .cancelled, &turn)
            pump(exchange.visitor, &turn)
        }
    }

    // MARK: Draining

    /// Tells the agents to dial again; what they have in flight is finished.
    func beginDrain(within duration: Duration) {
        isDraining = true
        for agent in agents.all {
            agent.isRetiring = true
            agent.session.drain(within: duration)
            agents.markDirty(agent)
        }
    }

    func closeAll(_ turn: inout Turn) {
        for agent in agents.all { close(agent, .serviceRestart, "the gateway stops", &turn) }
    }
}
