// How much a gateway holds at a moment: for tests, and for whoever embeds it.

import Inspection

/// What a gateway holds that hosts need not know of: for tests.
struct GatewayInternals {
    let waitingRequests: Int
    let replays: Int
    let untoldExchanges: Int
    let notesChanges: Bool
    let proxiedConnections: Int
    let isDraining: Bool
    let heldBodyBytes: Int
    let capturedExchanges: InspectorStore
    let history: History
    /// Each exchange is known to both its ends, and they to it.
    let isConsistent: Bool
}

/// How much a gateway holds. All zero when every connection is closed.
public struct GatewayCounters: Sendable, Hashable {
    /// Connections that are no agent's.
    public var visitors = 0
    /// Connections of agents, registered or not.
    public var agents = 0
    /// Agents of this loop that visitors can reach.
    public var registeredAgents = 0
    /// Requests on their way.
    public var openStreams = 0
    /// Bytes given to the transport and not yet written, and bytes that wait in streams.
    public var bufferedBytes = 0
    /// No counts.
    public init() {}
}
