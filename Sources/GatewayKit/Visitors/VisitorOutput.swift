// What is to be written to a visitor, head and body together, in a buffer that the transport has while it writes and that is
// used again when all of it was written.

/// The bytes that a connection is to send next.
struct VisitorOutput {
    /// What is to be written, or what the transport has.
    private var bytes: [UInt8] = []
    private var isLent = false

    /// Whether nothing waits to be lent.
    var isEmpty: Bool { isLent || bytes.isEmpty }

    /// Appends what `body` appends: what it returns, and how many bytes it was. `isAllWritten`: the transport has written all
    /// that it was lent, so that the buffer is free.
    @inline(__always)
    mutating func append(isAllWritten: Bool, _ body: (inout [UInt8]) -> Bool) -> (result: Bool, added: Int) {
        if isLent { takeBack(isAllWritten: isAllWritten) }
        let before = bytes.count
        let result = body(&bytes)
        return (result, bytes.count - before)
    }

    private mutating func takeBack(isAllWritten: Bool) {
        isLent = false
        if isAllWritten { bytes.removeAll(keepingCapacity: true) } else { bytes = [] }
    }

    /// The transport has written all that it was lent: a large buffer is not kept for what may never come.
    mutating func allWritten() {
        if isLent, bytes.capacity > Self.keptCapacity { self = VisitorOutput() }
    }

    /// The memory that it takes, in bytes.
    var heldByteCount: Int { bytes.capacity }

    /// What waits, for the transport; nil: nothing does.
    mutating func lend() -> ArraySlice<UInt8>? {
        guard !isLent, !bytes.isEmpty else { return nil }
        isLent = true
        return bytes[...]
    }

    /// An idle connection keeps no larger buffer.
    private static let keptCapacity = 4 * 1024
}
