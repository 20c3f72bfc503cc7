// Finding lines and field lines (RFC 9112 §2.2, §5). A line ends with CR LF and nothing else: a bare LF or CR, NUL and every
// other control character but HTAB is refused where it stands. In the heads of responses a bare LF ends a line too, as browsers
// have it (§2.2), and whitespace before a colon is dropped (§5.1: a proxy must). A scan index remembers how far a head was
// read, so that no byte is looked at twice however slowly they come, and a limit is applied to what came, whether or not its
// line is complete.
//
//     field-line   = field-name ":" OWS field-value OWS
//     field-name   = token
//     field-value  = *field-content

/// The outcome of looking for the end of a line.
enum LineEnd {
    /// Where the line ends, and where the next begins.
    case found(Int, next: Int)
    case needsBytes
    case tooLong
    case illegal(String)

    /// Looks from `scan` on, and leaves there where to go on. CR must stand at an index of at most `last`. `isLenient`: a bare
    /// LF will do.
    @inline(__always)
    static func find(_ base: UnsafeRawPointer, _ count: Int, scan: inout Int, last: Int, isLenient: Bool) -> LineEnd {
        let end = min(count, last &+ 1)
        if scan < end { scan = Scan.firstControl(base, scan, end) }
        guard scan < end else { return scan > last ? .tooLong : .needsBytes }
        let byte = base.load(fromByteOffset: scan, as: UInt8.self)
        guard byte == Octet.carriageReturn else {
            if isLenient, byte == Octet.lineFeed { return .found(scan, next: scan &+ 1) }
            return .illegal(byte == Octet.lineFeed ? "bare LF" : "control character")
        }
        guard scan &+ 1 < count else { return .needsBytes }
        guard base.load(fromByteOffset: scan &+ 1, as: UInt8.self) == Octet.lineFeed else { return .illegal("bare CR") }
        return .found(scan, next: scan &+ 2)
    }
}

/// Collects field lines up to the empty line that ends them; for heads and for trailers.
struct FieldSectionParser: Sendable {
    /// What the section may cost.
    struct Limits {
        var bytes: Int
        var bytesName: HTTPLimitName
        var count: Int
        var isTrailer: Bool
        /// Of a response, whose lines may end with LF alone and have whitespace before the colon.
        var isLenient = false
    }

    /// Where the first field line begins.
    private var sectionStart = 0
    /// Where the line being read begins: `sectionStart <= lineStart <= scan`.
    private var lineStart = 0
    /// The first byte not yet looked at.
    private var scan = 0
    /// The section that is coming; between two, the last that came, whose memory the next has if nobody holds it any more.
    private var fields = HTTPFields()
    private var hasBegun = false

    /// The memory that is kept between two sections, in bytes.
    var keptByteCount: Int { fields.heldByteCount }

    /// Starts a section at the offset `start` of the unread bytes.
    mutating func begin(at start: Int) {
        sectionStart = start
        lineStart = start
        scan = start
        hasBegun = false
    }

    /// The buffer for the section that is coming. A decoder is a value: a copy of it has the same buffer, so that whoever goes
    /// on first takes another.
    private mutating func ownBuffer() -> HTTPFieldBuffer {
        if hasBegun { return fields.ownBuffer() }
        hasBegun = true
        return fields.freshBuffer()
    }

    /// Goes on with the unread bytes, of which the first is always the same until the section is complete. Returns the fields
    /// and the offset behind the empty line, or nil if it has not come yet.
    mutating func parse(
        _ base: UnsafeRawPointer, _ count: Int, _ limits: Limits
    ) throws(HTTPDecodeError) -> (fields: HTTPFields, end: Int)? {
        let buffer = ownBuffer()
        // Saturating: offsets are kept in 32 bits, and a limit may be any number.
        let last = sectionStart &+ max(0, min(limits.bytes, Int(Int32.max)))
        while true {
            switch LineEnd.find(base, count, scan: &scan, last: last, isLenient: limits.isLenient) {
            case .needsBytes: return nil
            case .tooLong: throw .tooLarge(limits.bytesName)
            case .illegal(let reason): throw .badField(index: buffer.slots.count, reason: reason)
            case .found(let end, let next):
                if end == lineStart { return (finish(base, buffer), next) }
                guard buffer.slots.count < limits.count else { throw .tooLarge(.fieldCount) }
                try addLine(base, end, next, limits, to: buffer)
                lineStart = next
                scan = lineStart
            }
        }
    }

