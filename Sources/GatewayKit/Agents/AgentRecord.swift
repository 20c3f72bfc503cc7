// What is known of one agent, whichever loop owns it.

import MachineCore
import TunnelLink

/// What the status page shows of one agent.
public struct AgentRecord: Sendable, Hashable {
    /// How the agent describes itself.
    public var description: AgentDescription
    /// The loop that owns it.
    public var loop = 0
    /// Its tunnels, oldest first; empty while it is offline. They are ids of its owning loop, and mean nothing on another.
    public var connections: [ConnectionID] = []
    /// The address that it connected from.
    public var remoteAddress: String
    /// When it connected, in seconds since 1970.
    public var connectedAt: Int64
    /// When it was lost, in seconds since 1970; nil while it is online.
    public var lastSeen: Int64?
    /// Of the last ping; nil before the first pong.
    public var roundTrip: Duration?

    /// Whether a tunnel stands.
    public var isOnline: Bool { !connections.isEmpty }
}
