// The texts of the pages, in each language: `en.json` and `zh.json`, one flat object each, with the same keys and in each text
// the same values. They are our own, so that a text may have markup where a template asks for it.

import RPCCore

/// The texts of one language.
struct Texts: Sendable {
    /// By key, such as `status.title`.
    let entries: [String: String]

    /// Reads a language file. Anything but an object of strings gives no texts, which a test would notice.
    init(json: [UInt8]) {
        var entries: [String: String] = [:]
        let document = try? JSONDocument(json[...], limits: JSONLimits(maximumBytes: 1 << 20))
        if let members = document?.root.members {
            for (name, value) in members { entries[name.string ?? ""] = value.string }
        }
        self.entries = entries
    }

    /// The text of `key`.
    subscript(key: String) -> String? { entries[key] }

    /// The text of `key` with `values` in it, nothing escaped; the key itself if there is no such text.
    func text(_ key: String, _ values: [String: String] = [:]) -> String {
        guard let text = entries[key] else { return key }
        return Template.pieces(of: text).reduce(into: "") { result, piece in
            switch piece {
            // After a value that ends a sentence the full stop of the text is left out.
            case .plain(let plain): result += Self.endsSentence(result) ? String(plain.drop { $0 == "." || $0 == "。" }) : plain
            case .value(let name): result += values[name] ?? ""
            }
        }
    }

    private static func endsSentence(_ text: String) -> Bool {
        guard let last = text.last else { return false }
        return ".?!。？！…".contains(last)
    }

    /// The texts whose keys begin with `prefix`, without it, as JSON that may stand inside of a `<script>`.
    func json(prefix: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, text) in entries.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
            writer.name(String(key.dropFirst(prefix.count)))
            writer.string(text)
        }
        writer.endObject()
        return writer.finish().flatMap { $0 == UInt8(ascii: "<") ? Array("\\u003c".utf8) : [$0] }
    }

    /// The texts of `language`.
    static func of(_ language: Language) -> Texts {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }

    private static let english = Texts(json: PackageResources.en_json)
    private static let chinese = Texts(json: PackageResources.zh_json)
}
