// Deadlines as data: a binary heap of (moment, key) beside the live moment of each key.
//
// Setting a key again or cancelling it leaves its old heap entry behind; stale entries are recognised when they reach the
// top, and the heap is rebuilt when more than half of it is stale, so it never exceeds twice the live keys plus a constant.

/// At most one deadline for each key, and the earliest of them. A machine asks for what has expired; nothing is scheduled.
public struct Deadlines<Key: Hashable & Sendable>: Sendable {
    @usableFromInline struct Entry: Sendable {
        @usableFromInline var moment: Moment
        @usableFromInline var key: Key
        @inlinable init(moment: Moment, key: Key) {
            self.moment = moment
            self.key = key
        }
    }

    @usableFromInline var live: [Key: Moment] = [:]
    @usableFromInline var heap: [Entry] = []

    /// No deadlines.
    @inlinable public init() {}

    /// The number of keys that have a deadline.
    @inlinable public var count: Int { live.count }

    /// The earliest deadline, or nil if there is none.
    @inlinable public var next: Moment? { heap.first?.moment }

    /// The deadline of `key`, if it has one.
    @inlinable public subscript(key: Key) -> Moment? { live[key] }

    /// Gives `key` this deadline instead of any that it has.
    @inlinable public mutating func set(_ key: Key, at moment: Moment) {
        if live.updateValue(moment, forKey: key) == moment { return }
        push(Entry(moment: moment, key: key))
        dropStale()
    }

    /// Takes the deadline of `key` away, if it has one.
    @inlinable public mutating func cancel(_ key: Key) {
        if live.removeValue(forKey: key) != nil { dropStale() }
    }

    /// Removes and returns one key whose deadline is `now` or earlier, earliest first; nil when none is left.
    @inlinable public mutating func popExpired(at now: Moment) -> Key? {
        guard let first = heap.first, first.moment <= now else { return nil }
        pop()
        live.removeValue(forKey: first.key)
        dropStale()
        return first.key
    }

    /// Keeps the invariant that the top of the heap, if any, is live.
    @inlinable mutating func dropStale() {
        if heap.count > 2 * live.count + 16 {
            heap = live.map { Entry(moment: $0.value, key: $0.key) }.sorted { $0.moment < $1.moment }
            return
        }
        while let first = heap.first, live[first.key] != first.moment { pop() }
    }

    @inlinable mutating func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[child].moment < heap[(child - 1) / 2].moment {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    @inlinable mutating func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].moment < heap[least].moment {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
