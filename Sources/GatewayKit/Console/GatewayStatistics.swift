// What a gateway has done since it started: numbers that only grow, for logs and metrics. How much it holds at this moment is
// in `GatewayCounters`.

import TunnelLink

/// What happened since the gateway started.
public struct GatewayStatistics: Sendable, Hashable {
    /// Request heads of visitors and agents, whatever became of them.
    public internal(set) var requests: UInt64 = 0
    /// Requests that an agent was asked to answer.
    public internal(set) var exchanges: UInt64 = 0
    /// Bytes that visitors sent, heads and framing included.
    public internal(set) var bytesIn: UInt64 = 0
    /// Bytes that visitors were sent, heads and framing included.
    public internal(set) var bytesOut: UInt64 = 0
    /// Exchanges that left HTTP with a 101.
    public internal(set) var upgrades: UInt64 = 0
    /// Registrations of agents; one that comes back counts again.
    public internal(set) var agentsRegistered: UInt64 = 0
    /// Registered agents that left, were lost or were replaced.
    public internal(set) var agentsLost: UInt64 = 0
    /// Errors of the gateway's own, by `x-miagent-error`; those that cut an answer that had begun are among them.
    public internal(set) var errors: [String: UInt64] = [:]
    /// Streams that agents gave up, by reason.
    public internal(set) var resetsByAgents: [ResetReason: UInt64] = [:]
    /// Streams that the gateway gave up, by reason.
    public internal(set) var resetsByGateway: [ResetReason: UInt64] = [:]

    /// Nothing has happened.
    public init() {}
}
