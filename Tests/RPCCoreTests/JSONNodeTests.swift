// The view on a parsed text: each reader gives the value that stands there, or nil for a value of another kind.

import RPCCore
import Testing

/// The outermost value of a text that is known to be good.
func node(_ text: String) throws -> JSONNode {
    try JSONDocument(Array(text.utf8)[...]).root
}

@Suite struct JSONNodeTests {
    @Test func everyKindTellsItselfAndWhereItStands() throws {
        let root = try node(#" [null, true, 1.5, "x", [], {}]"#)
        #expect(root.kind == .array && root.count == 6 && root.offset == 1)
        #expect(root.elements.map(\.kind) == [.null, .bool, .number, .string, .array, .object])
        #expect(root.elements.map(\.offset) == [2, 8, 14, 19, 24, 28])
        #expect(root.elements.map(\.isNull) == [true, false, false, false, false, false])
    }

    @Test func readersOfAnotherKindGiveNil() throws {
        for element in try node(#"[null, {"a":1}, [1], "1", true]"#).elements {
            #expect(element.int64 == nil && element.double == nil)
            if element.kind != .string { #expect(element.string == nil && !element.stringEquals("1")) }
            if element.kind != .bool { #expect(element.bool == nil) }
            if element.kind != .object { #expect(element["a"] == nil && Array(element.members).isEmpty) }
            if element.kind != .array { #expect(Array(element.elements).isEmpty) }
            if element.kind != .array, element.kind != .object { #expect(element.count == 0) }
        }
    }

    @Test func membersAreFoundByNameAndWalkedInOrder() throws {
        let root = try node(#"{"a":{"x":[1,{"y":2}]},"b":[],"c\u0061":3,"":4}"#)
        #expect(root.count == 4)
        #expect(root.members.map { $0.name.string } == ["a", "b", "ca", ""])
        #expect(root["a"]?["x"]?.count == 2)
        #expect(root["ca"]?.int64 == 3 && root[""]?.int64 == 4)
        #expect(root["x"] == nil && root["y"] == nil && root["c"] == nil && root["A"] == nil)
        #expect(root["b"]?.kind == .array)
        let inner = try #require(root["a"]?["x"]?.elements.map { $0 }.last)
        #expect(inner["y"]?.int64 == 2)
    }

    @Test func booleansAreThemselves() throws {
        #expect(try node("[true,false]").elements.map(\.bool) == [true, false])
    }

    @Test(arguments: [
        (#""""#, ""), (#""abc""#, "abc"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u4e2d""#, "Aé中"),
        (#""\uD83D\uDE00""#, "😀"), (#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10ffff}"), (#""é中😀""#, "é中😀"),
        (#""a\u0000b""#, "a\u{0}b"), (#""12345678\n12345678""#, "12345678\n12345678"), (#""\uFFFF\uFFFE""#, "\u{ffff}\u{fffe}"),
        (#""\u007f\u0080\u07ff\u0800""#, "\u{7f}\u{80}\u{7ff}\u{800}"), (#""\uE000\uD7FF""#, "\u{e000}\u{d7ff}"),
    ])
    func stringsAreDecoded(text: String, value: String) throws {
        let node = try node(text)
        #expect(node.string == value)
        var bytes: [UInt8] = [1, 2]
        let isString = node.appendUTF8(to: &bytes)
        #expect(isString && bytes == [1, 2] + Array(value.utf8))
        #expect(node.stringEquals(value) && !node.stringEquals(value + "x"))
    }

    @Test func comparisonIsByBytes() throws {
        #expect(try node(#""e\u0301""#).stringEquals("é" as String) == false)
        #expect(try node(#""\u00e9""#).stringEquals("é" as String))
        #expect(try node(#""\u0061bc""#).stringEquals("abc"))
        #expect(try node(#""a""#).stringEquals("\u{61}"))
        #expect(try !node(#""ab""#).stringEquals("a"))
    }

    @Test func latin1HoldsAllOf256Characters() throws {
        let everyByte = (0...255).map { UInt8($0) }
        var writer = JSONWriter()
        writer.latin1(everyByte[...])
        let written = try JSONDocument(writer.bytes[...]).root
        var bytes: [UInt8] = [7]
        let fits = written.appendLatin1(to: &bytes)
        #expect(fits && bytes == [7] + everyByte)

        let escaped = everyByte.map { "\\u00" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        bytes = []
        let fitsEscaped = try node("\"\(escaped)\"").appendLatin1(to: &bytes)
        #expect(fitsEscaped && bytes == everyByte)
    }

    @Test(arguments: [#""abc\u0100""#, #""é中""#, #""\ud83d\ude00""#, #""ÿĀ""#, "1", "null", "[]"])
    func whatIsNotLatin1AppendsNothing(text: String) throws {
        var bytes: [UInt8] = [9]
        let fits = try node(text).appendLatin1(to: &bytes)
        #expect(!fits && bytes == [9])
    }

    @Test func base64IsReadThroughEscapes() throws {
        var bytes: [UInt8] = [0]
        try node(#""\/\/8\u003d""#).appendBase64Decoded(to: &bytes)
        try node(#""Zm9v""#).appendBase64Decoded(to: &bytes)
        #expect(bytes == [0, 0xff, 0xff] + Array("foo".utf8))
        #expect(throws: Base64Error(offset: 1)) { try node(#""Z?9v""#).appendBase64Decoded(to: &bytes) }
        #expect(throws: Base64Error(offset: 2)) { try node(#""\u005am*v""#).appendBase64Decoded(to: &bytes) }
        #expect(throws: Base64Error(offset: 0)) { try node("17").appendBase64Decoded(to: &bytes) }
        #expect(bytes == [0, 0xff, 0xff] + Array("foo".utf8))
    }

    @Test func aNodeOutlivesItsDocument() throws {
        func inner() throws -> JSONNode? {
            let bytes = Array(#"{"a":["kept"]}"#.utf8)
            return try JSONDocument(bytes[...]).root["a"]
        }
        #expect(try inner()?.elements.map(\.string) == ["kept"])
    }
}
