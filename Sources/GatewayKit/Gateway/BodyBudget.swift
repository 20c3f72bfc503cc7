// What v1, which carries whole bodies, may take of memory: requests while they are collected, encoded and unread by their agent,
// and responses while they come and until their visitors have read them. For each agent, and for all of a loop.
//
// Loops share nothing, so each has its share of what the process may take (Docs/Decisions/0007), at least as much as one body of
// the greatest length needs. A new request for which there is no room is refused (503). What has reached an agent is never lost
// for it: where responses take too much, the agent's socket is read no further until visitors have read.

import MachineCore
import TunnelLink

/// Bytes of whole bodies on one loop.
struct BodyBudget: Sendable {
    /// What one agent may take.
    private(set) var perAgent: Int
    /// What all on this loop may take.
    private(set) var total: Int
    private(set) var used = 0
    /// Agents that are not read because of it.
    var paused: [ConnectionID] = []

    init(_ limits: GatewayLimits, loops: Int) {
        let oneBody = Self.need(of: UInt64(clamping: limits.tunnel.maximumBufferedBody))
        perAgent = max(limits.bufferPerAgent, oneBody)
        total = max(limits.bufferTotal / max(1, loops), oneBody)
    }

    /// The limits changed; what is used did not.
    mutating func reconfigure(_ limits: GatewayLimits, loops: Int) {
        let new = BodyBudget(limits, loops: loops)
        perAgent = new.perAgent
        total = new.total
    }

    mutating func change(by count: Int) { used += count }

    /// What a body of this length takes at most: itself, and its base64 beside it. Nobody may announce so much that it overflows.
    static func need(of count: UInt64) -> Int { Int(clamping: min(count, 1 << 48) / 3 * 7 + 7) }

    /// Whether there is room for `need` beside what the agent has already.
    func hasRoom(for need: Int, beside agentBytes: Int) -> Bool {
        agentBytes + need <= perAgent && used + need <= total
    }
}
