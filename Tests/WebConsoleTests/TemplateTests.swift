// The template language, piece by piece.

import Testing

@testable import WebConsole

@Suite struct TemplateTests {
    private let texts = Texts(json: Array(#"{"plain":"a < b","with":"<b>{n}</b> of {all}"}"#.utf8))

    private func render(_ source: String, _ values: TemplateValues = [:], partial: String = "") -> String {
        let template = Template(Array(source.utf8), texts: texts) { $0 == "part" ? Array(partial.utf8) : nil }
        #expect(template.problems.isEmpty)
        var bytes: [UInt8] = []
        template.render(values, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func valuesAreEscapedAndMarkupOnlyWhereItIsAskedFor() {
        #expect(render("a{{x}}b", ["x": .text("<&>")]) == "a&lt;&amp;&gt;b")
        #expect(render("{{{x}}}", ["x": .text("<")]) == "&lt;")
        #expect(render("{{{x}}}", ["x": .markup(Array("<br>".utf8))]) == "<br>")
        #expect(render("[{{x}}]", ["x": .markup(Array("<br>".utf8))]) == "[]")
        #expect(render("[{{x}}{{y}}]", ["x": .flag(true)]) == "[]")
    }

    @Test func sectionsAreShownForWhatIsThere() {
        let source = "{{#x}}yes{{/x}}{{^x}}no{{/x}}"
        for shown in [.text("a"), .flag(true), .markup([65]), .list([[:]])] as [TemplateValue] {
            #expect(render(source, ["x": shown]) == "yes")
        }
        for hidden in [.text(""), .flag(false), .markup([]), .list([])] as [TemplateValue] {
            #expect(render(source, ["x": hidden]) == "no")
        }
        #expect(render(source) == "no")
    }

    @Test func listsRepeatAndInnerNamesWin() {
        let values: TemplateValues = ["a": .text("outer"), "list": .list([["a": .text("1")], ["b": .text("2")]])]
        #expect(render("{{#list}}{{a}}{{b}},{{/list}}{{a}}", values) == "1,outer2,outer")
    }

    @Test func textsAreEscapedAndTakeValues() {
        #expect(render("{{t.plain}}") == "a &lt; b")
        #expect(render("{{{t.with}}}", ["n": .text("<3>"), "all": .text("9")]) == "<b>&lt;3&gt;</b> of 9")
        #expect(texts.text("with", ["n": "1"]) == "<b>1</b> of ")
        #expect(texts.text("none") == "none")
    }

    @Test func partialsSeeTheSameValuesAndTagsAloneOnALineLeaveNone() {
        #expect(render("x\n  {{>part}}\ny\n", ["v": .text("1")], partial: "[{{v}}]\n") == "x\n[1]\ny\n")
        #expect(render("a\n{{#x}}\nb\n{{/x}}\nc", ["x": .flag(true)]) == "a\nb\nc")
        #expect(render("a{{! no }}b\n{{! nor this }}\nc") == "ab\nc")
    }

    @Test(
        arguments: [
            "{{#a}}x", "{{/a}}", "{{#a}}{{/b}}", "{{a", "{{{a}}", "{{>none}}", "{{t.none}}", "{{>loop}}",
        ])
    func mistakesAreNoted(source: String) {
        let template = Template(Array(source.utf8), texts: texts) { $0 == "loop" ? Array("{{>loop}}".utf8) : nil }
        #expect(!template.problems.isEmpty)
    }

    @Test func textsForAScriptCannotEndIt() {
        let texts = Texts(json: Array(#"{"p.js.a":"</script>","p.b":"x"}"#.utf8))
        #expect(String(decoding: texts.json(prefix: "p.js."), as: UTF8.self) == #"{"a":"\u003c/script>"}"#)
    }

    @Test func figuresAreShort() {
        #expect([0, 999, 1_000, 12_045, 999_999].map(Figures.count) == ["0", "999", "1,000", "12,045", "999,999"])
        #expect([1_000_000, 12_345_678, UInt64.max].map(Figures.count) == ["1M", "12M", "18E"])
        #expect([0, 999.4, 999.5, 1_234, 99_900_000].map(Figures.bytes) == ["0 B", "999 B", "1 kB", "1.2 kB", "100 MB"])
        #expect([0.04, 0.44, 9.96, 999.4, 1_500].map(Figures.milliseconds) == ["0 ms", "0.4 ms", "10 ms", "999 ms", "1.5 s"])
        #expect([.nan, .infinity, -1].map(Figures.milliseconds) == ["0 s", "9999 s", "0 ms"])
    }

    @Test func plotsAreInterruptedWhereNothingWas() {
        #expect(Plot.path([0, 10, 5, nil, nil, 5], peak: 10) == "M0 99l1-94 1 47 M5 52")
        #expect(Plot.path([nil, 5, 5, nil, 0, 10], peak: 10) == "M1 52l1 0 M4 99l1-94")
        #expect(Plot.path([], peak: 0).isEmpty)
        #expect(Plot.path([0, .nan, .infinity, 3], peak: 0) == "M0 99M3 99")
    }
}
