// Two small queues: taking from the front never moves what is behind it.

/// Bytes that wait to be sent: large pieces as they came, since a copy of them would cost as much as sending them does, and the
/// small ones between them joined.
struct ByteQueue: Sendable {
    /// Before `tail`; those before `first` are gone. Never empty.
    private var pieces: [ArraySlice<UInt8>] = []
    private var first = 0
    private var tail: [UInt8] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// From here on a piece is kept where it is: half of what a loop reads at once, so that what is kept alive by it is at most
    /// twice as much.
    private static let keptCount = 128 * 1024

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        count += bytes.count
        guard bytes.count >= Self.keptCount else { return tail.append(contentsOf: bytes) }
        closeTail()
        pieces.append(bytes)
    }

    /// The same, but always a copy: for what waits long.
    mutating func appendCopy(_ bytes: ArraySlice<UInt8>) {
        count += bytes.count
        tail.append(contentsOf: bytes)
    }

    /// Takes the first bytes: at most `maximum`, and no more than lie together.
    mutating func popFirst(_ maximum: Int) -> ArraySlice<UInt8> {
        if first == pieces.count { closeTail() }
        guard first < pieces.count else { return [] }
        let taken = pieces[first].prefix(max(0, maximum))
        count -= taken.count
        if taken.count < pieces[first].count {
            pieces[first] = pieces[first][taken.endIndex...]
        } else {
            pieces[first] = []
            first += 1
        }
        if isEmpty { self = ByteQueue() }  // an idle stream holds no buffer
        return taken
    }

    /// How many bytes `popFirst` gives at most.
    var firstCount: Int { first < pieces.count ? pieces[first].count : tail.count }

    /// Everything, leaving nothing.
    mutating func takeAll() -> ArraySlice<UInt8> {
        defer { self = ByteQueue() }
        if first == pieces.count { return tail[...] }
        return (pieces[first...].joined() + tail)[...]
    }

    private mutating func closeTail() {
        if first == pieces.count {
            pieces = []
            first = 0
        }
        if tail.isEmpty { return }
        pieces.append(tail[...])
        tail = []
    }
}

/// First in, first out.
struct FIFO<Element: Sendable>: Sendable {
    /// Those in `start..<end`, and nil before and behind them: places are used again.
    private var storage: [Element?] = []
    private var start = 0
    private var end = 0

    var isEmpty: Bool { start == end }
    var count: Int { end - start }

    mutating func append(_ element: consuming Element) {
        if end == storage.count { storage.append(element) } else { storage[end] = element }
        end += 1
    }

    mutating func popFirst() -> Element? {
        guard start < end else { return nil }
        // Taken out, not copied: an event holds a dozen references.
        let first = storage[start].take()
        start += 1
        if start == end {
            if end > 64 { storage = [] }
            start = 0
            end = 0
        } else if start > 256, start > end / 2 {
            storage.removeSubrange(..<start)
            end -= start
            start = 0
        }
        return first
    }
}
