// The reader's inner half: from a path to the layer that gives it a value, and from a wrong value to the report of it.

import Primitives
import RPCCore

/// The largest file, in bytes.
private let maximumFileBytes = 1 << 20

extension SettingsReader {
    static func parse(_ file: (name: String, text: [UInt8])?) -> (document: JSONDocument?, report: SettingsReport?) {
        guard let file else { return (nil, nil) }
        func report(_ message: String, _ offset: Int) -> SettingsReport {
            .init(rank: .file(offset: offset), message: message, path: "")
        }
        do throws(JSONError) {
            let limits = JSONLimits(maximumBytes: maximumFileBytes)
            let document = try JSONDocument(file.text[...], dialect: .commented, limits: limits)
            guard document.root.kind == .object else {
                return (nil, report("must be an object, not \(document.root.kind.withArticle)", document.root.offset))
            }
            return (document, nil)
        } catch {
            if case .duplicateName(let name) = error.code {
                return (nil, report("duplicate key \(quotedForPeople(name))", error.offset))
            }
            return (nil, report(error.reason, error.offset))
        }
    }

    // MARK: Finding

    /// Where `path` stands, which is known from now on.
    mutating func ask(for path: String, asValue: Bool = true) -> SettingsPlace {
        var place = scope
        for name in path.split(separator: ".") {
            place = step(from: place, to: String(name), key: schema.insert(String(name), in: place.key))
        }
        if asValue { schema.markAsValue(place.key) }
        if place.node?.isNull == true { place.node = nil }
        return place
    }

    /// Where `path` stands, without making it known.
    func find(_ path: String) -> SettingsPlace {
        var place = scope
        for name in path.split(separator: ".") {
            let key = place.knownKey.flatMap { schema.child(of: $0, named: String(name)) }
            place = step(from: place, to: String(name), key: key ?? SettingsPlace.unknownKey)
        }
        return place
    }

    private func step(from place: SettingsPlace, to name: String, key: Int) -> SettingsPlace {
        let node = place.node?[name]
        return SettingsPlace(
            path: place.path.isEmpty ? name : place.path + "." + name, key: key, node: node, nearest: node ?? place.nearest,
            leadsThroughFreeName: place.isBelowFreeName(in: schema))
    }

    /// What the flags say, or else the variable; nil if neither does.
    func override(of place: SettingsPlace) -> SettingsOverride? {
        guard !place.isBelowFreeName(in: schema), !place.path.isEmpty else { return nil }
        if let flags = flagsByPath[place.path], let first = flags.first {
            return .init(source: first.name, rank: .flag, values: flags.map(\.value))
        }
        let name = source.environmentName(ofPath: place.path)
        guard let value = source.environment[name], !value.isEmpty else { return nil }
        return .init(source: name, rank: .variable, values: [value])
    }

    /// Whether a variable is set that can only mean a key beneath the object `path`.
    func hasVariable(beneath path: String) -> Bool {
        let start = source.environmentName(ofPath: path) + "_"
        let claimed = schema.overridablePaths.filter { !$0.hasPrefix(path + ".") }.map(source.environmentName)
        return source.environment.contains { name, value in
            !value.isEmpty && name.hasPrefix(start) && !claimed.contains(name) && !isForeign(name)
        }
    }

    /// Whether a variable is none of ours to judge: what the daemon itself takes, or another program's setting.
    func isForeign(_ name: String) -> Bool {
        source.ignoredEnvironment.contains(name)
            || source.otherProgram?.paths.contains { source.environmentName(ofPath: $0) == name } == true
    }

    // MARK: Reading

    /// The value of one setting, from the first layer that has it.
    mutating func read<Value>(
        _ path: String, wanted: String, choices: [String] = [], fromText: (String) -> Value?,
        fromNode: (JSONNode) -> Value?
    ) -> Value? {
        let place = ask(for: path)
        guard let given = override(of: place) else {
            guard let node = place.node else { return nil }
            if let value = fromNode(node) { return value }
            report(wrong: node, at: place, wanted: wanted, choices: choices)
            return nil
        }
        guard given.values.count == 1, let text = given.values.first else {
            report("was given more than once", at: place, given: given)
            return nil
        }
        if let value = fromText(text) { return value }
        let shown = isSecretPath(place.path) ? "" : ", not \(quotedForPeople(text))" + suggestion(for: text, among: choices)
        report("must be \(wanted)\(shown)", at: place, given: given)
        return nil
    }

    private func suggestion(for text: String?, among choices: [String]) -> String {
        text.flatMap { nearestName(to: $0, among: choices) }.map { "; did you mean \"\($0)\"?" } ?? ""
    }

    // MARK: Reporting

    mutating func report(wrong node: JSONNode, at place: SettingsPlace, wanted: String, choices: [String] = []) {
        let isSecret = isSecretPath(place.path)
        var shown = isSecret ? node.kind.withArticle : node.shownToPeople
        if node.kind == .array, let odd = node.elements.first(where: { $0.kind != .string }) {
            shown += " that holds \(odd.kind.withArticle)"
        }
        let hint = isSecret ? "" : suggestion(for: node.string, among: choices)
        report("must be \(wanted), not \(shown)\(hint)", at: place, node: node)
    }

    mutating func report(_ message: String, at place: SettingsPlace, given: SettingsOverride) {
        reports.append(.init(rank: given.rank, message: message, path: place.path, source: given.source))
    }

    /// A problem with a key of the file, at `node`; without one it is about the file as a whole.
    mutating func report(_ message: String, at place: SettingsPlace, node: JSONNode?) {
        let sentence = place.path.isEmpty ? message : "\(quotedForPeople(place.path)) \(message)"
        let rank = node.map { SettingsReport.Rank.file(offset: $0.offset) } ?? .wholeFile
        reports.append(.init(rank: rank, message: sentence, path: place.path))
    }

    /// The problems of `sorted`, each with its source. Lines and columns are counted in one pass over the file, since its
    /// problems come in its own order and may be many.
    func located(_ sorted: [SettingsReport]) -> [SettingsProblem] {
        let name = source.file?.name ?? "settings"
        var cursor = SettingsCursor(rest: source.file?.text[...] ?? [])
        return sorted.map { report in
            var place = report.source
            if case .file(let offset) = report.rank {
                place = report.rank == .wholeFile ? name : "\(name):\(cursor.lineAndColumn(at: offset))"
            }
            return SettingsProblem(message: report.message, path: report.path, source: place)
        }
    }
}

/// Counts lines and columns forwards only.
private struct SettingsCursor {
    /// What has not been counted; its start index is the offset up to which the place is known.
    var rest: ArraySlice<UInt8>
    var line = 1
    var column = 1

    /// `line:column` of an offset that is not before the last one.
    mutating func lineAndColumn(at offset: Int) -> String {
        let count = max(0, offset - rest.startIndex)
        let step = JSONDocument.lineAndColumn(ofOffset: count, in: rest)
        rest = rest.dropFirst(count)
        column = step.line == 1 ? column + step.column - 1 : step.column
        line += step.line - 1
        return "\(line):\(column)"
    }
}
