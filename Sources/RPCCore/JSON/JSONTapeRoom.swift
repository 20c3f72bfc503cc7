// Where the parser puts its nodes.
//
// Unsafe here: a pointer and for how many nodes there is room. It is memory and no array, since no step of the parser may cost
// a check of who else holds it. It is sound because only `nodes` makes one, from memory that the array has just reserved and
// that no one else sees before the parser is done, and because every access is checked: nodes are made in order and one at a
// time, and only made ones are read or changed.

/// Room for the nodes of one text. Not to be kept beyond the call that lends it.
@safe struct JSONTapeRoom {
    private let base: UnsafeMutablePointer<JSONTapeNode>
    let capacity: Int
    /// How many nodes have been made. 0 <= count <= capacity
    private(set) var count = 0

    private init(base: UnsafeMutablePointer<JSONTapeNode>, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
    }

    /// The nodes that `body` makes in the room for `most` of them.
    static func nodes(_ most: Int, _ body: (JSONTapeRoom) -> JSONTapeRoom) -> [JSONTapeNode] {
        var nodes: [JSONTapeNode] = []
        nodes.append(addingCapacity: most) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let base = buffer.baseAddress else { return }
                count = body(unsafe JSONTapeRoom(base: base, capacity: buffer.count)).count
            }
        }
        return nodes
    }

    /// Makes the next node.
    @inline(__always)
    mutating func append(_ node: JSONTapeNode) {
        precondition(count < capacity)
        unsafe (base + count).initialize(to: node)
        count &+= 1
    }

    /// A node that was made.
    @inline(__always)
    subscript(index: Int) -> JSONTapeNode {
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return unsafe base[index]
        }
        nonmutating _modify {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            yield unsafe &base[index]
        }
    }
}
