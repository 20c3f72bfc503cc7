// Reads a configuration in layers: flag, then environment variable, then file, then the caller's default. The caller asks for
// each setting by its path and says what it must be; the reader remembers what was asked for, so that at the end it can
// refuse every key and variable that nobody wanted, and name the one that was meant. A wrong value is a problem and reads as
// absent: reading goes on, and `finish()` reports everything at once.
// Below an object with free names (agents by id) only the file counts: two ids can make the same variable's name.

import RPCCore

/// Reads settings, and collects what is wrong with them.
///
///     var reader = SettingsReader(file: ("config.json", text), environment: variables, flags: flags)
///     reader.integer("port", in: 0...65535, into: &configuration.port)
///     reader.each("agents") { name, agent in tokens[name] = agent.texts("token") }
///     let problems = reader.finish()
public struct SettingsReader: Sendable {
    let source: SettingsSource
    let document: JSONDocument?
    let flagsByPath: [String: [SettingsFlag]]
    /// What people write for a setting that is called otherwise or stands elsewhere, by the path as they write it: named in the
    /// problem, not read.
    public var misnomers: [String: String] = [:]
    var schema = SettingsSchema()
    var scope: SettingsPlace
    var reports: [SettingsReport] = []

    /// A reader of these layers. A file that is not JSON, or not an object, is the first problem that `finish()` reports.
    public init(
        file: (name: String, text: [UInt8])?, environment: [String: String] = [:], environmentPrefix: String = "MIAGENT_",
        flags: [SettingsFlag] = [], ignoredEnvironment: [String] = [], beside otherProgram: OtherProgram? = nil
    ) {
        self.init(
            SettingsSource(
                file: file, environment: environment, environmentPrefix: environmentPrefix,
                ignoredEnvironment: ignoredEnvironment, otherProgram: otherProgram, flags: flags))
    }

    /// A reader of `source`.
    public init(_ source: SettingsSource) {
        self.source = source
        flagsByPath = Dictionary(grouping: source.flags, by: \.path)
        let (document, report) = Self.parse(source.file)
        self.document = document
        scope = SettingsPlace(path: "", key: SettingsSchema.root, node: document?.root, nearest: nil)
        if let report { reports.append(report) }
    }

    // MARK: Values

    /// Text.
    public mutating func text(_ path: String) -> String? {
        read(path, wanted: "text", fromText: { $0 }, fromNode: \.string)
    }

    /// A list of texts: in the file a text or a list of them; in a variable or a flag parted by commas, without the spaces
    /// around them; a flag may also come more than once.
    public mutating func texts(_ path: String) -> [String]? {
        let place = ask(for: path)
        if let given = override(of: place) { return given.values.flatMap(commaSeparated) }
        guard let node = place.node else { return nil }
        if let text = node.string { return [text] }
        let texts = node.elements.compactMap(\.string)
        if node.kind == .array, texts.count == node.count { return texts }
        report(wrong: node, at: place, wanted: "text or a list of texts")
        return nil
    }

    /// A whole number within `range`.
    public mutating func integer(_ path: String, in range: ClosedRange<Int>) -> Int? {
        func check(_ number: Int?) -> Int? { number.flatMap { range.contains($0) ? $0 : nil } }
        return read(
            path, wanted: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            fromText: { check(Int($0)) }, fromNode: { check($0.int64.flatMap { Int(exactly: $0) }) })
    }

    /// True or false; in a variable or a flag also `yes`, `on`, `1` and `no`, `off`, `0`.
    public mutating func flag(_ path: String) -> Bool? {
        read(path, wanted: "true or false", fromText: truth, fromNode: \.bool)
    }

    /// One of `choices`, exactly.
    public mutating func choice(_ path: String, among choices: [String]) -> String? {
        let list = choices.map { "\"\($0)\"" }.joined(separator: ", ")
        return read(
            path, wanted: "one of \(list)", choices: choices, fromText: { choices.contains($0) ? $0 : nil },
            fromNode: { node in choices.first { node.stringEquals($0) } })
    }

    // MARK: Objects with free names

    /// The names in the object `path`, whose names are the user's own, in the order of the file. The values are then read as
    /// `<path>.<name>.<key>`, or with `each`, which names with dots in them need.
    public mutating func entries(_ path: String) -> [String] {
        let place = ask(for: path, asValue: false)
        _ = schema.insertFreeName(in: place.key)
        return place.node?.members.compactMap(\.name.string) ?? []
    }

    /// Calls `body` for each name in the object `path`, whose names are the user's own, with this reader, whose paths are
    /// relative to that entry meanwhile; the empty path is the entry itself.
    public mutating func each(_ path: String, _ body: (String, inout SettingsReader) -> Void) {
        let place = ask(for: path, asValue: false)
        let key = schema.insertFreeName(in: place.key)
        guard let members = place.node?.members else { return }
        let outer = scope
        for (nameNode, value) in members {
            let name = nameNode.string ?? ""
            scope = SettingsPlace(path: place.path + "." + name, key: key, node: value, nearest: value)
            body(name, &self)
        }
        scope = outer
    }

    // MARK: Questions

    /// Whether any layer gives `path` a value, or something beneath it. `null` in the file is no value. A variable counts for
    /// an object if its name begins with the object's and no other known key claims it.
    public func exists(_ path: String) -> Bool {
        let place = find(path)
        if let node = place.node, !node.isNull { return true }
        guard !place.isBelowFreeName(in: schema), !place.path.isEmpty else { return false }
        if override(of: place) != nil { return true }
        if source.flags.contains(where: { $0.path.hasPrefix(place.path + ".") }) { return true }
        if let key = place.knownKey, schema.isValue(key) { return false }
        return hasVariable(beneath: place.path)
    }

    /// What kind of value the file has at `path`; nil if none.
    public func kind(_ path: String) -> JSONNode.Kind? { find(path).node?.kind }

    /// Every key asked for so far, in the order of asking; `*` stands for a free name, as in `agents.*.token`.
    public var knownKeys: [String] { schema.valuePaths }

    // MARK: Problems

    /// Reports what the caller found wrong with `path`: `message` reads on after the key's name, such as `is required`.
    /// It must not contain a secret. If the file could not be read as JSON, problems with what it would have said are dropped.
    public mutating func problem(_ path: String, _ message: String) {
        let place = find(path)
        if let given = override(of: place) { return report(message, at: place, given: given) }
        guard document != nil || source.file == nil else { return }
        report(message, at: place, node: place.nearest)
    }

    /// Everything that is wrong, unknown keys and variables included: first the file's in its own order, then the
    /// variables', then the flags'. Ask for every setting before.
    public mutating func finish() -> [SettingsProblem] {
        let all = reports + unknownKeys() + unknownVariables() + unknownFlags()
        let sorted = all.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
        var seen: Set<SettingsProblem> = []
        return located(sorted.map(\.element)).filter { seen.insert($0).inserted }
    }
}

/// The texts between commas, without the spaces around them and without empty ones.
private func commaSeparated(_ text: String) -> [String] {
    text.split(separator: ",").compactMap { part in
        let trimmed = part.drop(while: \.isWhitespace)
        let end = trimmed.lastIndex { !$0.isWhitespace }
        return end.map { String(trimmed[...$0]) }
    }
}

private func truth(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "yes", "on", "1": true
    case "false", "no", "off", "0": false
    default: nil
    }
}
