// What a gateway has done since it started: numbers that only grow, for logs and metrics. How much it holds at this moment is
// in `GatewayCounters`.

import TunnelLink

/// What happened since the gateway started.
public struct GatewayStatistics: Sendable, Hashable {
    /// Request heads of visitors and agents, whatever became of them.
    public internal(set) var requests: UInt64 = 0
    /// Requests that an agent was given.
    public internal(set) var exchanges: UInt64 = 0
    /// Bytes that visitors sent, heads and framing included.
    public internal(set) var bytesIn: UInt64 = 0
    /// Bytes that visitors were sent, heads and framing included.
    public internal(set) var bytesOut: UInt64 = 0
    /// Of those, bytes of bodies that went to agents, and bytes of upgraded connections.
    public internal(set) var bodyBytesIn: UInt64 = 0
    /// The same in the other direction.
    public internal(set) var bodyBytesOut: UInt64 = 0
    /// Exchanges that left HTTP with a 101.
    public internal(set) var upgrades: UInt64 = 0
    /// Registrations of agents; one that comes back counts again.
    public internal(set) var agentsRegistered: UInt64 = 0
    /// Registered agents that left, were lost or were replaced.
    public internal(set) var agentsLost: UInt64 = 0
    /// TLS handshakes of clients.
    public internal(set) var tlsHandshakes: UInt64 = 0
    /// Those that failed: of such a client no more is known.
    public internal(set) var tlsHandshakeFailures: UInt64 = 0
    /// Responses that came from agents.
    public internal(set) var agentResponses = StatusClasses()
    /// Responses that the gateway made itself.
    public internal(set) var ownResponses = StatusClasses()
    /// Errors of the gateway's own, by `x-miagent-error`; those that cut a response that had begun are among them.
    public internal(set) var errors: [String: UInt64] = [:]
    /// Streams that agents gave up, by reason.
    public internal(set) var resetsByAgents: [ResetReason: UInt64] = [:]
    /// Streams that the gateway gave up, by reason.
    public internal(set) var resetsByGateway: [ResetReason: UInt64] = [:]

    /// Nothing has happened.
    public init() {}

    /// Adds what another loop has done.
    mutating func add(_ other: GatewayStatistics) {
        requests &+= other.requests
        exchanges &+= other.exchanges
        bytesIn &+= other.bytesIn
        bytesOut &+= other.bytesOut
        bodyBytesIn &+= other.bodyBytesIn
        bodyBytesOut &+= other.bodyBytesOut
        upgrades &+= other.upgrades
        tlsHandshakes &+= other.tlsHandshakes
        tlsHandshakeFailures &+= other.tlsHandshakeFailures
        agentsRegistered &+= other.agentsRegistered
        agentsLost &+= other.agentsLost
        agentResponses.add(other.agentResponses)
        ownResponses.add(other.ownResponses)
        errors.merge(other.errors, uniquingKeysWith: &+)
        resetsByAgents.merge(other.resetsByAgents, uniquingKeysWith: &+)
        resetsByGateway.merge(other.resetsByGateway, uniquingKeysWith: &+)
    }
}

extension GatewayStatistics {
    /// What changes when anything does, and is cheap to compare.
    struct Flow: Sendable, Hashable {
        var requests: UInt64 = 0
        var exchanges: UInt64 = 0
        var bodyBytesIn: UInt64 = 0
        var bodyBytesOut: UInt64 = 0
        var agents: UInt64 = 0
    }

    var flow: Flow {
        Flow(
            requests: requests, exchanges: exchanges, bodyBytesIn: bodyBytesIn, bodyBytesOut: bodyBytesOut,
            agents: agentsRegistered &+ agentsLost)
    }
}

/// Responses by the first digit of their status.
public struct StatusClasses: Sendable, Hashable {
    /// 101 only: interim responses do not count.
    public private(set) var informational: UInt64 = 0
    /// 2xx.
    public private(set) var successful: UInt64 = 0
    /// 3xx.
    public private(set) var redirections: UInt64 = 0
    /// 4xx.
    public private(set) var clientErrors: UInt64 = 0
    /// 5xx, and what is beyond.
    public private(set) var serverErrors: UInt64 = 0

    /// No responses.
    public init() {}

    /// By the name that metrics give each.
    var byName: [(name: String, count: UInt64)] {
        [
            ("1xx", informational), ("2xx", successful), ("3xx", redirections), ("4xx", clientErrors), ("5xx", serverErrors),
        ]
    }

    mutating func count(_ status: Int) {
        switch status {
        case ..<200: informational &+= 1
        case ..<300: successful &+= 1
        case ..<400: redirections &+= 1
        case ..<500: clientErrors &+= 1
        default: serverErrors &+= 1
        }
    }

    mutating func add(_ other: StatusClasses) {
        informational &+= other.informational
        successful &+= other.successful
        redirections &+= other.redirections
        clientErrors &+= other.clientErrors
        serverErrors &+= other.serverErrors
    }
}
