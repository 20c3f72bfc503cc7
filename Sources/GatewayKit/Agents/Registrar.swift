// How an agent becomes one of ours, what is shown of it, and how it goes: its handshake, `agent.register`, `agent.status`.
//
// Refuses what is no WebSocket handshake, an id that is none, a wrong token, and, where so configured, an id that is connected.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

/// Why an agent may not register, and how its tunnel is closed.
struct RegistrationRefusal {
    let failure: RPCFailure
    let close: TunnelClose
    /// For the log, where it may say more.
    let reason: String

    init(_ failure: RPCFailure, _ close: TunnelClose, for reason: String? = nil) {
        self.failure = failure
        self.close = close
        self.reason = reason ?? failure.message
    }
}

final class Registrar: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private let access: AccessControl
    private let agents: Agents
    private let registry: Registry
    private let peers: PeerLoops
    private let metrics: Metrics

    init(
        _ environment: Environment, _ access: AccessControl, _ agents: Agents, _ registry: Registry, _ peers: PeerLoops,
        _ metrics: Metrics
    ) {
        self.environment = environment
        self.access = access
        self.agents = agents
        self.registry = registry
        self.peers = peers
        self.metrics = metrics
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    private var duplicates: DuplicateAgents { environment.configuration.duplicateAgents }

    // MARK: Handshake

    /// Whether an agent at `client` may connect with its handshake.
    func check(_ handshake: AgentHandshake, origin: HTTPFields, from client: NetworkAddress?, _ now: Moment)
        throws(GatewayError)
    {
        guard AgentOrigin.isAllowed(origin, environment.configuration.agentOrigins) else { throw .crossSite }
        try access.authorize(handshake, from: client, now)
        guard let id = handshake.agentID, handshake.token != nil || !environment.access.admission.needsToken(id) else { return }
        if let owner = registry.otherOwner(of: id) { throw .nameTaken(id, by: owner) }
        if duplicates == .reject, !activeTunnels(of: id).isEmpty { throw .duplicateAgent(id) }
    }

    /// Where an agent's handshake is to go on; nil: here.
    func loop(for agentID: String?, _ now: Moment) throws(GatewayError) -> Int? {
        guard environment.loop == 0 else { return 0 }
        guard let agentID else { return nil }
        let limit = environment.configuration.limits.maximumConnections
        guard let owner = peers.owningLoop(of: agentID, registry, limit: limit, now) else { throw .overloaded }
        return owner == environment.loop ? nil : owner
    }

    /// Whether the handshake, which was checked, proves anything.
    func isProof(_ handshake: AgentHandshake) -> Bool {
        handshake.token != nil && environment.access.admission.needsToken(handshake.agentID)
    }

    /// A tunnel stands.
    func connect(_ handshake: AgentHandshake, _ source: AgentSource, _ now: Moment) -> AgentConnection {
        let agent = AgentConnection(handshake, source, limits: environment.configuration.limits.tunnel)
        agents.add(agent, hasProof: isProof(handshake), now)
        return agent
    }

    /// The agent that registers by its handshake alone: one of the original v1, which says who it is in the URL and nothing
    /// more.
    func agentInHandshake(_ handshake: AgentHandshake) -> AgentDescription? {
        guard handshake.version == .v1, let id = handshake.agentID,
            environment.access.admission.accepts(handshake.token, for: id)
        else { return nil }
        return AgentDescription(agentID: id)
    }

    // MARK: Registration

    /// Why the agent may not register so; nil: it may. A wrong token is counted.
    func objection(to description: AgentDescription, of agent: AgentConnection, _ now: Moment) -> RegistrationRefusal? {
        let agentID = description.agentID
        guard AgentDescription.isValidID(agentID), agent.agentID == nil || agent.agentID == agentID else {
            let reason = "agentId must be 1 to 64 of A-Z a-z 0-9 . _ - and the same as in the URL"
            return RegistrationRefusal(TunnelFailure.badAgentID.failure(reason), .notRegistered)
        }
        let token = agent.presentedToken ?? description.token
        guard agent.isRegistered || access.mayRegister(as: agentID, with: token, from: agent.client, now) else {
            let reason = token == nil ? "no token came" : "the token is wrong, or not looked at after too many wrong ones"
            let failure = TunnelFailure.unauthorized.failure("the token is missing or wrong")
            return RegistrationRefusal(failure, .unauthorized, for: reason)
        }
        guard !environment.access.admission.reserved.contains(agentID) else {
            let failure = TunnelFailure.badAgentID.failure(GatewayError.reservedName(agentID).explanation)
            return RegistrationRefusal(failure, .notRegistered)
        }
        return objectionToName(agentID, of: agent)
    }

    private func objectionToName(_ agentID: String, of agent: AgentConnection) -> RegistrationRefusal? {
        guard agent.agentID != nil || !peers.livesElsewhere(agentID, registry) else {
            let reason = "an agent \(agentID) is connected that has its id in the URL: put ?agentId=\(agentID) there"
            return RegistrationRefusal(TunnelFailure.badAgentID.failure(reason), .notRegistered)
        }
        if let owner = registry.otherOwner(of: agentID) {
            let failure = TunnelFailure.duplicateAgent.failure(GatewayError.nameTaken(agentID, by: owner).explanation)
            return RegistrationRefusal(failure, .duplicate)
        }
        if duplicates == .reject, activeTunnels(of: agentID).contains(where: { $0 !== agent }) {
            let failure = TunnelFailure.duplicateAgent.failure("an agent \(agentID) is connected already")
            return RegistrationRefusal(failure, .duplicate)
        }
        return nil
    }

    /// The tunnels under this id; those that were told to go elsewhere do not count.
    private func activeTunnels(of agentID: String) -> [AgentConnection] {
        registry.tunnels(of: agentID).compactMap { agents[$0] }.filter { !$0.isRetiring && !$0.isLeaving }
    }

    /// Those that the agent replaces under its id, unless they share the work.
    func replaced(by agent: AgentConnection, as agentID: String) -> [AgentConnection] {
        duplicates == .balance ? [] : activeTunnels(of: agentID).filter { $0 !== agent }
    }

    /// Puts the agent on the list. True: it was not there under this tunnel.
    func register(_ agent: AgentConnection, _ description: AgentDescription, _ turn: inout Turn) -> Bool {
        let agentID = description.agentID
        agent.admit(description, credential: (agent.presentedToken ?? description.token).map { access.digest(of: $0) })
        agents.proved(agent)
        agent.isInspected = environment.inspects(description)
        guard !agent.isRegistered else {
            describe(agentID, by: agent)
            return false
        }
        let now = environment.clock.unixSeconds(at: turn.now)
        metrics.agentRegistered()
        registry.add(description, connection: agent.id, remoteAddress: agent.peer, at: now)
        agent.registered(at: now, registry.counters(of: agentID))
        peers.arrived(agentID)
        describe(agentID, by: agent)
        agents.startPinging(agent, turn.now)
        if environment.access.admission.needsToken(agentID) { turn.emit(.agentRegistered(id: agentID)) }
        var fields: [LogRecord.Field] = [
            .init("agent", agentID), .init("peer", agent.peer), .init("protocol", agent.session.version.subprotocol),
            .init("tunnels", "\(registry.tunnels(of: agentID).count)"),
        ]
        if let certificate = agent.certificate { fields.append(.init("certificate", certificate)) }
        turn.log(.info, "agent.registered", fields)
        return true
    }

    // MARK: What is shown of it

    /// What is shown of an agent is what one of its tunnels sent, the newest or the last to send something. It serves the web
    /// if any of them does.
    private func describe(_ agentID: String, by agent: AgentConnection) {
        let servesWeb = registry.tunnels(of: agentID).contains { agents[$0]?.description.servesWeb == true }
        registry.update(agentID) { record in
            record.description = agent.description
            record.description.servesWeb = servesWeb
            record.description.token = nil
            record.remoteAddress = agent.peer
            record.connectedAt = agent.registeredAt
        }
    }

    /// The agent sends what has changed about it.
    func update(_ agent: AgentConnection, _ update: StatusUpdate) {
        guard agent.isRegistered, let agentID = agent.agentID else { return }
        agent.description.status = update.status ?? agent.description.status
        agent.description.model = update.model ?? agent.description.model
        agent.description.servesWeb = update.servesWeb ?? agent.description.servesWeb
        describe(agentID, by: agent)
    }

    /// The agent finishes what it has and gets nothing new, or takes that back. Whether it is shown as online does not change:
    /// it is. True: something changed.
    func setLeaving(_ agent: AgentConnection, _ isLeaving: Bool, _ turn: inout Turn) -> Bool {
        guard agent.isRegistered, agent.isLeaving != isLeaving, let agentID = agent.agentID else { return false }
        agent.isLeaving = isLeaving
        if isLeaving {
            agent.description.status = TunnelSession.leavingStatus
            describe(agentID, by: agent)
            turn.log(.info, "agent.leaving", [.init("agent", agentID), .init("peer", agent.peer)])
        }
        return true
    }

    /// The round trip of the last ping.
    func measured(_ roundTrip: Duration, of agent: AgentConnection) {
        if let agentID = agent.agentID { registry.measured(roundTrip, of: agentID) }
    }

    // MARK: The end

    /// The tunnel is gone from the list. True: it was the agent's last.
    func deregister(_ agent: AgentConnection, _ reason: String, _ turn: inout Turn) -> Bool {
        guard agent.isRegistered, let agentID = agent.agentID else { return false }
        metrics.agentLost()
        registry.remove(agent.id, of: agentID, at: environment.clock.unixSeconds(at: turn.now))
        let newest = registry.tunnels(of: agentID).last.flatMap { agents[$0] }
        if let newest { describe(agentID, by: newest) }
        turn.log(.info, "agent.lost", [.init("agent", agentID), .init("peer", agent.peer), .init("reason", reason)])
        return newest == nil
    }

    /// Agents that the settings do not let in any more, and why.
    func revoked() -> [(agent: AgentConnection, close: TunnelClose, reason: String)] {
        var digests = TokenDigests(key: access.signer.secret)
        return agents.all.compactMap { agent in
            guard agent.isRegistered, let agentID = agent.agentID else { return nil }
            if environment.access.admission.reserved.contains(agentID) {
                return (agent, .notRegistered, GatewayError.reservedName(agentID).explanation)
            }
            if !AgentOrigin.isAllowed(agent.origin, environment.configuration.agentOrigins) {
                return (agent, .unauthorized, "its origin is not allowed any more")
            }
            guard environment.access.admission.accepts(agent.credential, for: agentID, &digests) else {
                return (agent, .unauthorized, "its token is not accepted any more")
            }
            return nil
        }
    }
}

extension AgentAdmission {
    /// Whether an agent that presented this, or nothing, may have this id.
    fileprivate func accepts(_ credential: TokenDigest?, for agentID: String, _ digests: inout TokenDigests) -> Bool {
        let tokens = tokens(for: agentID)
        guard !tokens.isEmpty else { return true }
        return credential?.isOne(of: digests.digests(of: tokens)) ?? false
    }
}
