// An agent's connection once it stands: what comes through its tunnel, whether it lives (any byte counts), and its end.
//
// Cuts an agent that does not answer a ping, does not register in time, breaks the protocol, or reads nothing of what it is
// sent.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

// MARK: The tunnel

extension Gateway {
    mutating func receiveFromAgent(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        agents[id]?.lastHeard = now
        agents[id]?.session.receive(bytes)
        pumpAgent(id, now, &outputs)
        guard let session = agents[id]?.session else { return }
        if session.version == .v1, let link = agents[id] {
            settleBuffers(link)
            pauseIfFull(id, link, &outputs)
        }
        if session.backlog > session.backlogLimit {
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
        case .leaving(let isLeaving): agentLeaves(id, isLeaving, now, &outputs)
        case .informational(let stream, let interim):
            if let visitor = visitor(id, stream) { inform(visitor, interim, now, &outputs) }
        case .response(let stream, let response):
            if let visitor = visitor(id, stream) { respond(visitor, response, now, &outputs) }
        case .data(let stream, let bytes):
            if let visitor = visitor(id, stream) { deliver(visitor, bytes, now, &outputs) }
        case .end(let stream, let trailers):
            if let visitor = visitor(id, stream) { endResponse(visitor, trailers, now, &outputs) }
        case .failed(let stream, let failure):
            if let visitor = visitor(id, stream) {
                let isRefused = failure.code == TunnelFailure.tooManyStreams.rawValue
                if isRefused, goElsewhere(visitor, now, &outputs) { return }
                let error = Self.visitorError(failure, agentID: agents[id]?.agentID ?? "")
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
        statistics.resetsByAgents[reason, default: 0] &+= 1
        if let exchange = visitors[visitor]?.exchange { logReset(exchange, reason, by: "agent", &outputs) }
        if reason == .refused, goElsewhere(visitor, now, &outputs) { return }
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
        link.description.status = update.status ?? link.description.status
        link.description.model = update.model ?? link.description.model
        link.description.servesWeb = update.servesWeb ?? link.description.servesWeb
        describe(agentID, by: link)
    }

    /// What is shown of an agent is what one of its tunnels said, the newest or the last to say something. It serves the web if
    /// any of them does.
    mutating func describe(_ agentID: String, by link: AgentLink) {
        let servesWeb = registry.tunnels(of: agentID).contains { agents[$0]?.description.servesWeb == true }
        registry.update(agentID) { record in
            record.description = link.description
            record.description.servesWeb = servesWeb
            record.description.token = nil
            record.remoteAddress = link.peer
            record.connectedAt = link.registeredAt
        }
    }
}

// MARK: Life and end

extension Gateway {
    mutating func scheduleAgent(_ id: ConnectionID, at moment: Moment) {
        agents[id]?.deadline = moment
        deadlines.set(.agent(id), at: moment)
    }

    private mutating func pong(_ id: ConnectionID, _ payload: ArraySlice<UInt8>, _ now: Moment) {
        guard let link = agents[id], let sent = link.pingSentAt, payload.elementsEqual(link.pingPayload) else { return }
        agents[id]?.pingSentAt = nil
        scheduleAgent(id, at: sent.advanced(by: configuration.limits.pingInterval))
        let roundTrip = now.since(sent)
        link.session.roundTrip = min(roundTrip, link.session.roundTrip ?? roundTrip)
        if let agentID = link.agentID { registry.measured(roundTrip, of: agentID) }
    }

    /// Asks for a sign of life.
    mutating func ping(_ id: ConnectionID, _ now: Moment) {
        guard let link = agents[id] else { return }
        link.pingCount += 1
        link.pingSentAt = now
        link.session.ping(link.pingPayload)
        scheduleAgent(id, at: now.advanced(by: configuration.limits.pongTimeout))
        markDirty(id)
    }

    /// Time to register has run out, or it is time to ping, or the answer to a ping is late. Any byte since counts as life.
    mutating func agentDeadlinePassed(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let link = agents[id] else { return }
        guard link.deadline <= now else { return deadlines.set(.agent(id), at: link.deadline) }
        if !link.isRegistered {
            closeAgent(id, .notRegistered, "agent.register did not come in time", now, &outputs)
        } else if holdsForNobody(link) {
            loseAgent(id, "it does not end a message that nobody waits for, and there is no room for more", now, &outputs)
            outputs.append(.transport(.abort(id)))
        } else if let sent = link.pingSentAt, link.lastHeard <= sent, !link.isPaused {
            loseAgent(id, "it did not answer a ping", now, &outputs)
            outputs.append(.transport(.abort(id)))
        } else if link.pingSentAt != nil {
            agents[id]?.pingSentAt = nil
            scheduleAgent(id, at: now.advanced(by: configuration.limits.pingInterval))
        } else {
            ping(id, now)
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
        noLongerStranger(link)
        bodies.change(by: -link.sessionBytes)
        link.sessionBytes = 0
        let agentID = link.agentID ?? ""
        if link.isRegistered {
            statistics.agentsLost &+= 1
            registry.remove(id, of: agentID, at: clock.unixSeconds(at: now))
            if let newest = registry.tunnels(of: agentID).last, let other = agents[newest] {
                describe(agentID, by: other)
            } else {
                agentWentAway(agentID, now)
            }
            log(.info, "agent.lost", [.init("agent", agentID), .init("peer", link.peer), .init("reason", reason)], &outputs)
        }
        for visitor in link.visitors.values { failExchange(visitor, .agentLost(agentID), .cancelled, now, &outputs) }
    }
}
