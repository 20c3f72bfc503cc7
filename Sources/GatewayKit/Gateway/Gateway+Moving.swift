// Connections that change loops, and what the loops of a gateway tell each other (Docs/Decisions/0007).
//
// An agent and all who visit it are on one loop. A visitor moves once its head names an agent of another, whole, between two
// requests: what it sent beyond the head goes with it. A handshake moves to loop 0, which knows where each agent lives, and from
// there to that agent's home, so that two connections of one id always meet. Nothing is shared: the host carries values.

import HTTPCodec
import MachineCore
import TunnelLink

/// A visitor's connection between two loops, with the request that it is to go on with.
public struct MovedVisitor: Sendable {
    /// What it is moved for.
    enum Errand: Sendable {
        /// The agent lives there.
        case web(WebRoute)
        /// One of the gateway's own addresses is answered there.
        case own(OwnRoute)
        /// Its agent lives there, or is to be told where it does.
        case handshake(isAtHome: Bool)
    }

    let peer: String
    let decoder: HTTPRequestDecoder
    let request: VisitorRequest
    let errand: Errand
    /// Set if it has waited for its agent: no longer than until then.
    let waiting: WaitingRequest?
    let queuedBytes: Int
    let isReading: Bool
}

extension Gateway {
    /// Gives the visitor, whose request begins, to another loop.
    mutating func move(
        _ id: ConnectionID, _ request: VisitorRequest, _ errand: MovedVisitor.Errand, to loop: Int, _ outputs: inout Outputs
    ) {
        guard let visitor = visitors[id] else { return }
        uncountConnection(visitor)
        releaseBody(visitor, leaving: 0)
        visitors[id] = nil
        deadlines.cancel(.visitor(id))
        visitor.decoder.keepUnread()
        neighbours.moved += 1
        let moved = MovedVisitor(
            peer: visitor.peer, decoder: visitor.decoder, request: request, errand: errand, waiting: visitor.waiting,
            queuedBytes: visitor.queuedBytes, isReading: visitor.isReading)
        outputs.append(.note(.move(id, moved, toLoop: loop)))
    }

    /// A visitor came from another loop: its request goes on here.
    mutating func adopt(_ id: ConnectionID, _ moved: MovedVisitor, _ now: Moment, _ outputs: inout Outputs) {
        neighbours.moved -= 1
        let visitor = Visitor(moved)
        visitors[id] = visitor
        countMoved(visitor)
        if let drainDeadline, drainDeadline <= now {
            visitor.phase = .closing
            return outputs.append(.transport(.abort(id)))
        }
        switch moved.errand {
        case .web(let route): beginExchange(id, moved.request, route, now, &outputs)
        case .own(let route): console(id, moved.request, route, now, &outputs)
        case .handshake(let isAtHome): upgradeAgent(id, moved.request, isAtHome: isAtHome, now, &outputs)
        }
        if visitor.phase != .awaitingAgent { visitor.waiting = nil }
        pumpVisitor(id, now, &outputs)
    }

    /// Where an agent's handshake is to go on; nil: here.
    mutating func wayHome(of agentID: String?, _ now: Moment) throws(GatewayError) -> Int? {
        guard loop == 0 else { return 0 }
        guard let agentID else { return nil }
        let limit = configuration.limits.maximumConnections
        guard let home = neighbours.home(of: agentID, registry, limit: limit, now) else { throw .overloaded }
        return home == loop ? nil : home
    }

    /// Whether another loop has or expects tunnels of this agent, so that one that did not say who it is before it came here
    /// would not meet them.
    func livesElsewhere(_ agentID: String) -> Bool {
        if let destination = neighbours.destination(of: agentID) { return destination != loop }
        guard let record = registry.owner(of: agentID) else { return false }
        return record.loop != loop && record.isOnline
    }

    // MARK: Gossip

    /// The connections of this loop, for the others.
    var census: GatewayCensus {
        var census = GatewayCensus()
        census.visitors = visitors.count + proxied.count + neighbours.moved
        census.agents = agents.count
        census.isDraining = isDraining
        return census
    }

    /// Tells the others what changed in this turn, before anything that was written in it can reach anybody.
    mutating func gossip(_ outputs: inout Outputs) {
        for id in registry.takeChanges() {
            let record = registry.records[id]
            if record == nil || record?.loop == loop { outputs.append(.note(.gossip(.agent(id: id, record)))) }
        }
        let census = census
        if neighbours.shouldTell(census, of: loop, limit: configuration.limits.maximumConnections) {
            outputs.append(.note(.gossip(.census(census))))
        }
        tellShares(&outputs)
    }

    /// Another loop has said something. Who waits for an agent that is there now, goes there.
    mutating func hear(_ gossip: GatewayGossip, from sender: Int, _ now: Moment, _ outputs: inout Outputs) {
        switch gossip {
        case .census(let census): neighbours.hear(census, from: sender)
        case .connections(let address, let count): shares.hear(address, count, from: sender)
        case .charges(let charges): hear(charges, now)
        case .agent(let id, let record):
            registry.learn(id, record, from: sender)
            guard record?.isOnline == true else { return }
            neighbours.arrived(id)
            agentIsHere(id, &outputs)
            resumeWaiting(for: id, now, &outputs)
        }
    }
}
