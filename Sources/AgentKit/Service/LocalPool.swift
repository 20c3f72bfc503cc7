// Which idle connection to a service is used next, and which is too old.

import MachineCore

/// Idle connections, the last used first: those at the bottom are the ones that grow old.
struct LocalPool: Sendable {
    private struct Entry: Sendable {
        var connection: ConnectionID
        var service: Int
        var expires: Moment
    }

    let capacity: Int
    /// `expires` never decreases; `entries.count <= capacity`
    private var entries: [Entry] = []

    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { entries.count }
    var isFull: Bool { entries.count >= capacity }
    /// When the oldest is to be closed.
    var nextExpiry: Moment? { entries.first?.expires }

    mutating func push(_ connection: ConnectionID, for service: Int, expires: Moment) {
        entries.append(Entry(connection: connection, service: service, expires: expires))
    }

    /// The one that was used last, whosever it is.
    mutating func pop() -> ConnectionID? { entries.popLast()?.connection }

    /// The one that this service used last. With one service it is always the last of all.
    mutating func pop(for service: Int) -> ConnectionID? {
        guard let index = entries.lastIndex(where: { $0.service == service }) else { return nil }
        return entries.remove(at: index).connection
    }

    mutating func remove(_ connection: ConnectionID) { entries.removeAll { $0.connection == connection } }

    /// Removes and returns those that are due.
    mutating func takeExpired(at now: Moment) -> [ConnectionID] {
        let due = entries.prefix { $0.expires <= now }
        entries.removeSubrange(..<due.endIndex)
        return due.map(\.connection)
    }
}
