// Parts of sentences, and sentences.

import MachineCore
import TestSupport
import Testing

@Suite struct ClauseTests {
    @Test(arguments: [
        ("", "", ""), ("a", "a", "a."), ("a.", "a", "a."), ("a. ", "a", "a."), ("a...", "a", "a."), ("a?", "a?", "a?"),
        ("a?.", "a?", "a?"), ("Really! \n", "Really!", "Really!"), ("v1.2", "v1.2", "v1.2."), (" . ", "", ""),
        ("a: ", "a", "a."),
        ("a…", "a…", "a…"),
    ])
    func aClauseHasNoEndAndASentenceOne(text: String, clause: String, sentence: String) {
        #expect(text.asClause == clause)
        #expect(text.asSentence == sentence)
        #expect(gluedMarks(in: text.asSentence) == nil)
    }

    @Test(arguments: ["a.; b", "is it?; b", "is it?.", "a.. b", "a. . b", "a..", "问?。"]) func gluedMarksAreFound(text: String) {
        #expect(gluedMarks(in: text) != nil)
    }

    @Test(arguments: ["a; b", "a. B", "…", "/a/../b", "wait ... b", "proxy_http_version 1.1; x", "is it? b"])
    func whatIsWellJoinedIsNot(text: String) {
        #expect(gluedMarks(in: text) == nil)
    }
}
