// The JSON text of the tunnel's heads as this project writes it, read and written from front to back without a tree: the
// members in one order, nothing between the tokens, texts plain but for what `HTTPFields.readMembers` takes. Whatever is in
// another form is left to the general reader and writer, whose result is the same (CanonicalHeadTests and FuzzHeads compare
// them).

import HTTPCodec

/// What stands between the values of a head, in the order of the message. A text's closing quotation mark belongs to what
/// follows.
enum CanonicalPart {
    static let start: StaticString = #"{"jsonrpc":"2.0","id":"web_"#
    // A request
    static let request: StaticString = #"","method":"web.request","params":{"requestId":"web_"#
    static let method: StaticString = #"","httpMethod":""#
    static let path: StaticString = #"","path":""#
    static let query: StaticString = #"","query":""#
    static let requestFields: StaticString = #"","headers":{"#
    static let upgrade: StaticString = #","upgrade":""#
    static let closingQuote: StaticString = "\""
    // A response
    static let result: StaticString = #"","result":{"statusCode":"#
    static let responseFields: StaticString = #","headers":{"#
    // Both
    static let closingBrace: StaticString = "}"
    static let stream: StaticString = #","stream":"#
    static let noBody: StaticString = #","end":true"#
    static let end: StaticString = "}}"
}

/// Reads one message.
struct CanonicalReader {
    private let text: UnsafeRawBufferPointer
    /// The next byte.
    private(set) var position = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// Whether nothing follows.
    var isAtEnd: Bool { position == text.count }

    /// Reads these very bytes; false, and nothing is read, if others stand here.
    @inline(__always)
    mutating func take(_ expected: StaticString) -> Bool {
        let count = expected.utf8CodeUnitCount
        guard text.count &- position >= count, let base = text.baseAddress else { return false }
        let (here, there) = (base + position, UnsafeRawPointer(expected.utf8Start))
        var at = 0
        while count &- at >= 8 {
            let word = here.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            if word != there.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
            at &+= 8
        }
        while at < count {
            if here.load(fromByteOffset: at, as: UInt8.self) != there.load(fromByteOffset: at, as: UInt8.self) { return false }
            at &+= 1
        }
        position &+= count
        return true
    }

    /// Reads a number of at most 32 bits without a sign and without leading zeros; nil if none stands here.
    @inline(__always)
    mutating func number() -> UInt32? {
        guard let base = text.baseAddress else { return nil }
        var value: UInt64 = 0
        let start = position
        let end = min(text.count, start &+ 10)
        while position < end {
            let digit = base.load(fromByteOffset: position, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ UInt64(digit)
            position &+= 1
        }
        guard position > start else { return nil }
        let hasLeadingZero = position > start &+ 1 && base.load(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: "0")
        return hasLeadingZero ? nil : UInt32(exactly: value)
    }

    /// Reads plain text up to its closing quotation mark; nil if it is other text.
    @inline(__always)
    mutating func plain() -> UnsafeRawBufferPointer? {
        guard let base = text.baseAddress else { return nil }
        let start = position
        position &+= PlainText.run(base + start, text.count &- start)
        guard position < text.count, text[position] == UInt8(ascii: "\"") else { return nil }
        return UnsafeRawBufferPointer(rebasing: text[start..<position])
    }

    /// Reads the members of an object of fields and the brace behind them; nil if they are in another form. The fields keep
    /// the text of `preface` too, and take the memory of `last` if they can (`HTTPFields.readMembers`).
    @inline(__always)
    mutating func fields(after preface: Range<Int>, reusing last: inout HTTPFields) -> HTTPFields? {
        HTTPFields.readMembers(text, &position, preface: UnsafeRawBufferPointer(rebasing: text[preface]), reusing: &last)
    }
}

/// Writes one message to memory that has room for it.
struct CanonicalWriter {
    private let target: UnsafeMutableRawPointer
    private(set) var count = 0

    init(_ target: UnsafeMutableRawPointer) { self.target = target }

    /// Writes these bytes.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        (target + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count &+= text.utf8CodeUnitCount
    }

    /// Writes a number: ten digits at most.
    @inline(__always)
    mutating func put(_ number: UInt32) {
        var length = 1
        var limit: UInt64 = 10
        while limit <= number {
            length &+= 1
            limit &*= 10
        }
        var rest = number
        var at = count &+ length
        while at > count {
            at &-= 1
            target.storeBytes(of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10), toByteOffset: at, as: UInt8.self)
            rest /= 10
        }
        count &+= length
    }

    /// Writes plain text; false if it is other text.
    @inline(__always)
    mutating func plain(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let base = text.baseAddress else { return true }
        guard PlainText.copy(base, text.count, to: target + count) == text.count else { return false }
        count &+= text.count
        return true
    }

    /// Writes plain text; false if it is other text.
    @inline(__always)
    mutating func plain(_ text: ArraySlice<UInt8>) -> Bool { text.withUnsafeBytes { plain($0) } }

    /// Writes plain text; false if it is other text.
    @inline(__always)
    mutating func plain(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { plain(UnsafeRawBufferPointer($0)) }
    }

    /// Writes the members of an object of fields; false if they need another form.
    @inline(__always)
    mutating func fields(_ fields: HTTPFields, without mask: HTTPFieldMask) -> Bool {
        guard let written = fields.writeMembers(to: target + count, without: mask) else { return false }
        count &+= written
        return true
    }

    /// Writes a member behind others, or the first after a brace, unless the value is empty; false if it needs another form.
    @inline(__always)
    mutating func member(_ name: StaticString, _ value: String) -> Bool {
        guard !value.isEmpty else { return true }
        let isFirst = count > 0 && (target + count).load(fromByteOffset: -1, as: UInt8.self) == UInt8(ascii: "{")
        put(isFirst ? CanonicalPart.closingQuote : #",""#)
        put(name)
        put(#"":""#)
        guard plain(value) else { return false }
        put(CanonicalPart.closingQuote)
        return true
    }
}
