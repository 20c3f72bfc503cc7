// RFC 8259, section 2: text to tape in one pass, without recursion. An open container keeps the index of the container
// around it in its own node, so nesting costs no stack. Refused: what the grammar refuses, a byte order mark, text past
// the value, nesting past the limit; strings and numbers have files of their own, duplicate names too.
//
//     JSON-text = ws value ws
//     object    = "{" [ member *( "," member ) ] "}"        member = string ":" value
//     array     = "[" [ value *( "," value ) ] "]"

/// One pass over one text, which is lent to it like the room for nodes: it never leaves `JSONDocument.init`.
struct JSONParser {
    /// What the grammar wants next, white space aside.
    enum Step {
        /// A value.
        case value
        /// A value, or the end of the array: after `[`, and in the commented dialect after its commas.
        case valueOrEnd
        /// A member's name.
        case name
        /// A name, or the end of the object: after `{`, and in the commented dialect after its commas.
        case nameOrEnd
        /// A comma, or the end of the container.
        case commaOrEnd
        /// Nothing: the outermost value is complete.
        case done
    }

    let text: ByteView
    let allowsComments: Bool
    let maximumDepth: Int

    /// 0 <= position <= count
    var position = 0
    private(set) var tape: JSONTapeRoom
    /// Open containers. 0 <= depth <= maximumDepth
    private var depth = 0
    /// The innermost open container's index in the tape; meaningless while depth is 0.
    private var container = 0

    init(_ text: ByteView, dialect: JSONDialect, maximumDepth: Int, into tape: JSONTapeRoom) {
        self.text = text
        self.allowsComments = dialect == .commented
        self.maximumDepth = maximumDepth
        self.tape = tape
    }

    /// Bytes of text.
    var count: Int { text.count }

    /// Nodes made so far.
    var tapeCount: Int { tape.count }

    /// The whole text. False: the tape was too small for it; `mostNodes` never is.
    mutating func parse() throws(JSONError) -> Bool {
        var step = Step.value
        while step != .done {
            // Each step makes two nodes at most.
            guard tape.capacity &- tapeCount >= 2 else { return false }
            let byte = try significantByte()
            switch step {
            case .value: step = try parseElement(byte)
            case .valueOrEnd: step = byte == UInt8(ascii: "]") ? closeContainer() : try parseElement(byte)
            case .name: step = try parseMember(byte)
            case .nameOrEnd: step = byte == UInt8(ascii: "}") ? try closeObject() : try parseMember(byte)
            case .commaOrEnd: step = try parseCommaOrEnd(byte)
            case .done: break
            }
        }
        try skipBlanks()
        guard position == count else { throw JSONError(.trailingBytes, offset: position) }
        return true
    }

    /// The nodes of a text of usual density, and a few: names and values of our messages take more than sixteen bytes on
    /// average.
    static func usualNodes(in count: Int) -> Int { count / 16 + 16 }

    /// The nodes of the densest text: two bytes for each that is complete, one for each bracket that is still open; and two to
    /// spare, for the last step.
    static func mostNodes(in count: Int, maximumDepth: Int) -> Int { count / 2 + maximumDepth + 4 }

    // MARK: Structure

    /// The outermost value, or an element of an array.
    private mutating func parseElement(_ byte: UInt8) throws(JSONError) -> Step {
        if depth > 0 { tape[container].tag += JSONTapeNode.oneMore }
        return try parseValue(byte)
    }

    @inline(__always)
    private mutating func parseValue(_ byte: UInt8) throws(JSONError) -> Step {
        switch byte {
        case UInt8(ascii: "\""): try parseString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try parseNumber()
        case UInt8(ascii: "{"): return try openContainer(.object, then: .nameOrEnd)
        case UInt8(ascii: "["): return try openContainer(.array, then: .valueOrEnd)
        case UInt8(ascii: "t"): try parseLiteral("true", .bool, flags: JSONTapeNode.isTrue)
        case UInt8(ascii: "f"): try parseLiteral("false", .bool, flags: 0)
        case UInt8(ascii: "n"): try parseLiteral("null", .null, flags: 0)
        default: throw JSONError(.unexpectedByte(byte), offset: position)
        }
        return depth > 0 ? .commaOrEnd : .done
    }

