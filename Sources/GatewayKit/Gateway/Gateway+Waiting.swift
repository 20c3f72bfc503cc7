// Requests that wait a moment for their agent: after a restart of the gateway, or when a tunnel has just broken, agents are
// back within a second or two, and a visitor would rather wait than be told so: a browser's EventSource that is answered 503 never asks
// again. Unless `web.agentWait` says otherwise, an agent is waited for that was here a minute ago or later; one that was never here, or
// has been away for longer, is not.
//
// Only who may speak to the agent waits; the body stays where it is, unread. No more wait than fit into the limit; whoever
// waits in vain gets the answer that it would have had at once.

import HTTPCodec
import MachineCore
import TunnelLink

/// A request whose agent is not here.
struct WaitingRequest: Sendable {
    var request: VisitorRequest
    var route: WebRoute
    /// What it is told when time is up.
    var error: GatewayError
    var until: Moment
    /// Whose share of those that wait it is.
    var client: NetworkAddress
}

extension Gateway {
    /// Puts the request aside if its agent may come yet; false if it is to be answered now.
    mutating func holdForAgent(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ error: GatewayError, _ now: Moment,
        _ outputs: inout Outputs
    ) -> Bool {
        // An agent's refusal is waited out if it was the agent's; a limit of the gateway's own is said at once.
        let isRefusal = error == .tooManyStreams(route.agentID) && visitors[id]?.refusedBy.isEmpty == false
        guard isRefusal || error == .unknownAgent(route.agentID) || error == .agentOffline(route.agentID) else { return false }
        let wait = agentWait(for: route, now)
        guard wait > .zero, !isDraining, waitingCount < Self.maximumWaiting, let visitor = visitors[id],
            waiting[AgentName.of(route.agentID), default: []].count < Self.maximumWaitingPerAgent
        else { return false }
        let until = visitor.waiting?.until ?? (isRefusal ? request.received : now).advanced(by: wait)
        let client = client(id, visitor, request.head)
        guard now < until, !hasShareOfWaiting(client) else { return false }
        visitor.waiting = WaitingRequest(request: request, route: route, error: error, until: until, client: client)
        visitor.phase = .awaitingAgent
        visitor.decoder.keepUnread()
        waiting[AgentName.of(route.agentID), default: []].append(id)
        waitingCount += 1
        setReading(id, false, &outputs)
        setDeadline(of: id, at: until)
        return true
    }

    /// How long a request waits for its agent, which is not here, or is about to leave.
    private func agentWait(for route: WebRoute, _ now: Moment) -> Duration {
        if let wait = configuration.web.agentWait { return wait }
        guard let record = registry.record(for: route) else { return .zero }
        guard let lastSeen = record.lastSeen else { return Self.usualWait }
        let away = clock.unixSeconds(at: now).subtractingReportingOverflow(lastSeen).partialValue
        return (0...Self.recentSeconds).contains(away) ? Self.usualWait : .zero
    }

    /// An agent registered: those that wait for it go on, in the order in which they came.
    mutating func resumeWaiting(for agentID: String, _ now: Moment, _ outputs: inout Outputs) {
        guard waitingCount > 0, let ids = waiting.removeValue(forKey: AgentName.of(agentID)) else { return }
        waitingCount -= ids.count
        for id in ids {
            if let held = visitors[id]?.waiting { resume(id, held, now, &outputs) }
        }
    }

    /// A request that was held goes on, or waits further, no longer in all than it would have.
    mutating func resume(_ id: ConnectionID, _ held: WaitingRequest, _ now: Moment, _ outputs: inout Outputs) {
        visitors[id]?.phase = .receivingHead
        setReading(id, true, &outputs)
        beginExchange(id, held.request, held.route, now, &outputs)
        if visitors[id]?.phase != .awaitingAgent { visitors[id]?.waiting = nil }
        pumpVisitor(id, now, &outputs)
    }

    /// The wait was in vain.
    mutating func waitIsOver(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let held = visitors[id]?.waiting else { return }
        forgetWaiting(id)
        setReading(id, true, &outputs)
        answer(id, held.error, to: held.request, now, &outputs)
        pumpVisitor(id, now, &outputs)
    }

    /// The visitor waits no longer, whatever the reason.
    mutating func forgetWaiting(_ id: ConnectionID) {
        guard let held = visitors[id]?.waiting else { return }
        visitors[id]?.waiting = nil
        let key = AgentName.of(held.route.agentID)
        guard let place = waiting[key]?.firstIndex(of: id) else { return }
        waiting[key]?.remove(at: place)
        waitingCount -= 1
        if waiting[key]?.isEmpty == true { waiting[key] = nil }
    }

    /// Each may hold one read of the transport, 64 KiB.
    static var maximumWaiting: Int { 1_024 }
    /// One lost agent with many visitors leaves room for those of others.
    static var maximumWaitingPerAgent: Int { 256 }
    /// An agent that was lost so long ago may come back any moment, and is waited for.
    private static var recentSeconds: Int64 { 60 }
    private static var usualWait: Duration { .seconds(3) }
}
