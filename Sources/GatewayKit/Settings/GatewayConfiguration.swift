// Everything about a gateway that is decided before it starts. Each limit names its unit, its default, and the memory it
// implies.

import HTTPCodec
import MachineCore
import TunnelLink

/// How a gateway behaves.
public struct GatewayConfiguration: Sendable, Hashable {
    /// The address that pages and agents are told, without a trailing slash; nil: what the client put into `Host`.
    public var publicURL: String?
    /// What agents present; several for rotation. Empty: any agent may connect.
    public var gatewayTokens: [String] = []
    /// Particulars of single agents, by id.
    public var agents: [String: AgentAccess] = [:]
    /// Ids that no agent may have; nil: `www`, if agents have host names.
    public var reservedAgents: [String]?
    /// Origins whose pages may connect as agents, such as `https://console.example.com`. Agents are no browsers, and send none.
    public var agentOrigins: [String] = []
    /// What happens when an id registers that is connected already.
    public var duplicateAgents = DuplicateAgents.replace
    /// Whose `X-Forwarded-*` fields are believed.
    public var trustedProxies: [AddressRange] = []
    /// Where trusted proxies say whose a connection is before its first byte (PROXY protocol).
    public var proxyProtocol = ProxyProtocol.off
    /// The status page.
    public var statusPage = StatusPageConfiguration()
    /// The request inspector.
    public var inspector = InspectorConfiguration()
    /// The web services behind agents.
    public var web = WebConfiguration()
    /// Visitors who log in.
    public var login = LoginConfiguration()
    /// Whether other machines can connect, as far as the host knows: then open doors are warned of.
    public var isReachableFromOutside = false
    /// Limits and timeouts.
    public var limits = GatewayLimits()
    /// Whether each exchange is logged.
    public var logsRequests = false
    /// Who is told of agents that are gone; nil: nobody.
    public var offlineAlert: OfflineAlertConfiguration?
    /// How the access log is written; the host decides where.
    public var accessLog = AccessLogFormat.off

    /// What programs may ask of how it does.
    public var metrics = MetricsConfiguration()

    /// The defaults.
    public init() {}

    /// The version of this program.
    public static let programVersion = ProgramVersion.text
}

/// `/metrics`.
public struct MetricsConfiguration: Sendable, Hashable {
    /// Whether it is there at all.
    public var isEnabled = true
    /// How many agents have samples of their own; of more, only the first by id do.
    public var maximumAgents = 1_000
    /// The defaults.
    public init() {}
}

/// What is particular about one agent.
public struct AgentAccess: Sendable, Hashable {
    /// What this agent presents, instead of the common ones; empty: the common ones.
    public var tokens: [String] = []
    /// What its visitors present, instead of the common ones; empty: the common ones.
    public var authTokens: [String] = []
    /// Whether the inspector records what it exchanges; nil: if the agent asks for it.
    public var inspects: Bool?
    /// Anybody may visit it, although there are common tokens; tokens of its own come before this.
    public var isPublic = false
    /// From where visitors may come, instead of the common list; empty: the common list.
    public var allow: [AddressRange] = []
    /// Nothing particular.
    public init() {}
    /// Nothing particular but whether it is inspected.
    init(inspects: Bool) { self.inspects = inspects }
}

/// What happens when an agent registers under an id that is connected.
public enum DuplicateAgents: String, Sendable, Hashable, CaseIterable {
    /// The new connection wins: the old one may be dead without either end knowing.
    case replace
    /// The old connection stays.
    case reject
    /// All stay and share the work: a request goes to the one with the fewest under way.
    case balance
}

/// The page at `/`.
public struct StatusPageConfiguration: Sendable, Hashable {
    /// Whether it is there at all; `/.miagent/agents` with it.
    public var isEnabled = true
    /// What its visitors present; empty: what opens the web services, and where nothing does, it is open.
    public var authTokens: [String] = []
    /// It is open although web services are not, and nobody is warned of it; tokens of its own come before this.
    public var isPublic = false
    /// The defaults.
    public init() {}
}

/// The request inspector.
public struct InspectorConfiguration: Sendable, Hashable {
    /// Whose exchanges are recorded.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// Nobody's.
        case off
        /// Those of the agents that ask for it, or of which the configuration says so.
        case agents
        /// Everybody's.
        case all
    }

    /// Whose exchanges are recorded.
    public var mode = Mode.agents
    /// What all exchanges together may take, in bytes; loops share it.
    public var maximumBytes = 16 * 1_048_576
    /// How much of each body is kept, in bytes, of the request and of the answer.
    public var maximumBodyBytes = 65_536
    /// Whether exchanges may be sent again.
    public var allowsReplay = true
    /// Whether who may see the status page without a token may see exchanges too.
    public var isPublic = false
    /// The defaults.
    public init() {}
}

