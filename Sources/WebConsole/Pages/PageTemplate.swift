// One page in one language: its template with style and script put in, and the policy that lets just these two run.

import Primitives
import RPCCore

/// A page without its values.
struct PageTemplate: Sendable {
    let template: Template
    let policy: String
    /// The values that are the same each time.
    let common: TemplateValues

    /// The page of the template `name`. `base.css` comes before `style`; texts that begin with `name.js.` go to the script. No
    /// text of a script goes over several lines, since indentation is left out.
    init(_ name: String, _ source: [UInt8], style: [UInt8] = [], script: [UInt8] = [], _ language: Language) {
        let texts = Texts.of(language)
        let styleText = Self.styleText(PackageResources.base_css + style, texts)
        let script = Self.compacted(script)
        policy = Self.policy(style: styleText, script: script)
        let partials: [String: [UInt8]] = [
            "head": PackageResources.head_html, "foot": PackageResources.foot_html, "agent": PackageResources.agent_html,
            "mark": PackageResources.mark_svg,
        ]
        template = Template(source, texts: texts) { partials[$0] }
        common = [
            "lang": .text(language.tag), "otherLanguages": .list(Self.otherLanguages(than: language)),
            "style": .markup(styleText),
            "script": .markup(script), "texts": .markup(texts.json(prefix: name + ".js.")),
        ]
    }

    /// The page with these values, and those that all pages have.
    func page(_ values: TemplateValues) -> Page {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(48 * 1024)
        template.render(values.adding(common), into: &bytes)
        return Page(body: bytes, contentSecurityPolicy: policy)
    }

    private static func otherLanguages(than language: Language) -> [TemplateValues] {
        Language.allCases.filter { $0 != language }.map {
            ["code": .text($0.rawValue), "tag": .text($0.tag), "ownName": .text($0.ownName)]
        }
    }

    /// A style sheet with its texts, without its comments.
    private static func styleText(_ source: [UInt8], _ texts: Texts) -> [UInt8] {
        var result: [UInt8] = []
        var rest = source[...]
        while let start = rest.firstPlace(of: "/*"), let end = rest[start...].firstPlace(of: "*/") {
            result += rest[..<start]
            rest = rest[(end + 2)...]
        }
        var bytes: [UInt8] = []
        Template(compacted(result + rest), texts: texts).render([:], into: &bytes)
        return bytes
    }

    /// Lines without indentation; empty ones, and those that are comments of a script, left out.
    private static func compacted(_ source: [UInt8]) -> [UInt8] {
        let lines = source.split(separator: UInt8(ascii: "\n")).map { $0.drop { $0 == UInt8(ascii: " ") } }
        return Array(lines.filter { !$0.isEmpty && !$0.starts(with: "//".utf8) }.joined(separator: [UInt8(ascii: "\n")]))
    }

    private static func policy(style: [UInt8], script: [UInt8]) -> String {
        """
        default-src 'none'; script-src \(source(script)); style-src \(source(style)); connect-src 'self'; \
        img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'
        """
    }

    private static func source(_ text: [UInt8]) -> String {
        var digest: [UInt8] = []
        Base64.encode(SHA256.digest(text)[...], into: &digest)
        return text.isEmpty ? "'none'" : "'sha256-\(String(decoding: digest, as: UTF8.self))'"
    }
}

/// A page in every language, each parsed when it is first asked for.
struct PageTemplates: Sendable {
    private let english: PageTemplate
    private let chinese: PageTemplate

    init(_ make: (Language) -> PageTemplate) { (english, chinese) = (make(.english), make(.chinese)) }

    subscript(language: Language) -> PageTemplate {
        switch language {
        case .english: english
        case .chinese: chinese
        }
    }
}
