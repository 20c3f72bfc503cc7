// Connections in an array indexed by slot: looking one up costs a load and a compare, no hashing.
// Inlinable, because an unspecialised generic on the path of every event would cost more than the rest of the event.

/// Values by connection. A stale id (same slot, other generation) finds nothing and disturbs nothing.
public struct ConnectionTable<Value: Sendable>: Sendable {
    @usableFromInline var ids: [UInt64] = []
    @usableFromInline var values: [Value?] = []

    /// The number of connections in the table.
    @inlinable public var count: Int { storedCount }

    @usableFromInline var storedCount = 0

    /// An empty table.
    @inlinable public init() {}

    /// The value for `id`, or nil. Setting nil removes it; setting a value takes the slot over from an earlier generation.
    @inlinable public subscript(id: ConnectionID) -> Value? {
        _read {
            // Lent, not copied: a value may hold a dozen references, and looking at one field must not count them all.
            let slot = id.slot
            if slot < ids.count, ids[slot] == id.rawValue { yield values[slot] } else { yield nil }
        }
        _modify {
            let slot = id.slot
            if slot < ids.count, ids[slot] == id.rawValue {
                let before = values[slot] == nil ? 0 : 1
                defer { storedCount += (values[slot] == nil ? 0 : 1) - before }
                yield &values[slot]
            } else {
                var absent: Value?
                yield &absent
                if let absent { insert(absent, at: slot, for: id.rawValue) }
            }
        }
    }

    /// The ids in the table, by slot.
    public var allIDs: [ConnectionID] {
        ids.indices.filter { values[$0] != nil }.map { ConnectionID(rawValue: ids[$0]) }
    }

    @usableFromInline mutating func insert(_ value: Value, at slot: Int, for rawValue: UInt64) {
        while values.count <= slot {
            ids.append(.max)
            values.append(nil)
        }
        if values[slot] == nil { storedCount += 1 }
        ids[slot] = rawValue
        values[slot] = value
    }
}
