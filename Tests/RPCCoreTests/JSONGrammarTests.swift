// RFC 8259, section by section: what every parser must accept, and what ours must refuse, with the offset of the byte
// that is at fault.

import RPCCore
import Testing

/// A text, and what is wrong with it where.
struct Refusal: Sendable, CustomTestStringConvertible {
    let text: [UInt8]
    let code: JSONError.Code
    let offset: Int

    init(_ text: String, _ code: JSONError.Code, at offset: Int) {
        self.init(Array(text.utf8), code, at: offset)
    }

    init(_ text: [UInt8], _ code: JSONError.Code, at offset: Int) {
        self.text = text
        self.code = code
        self.offset = offset
    }

    var testDescription: String { String(decoding: text, as: UTF8.self) }
}

/// Why `text` is refused; nil if it is not.
func refusal(of text: [UInt8], dialect: JSONDialect = .strict, limits: JSONLimits = .init()) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONDocument(text[...], dialect: dialect, limits: limits)
        return nil
    } catch {
        return error
    }
}

/// The tree that `text` stands for; a test that passes text which is not JSON fails.
func tree(_ text: String, dialect: JSONDialect = .strict, limits: JSONLimits = .init()) throws -> JSONValue {
    try JSONValue(decoding: Array(text.utf8)[...], dialect: dialect, limits: limits)
}

