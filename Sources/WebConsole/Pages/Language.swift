// The language of a page: the one that the person chose, else the one that the browser prefers, else English.

/// A language that the pages speak.
public enum Language: String, Sendable, Hashable, CaseIterable {
    /// English.
    case english = "en"
    /// Chinese, simplified.
    case chinese = "zh"

    /// `chosen`: from `?lang=` or the cookie `miagent-lang`; else the best of `accept` (an `Accept-Language`); else English.
    public init(chosen: String?, accept: String?) {
        self = chosen.flatMap(Language.init(rawValue:)) ?? Self.best(of: accept ?? "") ?? .english
    }

    /// The language's name in the language itself.
    public var ownName: String {
        switch self {
        case .english: "English"
        case .chinese: "中文"
        }
    }

    /// The value of `lang` attributes and of `Content-Language`.
    public var tag: String {
        switch self {
        case .english: "en"
        case .chinese: "zh-CN"
        }
    }

    /// The first of those with the greatest weight (RFC 9110 §12.5.4); a range such as `zh-TW` counts as its language, and `*`
    /// as no preference. Looks at the first 20 ranges.
    private static func best(of accept: String) -> Language? {
        var best: (language: Language, weight: Int)?
        for range in accept.split(separator: ",").prefix(20) {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let tag = parts.first, let language = Language(rawValue: String(tag.prefix { $0 != "-" })) else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { thousandths($0.dropFirst(2)) } ?? 1_000
            if weight > best?.weight ?? 0 { best = (language, weight) }
        }
        return best?.language
    }

    /// `0.85` as 850; 0 for malformed weights, so that they do not count.
    private static func thousandths(_ text: Substring) -> Int {
        guard let first = text.first, first == "0" || first == "1", text.utf8.count <= 5 else { return 0 }
        guard text.count > 1 else { return first == "1" ? 1_000 : 0 }
        let digits = text.dropFirst(2)
        guard text.dropFirst().first == ".", digits.allSatisfy({ "0"..."9" ~= $0 }) else { return 0 }
        let padded = digits + String(repeating: "0", count: 3 - digits.count)
        return first == "1" ? 1_000 : Int(padded) ?? 0
    }
}
