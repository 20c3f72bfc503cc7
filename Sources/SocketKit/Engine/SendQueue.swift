// Bytes that wait for a socket. A connection with nothing to write holds no buffer: buffers come from a pool when the first
// byte is queued and return to it with the last. What is sent is skipped by an index; the rest moves to the front only when
// the buffer is full and at least half of it is behind the index, so each byte moves a bounded number of times.

/// Unsent bytes of one connection, in order.
struct SendQueue {
    /// `0 <= start <= bytes.count`; equal only when both are 0.
    private var bytes: [UInt8] = []
    private var start = 0

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count - start }
    /// All that waits, oldest first.
    var unsent: ArraySlice<UInt8> { bytes[start...] }

    /// Puts `more` behind what waits.
    mutating func append(_ more: ArraySlice<UInt8>, pool: inout BufferPool) {
        if bytes.isEmpty {
            bytes = pool.take()
        } else if bytes.count + more.count > bytes.capacity, start >= bytes.count / 2 {
            bytes.removeSubrange(..<start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// Forgets the first `count` bytes, which were sent.
    mutating func consume(_ count: Int, pool: inout BufferPool) {
        start += min(count, self.count)
        if start == bytes.count { removeAll(pool: &pool) }
    }

    /// Forgets everything.
    mutating func removeAll(pool: inout BufferPool) {
        start = 0
        if bytes.capacity > 0 { pool.give(&bytes) }
    }
}

/// Empty buffers that kept their memory, for one loop.
struct BufferPool {
    private var buffers: [[UInt8]] = []

    /// Buffers kept at most: 4 MiB with the next limit.
    private static let maximumCount = 64
    /// A buffer that grew beyond this is given back to the system.
    private static let maximumCapacity = 64 * 1024 + 64
    /// What a new buffer has room for.
    private static let firstCapacity = 16 * 1024

    /// An empty buffer with room.
    mutating func take() -> [UInt8] {
        if let buffer = buffers.popLast() { return buffer }
        var buffer: [UInt8] = []
        buffer.reserveCapacity(Self.firstCapacity)
        return buffer
    }

    /// Takes a buffer back and leaves none in its place.
    mutating func give(_ buffer: inout [UInt8]) {
        var taken: [UInt8] = []
        swap(&taken, &buffer)
        guard buffers.count < Self.maximumCount, taken.capacity <= Self.maximumCapacity else { return }
        taken.removeAll(keepingCapacity: true)
        buffers.append(taken)
    }
}