@Suite struct JSONGrammarTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-0", "1", "-1", "\"\"", "\"a\"", "[]", "{}", " [] ", "\t\r\n {}\n",
        "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[{}]", "{\"a\":1}", "{\"a\":{}}", "{ \"a\" : 1 , \"b\" : 2 }",
        "{\"\":0}", "{\"a\":[],\"b\":{}}", "[null,true,false]", "[\"\\u0000\"]", "[\"\\\\\"]", "[\"\\/\"]",
        "[\"\\b\\f\\n\\r\\t\"]", "[\"\\uD83D\\uDE00\"]", "[\"\\ud800\\udc00\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"\\u00e9\"]",
        "[\"\u{7f}\"]", "[\"\u{2028}\u{2029}\"]", "[\"\u{feff}\"]", "[\"\u{fffe}\u{ffff}\"]", "[\"\u{10ffff}\"]",
        "[\"é中😀\"]", "[\"\\uFFFF\"]", "[\"\\u0022\"]", "[\"/\"]", "1.5", "-1.5", "0.0", "1e1", "1E1", "1e+1", "1e-1",
        "1.0e5", "123456789012345678901234567890", "1e400", "-1e-400", "0e0", "0.1e-10", "[1.0,-2e3]",
        "{\"a\":\"b\",\"A\":\"b\"}", "{\"a b\":1,\"a  b\":2}", "[0,0,0,0]", "\"\\\"\"", "[[],[[]],{}]",
    ])
    func whatTheGrammarAllowsIsAccepted(text: String) {
        #expect(refusal(of: Array(text.utf8)) == nil)
        #expect(refusal(of: Array(text.utf8), dialect: .commented) == nil)
    }

    static let refusals: [Refusal] = [
        // Section 2: structure.
        Refusal("", .unexpectedEnd, at: 0), Refusal("  ", .unexpectedEnd, at: 2), Refusal("[", .unexpectedEnd, at: 1),
        Refusal("{", .unexpectedEnd, at: 1), Refusal("[1", .unexpectedEnd, at: 2), Refusal("[1,", .unexpectedEnd, at: 3),
        Refusal("{\"a\"", .unexpectedEnd, at: 4), Refusal("{\"a\":", .unexpectedEnd, at: 5),
        Refusal("{\"a\":1", .unexpectedEnd, at: 6), Refusal("{\"a\":1,", .unexpectedEnd, at: 7),
        Refusal("]", .unexpectedByte(0x5d), at: 0), Refusal("}", .unexpectedByte(0x7d), at: 0),
        Refusal("[1}", .unexpectedByte(0x7d), at: 2), Refusal("{\"a\":1]", .unexpectedByte(0x5d), at: 6),
        Refusal("[1,]", .unexpectedByte(0x5d), at: 3), Refusal("[,1]", .unexpectedByte(0x2c), at: 1),
        Refusal("[1,,2]", .unexpectedByte(0x2c), at: 3), Refusal("[1 2]", .unexpectedByte(0x32), at: 3),
        Refusal("[,]", .unexpectedByte(0x2c), at: 1), Refusal("{,}", .unexpectedByte(0x2c), at: 1),
        Refusal("{\"a\":1,}", .unexpectedByte(0x7d), at: 7), Refusal("{\"a\" 1}", .unexpectedByte(0x31), at: 5),
        Refusal("{\"a\":}", .unexpectedByte(0x7d), at: 5), Refusal("{\"a\"}", .unexpectedByte(0x7d), at: 4),
        Refusal("{\"a\":1 \"b\":2}", .unexpectedByte(0x22), at: 7), Refusal("{\"a\"::1}", .unexpectedByte(0x3a), at: 5),
        Refusal("{1:2}", .unexpectedByte(0x31), at: 1), Refusal("{a:1}", .unexpectedByte(0x61), at: 1),
        Refusal("{'a':1}", .unexpectedByte(0x27), at: 1), Refusal("{null:1}", .unexpectedByte(0x6e), at: 1),
        Refusal("{[]:1}", .unexpectedByte(0x5b), at: 1), Refusal("[\"a\":1]", .unexpectedByte(0x3a), at: 4),
        Refusal("1 2", .trailingBytes, at: 2), Refusal("[]]", .trailingBytes, at: 2), Refusal("{}{}", .trailingBytes, at: 2),
        Refusal("null,", .trailingBytes, at: 4), Refusal("\"a\"b", .trailingBytes, at: 3),
        Refusal("[]\u{0}", .trailingBytes, at: 2), Refusal("[\u{b}]", .unexpectedByte(0x0b), at: 1),
        Refusal("[\u{c}]", .unexpectedByte(0x0c), at: 1), Refusal("[\u{0}]", .unexpectedByte(0), at: 1),
        Refusal("[1,\u{a0}2]", .unexpectedByte(0xc2), at: 3), Refusal("\u{feff}{}", .unexpectedByte(0xef), at: 0),
        Refusal("[] // x", .trailingBytes, at: 3), Refusal("/**/[]", .unexpectedByte(0x2f), at: 0),
        Refusal("[]#", .trailingBytes, at: 2), Refusal("*", .unexpectedByte(0x2a), at: 0),
        // Section 3: literals.
        Refusal("nul", .unexpectedEnd, at: 3), Refusal("nulL", .unexpectedByte(0x4c), at: 3),
        Refusal("True", .unexpectedByte(0x54), at: 0), Refusal("tru", .unexpectedEnd, at: 3),
        Refusal("truth", .unexpectedByte(0x74), at: 3), Refusal("fals", .unexpectedEnd, at: 4),
        Refusal("nullx", .trailingBytes, at: 4), Refusal("[truefalse]", .unexpectedByte(0x66), at: 5),
        Refusal("undefined", .unexpectedByte(0x75), at: 0),
        // Section 6: numbers.
        Refusal("-", .unexpectedEnd, at: 1), Refusal("[-]", .badNumber, at: 2), Refusal("+1", .unexpectedByte(0x2b), at: 0),
        Refusal("[+1]", .unexpectedByte(0x2b), at: 1), Refusal("01", .badNumber, at: 1), Refusal("-01", .badNumber, at: 2),
        Refusal("[00]", .badNumber, at: 2), Refusal(".5", .unexpectedByte(0x2e), at: 0), Refusal("5.", .unexpectedEnd, at: 2),
        Refusal("[5.]", .badNumber, at: 3), Refusal("[-.5]", .badNumber, at: 2), Refusal("[1.e1]", .badNumber, at: 3),
        Refusal("1e", .unexpectedEnd, at: 2), Refusal("[1e]", .badNumber, at: 3), Refusal("[1e+]", .badNumber, at: 4),
        Refusal("1e-", .unexpectedEnd, at: 3), Refusal("[1e1.5]", .unexpectedByte(0x2e), at: 4),
        Refusal("[1.5.5]", .unexpectedByte(0x2e), at: 4), Refusal("0x10", .trailingBytes, at: 1),
        Refusal("[0x1]", .unexpectedByte(0x78), at: 2), Refusal("NaN", .unexpectedByte(0x4e), at: 0),
        Refusal("Infinity", .unexpectedByte(0x49), at: 0), Refusal("-Infinity", .badNumber, at: 1),
        Refusal("[1_000]", .unexpectedByte(0x5f), at: 2), Refusal("--1", .badNumber, at: 1),
        Refusal("[1ee5]", .badNumber, at: 3), Refusal("１", .unexpectedByte(0xef), at: 0),
        // Section 7: strings.
        Refusal("\"", .unexpectedEnd, at: 1), Refusal("\"abc", .unexpectedEnd, at: 4), Refusal("\"\\", .unexpectedEnd, at: 2),
        Refusal("\"\\\"", .unexpectedEnd, at: 3), Refusal("'a'", .unexpectedByte(0x27), at: 0),
        Refusal("\"a\nb\"", .badString, at: 2), Refusal("\"\t\"", .badString, at: 1), Refusal("\"\u{0}\"", .badString, at: 1),
        Refusal("\"1234567890\u{1f}\"", .badString, at: 11), Refusal("\"\\x41\"", .badEscape, at: 2),
        Refusal("\"\\a\"", .badEscape, at: 2), Refusal("\"\\'\"", .badEscape, at: 2), Refusal("\"\\\n\"", .badEscape, at: 2),
        Refusal("\"\\U0041\"", .badEscape, at: 2), Refusal("\"\\u00G0\"", .badEscape, at: 5),
        Refusal("\"\\u12\"", .badEscape, at: 5), Refusal("\"\\u{41}\"", .badEscape, at: 3),
        Refusal("\"\\u", .unexpectedEnd, at: 3), Refusal("\"\\u00e", .unexpectedEnd, at: 6),
        Refusal("\"\\uD800\"", .loneSurrogate, at: 1), Refusal("\"a\\uDC00\"", .loneSurrogate, at: 2),
        Refusal("\"\\uD800\\n\"", .loneSurrogate, at: 1), Refusal("\"\\uD800\\uD800\"", .loneSurrogate, at: 1),
        Refusal("\"\\uD800\\u0041\"", .loneSurrogate, at: 1), Refusal("\"\\uD83Dx\"", .loneSurrogate, at: 1),
        Refusal("\"\\uDBFF\\uE000\"", .loneSurrogate, at: 1), Refusal("\"\\uD800\\u00g\"", .badEscape, at: 11),
        Refusal("[\\u0061]", .unexpectedByte(0x5c), at: 1), Refusal("{\"\\uDEAD\":1}", .loneSurrogate, at: 2),
        // Section 8.1: UTF-8.
        Refusal([0x22, 0x80, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xff, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0x61, 0xc0, 0x80, 0x22], .invalidUTF8, at: 2), Refusal([0x22, 0xc1, 0xbf, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xc3, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xe0, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xed, 0xa0, 0x80, 0x22], .invalidUTF8, at: 1), Refusal([0x22, 0xe4, 0xb8, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xf0, 0x8f, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xf5, 0x80, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refusal([0x22, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x22], .invalidUTF8, at: 3),
        Refusal([0x22, 0xc3], .unexpectedEnd, at: 2), Refusal([0x22, 0xf0, 0x9f, 0x98], .unexpectedEnd, at: 4),
        Refusal([0xff, 0xfe, 0x5b, 0x00], .unexpectedByte(0xff), at: 0),
        Refusal([0x5b, 0xe9, 0x5d], .unexpectedByte(0xe9), at: 1),
    ]

    @Test(arguments: refusals)
    func whatTheGrammarForbidsIsRefusedAtItsByte(refusal expected: Refusal) {
        #expect(refusal(of: expected.text) == JSONError(expected.code, offset: expected.offset))
    }

    @Test func everyProperPrefixOfAnObjectEndsTooEarly() throws {
        let text = #"{"añ":[-1.5e+3,"\u00e9\ud83d\ude00😀",true,false,null,{"":"\\"}], "b" : 0}"#
        let bytes = Array(text.utf8)
        #expect(refusal(of: bytes) == nil)
        for length in bytes.indices {
            #expect(refusal(of: Array(bytes[..<length])) == JSONError(.unexpectedEnd, offset: length))
        }
    }

    @Test func bytesAroundTheSliceAreNeverRead() throws {
        let texts = ["[1,2]", "{\"abc\":\"defghij\"}", "12", "\"\\u00e9\"", "true", "[\"a", "1.", "\"é"]
        for text in texts {
            let bytes = Array(text.utf8)
            for surroundings in [Array("\"\"\"\"\"\"\"\"\"\"".utf8), Array("1234567890".utf8), Array("]]]]]]]]]]".utf8)] {
                let slice = (surroundings + bytes + surroundings)[10..<10 + bytes.count]
                let inside = Result { () throws(JSONError) in try JSONValue(decoding: slice) }
                let alone = Result { () throws(JSONError) in try JSONValue(decoding: bytes[...]) }
                #expect(inside == alone)
            }
        }
    }

    @Test func depthIsCountedInContainersAndLimited() throws {
        let limits = JSONLimits(maximumBytes: 4096, maximumDepth: 3)
        #expect(throws: Never.self) { try tree("[[[1]]]", limits: limits) }
        #expect(throws: Never.self) { try tree("[{\"a\":[]},{\"b\":{}}]", limits: limits) }
        let refusals: [(text: String, depth: Int, offset: Int)] = [
            ("[[[[]]]]", 3, 3), ("{\"a\":[[{}]]}", 2, 6), ("[[],[[]]]", 1, 1), ("[]", 0, 0), ("{}", -5, 0),
        ]
        for (text, depth, offset) in refusals {
            let error = refusal(of: Array(text.utf8), limits: .init(maximumBytes: 99, maximumDepth: depth))
            #expect(error == JSONError(.tooDeep(limit: max(depth, 0)), offset: offset))
        }
    }

    @Test func noLimitAsksForMoreStackThanThereIs() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        let limits = JSONLimits(maximumBytes: .max, maximumDepth: .max)
        #expect(refusal(of: deep, limits: limits) == JSONError(.tooDeep(limit: 512), offset: 512))
    }

    @Test func theDeepestTreeCanBeBuiltWrittenAndReleased() throws {
        let depth = JSONLimits.greatestDepth
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let value = try tree(text, limits: .init(maximumBytes: 4096, maximumDepth: depth))
        var bytes: [UInt8] = []
        value.encode(into: &bytes)
        #expect(bytes == Array(text.utf8))
    }

    @Test func lengthIsLimitedBeforeAnythingIsRead() {
        let limits = JSONLimits(maximumBytes: 4)
        #expect(refusal(of: Array("[12]".utf8), limits: limits) == nil)
        #expect(refusal(of: Array("[123]".utf8), limits: limits) == JSONError(.tooLong(limit: 4), offset: 4))
        #expect(refusal(of: Array("?????".utf8), limits: limits) == JSONError(.tooLong(limit: 4), offset: 4))
        #expect(refusal(of: [], limits: .init(maximumBytes: -1)) == JSONError(.unexpectedEnd, offset: 0))
    }

    @Test func defaultLimitsAre64KiBAnd32Levels() {
        #expect(JSONLimits() == JSONLimits(maximumBytes: 65536, maximumDepth: 32))
    }

    @Test func errorsReadAsSentences() {
        #expect(JSONError(.unexpectedByte(0x7d), offset: 3).description == "unexpected '}' at byte 3")
        #expect(JSONError(.unexpectedByte(0x07), offset: 0).description == "unexpected byte 0x07 at byte 0")
        #expect(JSONError(.duplicateName("a"), offset: 9).description == "duplicate name \"a\" at byte 9")
        #expect(JSONError(.tooDeep(limit: 32), offset: 40).reason == "nested deeper than 32 levels")
    }
}
