// What v1, which carries whole bodies, may take of memory: requests while they are collected, encoded and unread by their
// agent, and responses while they come and until their visitors have read them. For each agent, and for all of a loop.
//
// Loops share nothing, so each has its share of what the process may take (Docs/Decisions/0007), at least as much as one body
// of the greatest length needs. A new request for which there is no room is refused (503). What has reached an agent is never
// lost for it: where responses take too much, the agent's socket is read no further until visitors have read.

import HTTPCodec
import MachineCore
import TunnelLink

/// Bytes of whole bodies on one loop.
final class BodyBudget {
    /// What one agent may take, and what all on this loop may.
    private var perAgent: Int
    private var total: Int
    private(set) var used = 0
    /// Agents that are not read because of it.
    private(set) var paused: [ConnectionID] = []
    /// Visitors that have not read a response whole.
    private var unread: [ConnectionID: (agent: AgentConnection, count: Int)] = [:]

    /// What one agent takes.
    struct Use {
        /// What its session holds of bodies, as it was last counted, and what its visitors have not read.
        fileprivate var session = 0
        fileprivate var unread = 0
        /// It is not read until there is room for what it sends.
        fileprivate var isPaused = false

        fileprivate var all: Int { session + unread }
    }

    init(_ environment: Environment) {
        (perAgent, total) = Self.limits(environment)
    }

    /// The limits changed; what is used did not.
    func reconfigure(_ environment: Environment) { (perAgent, total) = Self.limits(environment) }

    private static func limits(_ environment: Environment) -> (perAgent: Int, total: Int) {
        limits(environment.configuration.limits, loops: environment.loopCount)
    }

    /// What one agent, and all of one of so many loops, may take.
    static func limits(_ limits: GatewayLimits, loops: Int) -> (perAgent: Int, total: Int) {
        let oneBody = need(of: UInt64(clamping: limits.tunnel.maximumBufferedBody))
        return (max(limits.bufferPerAgent, oneBody), max(limits.bufferTotal / loops, oneBody))
    }

    /// What a body of this length takes at most: itself, and its base64 beside it. No announced length may make it overflow.
    static func need(of count: UInt64) -> Int { Int(clamping: min(count, 1 << 48) / 3 * 7 + 7) }

    // MARK: Requests

    /// Whether a request may begin whose body is framed so.
    func hasRoom(for framing: HTTPBodyFraming, through agent: AgentConnection) -> Bool {
        guard agent.session.version == .v1 else { return true }
        guard case .length(let count) = framing else { return hasRoom(for: 1, beside: agent) }
        return hasRoom(for: max(1, Self.need(of: count)), beside: agent)
    }

    /// Whether so much more of a request's body may be collected.
    func hasRoom(for count: Int, through agent: AgentConnection) -> Bool {
        agent.session.version == .v2 || hasRoom(for: count, beside: agent)
    }

    private func hasRoom(for need: Int, beside agent: AgentConnection) -> Bool {
        agent.bodyUse.all + need <= perAgent && used + need <= total
    }

    /// Brings what the tunnel's session holds up to date.
    @inline(__always) func settle(_ agent: AgentConnection) {
        if agent.session.version == .v1 { settleWhole(agent) }
    }

    private func settleWhole(_ agent: AgentConnection) {
        let count = agent.session.bufferedBytes
        used += count - agent.bodyUse.session
        agent.bodyUse.session = count
    }

    /// The tunnel is gone.
    func forget(_ agent: AgentConnection) {
        used -= agent.bodyUse.session
        agent.bodyUse.session = 0
        if agent.bodyUse.isPaused { paused.removeAll { $0 == agent.id } }
    }

    // MARK: Responses

    /// A response of a v1 agent, which came whole, was given to a visitor.
    func visitorHolds(_ count: Int, _ visitor: ConnectionID, of agent: AgentConnection) {
        guard agent.session.version == .v1 else { return }
        if let other = unread[visitor]?.agent, other !== agent { visitorRead(visitor, leaving: 0) }
        unread[visitor] = (agent, (unread[visitor]?.count ?? 0) + count)
        agent.bodyUse.unread += count
        used += count
    }

    /// The visitor has read all but `left` bytes of what it was sent, or is gone.
    @inline(__always) func visitorRead(_ visitor: ConnectionID, leaving left: Int) {
        if !unread.isEmpty { release(visitor, leaving: left) }
    }

    private func release(_ visitor: ConnectionID, leaving left: Int) {
        guard let held = unread[visitor], held.count > left else { return }
        unread[visitor] = left == 0 ? nil : (held.agent, left)
        held.agent.bodyUse.unread -= held.count - left
        used -= held.count - left
    }

    // MARK: Agents that are not read

    /// Reads a v1 agent no further while its responses take too much.
    func pauseIfFull(_ agent: AgentConnection, _ turn: inout Turn) {
        guard agent.session.version == .v1, !agent.bodyUse.isPaused else { return }
        guard agent.session.unfinishedBytes + agent.bodyUse.unread > perAgent || used > total else { return }
        agent.bodyUse.isPaused = true
        paused.append(agent.id)
        turn.emit(.setReading(agent.id, false))
    }

    /// Reads those again for which there is room.
    func resume(_ agent: AgentConnection, _ turn: inout Turn) {
        guard agent.bodyUse.isPaused, agent.session.unfinishedBytes + agent.bodyUse.unread <= perAgent / 4 * 3, used <= total
        else { return }
        agent.bodyUse.isPaused = false
        paused.removeAll { $0 == agent.id }
        turn.emit(.setReading(agent.id, true))
    }

    func isPaused(_ agent: AgentConnection) -> Bool { agent.bodyUse.isPaused }

    /// Whether an agent that is not read holds memory for nothing: it is in the middle of a message that no request waits for.
    func holdsUnclaimedMessage(_ agent: AgentConnection) -> Bool {
        isPaused(agent) && agent.session.unfinishedBytes > 0 && agent.session.openStreams == 0
    }
}
