// What no setting is called: keys of the file, variables and options. Each is refused, not ignored, because a
// misspelt key is a setting that silently is not in force; and each names the nearest known one. Values are never shown here:
// a misspelt key may well hold a token.

import Primitives
import RPCCore

extension SettingsReader {
    /// Where an editor finds the schema of the file: no setting, and no mistake.
    private static let schemaReference = "$schema"

    /// The file's unknown keys, and values that should be objects and are not.
    func unknownKeys() -> [SettingsReport] {
        var found: [SettingsReport] = []
        if let root = document?.root { collect(in: root, key: SettingsSchema.root, path: "", into: &found) }
        return found
    }

    /// Depth is bounded by the parser's limit, and by that of the keys asked for.
    private func collect(in node: JSONNode, key: Int, path: String, into found: inout [SettingsReport]) {
        let element = schema.element(in: key)
        if let element, node.kind == .array {
            for (index, value) in node.elements.enumerated() {
                collect(in: value, key: element, path: "\(path)[\(index)]", into: &found)
            }
            return
        }
        guard node.kind == .object, element == nil else {
            if !schema.isValue(key), !node.isNull {
                let wanted = element == nil ? "an object" : "a list of objects"
                let message = "\(quotedForPeople(path)) must be \(wanted), not \(node.kind.withArticle)"
                found.append(.init(rank: .file(offset: node.offset), message: message, path: path))
            }
            return
        }
        for (nameNode, value) in node.members {
            let name = nameNode.string ?? ""
            if path.isEmpty, name == Self.schemaReference { continue }
            let inner = path.isEmpty ? name : path + "." + name
            guard let child = schema.child(of: key, named: name) else {
                let message = "unknown key \(quotedForPeople(inner))\(hint(for: name, at: inner, in: key))"
                found.append(.init(rank: .file(offset: nameNode.offset), message: message, path: inner))
                continue
            }
            // A value was checked when it was read; an object with free names may hold what is not read.
            if schema.isObject(child) { collect(in: value, key: child, path: inner, into: &found) }
        }
    }

    /// What was meant, or whose it is: a name that is said otherwise here, the same name but for case or in another object, the
    /// other program's, and at last a near one.
    private func hint(for name: String, at path: String, in key: Int) -> String {
        if let meant = misnomers[path] ?? sameKey(as: name, in: key) { return "; did you mean \"\(meant)\"?" }
        if let other = source.otherProgram, other.paths.contains(where: { $0 == path || $0.hasPrefix(path + ".") }) {
            return "; it is a setting of \(other.name)"
        }
        return nearestName(to: name, among: schema.names(in: key)).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// The same name but for case in the same object, or else in another one.
    private func sameKey(as name: String, in key: Int) -> String? {
        let lowercased = name.lowercased()
        if let same = schema.names(in: key).first(where: { $0.lowercased() == lowercased }) { return same }
        return schema.overridablePaths.first { $0.lowercased().hasSuffix("." + lowercased) }
    }

    /// Variables that begin with our prefix and give no setting, neither here nor of the other program.
    func unknownVariables() -> [SettingsReport] {
        let known = schema.overridablePaths.map(source.environmentName)
        let all = known + source.ignoredEnvironment + (source.otherProgram?.paths ?? []).map(source.environmentName)
        let allowed = Set(all)
        let unknown = source.environment.keys.filter { $0.hasPrefix(source.environmentPrefix) && !allowed.contains($0) }
        return unknown.sorted().map { name in
            let meant = misnomers.first { source.environmentName(ofPath: $0.key) == name }?.value
            let hint = meant.map(source.environmentName) ?? nearestVariable(to: name, among: all)
            let message = "unknown variable" + (hint.map { "; did you mean \($0)?" } ?? "")
            return .init(rank: .variable, message: message, path: "", source: quotedIfOdd(name))
        }
    }

    /// The prefix is common to all of them, and says nothing about likeness.
    private func nearestVariable(to name: String, among names: [String]) -> String? {
        let count = source.environmentPrefix.count
        return nearestName(to: String(name.dropFirst(count)), among: names.map { String($0.dropFirst(count)) })
            .map { source.environmentPrefix + $0 }
    }

    /// Options for settings that are not read: a mistake of ours, which should not pass unseen.
    func unknownFlags() -> [SettingsReport] {
        let known = Set(schema.overridablePaths)
        return source.flags.filter { !known.contains($0.path) }.map { flag in
            let message = "gives the unknown setting \(quotedForPeople(flag.path))"
            return .init(rank: .flag, message: message, path: flag.path, source: flag.name)
        }
    }

    /// A variable's name comes from outside: one with odd characters is shown in quotes.
    private func quotedIfOdd(_ name: String) -> String {
        name.utf8.allSatisfy { (0x21...0x7e).contains($0) } ? name : quotedForPeople(name)
    }
}
