// One value, from the layer that gives it: what each form of a setting reads (`SettingForms`).

import RPCCore

extension SettingsReader {
    /// Text.
    mutating func text(_ path: String) -> String? {
        read(path, wanted: "text", fromText: { $0 }, fromNode: \.string)
    }

    /// A list of texts: in the file a text or a list of them; in a variable or a flag parted by commas, without the spaces
    /// around them; a flag may also come more than once.
    mutating func texts(_ path: String) -> [String]? {
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
    mutating func integer(_ path: String, in range: ClosedRange<Int>) -> Int? {
        func check(_ number: Int?) -> Int? { number.flatMap { range.contains($0) ? $0 : nil } }
        return read(
            path, wanted: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            fromText: { check(Int($0)) }, fromNode: { check($0.int64.flatMap { Int(exactly: $0) }) })
    }

    /// True or false; in a variable or a flag also `yes`, `on`, `1` and `no`, `off`, `0`.
    mutating func flag(_ path: String) -> Bool? {
        read(path, wanted: "true or false", fromText: truth, fromNode: \.bool)
    }

    /// One of `choices`, exactly.
    mutating func choice(_ path: String, among choices: [String]) -> String? {
        let list = choices.map { "\"\($0)\"" }.joined(separator: ", ")
        return read(
            path, wanted: "one of \(list)", choices: choices, fromText: { choices.contains($0) ? $0 : nil },
            fromNode: { node in choices.first { node.stringEquals($0) } })
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
