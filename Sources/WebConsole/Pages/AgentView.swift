// One agent as pages and programs see it. Everything an agent says of itself is untrusted text: pages escape it, JSON quotes
// it.

/// One agent, at one moment.
public struct AgentView: Sendable, Hashable {
    /// Its id.
    public var id: String
    /// What it says it is doing, such as `idle`; without meaning while it is offline.
    public var status = ""
    /// What kind of agent it says it is.
    public var type = ""
    /// The machine that it says it runs on.
    public var host = ""
    /// The model that it says it uses.
    public var model = ""
    /// The version of its program.
    public var version = ""
    /// The address that it connected from.
    public var remoteAddress = ""
    /// Whether it has a tunnel.
    public var isOnline = false
    /// How many tunnels share its work.
    public var tunnels = 0
    /// Where visitors find its web service; nil while there is none.
    public var webURL: String?
    /// When it connected, in seconds since 1970.
    public var connectedAt: Int64 = 0
    /// When it was lost, in seconds since 1970; nil while it is online.
    public var lastSeen: Int64?
    /// The round trip of the last ping, in milliseconds; nil before the first pong.
    public var roundTripMilliseconds: Double?
    /// Requests that were passed on to it since the gateway started.
    public var requests: UInt64 = 0
    /// Of those, how many ended with an error of the gateway's own.
    public var failures: UInt64 = 0
    /// Bytes of request bodies, and of upgraded connections, that went to it.
    public var bytesIn: UInt64 = 0
    /// Bytes of response bodies that came from it.
    public var bytesOut: UInt64 = 0
    /// Requests under way now.
    public var openStreams = 0
    /// Whether the inspector records its exchanges.
    public var isInspected = false

    /// An agent with this id, of which nothing else is known.
    public init(id: String) { self.id = id }
}
