// One agent's connection, after the WebSocket handshake: its tunnel, its description of itself, and whether it is alive.

import MachineCore
import TunnelLink

final class AgentConnection {
    let id: ConnectionID
    let peer: String
    /// Where it dialled from, be it through a proxy; nil if that is not known.
    let client: NetworkAddress?
    /// The page that it is, if it is one that may be an agent.
    let origin: String?
    /// Where its handshake found the gateway, for the URL in its welcome.
    let address: String
    /// Whom the certificate is about that it presented; nil: none.
    let certificate: String?
    // Unchecked (as in VisitorConnection): the session's own methods, which are all that runs during an access, know of no
    // connection.
    @exclusivity(unchecked) var session: TunnelSession
    /// The id in the URL, or the one it registered under.
    private(set) var agentID: String?
    /// What the handshake presented, until the agent is registered.
    private(set) var presentedToken: String?
    /// What stands for the token that it registered with; nil: it brought none.
    private(set) var credential: TokenDigest?
    /// It is in the registry under `agentID`, since then (seconds since 1970).
    private(set) var isRegistered = false
    private(set) var registeredAt: Int64 = 0
    /// How it describes itself, once it is registered.
    var description = AgentDescription(agentID: "")
    /// What is counted of the agent, once it is registered.
    private(set) var counters: AgentCounters?
    /// The request inspector records what it exchanges.
    var isInspected = false
    /// It was told to dial again: what it has in flight here is finished, whoever registers under its id.
    var isRetiring = false
    /// It said that it leaves: it gets no new requests, and does not compete with whoever registers under its id.
    var isLeaving = false
    /// How many it had under way when it last refused one that waits: once there are fewer, that may be tried again.
    var refusedAt: Int?
    /// The number of the last request that it was given: of tunnels that are equally busy, the one that waited longest is next.
    var lastExchange: UInt64 = 0
    /// The exchange of each open stream.
    @exclusivity(unchecked) var exchanges = StreamTable<ExchangeID>()
    /// v1: what it takes of the budget for whole bodies (`BodyBudget`, which alone changes it).
    @exclusivity(unchecked) var bodyUse = BodyBudget.Use()
    /// Output may be ready; the connection is in the list of those.
    @exclusivity(unchecked) var isDirty = false
    /// Whether it is alive: any byte counts.
    @exclusivity(unchecked) var heartbeat = Heartbeat()

    init(_ handshake: AgentHandshake, _ origin: AgentSource, limits: TunnelLimits) {
        id = origin.id
        peer = origin.peer
        client = origin.client
        self.origin = origin.page
        address = origin.address
        certificate = origin.certificate
        session = TunnelSession(.gateway, version: handshake.version, limits: limits)
        agentID = handshake.agentID
        session.agentIDInURL = handshake.agentID
        presentedToken = handshake.token
    }

    // MARK: Registration

    /// The agent is one of ours from now on, or describes itself anew.
    func admit(_ description: AgentDescription, credential: TokenDigest?) {
        agentID = description.agentID
        if !isRegistered { self.credential = credential }
        presentedToken = nil
        session.admit()
        self.description = description
        self.description.token = nil
    }

    /// It is in the registry.
    func registered(at unixSeconds: Int64, _ counters: AgentCounters?) {
        isRegistered = true
        registeredAt = unixSeconds
        self.counters = counters
    }
}

/// Where an agent's connection comes from.
struct AgentSource {
    let id: ConnectionID
    let peer: String
    let client: NetworkAddress?
    /// `Origin` of its handshake.
    let page: String?
    /// Where it found the gateway.
    let address: String
    /// Whom the certificate is about that it presented.
    let certificate: String?
}
