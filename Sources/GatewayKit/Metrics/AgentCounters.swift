// What is counted of one agent, whatever tunnels it has or had. On the console's loop these are the sums of all loops since the
// start; on every other loop what has not been reported to the console yet.

/// Counts of one agent.
struct AgentCounts: Sendable, Hashable {
    /// Requests that it was given.
    var requests: UInt64 = 0
    /// Of those, the ones that ended with an error of the gateway's own.
    var failures: UInt64 = 0
    /// Bytes of bodies that went to it and came from it, and of upgraded connections.
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    /// Requests on their way now: a level, while all else only grows.
    var openStreams = 0

    /// Adds what happened since; the level is the newer one.
    mutating func add(_ later: AgentCounts) {
        requests &+= later.requests
        failures &+= later.failures
        bytesIn &+= later.bytesIn
        bytesOut &+= later.bytesOut
        openStreams = later.openStreams
    }

    /// Takes out what has grown and leaves the level.
    mutating func take() -> AgentCounts {
        let taken = self
        self = AgentCounts()
        openStreams = taken.openStreams
        return taken
    }
}

/// The counts of one agent, shared by its tunnels and their exchanges.
final class AgentCounters {
    let agentID: String
    // Unchecked: an access is an addition, and runs nothing.
    @exclusivity(unchecked) var counts = AgentCounts()
    /// Whether it waits to be reported to the console, or to be sent by it to event streams.
    @exclusivity(unchecked) var isChanged = false

    init(_ agentID: String) { self.agentID = agentID }
}
