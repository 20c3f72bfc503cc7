// Requests that wait a moment for their agent: after a restart of the gateway, or when a tunnel has just broken, agents are
// back within a second or two, and for a visitor waiting is better than an error: a browser's EventSource that gets a 503 never
// asks again. Unless `web.agentWait` says otherwise, an agent is waited for that was here a minute ago or later; one that was
// never here, or has been away for longer, is not.
//
// Only who may speak to the agent waits; the body stays where it is, unread. No more wait than fit into the limit; whoever
// waits in vain gets the response that it would have got at once.

import MachineCore
import TunnelLink

final class WaitingRequests: Reconfigurable {
    /// A request whose agent is not here.
    struct Waiting {
        let visitor: VisitorConnection
        var pending: PendingRequest
        /// The error for the visitor when time is up.
        let error: GatewayError
        /// Whose share of those that wait it is.
        let client: NetworkAddress
    }

    @exclusivity(unchecked) private var environment: Environment
    private let registry: Registry
    private let shares: AddressShares
    /// By the agent's name, in the order in which they came; and the name by visitor.
    private var requests: [String: [Waiting]] = [:]
    private var names: [ConnectionID: String] = [:]

    /// An agent that was lost so long ago may come back any moment, and is waited for.
    private static let recentSeconds: Int64 = 60

    init(_ environment: Environment, _ registry: Registry, _ shares: AddressShares) {
        self.environment = environment
        self.registry = registry
        self.shares = shares
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    var count: Int { names.count }

    /// Puts the request aside if its agent may come yet; false if it is to get its response now.
    func hold(
        _ pending: PendingRequest, of visitor: VisitorConnection, _ error: GatewayError, _ turn: inout Turn
    ) -> Bool {
        let agentID = pending.route.agentID
        // An agent's refusal is waited out if it was the agent's; a limit of the gateway's own is said at once.
        let isRefusal = error == .tooManyStreams(agentID) && !pending.refusedBy.isEmpty
        guard isRefusal || error == .unknownAgent(agentID) || error == .agentOffline(agentID) else { return false }
        let (name, wait) = (AgentName.of(agentID), wait(for: pending.route, turn.now))
        guard wait > .zero, count < GatewayLimits.waitingRequests,
            requests[name, default: []].count < GatewayLimits.waitingRequestsPerAgent
        else { return false }
        let until = pending.waitUntil ?? (isRefusal ? pending.request.received : turn.now).advanced(by: wait)
        let client = shares.client(visitor, pending.request.head)
        guard turn.now < until, !hasShare(client) else { return false }
        var pending = pending
        pending.waitUntil = until
        requests[name, default: []].append(Waiting(visitor: visitor, pending: pending, error: error, client: client))
        names[visitor.id] = name
        visitor.holdForAgent(until: until, &turn)
        return true
    }

    /// How long a request waits for its agent, which is not here, or is about to leave.
    private func wait(for route: WebRoute, _ now: Moment) -> Duration {
        if let wait = environment.configuration.web.agentWait { return wait }
        guard let record = registry.entry(for: route)?.record else { return .zero }
        guard let lastSeen = record.lastSeen else { return WebConfiguration.usualAgentWait }
        let away = environment.clock.unixSeconds(at: now).subtractingReportingOverflow(lastSeen).partialValue
        return (0...Self.recentSeconds).contains(away) ? WebConfiguration.usualAgentWait : .zero
    }

    /// Whether the client has its share of those that wait.
    private func hasShare(_ client: NetworkAddress) -> Bool {
        let share = shares.requests(of: client, streams: GatewayLimits.waitingRequestsPerAgent)
        guard count >= share else { return false }
        return requests.values.reduce(0) { $0 + $1.count { $0.client == client } } >= share
    }

    /// Those that wait for an agent; they wait no longer.
    func takeAll(for agentID: String) -> [Waiting] {
        guard !names.isEmpty, let taken = requests.removeValue(forKey: AgentName.of(agentID)) else { return [] }
        for request in taken { names[request.visitor.id] = nil }
        return taken
    }

    /// The first of those that this tunnel refused, which may be given to it again; and whether there are others.
    func takeRefused(by agent: AgentConnection) -> (request: Waiting?, hasMore: Bool) {
        guard let agentID = agent.agentID, !agent.isLeaving else { return (nil, false) }
        let refused = requests[AgentName.of(agentID), default: []].filter { $0.pending.refusedBy.contains(agent.id) }
        var first = refused.first.flatMap { take(of: $0.visitor) }
        first?.pending.refusedBy.removeAll { $0 == agent.id }
        return (first, refused.count > 1)
    }

    /// The visitor waits no longer, whatever the reason.
    func take(of visitor: VisitorConnection) -> Waiting? {
        guard let name = names.removeValue(forKey: visitor.id),
            let place = requests[name]?.firstIndex(where: { $0.visitor === visitor })
        else { return nil }
        let taken = requests[name]?.remove(at: place)
        if requests[name]?.isEmpty == true { requests[name] = nil }
        return taken
    }
}
