// Which requests of ours still wait for a reply. A deadline is a value like any other: expiry is asked for, never
// scheduled. Finished calls leave a stale entry in the heap, which is rebuilt once they are the greater part: memory is
// at most proportional to the calls in flight, and every operation costs O(log n) on average.

/// Correlates replies with calls.
///
/// Ids count up from 1 and are never used again, so a late reply can never be taken for another call's.
public struct PendingCalls<Context: Sendable, Deadline: Comparable & Sendable>: Sendable {
    @usableFromInline
    struct Expiry: Sendable {
        @usableFromInline let deadline: Deadline
        @usableFromInline let serial: Int64

        @inlinable
        init(deadline: Deadline, serial: Int64) {
            self.deadline = deadline
            self.serial = serial
        }
    }

    /// How many calls may wait at once.
    public let maximumCount: Int

    @usableFromInline let names: CallNames
    @usableFromInline var lastSerial: Int64 = 0
    /// count <= maximumCount
    @usableFromInline var contexts: [Int64: Context] = [:]
    /// A binary heap, the earliest deadline first. If not empty, its first entry is of a call that still waits.
    @usableFromInline var heap: [Expiry] = []

    /// A table for at most `maximumCount` calls at once. Ids are `1`, `2`, …, or with a prefix the strings `web_1`,
    /// `web_2`, ….
    public init(maximumCount: Int, prefix: String = "") {
        self.maximumCount = maximumCount
        names = CallNames(prefix: prefix)
    }

    /// How many calls wait.
    @inlinable public var count: Int { contexts.count }

    /// Enters a call and names it; nil if `maximumCount` calls wait already.
    @inlinable
    public mutating func begin(_ context: Context, deadline: Deadline) -> RPCID? {
        guard contexts.count < maximumCount else { return nil }
        lastSerial &+= 1
        contexts[lastSerial] = context
        heap.append(Expiry(deadline: deadline, serial: lastSerial))
        siftUp(heap.count - 1)
        return names.id(of: lastSerial)
    }

    /// Removes the call that a reply's `id` names; nil if none waits by that name: it never was, is over, or has expired.
    @inlinable
    public mutating func finish(_ id: RPCID) -> Context? {
        guard let serial = names.serial(of: id), let context = contexts.removeValue(forKey: serial) else { return nil }
        discardStale()
        return context
    }

    /// Removes one call whose deadline is at or before `now`, the earliest first; nil if there is none.
    @inlinable
    public mutating func popExpired(at now: Deadline) -> Context? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let context = contexts.removeValue(forKey: first.serial)
        discardStale()
        return context
    }

    /// The earliest deadline of all calls that wait; nil if none does.
    @inlinable public var nextDeadline: Deadline? { heap.first?.deadline }

    /// Removes all calls, in the order in which they were begun: the peer is gone.
    @inlinable
    public mutating func removeAll() -> [Context] {
        let abandoned = contexts.sorted { $0.key < $1.key }.map(\.value)
        contexts = [:]
        heap = []
        return abandoned
    }

    // MARK: The heap

    /// Restores that the first entry is live, and that stale entries are not the greater part.
    @inlinable
    mutating func discardStale() {
        while let first = heap.first, contexts[first.serial] == nil { removeFirstExpiry() }
        guard heap.count > 2 * contexts.count + 16 else { return }
        heap.removeAll { contexts[$0.serial] == nil }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    @inlinable
    mutating func removeFirstExpiry() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
    }

    @inlinable
    mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    @inlinable
    mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in 2 * parent + 1...2 * parent + 2 where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}

/// Serial numbers to ids and back: the number itself, or a prefix and the number.
@usableFromInline
struct CallNames: Sendable {
    let prefix: String

    init(prefix: String) {
        self.prefix = prefix
    }

    @usableFromInline
    func id(of serial: Int64) -> RPCID {
        prefix.isEmpty ? .integer(serial) : .string(prefix + String(serial))
    }

    /// The serial that `id` stands for; nil if no id of ours is written so.
    @usableFromInline
    func serial(of id: RPCID) -> Int64? {
        switch id {
        case .integer(let serial): return prefix.isEmpty ? serial : nil
        case .null, .number: return nil
        case .string(let text):
            guard !prefix.isEmpty, text.utf8.starts(with: prefix.utf8) else { return nil }
            let digits = text.utf8.dropFirst(prefix.utf8.count)
            // No serial has 19 digits, nor a leading zero.
            guard let first = digits.first, first != UInt8(ascii: "0"), digits.count < 19 else { return nil }
            var serial: Int64 = 0
            for byte in digits {
                guard case UInt8(ascii: "0")...UInt8(ascii: "9") = byte else { return nil }
                serial = serial * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return serial
        }
    }
}
