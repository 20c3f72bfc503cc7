// Which keys exist. Nobody writes the list: a key is known once it has been asked for, so the list cannot disagree with the
// code. Keys form a tree; an object with free names (agents by id) has one branch, `*`, for all of them.

/// The keys that have been asked for.
struct SettingsSchema: Sendable {
    /// One key. Indices point into `nodes`, upwards: each child's index is greater than its parent's.
    private struct Node: Sendable {
        var name: String
        var path: String
        var children: [Int] = []
        /// The branch for any name, in an object with free names.
        var anyName: Int?
        var isValue = false
        /// Whether this or a key above it is a free name: then only the file can give it a value.
        var isBelowFreeName = false
    }

    /// The key `*` in paths.
    static let freeName = "*"
    static let root = 0

    private var nodes = [Node(name: "", path: "")]

    /// The key `name` in the object `parent`, made known if it is not yet.
    mutating func insert(_ name: String, in parent: Int) -> Int {
        if let known = child(of: parent, named: name) { return known }
        let index = append(name, to: parent)
        nodes[parent].children.append(index)
        return index
    }

    /// The branch for any name in the object `parent`, which has free names from now on.
    mutating func insertFreeName(in parent: Int) -> Int {
        if let known = nodes[parent].anyName { return known }
        let index = append(Self.freeName, to: parent)
        nodes[index].isBelowFreeName = true
        nodes[parent].anyName = index
        return index
    }

    private mutating func append(_ name: String, to parent: Int) -> Int {
        let path = parent == Self.root ? name : nodes[parent].path + "." + name
        nodes.append(Node(name: name, path: path, isBelowFreeName: nodes[parent].isBelowFreeName))
        return nodes.count - 1
    }

    mutating func markAsValue(_ index: Int) { nodes[index].isValue = true }

    /// The key `name` in the object `parent`, if it is known.
    func child(of parent: Int, named name: String) -> Int? {
        nodes[parent].anyName ?? nodes[parent].children.first { nodes[$0].name == name }
    }

    func isValue(_ index: Int) -> Bool { nodes[index].isValue }
    func isBelowFreeName(_ index: Int) -> Bool { nodes[index].isBelowFreeName }

    /// Whether this key is an object: something beneath it was asked for.
    func isObject(_ index: Int) -> Bool { nodes[index].anyName != nil || !nodes[index].children.isEmpty }

    /// The names known in the object `parent`, in the order of asking.
    func names(in parent: Int) -> [String] { nodes[parent].children.map { nodes[$0].name } }

    /// The paths of all values, in the order of asking.
    var valuePaths: [String] { nodes.filter(\.isValue).map(\.path) }

    /// The paths of the values that a variable or a flag can give.
    var overridablePaths: [String] { nodes.filter { $0.isValue && !$0.isBelowFreeName }.map(\.path) }
}
