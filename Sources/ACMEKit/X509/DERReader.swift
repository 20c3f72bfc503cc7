// Reads DER (ITU-T X.690 §10) one value after the other. What is not DER reads as nil: lengths that are indefinite or longer
// than they need be, tags of more than one byte, values that go beyond what holds them.

/// A value, without its tag and length.
struct DERValue: Sendable {
    let tag: DERTag
    let content: ArraySlice<UInt8>
}

/// A walk over the values in some bytes.
struct DERReader: Sendable {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// Whether nothing is left.
    var isAtEnd: Bool { rest.isEmpty }

    /// The next value, whatever it is.
    mutating func next() -> DERValue? {
        var bytes = rest
        guard let tag = bytes.popFirst(), tag & 0x1f != 0x1f, let count = Self.length(&bytes), count <= bytes.count else {
            return nil
        }
        rest = bytes.dropFirst(count)
        return DERValue(tag: DERTag(rawValue: tag), content: bytes.prefix(count))
    }

    /// The next value if it has this tag; otherwise nil, and the reader stays where it is.
    mutating func next(_ tag: DERTag) -> DERValue? {
        var ahead = self
        guard let value = ahead.next(), value.tag == tag else { return nil }
        self = ahead
        return value
    }

    private static func length(_ bytes: inout ArraySlice<UInt8>) -> Int? {
        guard let first = bytes.popFirst() else { return nil }
        if first < 0x80 { return Int(first) }
        let digits = bytes.prefix(Int(first & 0x7f))
        guard (1...3).contains(first & 0x7f), digits.count == Int(first & 0x7f), digits.first != 0 else { return nil }
        bytes = bytes.dropFirst(digits.count)
        let count = digits.reduce(0) { $0 << 8 | Int($1) }
        return count >= 0x80 ? count : nil
    }
}
