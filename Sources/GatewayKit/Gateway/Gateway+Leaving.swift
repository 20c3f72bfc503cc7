// Agents that leave, and requests that an agent refused unprocessed: another tunnel of the same id gets them, or they wait.
//
// Nothing that may have been processed is sent twice. An agent's refusal (-32014, reset 1) says that it has done nothing about the
// request; what it was sent of a body is not kept here, so a request whose body has begun to flow is not sent again.

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    /// The agent finishes what it has and gets nothing new. Whether it is shown as online does not change: it is.
    mutating func agentLeaves(_ id: ConnectionID, _ isLeaving: Bool, _ now: Moment, _ outputs: inout Outputs) {
        guard let link = agents[id], link.isRegistered, link.isLeaving != isLeaving, let agentID = link.agentID else { return }
        link.isLeaving = isLeaving
        if isLeaving {
            link.description.status = TunnelSession.leavingStatus
            describe(agentID, by: link)
            log(.info, "agent.leaving", [.init("agent", agentID), .init("peer", link.peer)], &outputs)
        } else {
            resumeWaiting(for: agentID, now, &outputs)
        }
    }

    /// Gives a request that its agent refused to another tunnel, or lets it wait for one. False: that cannot be, and the visitor is
    /// to be told of the refusal.
    mutating func goElsewhere(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) -> Bool {
        guard let visitor = visitors[id], visitor.phase == .exchanging, let exchange = visitor.exchange,
            exchange.status == nil, let route = exchange.route, exchange.requestBytes == 0
        else { return false }
        var request = exchange.asked
        request.isOver = exchange.requestEnded || exchange.isUpgrade
        if request.expectsContinue, !exchange.awaitsContinue { return false }  // it was told to go on: its body is on its way
        forget(exchange)
        exchangeRefused(exchange, now)
        if let link = agents[exchange.connection] { link.refusedAt = link.session.openStreams }
        visitor.refusedBy.append(exchange.connection)
        visitor.exchange = nil
        visitor.phase = .receivingHead
        beginExchange(id, request, route, now, &outputs)
        guard visitors[id] === visitor, visitor.exchange == nil, visitor.phase != .awaitingAgent else { return true }
        setReading(id, true, &outputs)
        pumpVisitor(id, now, &outputs)
        return true
    }

    /// Something on this tunnel is over: the first of the requests that it refused is tried again.
    mutating func retryRefused(_ connection: ConnectionID, _ link: AgentLink, _ now: Moment, _ outputs: inout Outputs) {
        let ids = link.agentID.flatMap { waiting[AgentName.of($0)] } ?? []
        let refused = link.isLeaving ? [] : ids.filter { visitors[$0]?.refusedBy.contains(connection) == true }
        if refused.count < 2 { link.refusedAt = nil }
        guard let id = refused.first, let visitor = visitors[id], let held = visitor.waiting else { return }
        forgetWaiting(id)
        visitor.waiting = held
        visitor.refusedBy.removeAll { $0 == connection }
        resume(id, held, now, &outputs)
    }
}
