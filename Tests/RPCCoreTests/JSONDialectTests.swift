// The dialect of configuration files: comments and one trailing comma, and nothing else beyond RFC 8259.

import RPCCore
import Testing

@Suite struct JSONDialectTests {
    @Test(arguments: [
        ("// only a comment\n[1]", "[1]"), ("[1] // at the end", "[1]"), ("[1]//", "[1]"), ("/**/[1]/**/", "[1]"),
        ("[/* a */1/* b */,/* c */2/* d */]", "[1,2]"), ("{/**/\"a\"/**/:/**/1/**/}", "{\"a\":1}"),
        ("[1,]", "[1]"), ("[1 , ]", "[1]"), ("{\"a\":1,}", "{\"a\":1}"), ("[1, // one\n]", "[1]"),
        ("{\"a\":[1,2,],}", "{\"a\":[1,2]}"),
        ("[\"// no comment\", \"/* nor here */\"]", "[\"// no comment\",\"/* nor here */\"]"),
        ("/* * / ** */[]", "[]"), ("/***/[]", "[]"), ("/*//*/[]", "[]"), ("// a\r\n[]", "[]"), ("//é\n[]", "[]"),
        ("[]// no newline", "[]"), ("{}", "{}"), ("[]", "[]"), ("1/**/", "1"), ("//\n//\n1", "1"),
    ])
    func commentsAndTrailingCommasMeanNothing(text: String, plain: String) throws {
        #expect(try tree(text, dialect: .commented) == tree(plain))
        if text != plain { #expect(refusal(of: Array(text.utf8)) != nil || text.hasPrefix("[\"//")) }
    }

    @Test(arguments: [
        Refusal("[,]", .unexpectedByte(0x2c), at: 1), Refusal("{,}", .unexpectedByte(0x2c), at: 1),
        Refusal("[1,,]", .unexpectedByte(0x2c), at: 3), Refusal("{\"a\":1,,}", .unexpectedByte(0x2c), at: 7),
        Refusal("[1],", .trailingBytes, at: 3), Refusal("/* open", .unexpectedEnd, at: 7),
        Refusal("[1]/*/", .unexpectedEnd, at: 6), Refusal("/", .unexpectedEnd, at: 1),
        Refusal("[1/]", .unexpectedByte(0x5d), at: 3),
        Refusal("# no\n1", .unexpectedByte(0x23), at: 0), Refusal("{a:1}", .unexpectedByte(0x61), at: 1),
        Refusal("'a'", .unexpectedByte(0x27), at: 0), Refusal("// nothing else", .unexpectedEnd, at: 15),
        Refusal("tr/**/ue", .unexpectedByte(0x2f), at: 2), Refusal("/* a */ /* b */ 01", .badNumber, at: 17),
        Refusal("{\"a\":1,\"a\":2,}", .duplicateName("a"), at: 7), Refusal("[1,}", .unexpectedByte(0x7d), at: 3),
    ])
    func nothingElseBecomesLegal(refusal expected: Refusal) {
        #expect(refusal(of: expected.text, dialect: .commented) == JSONError(expected.code, offset: expected.offset))
    }

    @Test func placesAreShownAsLineAndColumn() throws {
        let text = Array("{\n  \"é\": 1,\n  \"b\": ?\n}".utf8)
        let error = try #require(refusal(of: text, dialect: .commented))
        #expect(error.code == .unexpectedByte(0x3f))
        #expect(JSONDocument.lineAndColumn(ofOffset: error.offset, in: text[...]) == (3, 8))
        let good = try JSONDocument(Array("{\n  \"é\": 1,\n  \"b\": 2\n}".utf8)[...])
        let second = try #require(good.root["b"])
        #expect(good.lineAndColumn(ofOffset: second.offset) == (3, 8))
        let first = try #require(good.root["é"])
        #expect(good.lineAndColumn(ofOffset: first.offset) == (2, 8))
        #expect(good.lineAndColumn(ofOffset: 0) == (1, 1))
        #expect(good.lineAndColumn(ofOffset: -1) == (1, 1))
        #expect(good.lineAndColumn(ofOffset: 1000) == (4, 2))
    }
}
