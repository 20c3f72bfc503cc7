// Who pays into the budget of v1's whole bodies, and what happens when it is used up (BodyBudget).

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    /// Whether a request may begin on this tunnel; its body has been announced with `framing`.
    func checkBuffers(_ connection: ConnectionID, _ framing: HTTPBodyFraming, _ agentID: String) throws(GatewayError) {
        guard let link = agents[connection], link.session.version == .v1 else { return }
        var need = 1
        if case .length(let count) = framing { need = max(1, BodyBudget.need(of: count)) }
        guard bodies.hasRoom(for: need, beside: link.bodyBytes) else { throw .buffersFull(agentID) }
    }

    /// Whether so much more of a request's body may be collected.
    func hasBufferRoom(_ link: AgentLink, _ count: Int) -> Bool {
        link.session.version == .v2 || bodies.hasRoom(for: count, beside: link.bodyBytes)
    }

    /// Brings what the tunnel's session holds up to date.
    mutating func settleBuffers(_ link: AgentLink) {
        guard link.session.version == .v1 else { return }
        let count = link.session.bufferedBytes
        bodies.change(by: count - link.sessionBytes)
        link.sessionBytes = count
    }

    /// A response of a v1 agent, which came whole, is given to a visitor.
    mutating func visitorHolds(_ visitor: Visitor, _ count: Int, of link: AgentLink) {
        guard link.session.version == .v1 else { return }
        if visitor.bodyOwner !== link { releaseBody(visitor, leaving: 0) }
        visitor.bodyOwner = link
        visitor.bodyBytes += count
        link.unreadBytes += count
        bodies.change(by: count)
    }

    /// The visitor has read all but `left` bytes of what it was sent, or is gone.
    mutating func releaseBody(_ visitor: Visitor, leaving left: Int) {
        guard let link = visitor.bodyOwner, visitor.bodyBytes > left else { return }
        let released = visitor.bodyBytes - left
        visitor.bodyBytes = left
        if left == 0 { visitor.bodyOwner = nil }
        link.unreadBytes -= released
        bodies.change(by: -released)
    }

    // MARK: Agents that are not read

    /// Reads a v1 agent no further while its responses take too much.
    mutating func pauseIfFull(_ id: ConnectionID, _ link: AgentLink, _ outputs: inout Outputs) {
        guard link.session.version == .v1, !link.isPaused else { return }
        guard link.responseBytes > bodies.perAgent || bodies.used > bodies.total else { return }
        link.isPaused = true
        bodies.paused.append(id)
        outputs.append(.transport(.setReading(id, false)))
    }

    /// Reads those again for which there is room.
    mutating func resumeAgents(_ outputs: inout Outputs) {
        let paused = bodies.paused
        bodies.paused = []
        for id in paused {
            guard let link = agents[id] else { continue }
            guard link.responseBytes <= bodies.perAgent / 4 * 3, bodies.used <= bodies.total else {
                bodies.paused.append(id)
                continue
            }
            link.isPaused = false
            outputs.append(.transport(.setReading(id, true)))
        }
    }

    /// Whether an agent that is not read stands in the way of others for nothing: it is in the middle of a message that nobody
    /// waits for.
    func holdsForNobody(_ link: AgentLink) -> Bool {
        link.isPaused && link.session.unfinishedBytes > 0 && link.session.openStreams == 0
    }
}
