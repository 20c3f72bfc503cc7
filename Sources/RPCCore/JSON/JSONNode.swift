// A view on one value of a parsed text: a reference and an index, nothing decoded before it is asked for. Every reader
// gives nil or false for a value of another kind, so that a message's shape is checked where it is used.

/// One value in a document.
public struct JSONNode: Sendable {
    /// The kinds of value that RFC 8259, section 3, knows.
    public enum Kind: Sendable, Hashable {
        /// The literal `null`.
        case null
        /// `true` or `false`.
        case bool
        /// Any number.
        case number
        /// A string, or a member's name.
        case string
        /// Values in order.
        case array
        /// Names and values in order.
        case object
    }

    let tape: JSONTape
    /// Into the tape. 0 <= index < tape.nodes.count
    let index: Int

    @inline(__always)
    private var node: JSONTapeNode { tape.nodes[index] }

    /// What kind of value this is.
    public var kind: Kind {
        switch node.kind {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// The offset of its first byte from the start of the text; of a string, that of its opening quote.
    public var offset: Int { Int(node.start) }

    /// How many bytes of text it takes, quotes or brackets included.
    public var byteCount: Int { Int(node.end - node.start) }

    /// How many members an object or elements an array has; 0 for all else.
    public var count: Int { node.count }

    // MARK: Inside objects and arrays

    /// The value of the member called `name`; nil if there is none, or if this is not an object. Linear in the number of
    /// members.
    public subscript(_ name: String) -> JSONNode? {
        ByteView.lend(name) { member(named: $0) }
    }

    private func member(named name: ByteView) -> JSONNode? {
        guard node.kind == .object else { return nil }
        let nodes = tape.nodes
        let place = ByteView.lend(tape.text) { text in
            var at = index + 1
            let end = Int(nodes[index].next)
            while at < end {
                if nodes[at].holds(name, in: text) { return at + 1 }
                at = Int(nodes[at + 1].next)
            }
            return 0
        }
        return place == 0 ? nil : JSONNode(tape: tape, index: place)
    }

    /// An object's members in the order of the text; none for any other kind.
    public var members: JSONMembers {
        JSONMembers(tape: tape, position: index + 1, end: node.kind == .object ? Int(node.next) : 0)
    }

    /// An array's elements in order; none for any other kind.
    public var elements: JSONElements {
        JSONElements(tape: tape, position: index + 1, end: node.kind == .array ? Int(node.next) : 0)
    }

    // MARK: Scalars

    /// Whether this is `null`.
    public var isNull: Bool { node.kind == .null }

    /// The value of `true` or `false`.
    public var bool: Bool? {
        let node = node
        return node.kind == .bool ? node.hasFirstFlag : nil
    }

    /// The value of a number that is an integer and that Int64 holds, exactly: `1`, `1.0` and `1e2` are, `0.5` and
    /// `9223372036854775808` are not.
    public var int64: Int64? {
        guard node.kind == .number else { return nil }
        return tape.withText(of: index) { JSONNumber.int64($0, isPlainInteger: $1.hasFirstFlag) }
    }

    /// The Double nearest to a number; nil if that is infinite, as for `1e400`.
    public var double: Double? {
        guard node.kind == .number else { return nil }
        return tape.withText(of: index) { text, _ in JSONNumber.double(text) }
    }

    /// A string's value.
    public var string: String? {
        guard node.kind == .string else { return nil }
        return tape.withText(of: index) { text, node in
            node.isVerbatim ? String(decoding: text, as: UTF8.self) : JSONEscape.decodedString(text)
        }
    }

    /// Whether this is a string of exactly this value. Compares the bytes, not Unicode's canonical equivalents.
    public func stringEquals(_ text: StaticString) -> Bool {
        guard text.hasPointerRepresentation else { return stringEquals(text.description) }
        return isString(equalTo: ByteView(text))
    }

    /// Whether this is a string of exactly this value. Compares the bytes, not Unicode's canonical equivalents.
    @_disfavoredOverload
    public func stringEquals(_ text: String) -> Bool {
        ByteView.lend(text) { isString(equalTo: $0) }
    }

    private func isString(equalTo text: ByteView) -> Bool {
        let node = node
        return node.kind == .string && ByteView.lend(tape.text) { node.holds(text, in: $0) }
    }

    // MARK: A string's bytes

    /// Appends a string's value as UTF-8; false, and nothing appended, if this is not a string.
    public func appendUTF8(to bytes: inout [UInt8]) -> Bool {
        guard node.kind == .string else { return false }
        tape.withText(of: index) { text, node in
            if node.isVerbatim {
                bytes.append(contentsOf: text)
            } else {
                JSONEscape.appendDecoded(text, to: &bytes)
            }
        }
        return true
    }

    /// Appends a string's value as ISO-8859-1, one byte for each character. False, and nothing appended, if this is not a
    /// string or if a character is above U+00FF.
    public func appendLatin1(to bytes: inout [UInt8]) -> Bool {
        guard node.kind == .string else { return false }
        return tape.withText(of: index) { text, node in
            if node.isVerbatimASCII {
                bytes.append(contentsOf: text)
                return true
            }
            return JSONEscape.appendLatin1(text, to: &bytes)
        }
    }

    /// Appends the bytes that a string of base64 stands for (RFC 4648, section 4).
    ///
    /// Throws, and appends nothing, if this is not a string or not base64; the offset then counts the string's characters.
    public func appendBase64Decoded(to bytes: inout [UInt8]) throws(Base64Error) {
        guard node.kind == .string else { throw Base64Error(offset: 0) }
        try tape.withText(of: index) { (text, node) throws(Base64Error) in
            guard !node.isVerbatim else { return try Base64.decode(text, into: &bytes) }
            var decoded: [UInt8] = []
            JSONEscape.appendDecoded(text, to: &decoded)
            try Base64.decode(decoded[...], into: &bytes)
        }
    }
}

extension JSONTapeNode {
    /// Whether this node, a string in `text`, has the value `wanted`.
    @inline(__always)
    func holds(_ wanted: ByteView, in text: ByteView) -> Bool {
        let own = text.part(content)
        guard !isVerbatim else { return own.isSame(as: wanted) }
        var decoded: [UInt8] = []
        JSONEscape.appendDecoded(own, to: &decoded)
        return decoded.elementsEqual(wanted)
    }
}
