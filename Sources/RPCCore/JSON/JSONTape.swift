// The parser's only product: one 16-byte node per value, in the order of the text (an object's members as name, value,
// name, value, …). A node knows where its text lies and which node follows its whole subtree, so that a reader walks
// and skips without touching the text. Text and tape are immutable once made, and are shared by every view on them.

/// One value, or one member's name.
struct JSONTapeNode: Sendable {
    /// What the low three bits of `tag` say.
    enum Kind: UInt32, Sendable {
        case null, bool, number, string, array, object
    }

    /// Offset of the value's first byte: of a string, its opening quote.
    var start: UInt32
    /// Offset after its last byte. start < end <= text length.
    var end: UInt32
    /// Index of the first node after this one and all within it. While a container is still open: index of the container
    /// around it, or `outermost`.
    var next: UInt32
    /// Kind in bits 0–2, flags in bits 3–4, number of elements or members in bits 5–31.
    var tag: UInt32

    static let outermost = UInt32.max
    static let kindMask: UInt32 = 7

    /// Of a string: it holds at least one escape. Of a bool: it is true. Of a number: no fraction and no exponent.
    static let escaped: UInt32 = 1 << 3
    static let isTrue: UInt32 = 1 << 3
    static let plainInteger: UInt32 = 1 << 3
    /// Of a string: it holds at least one byte of 0x80 or more.
    static let nonASCII: UInt32 = 1 << 4
    /// What `tag` grows by for each element or member.
    static let oneMore: UInt32 = 1 << 5

    var kind: Kind { Kind(rawValue: tag & Self.kindMask) ?? .null }
    var count: Int { Int(tag >> 5) }
    var hasFirstFlag: Bool { tag & (1 << 3) != 0 }
    /// Of a string: its bytes between the quotes are its value.
    var isVerbatim: Bool { tag & Self.escaped == 0 }
    /// Of a string: the same, and every byte is one character.
    var isVerbatimASCII: Bool { tag & (Self.escaped | Self.nonASCII) == 0 }
}

/// A parsed text: the bytes and their tape.
final class JSONTape: Sendable {
    /// The text. A slice of the caller's, not a copy.
    let text: ArraySlice<UInt8>
    /// At least one node: the root comes first.
    let nodes: [JSONTapeNode]

    init(text: ArraySlice<UInt8>, nodes: [JSONTapeNode]) {
        self.text = text
        self.nodes = nodes
    }

    /// Runs `body` on the text of the node at `index`; of a string, on what stands between its quotes.
    @inline(__always)
    func withText<Result, Failure: Error>(
        of index: Int, _ body: (ByteView, JSONTapeNode) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let node = nodes[index]
        let quote = node.kind == .string ? 1 : 0
        let range = Int(node.start) + quote..<Int(node.end) - quote
        return try ByteView.lend(text) { whole throws(Failure) in try body(whole.part(range), node) }
    }
}