/// Visitors who log in with a token, in a browser.
public struct LoginConfiguration: Sendable, Hashable {
    /// How long a login lasts.
    public var session = Duration.seconds(12 * 3_600)
    /// How many wrong tokens a minute an address may present before no more are looked at; 0: any number.
    public var attemptsPerMinute = 10
    /// The defaults.
    public init() {}
}

/// The seed's `channels.webService`.
public struct WebConfiguration: Sendable, Hashable {
    /// Whether visitors reach web services at all.
    public var isEnabled = true
    /// Beneath which path, without a trailing slash.
    public var pathPrefix = "/web"
    /// What visitors present; empty: open.
    public var authTokens: [String] = []
    /// That it is open is meant, and not warned of.
    public var isPublic = false
    /// From where visitors may come; empty: from anywhere.
    public var allow: [AddressRange] = []
    /// Whether `pathPrefix` leads to agents. Without, they have host names only, and no service shares an origin with another, or
    /// with the gateway's own pages.
    public var routesByPath = true
    /// The protocols to which a visitor may switch its connection (`Upgrade`). `h2c`, `TLS` and their like never are.
    public var upgrades = ["websocket"]
    /// How long a service may take until the head of its answer.
    public var timeout = Duration.seconds(30)
    /// How long a request waits for an agent that is not here, known or not, so that a restart of the gateway, or a tunnel that broke,
    /// is a delay instead of an error; zero: not at all. Nil: 3 s, for agents that were lost in the last minute.
    public var agentWait: Duration?
    /// `{agentId}.` before this host name reaches an agent too; nil: only by path.
    public var subdomainHost: String?
    /// Whether what a page of a service asks for outside the prefix goes to that service.
    public var rescuesAbsolutePaths = true
    /// Whether CORS preflights, which can carry no token, reach the services that need one.
    public var passesPreflights = true
    /// How long a stream of server-sent events may be quiet before a comment is sent to the visitor; zero: for ever.
    public var sseKeepAlive = Duration.zero
    /// The largest request body, in bytes; 0: no limit.
    public var maximumBody: UInt64 = 0
    /// The defaults.
    public init() {}
}

/// What a gateway holds, and how long it waits.
public struct GatewayLimits: Sendable, Hashable {
    /// Of one tunnel. Memory of one agent: at most `maximumStreams` × (`initialWindow` + `streamQueueBytes`) + `windowBudget`
    /// while all stream.
    public var tunnel = TunnelLimits()
    /// Of visitors' requests. A visitor in the middle of its head holds at most start line + field section, 40 KiB.
    public var http = HTTPLimits()
    /// Whole bodies of one v1 agent, requests and responses, base64 included; raised to what one body of the greatest length needs.
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
    /// How long its answer may take.
    public var pongTimeout = Duration.seconds(10)
    /// How long a visitor that expects `100 Continue` waits for the service's word; then it is told to go on anyway, since an
    /// agent may not know how to pass that word on.
    public var continueTimeout = Duration.seconds(1)
    /// Request bytes that are read and thrown away so that a connection survives an early answer; beyond, it is closed.
    public var maximumDiscardedBody: UInt64 = 64 * 1024
    /// The defaults.
    public init() {}
}

/// Turns moments into wall-clock time: what a machine that reads no clock needs to date its answers.
public struct WallClock: Sendable, Hashable {
    /// Nanoseconds since 1970-01-01T00:00:00Z at the moment zero.
    public var unixNanosecondsAtZero: Int64

    /// A clock with this offset.
    public init(unixNanosecondsAtZero: Int64) { self.unixNanosecondsAtZero = unixNanosecondsAtZero }

    /// Seconds since 1970 at `moment`.
    public func unixSeconds(at moment: Moment) -> Int64 { unixNanoseconds(at: moment) / 1_000_000_000 }

    /// Milliseconds since 1970 at `moment`.
    public func unixMilliseconds(at moment: Moment) -> Int64 { unixNanoseconds(at: moment) / 1_000_000 }

    /// Nanoseconds since 1970 at `moment`.
    public func unixNanoseconds(at moment: Moment) -> Int64 {
        unixNanosecondsAtZero.addingReportingOverflow(Int64(clamping: moment.nanoseconds)).partialValue
    }
}
