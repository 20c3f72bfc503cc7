// The exchanges of a loop: requests on their way to an agent and responses on their way back. An exchange joins a visitor's
// connection and a tunnel; neither knows of the other. How one begins is decided here; the rest is in the extensions:
//
//     Requests        a request's body, each byte of which goes on when it is here
//     Responses       the response: its head, its framing, its body, its end
//     Endings         what goes wrong, what takes too long, what is taken back
//     Records         what is counted, recorded and logged of each
//     Replays         exchanges that a person sends again
//
// Refuses, before anything reaches the agent: a declared body above the limit, more streams than agreed, a client that has its
// share of them. Errors are those of the table in Docs/Protocol.md.

import HTTPCodec
import MachineCore
import TunnelLink

final class Exchanges: Reconfigurable {
    @exclusivity(unchecked) private(set) var environment: Environment
    let visitors: Visitors
    let agents: Agents
    let shares: AddressShares
    let metrics: Metrics
    let inspector: Inspector
    /// By slot, and the generation of each slot.
    @exclusivity(unchecked) private var table: [Exchange?] = []
    @exclusivity(unchecked) private var generations: [UInt32] = []
    @exclusivity(unchecked) private var freeSlots: [Int] = []
    /// The request that is being given to an agent.
    private let outgoing = ForwardedRequest(method: "", path: [], query: nil, fields: HTTPFields(), hasBody: false)
    /// Those that are over since the machine was called, and those that may serve again.
    @exclusivity(unchecked) private var over: [Exchange] = []
    @exclusivity(unchecked) private var idle = UsedObjects<Exchange>()

