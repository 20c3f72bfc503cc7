// A JSON text that has been found good: the bytes, their tape, and the way in. Everything that can be wrong with a text
// is found here, once; all readers after it can only find that a value is not of the kind they hoped for.

/// A parsed JSON text.
///
/// The document keeps the slice that it was given, not a copy: hold it for as long as it is being read, and no longer,
/// if the bytes belong to a buffer that is to be reused. Copies of a document share one storage.
public struct JSONDocument: Sendable {
    let tape: JSONTape

    /// Parses `bytes`, which hold one JSON text and nothing else but white space (RFC 8259, section 2).
    ///
    /// Throws the first thing that is wrong. A duplicate name is found at the end of its object.
    public init(
        _ bytes: ArraySlice<UInt8>, dialect: JSONDialect = .strict, limits: JSONLimits = .init()
    ) throws(JSONError) {
        let limits = limits.effective
        guard bytes.count <= limits.maximumBytes else {
            throw JSONError(.tooLong(limit: limits.maximumBytes), offset: limits.maximumBytes)
        }
        let nodes = try ByteView.lend(bytes) { (text) throws(JSONError) in
            let usual = JSONParser.usualNodes(in: text.count)
            if let nodes = try Self.nodes(of: text, dialect, limits, capacity: usual) { return nodes }
            // Dense text is parsed again: rare, and no dearer than growing on the way.
            let most = JSONParser.mostNodes(in: text.count, maximumDepth: limits.maximumDepth)
            if let nodes = try Self.nodes(of: text, dialect, limits, capacity: most) { return nodes }
            throw JSONError(.tooLong(limit: text.count), offset: text.count)
        }
        tape = JSONTape(text: bytes, nodes: nodes)
    }

    /// The tape of `text`, or nil if it has more than `capacity` nodes.
    private static func nodes(
        of text: ByteView, _ dialect: JSONDialect, _ limits: JSONLimits, capacity: Int
    ) throws(JSONError) -> [JSONTapeNode]? {
        guard !text.isEmpty else { throw JSONError(.unexpectedEnd, offset: 0) }
        var result = Result<Bool, JSONError>.success(false)
        let nodes = JSONTapeRoom.nodes(capacity) { room in
            var parser = JSONParser(text, dialect: dialect, maximumDepth: limits.maximumDepth, into: room)
            result = Result { () throws(JSONError) in try parser.parse() }
            return parser.tape
        }
        return try result.get() ? nodes : nil
    }

    /// The outermost value.
    public var root: JSONNode { JSONNode(tape: tape, index: 0) }

    /// Where the byte at `offset` stands, for people: 1-based line and column. Lines end with LF; a column is one
    /// character (Unicode scalar), not one byte. An offset past the end counts as the end.
    public func lineAndColumn(ofOffset offset: Int) -> (line: Int, column: Int) {
        Self.lineAndColumn(ofOffset: offset, in: tape.text)
    }

    /// The same for a text that could not be parsed, so that a `JSONError` can be shown with its line.
    public static func lineAndColumn(ofOffset offset: Int, in text: ArraySlice<UInt8>) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        for byte in text.prefix(max(offset, 0)) {
            switch byte {
            case 0x0a:
                line += 1
                column = 1
            case 0x80...0xbf: break
            default: column += 1
            }
        }
        return (line, column)
    }
}
