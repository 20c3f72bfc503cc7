// What a gateway holds, and how long it waits. Each limit names its unit and the memory it implies; those that are settings say
// where they are read what happens beyond them, and FixedLimits says it of the others.

import HTTPCodec
import SettingsCore
import TunnelLink

/// What a gateway holds, and how long it waits.
public struct GatewayLimits: Sendable, Hashable {
    /// Of one tunnel. Memory of one agent: at most `maximumStreams` × (`initialWindow` + `streamQueueBytes`) + `windowBudget`
    /// while all stream.
    public var tunnel = TunnelLimits()
    /// Of visitors' requests. A visitor in the middle of its head holds at most start line + field section, 40 KiB.
    public var http = HTTPLimits()
    /// Whole bodies of one v1 agent, requests and responses, base64 included; raised to what one body of the greatest length
    /// needs.
    public var bufferPerAgent = 64 * 1024 * 1024
    /// The same of all v1 agents together; loops share it out.
    public var bufferTotal = 256 * 1024 * 1024
    /// Visitors and agents at once; further ones are turned away with 503.
    public var maximumConnections = 100_000
    /// What one address may take of all that.
    public var perAddress = AddressLimits()
    /// Agents that are remembered while offline, about 1 KiB each.
    public var maximumOfflineAgents = 10_000
    /// From the first byte of a request, or the connection's beginning, to the end of its head.
    public var headTimeout = Duration.seconds(10)
    /// Between requests on one connection.
    public var idleTimeout = Duration.seconds(75)
    /// The same once a drain has begun: a request may be on its way on a connection that looks idle.
    public var drainLinger = Duration.seconds(1)
    /// How long a visitor may leave unread what was sent to it.
    public var writeTimeout = Duration.seconds(60)
    /// From the WebSocket handshake to `agent.register`.
    public var registrationTimeout = Duration.seconds(10)
    /// How often an agent is pinged.
    public var pingInterval = Duration.seconds(20)
    /// How long its pong may take.
    public var pongTimeout = Duration.seconds(10)
    /// How long a visitor that expects `100 Continue` waits for the service's; then it is told to go on anyway, since an
    /// agent may not know how to pass that response on.
    public var continueTimeout = Duration.seconds(1)
    /// Request bytes that are read and discarded so that a connection survives an early response; beyond, it is closed.
    public var maximumDiscardedBody: UInt64 = 64 * 1024
    /// The defaults.
    public init() {}

    /// Requests that wait for their agents, on each loop; each may hold one read of the transport, 64 KiB.
    static let waitingRequests = 1_024
    /// Those that wait for one agent: a lost one with many visitors leaves room for those of others.
    static let waitingRequestsPerAgent = 256
    /// Event streams of the gateway's own, on each loop.
    static let eventStreams = 256
    /// Tunnels whose agents have not registered and have shown no token.
    static let unregisteredAgents = 512
    /// Those from one address; in IPv6 from a /64.
    static let unregisteredAgentsPerAddress = 64
}

extension GatewayLimits {
    mutating func read(from reader: inout SettingsReader) {
        reader.fixedLimits += fixed
        readTunnel(from: &reader)
        readVisitors(from: &reader)
        perAddress.read(from: &reader)
    }

    /// What agents may take.
    private mutating func readTunnel(from reader: inout SettingsReader) {
        reader.read(
            .integer(
                "channels.webService.maxBufferedBody", in: 0...1 << 30, unit: .bytes,
                "The largest body either way for an agent that speaks v1."
            ).beyond(.bodyTooLarge(limit: 0), .serviceBroken("")), into: &tunnel.maximumBufferedBody)
        reader.read(
            .integer("limits.maxStreamsPerAgent", in: 1...65_536, "Requests at once on one agent.").beyond(.tooManyStreams("")),
            into: &tunnel.maximumStreams)
        reader.read(
            .integer(
                "limits.initialWindow", in: 16_384...1 << 24, unit: .bytes,
                "What may be under way on a new stream before the receiver asks for more (v2)."
            ).beyond("reset \(ResetReason.overran.rawValue)"), into: &tunnel.initialWindow)
        reader.read(
            .integer(
                "limits.maxWindowPerStream", in: 16_384...1 << 30, unit: .bytes,
                "What the window of a stream may grow to on a network path with a large bandwidth-delay product."
            ).beyond("the window grows no more"), into: &tunnel.maximumWindow)
        reader.read(
            .integer(
                "limits.windowBudgetPerAgent", in: 0...1 << 40, unit: .bytes,
                "By how much the windows of one agent may grow all together."
            ).beyond("no window grows"), into: &tunnel.windowBudget)
        reader.read(
            .integer(
                "limits.v1BufferPerAgent", in: 1 << 20...1 << 40, unit: .bytes,
                "Whole bodies (v1) that are held for one agent."
            ).beyond(.buffersFull("")), into: &bufferPerAgent)
        reader.read(
            .integer(
                "limits.v1BufferTotal", in: 1 << 20...1 << 40, unit: .bytes, "Whole bodies (v1) that are held for all agents."
            ).beyond(.buffersFull("")), into: &bufferTotal)
        reader.read(
            .milliseconds("limits.pingIntervalMs", in: 1...86_400_000, "How often an agent is pinged.")
                .beyond("a ping is sent"), into: &pingInterval)
        reader.read(
            .milliseconds("limits.pongTimeoutMs", in: 1...86_400_000, "How long the pong of an agent may take.")
                .beyond("the connection is aborted"), into: &pongTimeout)
    }

    /// What visitors may take.
    private mutating func readVisitors(from reader: inout SettingsReader) {
        reader.read(
            .integer("limits.maxConnections", in: 1...10_000_000, "Visitors and agents at once.").beyond(.overloaded),
            into: &maximumConnections)
        http.setHead(
            bytes: reader.read(
                .integer(
                    "limits.maxHeadBytes", in: 1_024...1 << 17, unit: .bytes,
                    "The largest request line, and the largest field section of a request."
                ).beyond(.malformed(.tooLarge(.startLine)), .malformed(.tooLarge(.fieldSection))),
                default: http.maximumStartLineBytes))
        reader.read(
            .integer("limits.maxFields", in: 16...4_096, "Fields of a request.").beyond(.malformed(.tooLarge(.fieldCount))),
            into: &http.maximumFieldCount)
        reader.read(
            .milliseconds("limits.headTimeoutMs", in: 1...86_400_000, "How long the head of a request may take.")
                .beyond(.requestTimedOut), into: &headTimeout)
        reader.read(
            .milliseconds("limits.idleTimeoutMs", in: 1...86_400_000, "How long a connection is kept between requests.")
                .beyond("the connection is closed"), into: &idleTimeout)
        reader.read(
            .milliseconds(
                "limits.writeTimeoutMs", in: 1...86_400_000, "How long a visitor may take none of what is sent to it."
            ).beyond("the connection is aborted"), into: &writeTimeout)
    }
}
