// Text on its way into a page: escaped, and in the right language.

import Testing
import WebConsole

@Suite struct TextTests {
    @Test func htmlIsEscaped() {
        #expect(HTML.escaped("<script>alert('x')</script>") == "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")
        #expect(HTML.escaped("a&b\"c") == "a&amp;b&quot;c")
        #expect(HTML.escaped("plain \u{e9}\u{4e2d}\u{1f600}") == "plain \u{e9}\u{4e2d}\u{1f600}")
        #expect(
            HTML.escaped("a\u{0}b\u{1b}c\u{7f}\u{85}\u{202e}d\u{2066}\u{200f}\n")
                == "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}d\u{fffd}\u{fffd}\u{fffd}")
        #expect(HTML.escaped("<\u{338}") == "&lt;\u{338}")  // one character, two scalars
    }

    @Test func everyEscapeMayStandAnywhere() {
        for mark in ["\u{202e}", "\u{61c}", "\u{2028}", "\u{9f}", "\u{7f}", "\0"] {
            #expect(HTML.escaped(mark) == "\u{fffd}")
            #expect(HTML.escaped("中\(mark)é") == "中\u{fffd}é")
        }
        #expect(HTML.escaped("\u{a0}\u{627}\u{2010}\u{2070}") == "\u{a0}\u{627}\u{2010}\u{2070}")
    }

    @Test(
        arguments: [
            (nil, nil, .english), (nil, "", .english), (nil, "zh", .chinese), (nil, "zh-TW,en;q=0.8", .chinese),
            (nil, "fr-FR, zh;q=0.5, en;q=0.7", .english), (nil, "en;q=0.2,ZH-cn;q=0.9", .chinese), (nil, "de", .english),
            (nil, "en;q=0,zh;q=0.1", .chinese), (nil, "zh;q=x", .english), (nil, "zh;q=0", .english),
            (nil, "zh;q=1.000", .chinese),
            ("zh", "en", .chinese), ("en", "zh", .english), ("fr", "zh", .chinese), (nil, "*, zh;q=0.1", .chinese),
            (nil, "zh;q=0.12345", .english), (nil, ";;,,q=1,;q=", .english),
        ] as [(String?, String?, Language)])
    func theLanguageIsWhatWasChosenOrAskedFor(chosen: String?, accept: String?, language: Language) {
        #expect(Language(chosen: chosen, accept: accept) == language)
    }
}
