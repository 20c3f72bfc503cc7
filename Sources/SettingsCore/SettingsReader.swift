// Reads a configuration in layers: option, then environment variable, then file, then the default. The program reads each
// setting by its declaration; the reader remembers what was read, so that at the end it can refuse every key and variable that
// is no setting, name the one that was meant, and describe them all. A wrong value is a problem and reads as absent: reading
// goes on, and `finish()` reports everything at once. Below an object with free names (agents by id) only the file counts: two
// ids can make the same variable's name.

import RPCCore

/// Reads settings, and collects what is wrong with them.
///
///     var reader = SettingsReader(file: ("config.json", text), environment: variables, flags: flags)
///     reader.read(.integer("port", in: 0...65_535, "The port to listen on."), into: &port)
///     reader.each(agents) { name, agent in tokens[name] = agent.read(.tokens("token", "What it presents.")) }
///     let problems = reader.finish()
public struct SettingsReader: Sendable {
    let source: SettingsSource
    let document: JSONDocument?
    let flagsByPath: [String: [SettingsFlag]]
    /// What people write for a setting that is called otherwise or stands elsewhere, by the path as they write it: named in the
    /// problem, not read.
    public var misnomers: [String: String] = [:]
    /// The limits that no setting changes, so that they are described beside those that are settings.
    public var fixedLimits: [LimitDescription] = []
    var schema = SettingsSchema()
    var scope: SettingsPlace
    var reports: [SettingsReport] = []
    /// Whether there is nothing to read, and the program only goes through its settings so that they can be described.
    let isDescribing: Bool

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

    /// A reader of nothing: whoever reads all settings from it can then describe them. `each` calls its body once.
    public static func describing() -> SettingsReader { SettingsReader(SettingsSource(), isDescribing: true) }

    /// A reader of `source`.
    public init(_ source: SettingsSource) { self.init(source, isDescribing: false) }

    private init(_ source: SettingsSource, isDescribing: Bool) {
        self.source = source
        self.isDescribing = isDescribing
        flagsByPath = Dictionary(grouping: source.flags, by: \.path)
        let (document, report) = Self.parse(source.file)
        self.document = document
        scope = SettingsPlace(path: "", key: SettingsSchema.root, node: document?.root, nearest: nil)
        if let report { reports.append(report) }
    }

    // MARK: Reading

    /// The value of a setting; nil if none is given, or after a problem.
    public mutating func read<Value>(_ setting: Setting<Value>) -> Value? { read(setting, shown: nil) }

    /// The value of a setting, or `value` if none is given, or after a problem.
    public mutating func read<Value>(_ setting: Setting<Value>, default value: Value) -> Value {
        read(setting, shown: value) ?? value
    }

    /// The value of a setting into `field`, which otherwise keeps the default that it holds.
    public mutating func read<Value>(_ setting: Setting<Value>, into field: inout Value) {
        field = read(setting, shown: field) ?? field
    }

    /// The value of a setting into `field`, which otherwise keeps the default that it holds.
    public mutating func read<Value>(_ setting: Setting<Value>, into field: inout Value?) {
        field = read(setting, shown: field) ?? field
    }

    private mutating func read<Value>(_ setting: Setting<Value>, shown value: Value?) -> Value? {
        let key = ask(for: setting.description.path).key
        schema.describe(key, as: Self.described(setting, value))
        return setting.value(&self)
    }

    private static func described<Value>(_ setting: Setting<Value>, _ value: Value?) -> SettingDescription {
        var description = setting.description
        if description.defaultValue == .none, let written = value.flatMap(setting.written) {
            description.defaultValue = .value(written)
        }
        return description
    }

    /// Calls `body` for each name in `object`, in the order of the file, with this reader, whose paths are relative to that
    /// entry meanwhile; the empty path is the entry itself.
    public mutating func each(_ object: SettingsObject, _ body: (String, inout SettingsReader) -> Void) {
        let place = ask(for: object.path, asValue: false)
        let key = schema.insertFreeName(in: place.key, object)
        let outer = scope
        if isDescribing {
            scope = SettingsPlace(path: place.path + "." + object.name, key: key, node: nil, nearest: nil)
            body(object.name, &self)
        }
        if let members = place.node?.members {
            for (nameNode, value) in members {
                let name = nameNode.string ?? ""
                scope = SettingsPlace(path: place.path + "." + name, key: key, node: value, nearest: value)
                body(name, &self)
            }
        }
        scope = outer
    }

    /// Calls `body` for each element of `list`, in order, with its index and this reader, whose paths are relative to that
    /// element meanwhile; the empty path is the element itself. How many there are; nil if there is no list.
    @discardableResult
    public mutating func eachElement(of list: SettingsList, _ body: (Int, inout SettingsReader) -> Void) -> Int? {
        let place = ask(for: list.path, asValue: false)
        let key = schema.insertElement(in: place.key, list)
        let outer = scope
        if isDescribing {
            scope = SettingsPlace(path: place.path + "[]", key: key, node: nil, nearest: nil)
            body(0, &self)
        }
        defer { scope = outer }
        guard let node = place.node, node.kind == .array else { return nil }
        for (index, value) in node.elements.enumerated() {
            scope = SettingsPlace(path: "\(place.path)[\(index)]", key: key, node: value, nearest: value)
            body(index, &self)
        }
        return node.count
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

    /// Every setting that was read so far, described for the program `program`. `options` are those of its command line, by
    /// path.
    public func description(of program: String, options: [String: [String]] = [:]) -> SettingsDescription {
        let variables = Set(schema.overridablePaths)
        return SettingsDescription(program: program, schema: schema, fixedLimits: fixedLimits) { setting in
            var setting = setting
            if variables.contains(setting.path) { setting.variable = source.environmentName(ofPath: setting.path) }
            setting.options = options[setting.path] ?? []
            return setting
        }
    }

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
