// The connections of a loop's agents: who is here, which of them gets a request, which have something to send, and which must
// show that they are alive.
//
// Output is collected: what a turn produced for one tunnel shares a write.

import HTTPCodec
import MachineCore
import TunnelLink

final class Agents: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    /// What whole bodies (v1) take, and who is not read because of it.
    let bodies: BodyBudget
    @exclusivity(unchecked) private var connections = ConnectionTable<AgentConnection>()
    /// Agents whose output is to be collected at the end of the turn.
    @exclusivity(unchecked) private var dirty: [ConnectionID] = []
    /// Time to register, to ping, or until a pong is due.
    @exclusivity(unchecked) private var timers = Deadlines<ConnectionID>()
    /// Agents that have not registered and have shown no token.
    private var unregistered: UnregisteredAgents
    private var unproven: Set<ConnectionID> = []
    private var sessionCount: UInt64 = 0

    init(_ environment: Environment) {
        self.environment = environment
        bodies = BodyBudget(environment)
        unregistered = UnregisteredAgents(loops: environment.loopCount)
    }

    func reconfigure(_ environment: Environment) {
        self.environment = environment
        bodies.reconfigure(environment)
        for agent in all { agent.isInspected = agent.isRegistered && environment.inspects(agent.description) }
    }

    subscript(id: ConnectionID) -> AgentConnection? { connections[id] }

    var count: Int { connections.count }

    /// All of them, in the order of their slots.
    var all: [AgentConnection] { connections.allIDs.compactMap { connections[$0] } }

    private var limits: GatewayLimits { environment.configuration.limits }

    // MARK: Coming and going

    /// Whether one more tunnel of an unregistered agent may be opened from there.
    func hasRoomForUnproven(from client: NetworkAddress?) -> Bool { unregistered.hasRoom(for: client) }

    /// A tunnel stands. `hasProof`: its handshake presented an accepted token.
    func add(_ agent: AgentConnection, hasProof: Bool, _ now: Moment) {
        connections[agent.id] = agent
        timers.set(agent.id, at: now.advanced(by: limits.registrationTimeout))
        guard !hasProof else { return }
        unregistered.add(agent.client)
        unproven.insert(agent.id)
    }

    /// The agent is registered, or gone.
    func proved(_ agent: AgentConnection) {
        if unproven.remove(agent.id) != nil { unregistered.remove(agent.client) }
    }

    /// The connection is gone, or closes.
    func remove(_ agent: AgentConnection, _ turn: inout Turn) {
        let last = agent.session.takeOutput()
        if !last.isEmpty { turn.emit(.write(agent.id, last)) }
        connections[agent.id] = nil
        timers.cancel(agent.id)
        bodies.forget(agent)
        proved(agent)
    }

    /// The welcome of a registered agent.
    func welcome(_ agent: AgentConnection, as agentID: String) -> Welcome {
        sessionCount += 1
        let loop = environment.loop
        return Welcome(
            sessionID: loop == 0 ? "s\(sessionCount)" : "s\(loop).\(sessionCount)",
            webURL: environment.forwarding.webURL(of: agentID, from: agent.address), ping: limits.pingInterval,
            initialWindow: limits.tunnel.initialWindow, maximumStreams: limits.tunnel.maximumStreams,
            takesZeroMask: agent.session.version == .v2)
    }

    // MARK: Which gets a request

    /// The tunnel that a request for an agent of this loop goes through, but not one of those that refused it.
    func tunnel(for route: WebRoute, _ entry: RegistryEntry, besides refused: [ConnectionID]) throws(GatewayError)
        -> AgentConnection
    {
        guard entry.record.isOnline else { throw .agentOffline(route.agentID) }
        guard entry.record.description.servesWeb else { throw .noWebService(route.agentID) }
        if let agent = tunnel(among: entry.record.connections, besides: refused) { return agent }
        throw refused.isEmpty ? .agentOffline(route.agentID) : .tooManyStreams(route.agentID)
    }

    /// The tunnel with the fewest requests under way, of equals the one that waited longest. Of a pool only those that serve
    /// the web, and before others those that read what they are sent; none that leaves, nor one that has refused the request.
    func tunnel(among tunnels: [ConnectionID], besides refused: [ConnectionID] = []) -> AgentConnection? {
        if tunnels.count == 1, refused.isEmpty {
            guard let id = tunnels.first, let agent = connections[id], !agent.isLeaving else { return nil }
            return agent
        }
        var best: (agent: AgentConnection, load: Int)?
        for id in tunnels {
            guard let agent = connections[id], agent.description.servesWeb, !agent.isLeaving, !refused.contains(id) else {
                continue
            }
            let load = isClogged(agent) ? Int.max : agent.isRetiring ? Int.max - 1 : agent.session.openStreams
            if let best, (best.load, best.agent.lastExchange) <= (load, agent.lastExchange) { continue }
            best = (agent, load)
        }
        return best?.agent
    }

    /// So much waits for the agent to read it that it gets no new requests.
    func isClogged(_ agent: AgentConnection) -> Bool { agent.session.backlog >= limits.tunnel.maximumBacklog / 2 }

    /// The largest body that goes through this tunnel, in bytes.
    func maximumBody(through agent: AgentConnection) -> UInt64 {
        let setting = environment.configuration.web.maximumBody
        let configured = setting == 0 ? UInt64.max : setting
        guard agent.session.version == .v1 else { return configured }
        return min(configured, UInt64(clamping: agent.session.limits.maximumBufferedBody))
    }

    // MARK: Output

    /// Output may be ready.
    func markDirty(_ agent: AgentConnection) {
        guard !agent.isDirty else { return }
        agent.isDirty = true
        dirty.append(agent.id)
    }

    /// An agent whose output may be ready; nil: none further.
    func takeDirty() -> AgentConnection? {
        while let id = dirty.popLast() {
            guard let agent = connections[id] else { continue }
            agent.isDirty = false
            return agent
        }
        return nil
    }

    /// The socket took bytes.
    func wrote(_ count: Int, _ agent: AgentConnection) {
        agent.session.wrote(count)
        bodies.settle(agent)
        if agent.session.hasOutput { markDirty(agent) }
    }

    /// Reads those again for whose responses there is room.
    func resumeReading(_ turn: inout Turn) {
        for id in bodies.paused {
            if let agent = connections[id] { bodies.resume(agent, &turn) }
        }
    }

    // MARK: Liveness

    var nextDeadline: Moment? { timers.next }

    func ping(_ agent: AgentConnection, _ now: Moment) {
        agent.session.ping(agent.heartbeat.ping(at: now))
        timers.set(agent.id, at: now.advanced(by: limits.pongTimeout))
        markDirty(agent)
    }

    /// The first ping comes at once: the round trip is known from the beginning.
    func startPinging(_ agent: AgentConnection, _ now: Moment) { timers.set(agent.id, at: now) }

    /// A pong came: the round trip; nil: no ping is open that it belongs to.
    func pong(_ agent: AgentConnection, _ payload: ArraySlice<UInt8>, _ now: Moment) -> Duration? {
        guard let roundTrip = agent.heartbeat.pong(payload, at: now) else { return nil }
        agent.heartbeat.rest()
        timers.set(agent.id, at: agent.heartbeat.sentAt.advanced(by: limits.pingInterval))
        agent.session.roundTrip = min(roundTrip, agent.session.roundTrip ?? roundTrip)
        return roundTrip
    }

    /// What a time limit that has passed means.
    enum Expiry {
        case notRegistered(AgentConnection)
        case checkLiveness(AgentConnection)
    }

    func popExpired(_ now: Moment) -> Expiry? {
        while let id = timers.popExpired(at: now) {
            guard let agent = connections[id] else { continue }
            return agent.isRegistered ? .checkLiveness(agent) : .notRegistered(agent)
        }
        return nil
    }

    /// It is time to ping, or a pong is due. False: none came, although its bytes could come.
    func checkLiveness(_ agent: AgentConnection, _ now: Moment) -> Bool {
        switch agent.heartbeat.expired() {
        case .ping: ping(agent, now)
        case .silent:
            guard bodies.isPaused(agent) else { return false }
            agent.heartbeat.rest()
            timers.set(agent.id, at: now.advanced(by: limits.pingInterval))
        case .rest: timers.set(agent.id, at: now.advanced(by: limits.pingInterval))
        }
        return true
    }
}
