// Two small queues that are consumed by index: taking from the front never moves what is behind it.

/// Bytes that wait to be sent.
struct ByteQueue: Sendable {
    private var storage: [UInt8] = []
    /// `0 <= start <= storage.count`
    private var start = 0

    var count: Int { storage.count - start }
    var isEmpty: Bool { start == storage.count }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        if start > 0, start >= storage.count / 2 {
            storage.removeSubrange(..<start)
            start = 0
        }
        storage.append(contentsOf: bytes)
    }

    /// The first `count` bytes, at most; they stay until `drop`.
    func prefix(_ count: Int) -> ArraySlice<UInt8> { storage[start..<min(storage.count, start + max(0, count))] }

    mutating func drop(_ count: Int) {
        start = min(storage.count, start + count)
        if isEmpty {
            storage = []  // an idle stream holds no buffer
            start = 0
        }
    }

    /// Everything, leaving nothing.
    mutating func takeAll() -> ArraySlice<UInt8> {
        defer {
            storage = []
            start = 0
        }
        return storage[start...]
    }
}

/// First in, first out.
struct FIFO<Element: Sendable>: Sendable {
    private var storage: [Element?] = []
    private var start = 0

    var isEmpty: Bool { start == storage.count }
    var count: Int { storage.count - start }

    mutating func append(_ element: Element) { storage.append(element) }

    mutating func popFirst() -> Element? {
        guard start < storage.count else { return nil }
        defer {
            storage[start] = nil
            start += 1
            if start == storage.count {
                storage.removeAll(keepingCapacity: storage.count <= 64)
                start = 0
            } else if start > 256, start > storage.count / 2 {
                storage.removeSubrange(..<start)
                start = 0
            }
        }
        return storage[start]
    }
}
