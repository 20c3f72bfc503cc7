// What the connections of a loop's visitors share: the settings, the counters, one heap of time limits, the text of `Date`, and
// the list of those that go on in the next turn.

import HTTPCodec
import MachineCore

final class VisitorResources {
    // Unchecked, here and in the other components: it is replaced between requests, and reading it runs nothing.
    @exclusivity(unchecked) var environment: Environment
    let metrics: Metrics
    /// No connection is kept for long any more.
    @exclusivity(unchecked) var isDraining = false
    @exclusivity(unchecked) var timers = Deadlines<ConnectionID>()
    @exclusivity(unchecked) var requestIDs: RequestIDs
    @exclusivity(unchecked) private var date = CachedDate()
    private var due: [ConnectionID] = []
    /// Connections with something to write that the transport was not given yet; perhaps nothing more of it.
    @exclusivity(unchecked) private var unflushed: [VisitorConnection] = []

    init(_ environment: Environment, _ metrics: Metrics) {
        self.environment = environment
        self.metrics = metrics
        requestIDs = RequestIDs(environment.clock, loop: environment.loop)
    }

    /// `Date`, and nothing else.
    func date(at now: Moment) -> HTTPFields { date.field(environment.clock.unixSeconds(at: now)) }

    /// How long a connection is kept between requests.
    var idleTimeout: Duration {
        let limits = environment.configuration.limits
        return isDraining ? min(limits.drainLinger, limits.idleTimeout) : limits.idleTimeout
    }

    /// The connection goes on in the next turn.
    func resumeNextTurn(_ id: ConnectionID) { due.append(id) }

    /// The connection has something for the transport.
    func mustFlush(_ visitor: VisitorConnection) { unflushed.append(visitor) }

    /// Gives the transport all that was written.
    func flush(_ turn: inout Turn) {
        guard !unflushed.isEmpty else { return }
        for visitor in unflushed { visitor.flush(&turn) }
        unflushed.removeAll(keepingCapacity: true)
    }

    /// Whether any connection goes on in the next turn.
    var hasDue: Bool { !due.isEmpty }

    /// All that are to go on, in the order in which they paused.
    func takeDue() -> [ConnectionID] {
        defer { due = [] }
        return due
    }
}

/// The text of `Date`, made once a second.
struct CachedDate: Sendable {
    private var second = Int64.min
    private var cached = HTTPFields()

    /// `Date`, and nothing else.
    mutating func field(_ unixSeconds: Int64) -> HTTPFields {
        if unixSeconds != second {
            second = unixSeconds
            cached = HTTPFields()
            try? cached.append(.date, HTTPDate.format(unixSeconds: unixSeconds))  // a date is a legal value
        }
        return cached
    }
}
