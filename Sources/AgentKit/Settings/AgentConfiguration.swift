// Everything that an agent is told before it starts. Each field names its unit, its default, the reason and the memory it
// implies.
//
// Nothing is checked on the way in; `problem` says why an agent could not run with it, and the agent refuses to start then.

import HTTPCodec
import MachineCore
import SettingsCore
import TunnelLink

/// What an agent is, whom it serves, and its limits.
public struct AgentConfiguration: Sendable, Hashable {
    /// Where the gateway is.
    public var gateway: GatewayURL
    /// By way of which the gateway is dialled (CONNECT). Default nil: directly. The host looks into the environment, if it
    /// wants that (`ProxyVariables`).
    public var proxy: ProxyURL?
    /// Proves to the gateway who we are, in `Authorization: Bearer`. Never logged. Default nil: the gateway asks for none.
    public var token: String?
    /// What the gateway is told about the agent; `agentID` must be valid.
    public var description: AgentDescription
    /// Who responds to requests.
    public var service: LocalService
    /// It was given no id and has its machine's name: then the log says so.
    public var isNamedAfterMachine = false
    /// The gateway's address was given without a path, and has the default one: then the log says so.
    public var hasDefaultPath = false

    /// The highest version of the tunnel that is offered. Default v2; v1 holds whole bodies in memory.
    public var highestVersion = TunnelVersion.v2
    /// How data is masked on its way to the gateway. Default `automatic`.
    public var mask = TunnelMask.automatic
    /// Exchanges at once on one tunnel; requests beyond are refused with `tooManyStreams`. Default 1024: a browser opens six
    /// connections. Memory: each may hold `limits.initialWindow` in v2, twice `limits.maximumBufferedBody` in v1.
    public var maximumExchanges = 1024
    /// Idle connections to the service that are kept for the next request. Default 512. Memory: about 1 KiB each, and a
    /// descriptor here and at the service.
    public var maximumPooledConnections = 512
    /// How long an idle connection is kept. Default 4 s: Node closes its own after 5 s, and a request that crosses that close
    /// is lost. Zero keeps none.
    public var poolIdleTimeout = Duration.seconds(4)

    /// For a connection to be made, to the gateway or to the service. Default 10 s, as a person would wait.
    public var connectTimeout = Duration.seconds(10)
    /// For a proxy's response, for the TLS handshake with the gateway, and for its response to the WebSocket upgrade, each.
    /// Default 10 s.
    public var upgradeTimeout = Duration.seconds(10)
    /// For the gateway's response to `agent.register` in v2; a v1 gateway may never give one. Default 10 s.
    public var registrationTimeout = Duration.seconds(10)
    /// From a request to the head of the service's response. Default zero: none here, since the gateway times it too.
    public var responseHeadTimeout = Duration.zero

    /// Between pings, until the gateway's welcome says otherwise. Default 20 s: less than what home routers forget after.
    /// Zero sends none.
    public var pingInterval = Duration.seconds(20)
    /// For any byte to come after a ping, before the gateway is given up for dead. Default 10 s.
    public var pongTimeout = Duration.seconds(10)
    /// The ceiling of the wait after a first failure, and the highest one. Default 0.5 s to 30 s.
    public var backoff = Duration.milliseconds(500)...Duration.seconds(30)
    /// How long the agent must have been served before the waits begin anew. Default 10 s: a gateway that takes agents in and
    /// throws them out again is not hammered.
    public var stableAfter = Duration.seconds(10)

    /// The largest request body that is collected for an in-process handler, in bytes. Default 1 MiB, for each exchange.
    public var maximumHandlerBodyBytes = 1024 * 1024
    /// What the host is shown of each exchange (`AgentNote.captured`), for an inspector. Default nil: nothing is kept.
    public var captures: CaptureSettings?
    /// What the tunnel holds at most; the gateway's welcome may lower it. Of its streams there are `maximumExchanges`.
    public var limits = TunnelLimits()
    /// Bytes of requests that services have not taken, and of responses that the gateway does not take, in each direction:
    /// beyond it a request that goes on is given up, and no service is read. Default 128 MiB; a gateway may not ask for more,
    /// whatever windows it grants itself. Both are one-sided stalls, so that in the usual run of things next to nothing is
    /// held.
    public var maximumHeldBytes = 128 * 1024 * 1024
    /// How long the heads of the gateway and of the service may be.
    public var http = HTTPLimits()

    /// An agent with the default limits.
    public init(gateway: GatewayURL, token: String? = nil, description: AgentDescription, service: LocalService) {
        self.gateway = gateway
        self.token = token
        self.description = description
        self.service = service
    }

    /// The version in `User-Agent`, and in `agent.register` unless the description names another.
    public static let programVersion = ProgramVersion.text

    /// Why an agent cannot run with this, or nil if it can.
    public var problem: String? {
        if !AgentDescription.isValidID(description.agentID) {
            return "the agent id must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot"
        }
        if let token, let problem = TokenGrammar.problem(token) { return "the gateway token is a token \(problem)" }
        return service.problem
    }
}
