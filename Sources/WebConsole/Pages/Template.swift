// A page with placeholders. A template is parsed once, with its partials and the texts of its language, and then only appends
// bytes. It is our own file, so a mistake in it does not trap: it is noted in `problems`, and a test checks that there are
// none.
//
//     {{name}}  escaped                      {{#name}}…{{/name}}  for each of a list; once for what is not empty or false
//     {{{name}}} markup made by us           {{^name}}…{{/name}}  otherwise
//     {{t.key}} a text, {{{t.key}}} with markup; `{name}` in a text is a value, escaped either way
//     {{>file}} another template             {{! a comment }}

/// The value of a name in a template.
enum TemplateValue: Sendable {
    /// Untrusted text, which is escaped.
    case text(String)
    /// HTML of our own.
    case markup([UInt8])
    /// Whether a section is shown.
    case flag(Bool)
    /// What a section is repeated for.
    case list([TemplateValues])

    /// Whether a section of that name is shown.
    fileprivate var isShown: Bool {
        switch self {
        case .text(let text): !text.isEmpty
        case .markup(let bytes): !bytes.isEmpty
        case .flag(let flag): flag
        case .list(let list): !list.isEmpty
        }
    }
}

/// Names and values. There are a few dozen at most, and short names compare in a nanosecond: a walk is faster than a hash.
struct TemplateValues: Sendable, ExpressibleByDictionaryLiteral {
    private var pairs: [(String, TemplateValue)]

    init(dictionaryLiteral elements: (String, TemplateValue)...) { pairs = elements }

    /// The value of `name`.
    subscript(name: String) -> TemplateValue? {
        for index in pairs.indices where pairs[index].0 == name { return pairs[index].1 }
        return nil
    }

    /// All names, those within lists as well.
    var names: Set<String> {
        pairs.reduce(into: []) { names, pair in
            names.insert(pair.0)
            if case .list(let list) = pair.1 { for element in list { names.formUnion(element.names) } }
        }
    }

    /// With these besides.
    func adding(_ others: TemplateValues) -> TemplateValues {
        var result = self
        result.pairs += others.pairs
        return result
    }
}

/// A parsed template.
struct Template: Sendable {
    indirect enum Part: Sendable {
        case bytes([UInt8])
        case value(String, isMarkup: Bool)
        case section(String, isInverted: Bool, [Part])
    }

    let parts: [Part]
    /// What is wrong with it.
    let problems: [String]

    /// Appends the template with `values` in its placeholders. A name without a value leaves its placeholder empty.
    func render(_ values: TemplateValues, into bytes: inout [UInt8]) {
        var scopes = [values]
        Self.render(parts, &scopes, &bytes)
    }

    private static func render(_ parts: [Part], _ scopes: inout [TemplateValues], _ bytes: inout [UInt8]) {
        for part in parts {
            switch part {
            case .bytes(let own): bytes.append(contentsOf: own)
            case .value(let name, let isMarkup): append(value(name, scopes), isMarkup, &bytes)
            case .section(let name, let isInverted, let inner):
                let value = value(name, scopes)
                guard (value?.isShown ?? false) != isInverted else { continue }
                guard !isInverted, case .list(let list) = value else {
                    render(inner, &scopes, &bytes)
                    continue
                }
                for element in list {
                    scopes.append(element)
                    render(inner, &scopes, &bytes)
                    scopes.removeLast()
                }
            }
        }
    }

    /// What the innermost scope that knows `name` has for it.
    private static func value(_ name: String, _ scopes: [TemplateValues]) -> TemplateValue? {
        for index in scopes.indices.reversed() {
            if let value = scopes[index][name] { return value }
        }
        return nil
    }

    private static func append(_ value: TemplateValue?, _ isMarkup: Bool, _ bytes: inout [UInt8]) {
        switch value {
        case .markup(let own) where isMarkup: bytes.append(contentsOf: own)
        case .text(let text): HTML.append(escaping: text, to: &bytes)
        case .markup, .flag, .list, nil: break
        }
    }
}

extension Template {
    /// The names of all placeholders and sections, in order of appearance.
    var names: [String] { Self.names(parts) }

    private static func names(_ parts: [Part]) -> [String] {
        var result: [String] = []
        for part in parts {
            switch part {
            case .bytes: break
            case .value(let name, _): result.append(name)
            case .section(let name, _, let inner): result += [name] + names(inner)
            }
        }
        return result
    }
}
