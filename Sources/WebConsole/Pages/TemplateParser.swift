// Reads a template's source. Runs once for each page and language; the text is our own file.

extension Template {
    /// Parses `source`. `partial` gives the source of a `{{>name}}`.
    init(_ source: [UInt8], texts: Texts, partial: @escaping (String) -> [UInt8]? = { _ in nil }) {
        var parser = TemplateParser(source: source[...], texts: texts, partial: partial)
        parts = parser.parts(until: nil)
        problems = parser.problems
    }
}

/// One pass over a source.
struct TemplateParser {
    private(set) var problems: [String] = []
    private var rest: ArraySlice<UInt8>
    private let texts: Texts
    private let partial: (String) -> [UInt8]?
    /// How many partials we are in.
    private let depth: Int

    private static let newline = UInt8(ascii: "\n")

    init(source: ArraySlice<UInt8>, texts: Texts, partial: @escaping (String) -> [UInt8]?, depth: Int = 0) {
        (rest, self.texts, self.partial, self.depth) = (source, texts, partial, depth)
    }

    /// The parts up to the end of section `name`, or of the source.
    mutating func parts(until name: String?) -> [Template.Part] {
        var parts: [Template.Part] = []
        while let start = rest.firstPlace(of: "{{") {
            var before = rest[..<start]
            guard let tag = nextTag(at: start) else { break }
            // A tag that shows nothing and has a line of its own takes the line with it.
            if "#^/!>".contains(tag.sign), isAloneOnItsLine(&before) { rest = rest.dropFirst() }
            parts.append(.bytes(Array(before)))
            if tag.sign == "/" {
                if tag.name != name { problems.append("{{/\(tag.name)}} closes \(name ?? "nothing")") }
                return parts
            }
            parts += part(for: tag)
        }
        if let name { problems.append("{{#\(name)}} is never closed") }
        parts.append(.bytes(Array(rest)))
        rest = []
        return parts
    }

    private struct Tag {
        /// `{` for markup, space for a value.
        var sign: Character
        var name: String
    }

    /// The tag that begins at `start`; `rest` is what comes after it. Nil, and noted, if it does not end.
    private mutating func nextTag(at start: Int) -> Tag? {
        let isMarkup = rest[start...].dropFirst(2).first == UInt8(ascii: "{")
        let closing: StaticString = isMarkup ? "}}}" : "}}"
        let inside = rest[start...].dropFirst(isMarkup ? 3 : 2)
        guard let end = inside.firstPlace(of: closing) else {
            problems.append("a tag is never closed")
            return nil
        }
        let text = String(decoding: inside[..<end], as: UTF8.self)
        rest = rest[(end + closing.utf8CodeUnitCount)...]
        if isMarkup { return Tag(sign: "{", name: text) }
        guard let sign = text.first, "#^/!>".contains(sign) else { return Tag(sign: " ", name: text) }
        return Tag(sign: sign, name: String(text.dropFirst()))
    }

    /// Whether only spaces are before the tag on its line and nothing after it; the spaces are then taken off `before`.
    private func isAloneOnItsLine(_ before: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == Self.newline else { return false }
        let line = before.lastIndex(of: Self.newline).map { before[($0 + 1)...] } ?? before
        guard line.allSatisfy({ $0 == UInt8(ascii: " ") }) else { return false }
        before = before.dropLast(line.count)
        return true
    }

    private mutating func part(for tag: Tag) -> [Template.Part] {
        switch tag.sign {
        case "!": return []
        case "#", "^": return [.section(tag.name, isInverted: tag.sign == "^", parts(until: tag.name))]
        case ">": return parts(ofPartial: tag.name)
        default:
            let isMarkup = tag.sign == "{"
            guard tag.name.hasPrefix("t.") else { return [.value(tag.name, isMarkup: isMarkup)] }
            guard let text = texts[String(tag.name.dropFirst(2))] else {
                problems.append("no text \(tag.name.dropFirst(2))")
                return []
            }
            return Self.parts(ofText: text, isMarkup: isMarkup)
        }
    }

    private mutating func parts(ofPartial name: String) -> [Template.Part] {
        guard depth < 8, let source = partial(name) else {
            problems.append("no template \(name)")
            return []
        }
        var parser = TemplateParser(source: source[...], texts: texts, partial: partial, depth: depth + 1)
        let parts = parser.parts(until: nil)
        problems += parser.problems
        return parts
    }

    private static func parts(ofText text: String, isMarkup: Bool) -> [Template.Part] {
        Template.pieces(of: text).map { piece in
            switch piece {
            case .plain(let plain): .bytes(Array((isMarkup ? plain : HTML.escaped(plain)).utf8))
            case .value(let name): .value(name, isMarkup: false)
            }
        }
    }
}

extension Template {
    /// A piece of a text of the language files.
    enum Piece: Hashable {
        case plain(String)
        /// What stands in braces.
        case value(String)
    }

    /// A text, cut where `{name}` stands for a value.
    static func pieces(of text: String) -> [Piece] {
        var pieces: [Piece] = []
        for (index, part) in text.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
            var plain = part
            if index > 0, let end = part.firstIndex(of: "}") {
                pieces.append(.value(String(part[..<end])))
                plain = part[part.index(after: end)...]
            }
            if !plain.isEmpty { pieces.append(.plain(String(plain))) }
        }
        return pieces
    }
}

extension ArraySlice<UInt8> {
    /// Where `text`, of ASCII, first begins.
    func firstPlace(of text: StaticString) -> Int? {
        let text = Array(text.description.utf8)
        guard count >= text.count else { return nil }
        return (startIndex...(endIndex - text.count)).first { start in
            text.indices.allSatisfy { self[start + $0] == text[$0] }
        }
    }
}
