// What the status page shows. The gateway gathers it; the page only draws.

/// The last minutes as rows of points, oldest first. All rows are equally long.
public struct SeriesView: Sendable, Hashable {
    /// The seconds that one point stands for.
    public var secondsPerPoint = 5
    /// When the last point ends, in seconds since 1970.
    public var end: Int64 = 0
    /// Requests that began, per second.
    public var requestsPerSecond: [Double] = []
    /// The median time to the head of the response; nil if there was none.
    public var p50Milliseconds: [Double?] = []
    /// The time that one response in a hundred took longer than.
    public var p99Milliseconds: [Double?] = []
    /// Bytes of bodies from visitors, per second.
    public var bytesInPerSecond: [Double] = []
    /// Bytes of bodies to visitors, per second.
    public var bytesOutPerSecond: [Double] = []

    /// No points.
    public init() {}
}

/// What an operator should know before anything else.
public enum StatusWarning: String, Sendable, Hashable, CaseIterable {
    /// Anybody may connect an agent.
    case openToAgents
    /// Anybody may reach the agents' web services, and the settings do not say that this is intended.
    case openToVisitors
    /// Anybody may see which agents there are, and the settings do not say that this is intended.
    case openStatusPage
}

/// A certificate that cannot be had.
public struct CertificateTrouble: Sendable, Hashable {
    /// The host name that it is for.
    public var name: String
    /// Why, as the log has it.
    public var reason: String

    /// No certificate for `name`, because of `reason`.
    public init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }
}

/// The status page at one moment.
public struct StatusView: Sendable, Hashable {
    /// The gateway's address, `http(s)://host[:port]`.
    public var address: String
    /// Agents with a tunnel.
    public var agentsOnline = 0
    /// Those, and the ones that were seen since the gateway started.
    public var agentsKnown = 0
    /// Agents online that offer a web service.
    public var webServices = 0
    /// The agents of this page, in the order of the table.
    public var agents: [AgentView] = []
    /// How many agents match the filter, on all pages.
    public var matching = 0
    /// How many of those come before the first of this page.
    public var offset = 0
    /// How many a page holds.
    public var limit = 100
    /// The text to find; empty: everything.
    public var filter = ""
    /// Whether only agents that are online were asked for.
    public var onlyOnline = false
    /// The plots.
    public var series = SeriesView()
    /// What to warn of.
    public var warnings: [StatusWarning] = []
    /// Certificates that cannot be had, or not anew.
    public var certificateTroubles: [CertificateTrouble] = []
    /// Whether a cookie of a login came with the request, so that the page offers to log out.
    public var canLogOut = false
    /// The gateway's version.
    public var version = ""
    /// Now, in seconds since 1970.
    public var now: Int64 = 0
    /// When the gateway started, in seconds since 1970.
    public var startedAt: Int64 = 0

    /// A gateway of which only the address is known.
    public init(address: String) { self.address = address }
}
