// Walks over what an object or an array holds, in the order of the text: as views, or, where all that is wanted are bytes, as
// spans of the text itself.

/// An object whose members are looked up by name. Each lookup begins after the member that was found before, so those who ask
/// in the order of the text find each at once; in any other order it is as slow as a walk from the first.
public struct JSONObject: Sendable {
    private let tape: JSONTape
    /// Those of the tape, held here so that a lookup need not take hold of them.
    private let nodes: [JSONTapeNode]
    private let text: ArraySlice<UInt8>
    /// Where the names are in the tape: first <= next <= end
    private let first: Int
    private let end: Int
    private var next: Int

    /// The object that `node` is; nil if it is anything else.
    public init?(_ node: JSONNode) {
        guard node.kind == .object else { return nil }
        tape = node.tape
        nodes = node.tape.nodes
        text = node.tape.text
        first = node.index + 1
        end = Int(nodes[node.index].next)
        next = first
    }

    /// The value of the member called `name`; nil if there is none.
    public mutating func member(_ name: StaticString) -> JSONNode? {
        let name = ByteView(name)
        let found = ByteView.lend(text) { text in
            var at = next
            while at < end, !nodes[at].holds(name, in: text) { at = Int(nodes[at + 1].next) }
            guard at == end else { return at }
            at = first
            while at < next, !nodes[at].holds(name, in: text) { at = Int(nodes[at + 1].next) }
            return at == next ? end : at
        }
        guard found < end else { return nil }
        next = Int(nodes[found + 1].next)
        return JSONNode(tape: tape, index: found + 1)
    }
}

/// The members of an object, in the order of the text.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    let tape: JSONTape
    var position: Int
    let end: Int

    /// The next member: its name, which is a string, and its value.
    public mutating func next() -> (name: JSONNode, value: JSONNode)? {
        guard position < end else { return nil }
        let name = position
        position = Int(tape.nodes[name + 1].next)
        return (JSONNode(tape: tape, index: name), JSONNode(tape: tape, index: name + 1))
    }
}

/// The elements of an array, in order.
public struct JSONElements: Sequence, IteratorProtocol, Sendable {
    let tape: JSONTape
    var position: Int
    let end: Int

    /// The next element.
    public mutating func next() -> JSONNode? {
        guard position < end else { return nil }
        let element = position
        position = Int(tape.nodes[element].next)
        return JSONNode(tape: tape, index: element)
    }
}

extension JSONNode {
    /// Runs a closure on the members of an object that are not null, in order; nothing happens for any other kind.
    ///
    /// `latin1` gets name and value as ISO-8859-1, one byte for each character. An array counts as that many members of one
    /// name. What is no such text (a number, a character above U+00FF, null or an array in an array) goes to `other`.
    public func forEachMember<Failure: Error>(
        latin1: (_ name: Span<UInt8>, _ value: Span<UInt8>) throws(Failure) -> Void,
        other: (_ name: JSONNode, _ value: JSONNode) throws(Failure) -> Void
    ) throws(Failure) {
        guard kind == .object else { return }
        var scratch: [UInt8] = []
        let (nodes, text) = (tape.nodes, tape.text)
        let bytes = text.span
        let end = Int(nodes[index].next)
        var name = index + 1
        while name < end {
            let next = Int(nodes[name + 1].next)
            let isArray = nodes[name + 1].kind == .array
            var value = isArray ? name + 2 : name + 1
            while value < next, isArray || nodes[value].kind != .null {
                if nodes[name].isVerbatimASCII, nodes[value].isVerbatimASCIIString {
                    try latin1(bytes.extracting(nodes[name].content), bytes.extracting(nodes[value].content))
                } else {
                    let value = JSONNode(tape: tape, index: value)
                    try JSONNode(tape: tape, index: name).decodeMember(value, &scratch, latin1: latin1, other: other)
                }
                value = Int(nodes[value].next)
            }
            name = next
        }
    }

    /// The same for the member of this name and value, whose text is not the value itself.
    private func decodeMember<Failure: Error>(
        _ value: JSONNode, _ bytes: inout [UInt8], latin1: (_ name: Span<UInt8>, _ value: Span<UInt8>) throws(Failure) -> Void,
        other: (_ name: JSONNode, _ value: JSONNode) throws(Failure) -> Void
    ) throws(Failure) {
        bytes.removeAll(keepingCapacity: true)
        bytes.reserveCapacity(byteCount + value.byteCount)
        guard appendLatin1(to: &bytes) else { return try other(self, value) }
        let nameCount = bytes.count
        guard value.appendLatin1(to: &bytes) else { return try other(self, value) }
        try latin1(bytes.span.extracting(..<nameCount), bytes.span.extracting(nameCount...))
    }
}

extension JSONTapeNode {
    fileprivate var isVerbatimASCIIString: Bool { tag & (Self.kindMask | Self.escaped | Self.nonASCII) == Kind.string.rawValue }

    /// Where in the text that stands which is between the quotes of this node, a string.
    @inline(__always)
    var content: Range<Int> { Int(start) + 1..<Int(end) - 1 }
}