    /// `position` is at what should be the opening quote of a name; afterwards it is past the value, or past its bracket.
    private mutating func parseMember(_ byte: UInt8) throws(JSONError) -> Step {
        guard byte == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte(byte), offset: position) }
        tape[container].tag += JSONTapeNode.oneMore
        try parseString()
        let colon = try significantByte()
        guard colon == UInt8(ascii: ":") else { throw JSONError(.unexpectedByte(colon), offset: position) }
        position &+= 1
        return try parseValue(try significantByte())
    }

    @inline(__always)
    private mutating func parseCommaOrEnd(_ byte: UInt8) throws(JSONError) -> Step {
        switch (byte, isInArray) {
        case (UInt8(ascii: ","), true):
            position += 1
            return allowsComments ? .valueOrEnd : .value
        case (UInt8(ascii: ","), false):
            position += 1
            return allowsComments ? .nameOrEnd : .name
        case (UInt8(ascii: "]"), true): return closeContainer()
        case (UInt8(ascii: "}"), false): return try closeObject()
        default: throw JSONError(.unexpectedByte(byte), offset: position)
        }
    }

    private var isInArray: Bool { tape[container].tag & JSONTapeNode.kindMask == JSONTapeNode.Kind.array.rawValue }

    private mutating func openContainer(_ kind: JSONTapeNode.Kind, then step: Step) throws(JSONError) -> Step {
        guard depth < maximumDepth else { throw JSONError(.tooDeep(limit: maximumDepth), offset: position) }
        let around = depth > 0 ? UInt32(truncatingIfNeeded: container) : JSONTapeNode.outermost
        let start = UInt32(truncatingIfNeeded: position)
        container = tapeCount
        depth += 1
        tape.append(JSONTapeNode(start: start, end: start, next: around, tag: kind.rawValue))
        position += 1
        return step
    }

    private mutating func closeObject() throws(JSONError) -> Step {
        if tape[container].count > 1 { try refuseDuplicateNames(ofObjectAt: container) }
        return closeContainer()
    }

    private mutating func closeContainer() -> Step {
        position += 1
        let around = tape[container].next
        tape[container].end = UInt32(truncatingIfNeeded: position)
        tape[container].next = UInt32(truncatingIfNeeded: tapeCount)
        depth -= 1
        guard depth > 0 else { return .done }
        container = Int(around)
        return .commaOrEnd
    }

    // MARK: Scalars

    /// Appends the node of a scalar that began at `start` and ends at `position`.
    @inline(__always)
    mutating func appendScalar(_ kind: JSONTapeNode.Kind, from start: Int, flags: UInt32) {
        tape.append(
            JSONTapeNode(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: position),
                next: UInt32(truncatingIfNeeded: tapeCount &+ 1), tag: kind.rawValue | flags))
    }

    private mutating func parseLiteral(_ word: StaticString, _ kind: JSONTapeNode.Kind, flags: UInt32) throws(JSONError) {
        let start = position
        for letter in ByteView(word) {
            guard position < count else { throw JSONError(.unexpectedEnd, offset: count) }
            guard text[position] == letter else { throw JSONError(.unexpectedByte(text[position]), offset: position) }
            position += 1
        }
        appendScalar(kind, from: start, flags: flags)
    }

    private mutating func parseNumber() throws(JSONError) {
        let start = position
        let number = JSONNumber.scan(text, from: position)
        switch number {
        case .number(let end, let isPlainInteger):
            position = end
            appendScalar(.number, from: start, flags: isPlainInteger ? JSONTapeNode.plainInteger : 0)
        case .malformed(let offset): throw JSONError(.badNumber, offset: offset)
        case .incomplete: throw JSONError(.unexpectedEnd, offset: count)
        }
    }

    // MARK: White space and comments

    /// The next byte that is neither white space nor comment; `position` is left at it.
    @inline(__always)
    private mutating func significantByte() throws(JSONError) -> UInt8 {
        if position < count {
            let byte = text[position]
            if byte > 0x20, byte != UInt8(ascii: "/") { return byte }
        }
        try skipBlanks()
        guard position < count else { throw JSONError(.unexpectedEnd, offset: count) }
        return text[position]
    }

    private mutating func skipBlanks() throws(JSONError) {
        while position < count {
            switch text[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            case UInt8(ascii: "/") where allowsComments: try skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() throws(JSONError) {
        guard position + 1 < count else { throw JSONError(.unexpectedEnd, offset: count) }
        let second = text[position + 1]
        switch second {
        case UInt8(ascii: "/"):
            while position < count, text[position] != 0x0a { position += 1 }
        case UInt8(ascii: "*"):
            position += 2
            while position + 1 < count, text[position] != UInt8(ascii: "*") || text[position + 1] != UInt8(ascii: "/") {
                position += 1
            }
            guard position + 1 < count else { throw JSONError(.unexpectedEnd, offset: count) }
            position += 2
        default: throw JSONError(.unexpectedByte(second), offset: position + 1)
        }
    }
}
