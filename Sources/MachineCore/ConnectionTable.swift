// Connections in an array indexed by slot: looking one up costs a load and a compare, no hashing.
//
// What a connection is to a machine is an object (Docs/Decisions/0005): a table of large structs would copy a dozen references
// out and back for each event. Inlinable, because an unspecialised generic would cost more than the event.

/// Objects by connection. A stale id (same slot, other generation) finds nothing and disturbs nothing.
public struct ConnectionTable<Value: AnyObject> {
    @usableFromInline var ids: [UInt64] = []
    @usableFromInline var values: [Value?] = []

    /// The number of connections in the table.
    @inlinable public var count: Int { storedCount }

    @usableFromInline var storedCount = 0

    /// An empty table.
    @inlinable public init() {}

    /// The object for `id`, or nil. Setting nil removes it; setting an object takes the slot over from an earlier generation.
    @inlinable public subscript(id: ConnectionID) -> Value? {
        get {
            let slot = id.slot
            return slot < ids.count && ids[slot] == id.rawValue ? values[slot] : nil
        }
        set {
            if let newValue { insert(newValue, for: id) } else { remove(id) }
        }
    }

    /// The ids in the table, by slot.
    public var allIDs: [ConnectionID] {
        ids.indices.filter { values[$0] != nil }.map { ConnectionID(rawValue: ids[$0]) }
    }

    @usableFromInline mutating func insert(_ value: Value, for id: ConnectionID) {
        while values.count <= id.slot {
            ids.append(.max)
            values.append(nil)
        }
        if values[id.slot] == nil { storedCount += 1 }
        ids[id.slot] = id.rawValue
        values[id.slot] = value
    }

    @usableFromInline mutating func remove(_ id: ConnectionID) {
        guard self[id] != nil else { return }
        values[id.slot] = nil
        storedCount -= 1
    }
}
