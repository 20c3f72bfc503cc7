// Where the fields of one section lie, and in what form: their lines as on the wire in one array, a slot for each field that
// says where, and which known names there are, found once when the field comes in.
//
// A buffer belongs to one `HTTPFields` or is shared by several that are equal; whoever changes one that it shares makes a copy
// first. A decoder whose last section nobody holds any more uses its buffer for the next, so that a connection's messages cost
// no memory of their own.
//
// Unsafe here: the promise that a buffer may go to another thread. It is kept, because nothing changes a buffer but through the
// one `HTTPFields` that holds it alone.

/// The storage of field sections.
final class HTTPFieldBuffer: @unchecked Sendable {
    // Unchecked against overlapping access: no method of it calls what it was not given.

    /// Field lines, with those of removed fields until it pays to drop them. Before them may stand what came before.
    @exclusivity(unchecked) var bytes: [UInt8]
    /// The fields, in order; their places in `bytes` ascend.
    @exclusivity(unchecked) var slots: [HTTPFields.Slot]
    /// Bytes in `bytes` that belong to removed fields.
    @exclusivity(unchecked) var deadByteCount = 0
    /// The known names that have been there since the buffer was empty, and 0 if others have.
    @exclusivity(unchecked) var names = KnownNameSet()
    /// Whether a name with a `_` may have been there.
    @exclusivity(unchecked) var hasUnderscores = false

    /// Of all that have no fields; never changed, because it is never held by one alone.
    static let empty = HTTPFieldBuffer()

    init() {
        bytes = []
        slots = []
    }

    /// A copy of `other`.
    init(copying other: HTTPFieldBuffer) {
        bytes = other.bytes
        slots = other.slots
        deadByteCount = other.deadByteCount
        names = other.names
        hasUnderscores = other.hasUnderscores
    }

    @inline(__always)
    func append(_ slot: HTTPFields.Slot) {
        slots.append(slot)
        names.insert(slot.number)
    }

    /// Notes what stands in a name that is not known.
    @inline(__always)
    func noteOther(_ name: UnsafeRawPointer, _ count: Int) {
        if !hasUnderscores { hasUnderscores = Scan.hasUnderscore(name, count) }
    }

    /// Empties it for another section, and keeps its memory.
    func reset() {
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        deadByteCount = 0
        names = KnownNameSet()
        hasUnderscores = false
    }
}

extension HTTPFields {
    /// The buffer, empty and for another section: the same one if nobody else holds it.
    mutating func freshBuffer() -> HTTPFieldBuffer {
        if isKnownUniquelyReferenced(&buffer) { buffer.reset() } else { buffer = HTTPFieldBuffer() }
        return buffer
    }

    /// Whether the memory that the fields take is so little that it may be kept for others when nobody needs them any more:
    /// nearly every head's is.
    public var mayServeAgain: Bool { heldByteCount <= 8192 }
}
