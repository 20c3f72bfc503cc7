// Which keys exist. There is no list to keep: a key is known once it has been read, by its declaration, so that code and list
// cannot disagree. Keys form a tree; an object with free names (agents by id) has one branch, `*`, for all of them, and so has
// a list of objects for its elements.

/// The keys that have been read.
struct SettingsSchema: Sendable {
    /// One key. Indices point into `nodes`, upwards: each child's index is greater than its parent's.
    private struct Node: Sendable {
        var name: String
        /// For people: a free name is shown by what it stands for.
        var path: String
        var children: [Int] = []
        /// The branch for any name, in an object with free names.
        var anyName: Int?
        /// The branch for any element, in a list of objects.
        var element: Int?
        /// What an object with free names is for, or what the elements of a list are.
        var objectMeaning: String?
        var isValue = false
        /// What is declared of a value.
        var description: SettingDescription?
        /// Whether this or a key above it is a free name: then only the file can give it a value.
        var isBelowFreeName = false
    }

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
    mutating func insertFreeName(in parent: Int, _ object: SettingsObject) -> Int {
        if let known = nodes[parent].anyName { return known }
        let index = append("{\(object.name)}", to: parent)
        nodes[index].isBelowFreeName = true
        nodes[parent].anyName = index
        nodes[parent].objectMeaning = object.meaning
        return index
    }

    /// The branch for any element of the list `parent`, which it is from now on.
    mutating func insertElement(in parent: Int, _ list: SettingsList) -> Int {
        if let known = nodes[parent].element { return known }
        let index = append("[]", to: parent)
        nodes[index].path = nodes[parent].path + "[]"
        nodes[index].isBelowFreeName = true
        nodes[parent].element = index
        nodes[parent].objectMeaning = list.meaning
        return index
    }

    private mutating func append(_ name: String, to parent: Int) -> Int {
        let path = parent == Self.root ? name : nodes[parent].path + "." + name
        nodes.append(Node(name: name, path: path, isBelowFreeName: nodes[parent].isBelowFreeName))
        return nodes.count - 1
    }

    mutating func markAsValue(_ index: Int) { nodes[index].isValue = true }

    /// Keeps what is declared of a key; the first declaration counts.
    mutating func describe(_ index: Int, as description: @autoclosure () -> SettingDescription) {
        guard nodes[index].description == nil else { return }
        var description = description()
        description.path = nodes[index].path
        nodes[index].description = description
    }

    // MARK: Questions

    /// The key `name` in the object `parent`, if it is known.
    func child(of parent: Int, named name: String) -> Int? {
        nodes[parent].anyName ?? nodes[parent].children.first { nodes[$0].name == name }
    }

    func isValue(_ index: Int) -> Bool { nodes[index].isValue }
    func isBelowFreeName(_ index: Int) -> Bool { nodes[index].isBelowFreeName }
    func name(of index: Int) -> String { nodes[index].name }
    func description(of index: Int) -> SettingDescription? { nodes[index].description }
    func objectMeaning(of index: Int) -> String? { nodes[index].objectMeaning }

    /// Whether this key is an object: something beneath it was read.
    func isObject(_ index: Int) -> Bool {
        nodes[index].anyName != nil || nodes[index].element != nil || !nodes[index].children.isEmpty
    }

    /// The keys in the object `parent`, in the order of reading.
    func children(of parent: Int) -> [Int] { nodes[parent].children }

    /// The branch for any name in the object `parent`, if it has free names.
    func anyName(in parent: Int) -> Int? { nodes[parent].anyName }

    /// The branch for any element of the list `parent`, if it is one.
    func element(in parent: Int) -> Int? { nodes[parent].element }

    /// The names known in the object `parent`, in the order of reading.
    func names(in parent: Int) -> [String] { nodes[parent].children.map { nodes[$0].name } }

    /// The paths of the values that a variable or an option can give.
    var overridablePaths: [String] { nodes.filter { $0.isValue && !$0.isBelowFreeName }.map(\.path) }

    // MARK: Descriptions

    /// What is declared of all values, in the order of reading.
    var descriptions: [SettingDescription] { nodes.compactMap(\.description) }

    /// What the object with free names is for in whose entries `path` is, or what the element is.
    func objectMeaning(ofPath path: String) -> String? {
        nodes.first { node in (node.anyName ?? node.element).map { nodes[$0].path == path } == true }?.objectMeaning
    }

    /// The same keys, each description changed by `change`.
    func mapDescriptions(_ change: (SettingDescription) -> SettingDescription) -> SettingsSchema {
        var schema = self
        for index in nodes.indices { schema.nodes[index].description = nodes[index].description.map(change) }
        return schema
    }
}
