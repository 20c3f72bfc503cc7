// What belongs to the open streams, by number. Each message looks its stream up several times, and a dictionary's hash would
// cost more than the rest of it. Here a multiplication spreads the numbers, which are handed out one after another.
//
// A peer that chooses numbers which all fall on one place makes a lookup as long as it has streams open, which is bounded.
// Inlinable, because an unspecialised generic would cost more than the lookup.

/// Values by stream, in a table with linear probing. At most half of the places are taken.
public struct StreamTable<Value> {
    /// The number of the stream in each place; 0, which no stream has, where there is none. Their count is a power of two, or 0
    /// until the first stream comes: most tunnels are idle.
    @usableFromInline var numbers: [UInt32] = []
    @usableFromInline var entries: [Value?] = []
    /// How many there are.
    @inlinable public var count: Int { storedCount }
    @usableFromInline var storedCount = 0

    /// No streams.
    @inlinable public init() {}

    /// Whether there are none.
    @inlinable public var isEmpty: Bool { storedCount == 0 }

    /// All of them, in no order that means anything.
    public var values: [Value] { entries.compactMap { $0 } }

    /// The stream with this number, or nil.
    @inlinable public subscript(id: StreamID) -> Value? {
        guard count > 0 else { return nil }
        let place = place(of: id.rawValue)
        return numbers[place] == 0 ? nil : entries[place]
    }

    /// Whether there is a stream with this number.
    @inlinable public func contains(_ id: StreamID) -> Bool { count > 0 && numbers[place(of: id.rawValue)] != 0 }

    /// Enters a value for a stream, or puts it in the place of the one that is there. A stream's number is not 0.
    @inlinable public mutating func insert(_ value: Value, _ id: StreamID) {
        guard id.rawValue != 0 else { return }
        if !contains(id) {
            if 2 * (storedCount + 1) > numbers.count { grow() }
            storedCount += 1
        }
        put(value, id.rawValue)
    }

    /// Takes a stream's value out; nil if it is not here.
    @discardableResult @inlinable public mutating func remove(_ id: StreamID) -> Value? {
        guard contains(id) else { return nil }
        var hole = place(of: id.rawValue)
        let removed = entries[hole].take()
        numbers[hole] = 0
        storedCount -= 1
        // What follows without a gap moves up, if it may stand so far from where its search begins.
        var next = (hole + 1) & mask
        while numbers[next] != 0 {
            if (next - slot(of: numbers[next])) & mask >= (next - hole) & mask {
                numbers[hole] = numbers[next]
                entries[hole] = entries[next].take()
                numbers[next] = 0
                hole = next
            }
            next = (next + 1) & mask
        }
        return removed
    }

    @inlinable var mask: Int { numbers.count - 1 }

    /// Where the search for a number begins: the upper bits of a product with 2^32 divided by the golden ratio.
    @inlinable func slot(of number: UInt32) -> Int { Int((number &* 0x9e37_79b9) >> 8) & mask }

    /// Where the stream is, or else the free place at which the search for it ends. There are places.
    @inlinable func place(of number: UInt32) -> Int {
        var place = slot(of: number)
        while numbers[place] != number, numbers[place] != 0 { place = (place + 1) & mask }
        return place
    }

    @inlinable mutating func put(_ value: Value, _ number: UInt32) {
        let place = place(of: number)
        numbers[place] = number
        entries[place] = value
    }

    @inlinable mutating func grow() {
        let old = (numbers: numbers, entries: entries)
        numbers = Array(repeating: 0, count: max(16, 2 * old.numbers.count))
        entries = Array(repeating: nil, count: numbers.count)
        for (number, value) in zip(old.numbers, old.entries) {
            if let value { put(value, number) }
        }
    }
}
