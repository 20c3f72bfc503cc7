// The connections of a loop's visitors: who is here, whose time is up, and who goes on in this turn.

import HTTPCodec
import MachineCore

final class Visitors: Reconfigurable {
    @exclusivity(unchecked) private var connections = ConnectionTable<VisitorConnection>()
    private let shared: VisitorResources

    init(_ environment: Environment, _ metrics: Metrics) { shared = VisitorResources(environment, metrics) }

    func reconfigure(_ environment: Environment) { shared.environment = environment }

    subscript(id: ConnectionID) -> VisitorConnection? { connections[id] }

    var count: Int { connections.count }

    /// All of them, in the order of their slots.
    var all: [VisitorConnection] { connections.allIDs.compactMap { connections[$0] } }

    var queuedBytes: Int { all.reduce(0) { $0 + $1.queuedBytes } }

    // MARK: Coming and going

    func accept(_ id: ConnectionID, peer: String, redirectPort: UInt16?, _ now: Moment) -> VisitorConnection {
        let visitor = VisitorConnection(id, peer: peer, redirectPort: redirectPort, shared)
        connections[id] = visitor
        visitor.setDeadline(now.advanced(by: shared.environment.configuration.limits.headTimeout))
        return visitor
    }

    /// It came from another loop, with a request.
    func adopt(_ id: ConnectionID, _ state: VisitorState) -> VisitorConnection {
        let visitor = VisitorConnection(id, state, shared)
        connections[id] = visitor
        return visitor
    }

    /// The connection is gone, or another's from now on.
    func remove(_ visitor: VisitorConnection) {
        visitor.retire()
        connections[visitor.id] = nil
        shared.timers.cancel(visitor.id)
    }

    // MARK: Output

    /// Gives the transport all that was written to visitors.
    func flush(_ turn: inout Turn) { shared.flush(&turn) }

    // MARK: Draining

    var isDraining: Bool { shared.isDraining }

    /// From now on each response closes its connection. A request may be on its way on a connection that looks idle: it is
    /// closed when nothing came for a moment.
    func beginDrain(_ now: Moment) {
        shared.isDraining = true
        for visitor in all where visitor.phase == .receivingHead && !visitor.hasBegun {
            visitor.setDeadline(now.advanced(by: shared.idleTimeout))
        }
    }

    // MARK: Time

    /// When the next time limit passes, at the latest.
    var nextDeadline: Moment? { shared.timers.next }

    /// Whether connections go on in the next turn.
    var hasDue: Bool { shared.hasDue }

    /// A connection whose time limit has passed; nil: none further.
    func popExpired(_ now: Moment) -> VisitorConnection? {
        while let id = shared.timers.popExpired(at: now) {
            if let visitor = connections[id], visitor.isDeadlinePassed(now) { return visitor }
        }
        return nil
    }

    /// Those that paused in the last turn and may go on.
    func takeDue() -> [VisitorConnection] { shared.takeDue().compactMap { connections[$0] } }
}
