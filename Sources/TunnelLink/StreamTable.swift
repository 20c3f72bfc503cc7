// The open streams by number. Each message looks its stream up several times, and a dictionary's hash would cost more than the
// rest of it. Here a multiplication spreads the numbers, which are handed out one after another.
//
// A peer that chooses numbers which all fall on one place makes a lookup as long as it has streams open, which is bounded.

/// Streams in a table with linear probing. At most half of the places are taken.
struct StreamTable {
    /// The number of the stream in each place; 0, which no stream has, where there is none. Their count is a power of two, or 0
    /// until the first stream comes: most tunnels are idle.
    private var numbers: [UInt32] = []
    private var streams: [TunnelStream?] = []
    private(set) var count = 0

    /// All of them, in no order that means anything.
    var values: some Sequence<TunnelStream> { streams.lazy.compactMap { $0 } }

    /// The stream with this number, or nil.
    subscript(id: StreamID) -> TunnelStream? {
        guard count > 0 else { return nil }
        let place = place(of: id.rawValue)
        return numbers[place] == 0 ? nil : streams[place]
    }

    /// Whether there is a stream with this number.
    func contains(_ id: StreamID) -> Bool { count > 0 && numbers[place(of: id.rawValue)] != 0 }

    /// Enters a stream whose number is not 0 and not here.
    mutating func insert(_ stream: TunnelStream, _ id: StreamID) {
        guard id.rawValue != 0, !contains(id) else { return }
        if 2 * (count + 1) > numbers.count { grow() }
        put(stream, id.rawValue)
        count += 1
    }

    /// Takes a stream out; nil if it is not here.
    mutating func remove(_ id: StreamID) -> TunnelStream? {
        guard contains(id) else { return nil }
        var hole = place(of: id.rawValue)
        let removed = streams[hole].take()
        numbers[hole] = 0
        count -= 1
        // What follows without a gap moves up, if it may stand so far from where its search begins.
        var next = (hole + 1) & mask
        while numbers[next] != 0 {
            if (next - home(of: numbers[next])) & mask >= (next - hole) & mask {
                numbers[hole] = numbers[next]
                streams[hole] = streams[next].take()
                numbers[next] = 0
                hole = next
            }
            next = (next + 1) & mask
        }
        return removed
    }

    private var mask: Int { numbers.count - 1 }

    /// Where the search for a number begins: the upper bits of a product with 2^32 divided by the golden ratio.
    private func home(of number: UInt32) -> Int { Int((number &* 0x9e37_79b9) >> 8) & mask }

    /// Where the stream is, or else the free place at which the search for it ends. There are places.
    private func place(of number: UInt32) -> Int {
        var place = home(of: number)
        while numbers[place] != number, numbers[place] != 0 { place = (place + 1) & mask }
        return place
    }

    private mutating func put(_ stream: TunnelStream, _ number: UInt32) {
        let place = place(of: number)
        numbers[place] = number
        streams[place] = stream
    }

    private mutating func grow() {
        let old = (numbers: numbers, streams: streams)
        numbers = Array(repeating: 0, count: max(16, 2 * old.numbers.count))
        streams = Array(repeating: nil, count: numbers.count)
        for (number, stream) in zip(old.numbers, old.streams) {
            if let stream { put(stream, number) }
        }
    }
}