    /// The fields, their lines copied in one piece, with what stood before them.
    private mutating func finish(_ base: UnsafeRawPointer, _ buffer: HTTPFieldBuffer) -> HTTPFields {
        hasBegun = false
        let lines = UnsafeRawBufferPointer(start: base, count: lineStart)
        guard !lines.isEmpty else { return HTTPFields() }
        // Room for a few more fields: many heads are forwarded with some added.
        buffer.bytes.reserveCapacity(lines.count &+ 256)
        buffer.bytes.append(contentsOf: lines)
        // What is kept for the next section is little, however large this one is.
        defer { if !fields.mayServeAgain { fields = HTTPFields() } }
        return fields
    }

    /// Takes the line from `lineStart` to `end` apart. Its control characters have been looked for.
    @inline(__always)
    private mutating func addLine(
        _ base: UnsafeRawPointer, _ end: Int, _ next: Int, _ limits: Limits, to buffer: HTTPFieldBuffer
    ) throws(HTTPDecodeError) {
        let (nameEnd, hash) = Scan.token(base, lineStart, end, next)
        var colon = nameEnd
        if limits.isLenient, nameEnd > lineStart {
            while colon < end, Octet.isWhitespace(base.load(fromByteOffset: colon, as: UInt8.self)) { colon &+= 1 }
        }
        guard nameEnd > lineStart, colon < end, base.load(fromByteOffset: colon, as: UInt8.self) == Octet.colon else {
            throw .badField(index: buffer.slots.count, reason: Self.reason(base, lineStart, nameEnd, end))
        }
        var valueStart = colon &+ 1
        var valueEnd = end
        while valueStart < end, Octet.isWhitespace(base.load(fromByteOffset: valueStart, as: UInt8.self)) { valueStart &+= 1 }
        while valueEnd > valueStart, Octet.isWhitespace(base.load(fromByteOffset: valueEnd &- 1, as: UInt8.self)) {
            valueEnd &-= 1
        }
        if buffer.slots.capacity == 0 { buffer.slots.reserveCapacity(16) }
        let slot = HTTPFields.Slot(
            nameStart: UInt32(truncatingIfNeeded: lineStart), nameEnd: UInt32(truncatingIfNeeded: nameEnd),
            valueStart: UInt32(truncatingIfNeeded: valueStart), valueEnd: UInt32(truncatingIfNeeded: valueEnd), hash: hash,
            number: KnownNames.number(base + lineStart, nameEnd &- lineStart, hash))
        if limits.isTrailer, HTTPFieldSet.forbiddenInTrailers.contains(slot, base) {
            throw .badField(index: buffer.slots.count, reason: "not allowed in a trailer section")
        }
        if slot.number == 0 { buffer.noteOther(base + lineStart, nameEnd &- lineStart) }
        buffer.append(slot)
    }

    /// Why a line is no field line.
    private static func reason(_ base: UnsafeRawPointer, _ start: Int, _ nameEnd: Int, _ end: Int) -> String {
        let byte = base.load(fromByteOffset: min(nameEnd, end &- 1), as: UInt8.self)
        if nameEnd == start {
            if Octet.isWhitespace(byte) { return "line folding or leading whitespace" }
            return byte == Octet.colon ? "empty name" : "illegal character in the name"
        }
        if nameEnd == end { return "no colon" }
        return Octet.isWhitespace(byte) ? "whitespace in or after the name" : "illegal character in the name"
    }
}
