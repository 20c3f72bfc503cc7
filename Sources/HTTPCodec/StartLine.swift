// Request lines and status lines (RFC 9112 §3, §4). Single spaces separate the parts, and nothing may surround them: lenient
// readings of a start line are how two recipients come to see different requests.

/// Which kind of start line a decoder expects.
enum MessageKind: Sendable {
    case request
    case response
}

/// What a start line says; the parts of the other kind are empty.
struct StartLine: Sendable {
    var minorVersion = 1
    var method = ""
    /// Where it lies in the head.
    var target = 0..<0
    var status = 0
    var reason = ""

    /// `request-line = method SP request-target SP HTTP-version`, at `start..<end`, without control characters other than HTAB.
    static func request(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) throws(HTTPDecodeError) -> StartLine {
        let methodEnd = Scan.endOfToken(base, start, end)
        guard methodEnd > start, methodEnd < end, byte(base, methodEnd) == Octet.space else {
            throw .badStartLine(start == end ? "empty line" : "no method followed by one space")
        }
        let targetStart = methodEnd &+ 1
        let targetEnd = Scan.firstSpaceOrControl(base, targetStart, end)
        guard targetEnd > targetStart else { throw .badStartLine("no request target after one space") }
        guard targetEnd < end, byte(base, targetEnd) == Octet.space else {
            throw .badStartLine("no version after the request target")
        }
        let target = UnsafeRawBufferPointer(start: base + targetStart, count: targetEnd &- targetStart)
        // RFC 9112 §3.2: no form has a fragment, and some readers end the path there.
        if target.contains(UInt8(ascii: "#")) { throw .badStartLine("a # in the request target") }
        var line = StartLine()
        line.minorVersion = try version(base, targetEnd &+ 1, end)
        line.method = String(decoding: UnsafeRawBufferPointer(start: base + start, count: methodEnd &- start), as: UTF8.self)
        line.target = targetStart..<targetEnd
        return line
    }

    /// `status-line = HTTP-version SP status-code SP [ reason-phrase ]`; many servers leave the second space out.
    static func response(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) throws(HTTPDecodeError) -> StartLine {
        let versionEnd = min(start &+ 8, end)
        var line = StartLine()
        line.minorVersion = try version(base, start, versionEnd)
        guard end >= versionEnd &+ 4, byte(base, versionEnd) == Octet.space else {
            throw .badStartLine("no status code after one space")
        }
        for offset in 1...3 {
            let digit = byte(base, versionEnd &+ offset)
            guard Octet.isDigit(digit) else { throw .badStartLine("the status code is not three digits") }
            line.status = line.status &* 10 &+ Int(digit &- Octet.zero)
        }
        guard line.status >= 100 else { throw .badStartLine("the status code is below 100") }
        let statusEnd = versionEnd &+ 4
        if statusEnd == end { return line }
        guard byte(base, statusEnd) == Octet.space else { throw .badStartLine("the status code is not three digits") }
        let phrase = UnsafeRawBufferPointer(start: base + statusEnd + 1, count: end &- statusEnd &- 1)
        line.reason = reason(phrase, line.status)
        return line
    }

    /// `HTTP-version = "HTTP" "/" DIGIT "." DIGIT`, exactly these eight bytes, as the minor version 0 or 1.
    private static func version(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) throws(HTTPDecodeError) -> Int {
        guard end &- start == 8 else { throw .badStartLine("no well-formed version") }
        let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        // "HTTP/" and "." in their places, digits compared apart.
        guard word & 0x00ff_00ff_ffff_ffff == 0x002e_002f_5054_5448 else { throw .badStartLine("no well-formed version") }
        let major = UInt8(truncatingIfNeeded: word >> 40)
        let minor = UInt8(truncatingIfNeeded: word >> 56)
        guard Octet.isDigit(major), Octet.isDigit(minor) else { throw .badStartLine("no well-formed version") }
        guard major == Octet.zero &+ 1 else { throw .badVersion }
        return minor == Octet.zero ? 0 : 1
    }

    /// The phrase as text; the usual one of a status is a literal and costs no memory.
    private static func reason(_ bytes: UnsafeRawBufferPointer, _ status: Int) -> String {
        var usual = HTTPStatus.reason(for: status)
        let isUsual = usual.withUTF8 { $0.count == bytes.count && UnsafeRawBufferPointer($0).elementsEqual(bytes) }
        return isUsual ? usual : Latin1.string(bytes.assumingMemoryBound(to: UInt8.self))
    }

    @inline(__always)
    private static func byte(_ base: UnsafeRawPointer, _ index: Int) -> UInt8 {
        base.load(fromByteOffset: index, as: UInt8.self)
    }
}

/// Reads a start line and the fields after it.
struct HeadParser: Sendable {
    private let kind: MessageKind
    /// Of this head, once it is here, and of the last until then.
    private(set) var line = StartLine()
    private var hasLine = false
    private var section = FieldSectionParser()
    /// The first byte of the start line not yet looked at.
    private var scan = 0

    init(_ kind: MessageKind) { self.kind = kind }

    /// Whether a byte of this head was looked at and found to belong to it.
    var hasBegun: Bool { scan > 0 }

    /// Goes on with the unread bytes, of which the first is always the same until the head is complete. Returns the fields and
    /// the head's length in bytes, or nil if the rest has not come yet.
    mutating func parse(
        _ bytes: ArraySlice<UInt8>, _ limits: HTTPLimits
    ) throws(HTTPDecodeError) -> (fields: HTTPFields, end: Int)? {
        try bytes.withUnsafeBufferPointer { (raw) throws(HTTPDecodeError) in
            guard let base = UnsafeRawPointer(raw.baseAddress) else { return nil }
            if !hasLine { try parseStartLine(base, raw.count, limits) }
            guard hasLine else { return nil }
            let cost = FieldSectionParser.Limits(
                bytes: limits.maximumFieldSectionBytes, bytesName: .fieldSection, count: limits.maximumFieldCount,
                isTrailer: false, isLenient: kind == .response)
            guard let found = try section.parse(base, raw.count, cost) else { return nil }
            hasLine = false
            scan = 0
            return found
        }
    }

    private mutating func parseStartLine(
        _ base: UnsafeRawPointer, _ count: Int, _ limits: HTTPLimits
    ) throws(HTTPDecodeError) {
        let last = max(0, min(limits.maximumStartLineBytes, Int(Int32.max)))
        switch LineEnd.find(base, count, scan: &scan, last: last, isLenient: kind == .response) {
        case .needsBytes: return
        case .tooLong: throw .tooLarge(.startLine)
        case .illegal(let reason): throw .badStartLine(reason)
        case .found(let end, let next):
            switch kind {
            case .request: line = try .request(base, 0, end)
            case .response: line = try .response(base, 0, end)
            }
            hasLine = true
            section.begin(at: next)
        }
    }
}