    init(
        _ environment: Environment, _ visitors: Visitors, _ agents: Agents, _ shares: AddressShares, _ metrics: Metrics,
        _ inspector: Inspector
    ) {
        self.environment = environment
        self.visitors = visitors
        self.agents = agents
        self.shares = shares
        self.metrics = metrics
        self.inspector = inspector
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    var bodies: BodyBudget { agents.bodies }
    var web: WebConfiguration { environment.configuration.web }
    /// Whether visitors reach web services at all.
    var isEnabled: Bool { environment.configuration.web.isEnabled }

    // MARK: Which

    subscript(id: ExchangeID?) -> Exchange? {
        guard let id, id.slot < table.count, let exchange = table[id.slot], exchange.id == id else { return nil }
        return exchange
    }

    /// The exchange of a tunnel's stream.
    func exchange(of agent: AgentConnection, _ stream: StreamID) -> Exchange? { self[agent.exchanges[stream]] }

    /// The exchanges that go through a tunnel.
    func all(of agent: AgentConnection) -> [Exchange] { agent.exchanges.values.compactMap { self[$0] } }

    /// All exchanges.
    var all: [Exchange] { table.compactMap { $0 } }

    /// Whether each exchange is known to both its ends, and they to it: for tests.
    var isConsistent: Bool {
        all.allSatisfy(isConsistent) && visitors.all.count { $0.exchange != nil } == all.count
            && agents.all.allSatisfy { $0.session.openStreams <= $0.exchanges.count }
            && agents.all.reduce(0) { $0 + $1.exchanges.count } == all.count
    }

    private func isConsistent(_ exchange: Exchange) -> Bool {
        let visitor = exchange.visitor
        return visitor.exchange == exchange.id && exchange.agent.exchanges[exchange.stream] == exchange.id
            && exchange.heldBytes <= visitor.queuedBytes && (visitor.phase == .exchanging || visitor.phase == .upgraded)
    }

    /// Puts an exchange into the table, on both its ends.
    func add(
        _ request: VisitorRequest, of visitor: VisitorConnection, _ client: NetworkAddress, to agentID: String,
        _ agent: AgentConnection, _ stream: StreamID, _ now: Moment
    ) -> Exchange {
        let slot = freeSlots.popLast() ?? table.count
        if slot == table.count {
            table.append(nil)
            generations.append(0)
        }
        generations[slot] &+= 1
        let id = ExchangeID(slot: slot, generation: generations[slot])
        let exchange: Exchange
        if let used = idle.take() {
            used.begin(id, request, of: visitor, client, to: agentID, agent, stream, now)
            exchange = used
        } else {
            exchange = Exchange(id, request, of: visitor, client, to: agentID, agent, stream, now)
        }
        table[slot] = exchange
        agent.exchanges.insert(id, stream)
        visitor.exchange = id
        visitor.requestForwarded()
        return exchange
    }

    /// Takes an exchange off the table, and off both its ends.
    func remove(_ exchange: Exchange) {
        guard self[exchange.id] != nil else { return }
        table[exchange.id.slot] = nil
        freeSlots.append(exchange.id.slot)
        exchange.agent.exchanges.remove(exchange.stream)
        exchange.visitor.exchange = nil
        agents.markDirty(exchange.agent)
        over.append(exchange)
    }

    /// The machine's call is over: nobody looks at what was removed during it.
    func settle() {
        guard !over.isEmpty else { return }
        for exchange in over {
            exchange.clear()
            guard exchange.visitor.phase != .closing, agents[exchange.agent.id] === exchange.agent else { continue }
            idle.keep(exchange)
        }
        over.removeAll(keepingCapacity: true)
    }

    /// A connection is gone: no idle exchange keeps its memory.
    func forget(_ visitor: VisitorConnection) { idle.removeAll { $0.visitor === visitor } }

    /// A tunnel is gone: no idle exchange keeps its memory.
    func forget(_ agent: AgentConnection) { idle.removeAll { $0.agent === agent } }

    // MARK: The beginning

    /// Gives a visitor's request to an agent. `grant`: what of it was for the gateway alone.
    func begin(
        _ pending: PendingRequest, of visitor: VisitorConnection, to agentID: String, _ agent: AgentConnection,
        _ grant: Grant, _ turn: inout Turn
    ) throws(GatewayError) {
        let request = pending.request
        try checkBody(of: request, to: agentID, agent)
        let client = shares.client(visitor, request.head)
        try checkShare(of: client, on: agent)
        let isTrusted = environment.forwarding.isTrusted(visitor.peerAddress)
        defer { outgoing.clear() }
        let web = forwarded(pending, of: visitor, isTrusted: isTrusted, to: agent, grant)
        let upgrade = upgrade(asked: request, through: agent)
        if upgrade != nil {
            web.upgrade = upgrade
            web.hasBody = true
        }
        // To be read by the agent as one message.
        guard agent.session.limits.fits(web) else { throw .malformed(.tooLarge(.fieldSection)) }
        guard let stream = openStream(web, on: agent) else { throw .tooManyStreams(agentID) }
        let exchange = add(request, of: visitor, client, to: agentID, agent, stream, turn.now)
        exchange.route = pending.route
        exchange.prefix = Self.joined(
            environment.forwarding.prefix(of: request.head.fields, isByTrustedProxy: isTrusted), pending.route.prefix)
        if !pending.refusedBy.isEmpty { exchange.refusedBy = pending.refusedBy }
        exchange.waitUntil = pending.waitUntil
        if upgrade != nil { exchange.upgrade = upgrade }
        began(exchange, web, turn.now)
        visitor.setDeadline(turn.now.advanced(by: self.web.timeout))
        if request.expectsContinue { settleExpectation(exchange, &turn) }
        // One that another tunnel refused has ended before, and its end will not be said again.
        if request.isOver { endRequest(exchange, HTTPFields(), &turn) }
    }

    /// One prefix behind another; nothing is copied where only one says something.
    private static func joined(_ outer: String, _ inner: String) -> String { outer.isEmpty ? inner : outer + inner }

    private func checkBody(of request: VisitorRequest, to agentID: String, _ agent: AgentConnection) throws(GatewayError) {
        if case .length(let count) = request.framing {
            let maximum = agents.maximumBody(through: agent)
            if count > maximum { throw .bodyTooLarge(limit: maximum) }
        }
        guard bodies.hasRoom(for: request.framing, through: agent) else { throw .buffersFull(agentID) }
    }

    /// Refuses a client that has its share of the agent's requests under way. Looks for them only where there are so many.
    private func checkShare(of client: NetworkAddress, on agent: AgentConnection) throws(GatewayError) {
        let share = shares.requests(of: client, streams: agent.session.limits.maximumStreams)
        guard agent.session.openStreams >= share else { return }
        let mine = agent.exchanges.values.count { self[$0]?.client == client }
        if mine >= share { throw .tooManyRequests(seconds: 1) }
    }

    /// The request as the agent gets it.
    private func forwarded(
        _ pending: PendingRequest, of visitor: VisitorConnection, isTrusted: Bool, to agent: AgentConnection, _ grant: Grant
    ) -> ForwardedRequest {
        let (request, route) = (pending.request, pending.route)
        let untold = environment.forwarding.untoldPrefix(of: request.head.fields, isByTrustedProxy: isTrusted)
        let context = VisitorContext(
            peer: visitor.peer, isTrustedProxy: isTrusted, isEncrypted: request.security != nil,
            prefix: Self.joined(untold, route.prefix), grant: grant,
            removesCookies: environment.access.issuesCookies, requestID: request.id,
            // A v1 agent could not pass the service's decision on.
            passesExpect: request.expectsContinue && agent.session.version == .v2)
        let query = grant.removesToken ? QueryToken(in: route.query)?.rest.map { $0[...] } : route.query
        let service = HeaderRules.toService(request.head, context)
        outgoing.method = request.head.method
        outgoing.path = route.path
        outgoing.query = query
        outgoing.fields = service.fields
        outgoing.dropped = service.dropped
        outgoing.forwarding = service.forwarding
        outgoing.hasBody = request.framing != .none
        return outgoing
    }

    /// The protocol that the service is asked to switch to; nil: none. v1 has no way to leave HTTP, and after a body it is not
    /// clear where the other protocol begins. A server may always ignore an upgrade (RFC 9110 §7.8).
    private func upgrade(asked request: VisitorRequest, through agent: AgentConnection) -> String? {
        guard request.framing == .none || request.framing == .length(0), agent.session.version == .v2 else { return nil }
        return environment.upgrades.wanted(by: request.head)
    }

    /// Gives a request to an agent; nil if it has too much to do.
    func openStream(_ web: ForwardedRequest, on agent: AgentConnection) -> StreamID? {
        guard !agents.isClogged(agent), let stream = agent.session.open(web) else { return nil }
        agent.lastExchange = metrics.streamOpened()
        agents.markDirty(agent)
        return stream
    }
}
