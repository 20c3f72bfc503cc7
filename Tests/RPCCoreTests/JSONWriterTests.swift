// The writer: commas, escapes, and that what it writes reads back as what was meant.

import RPCCore
import Testing

/// What `body` writes.
func written(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    body(&writer)
    return String(decoding: writer.finish(), as: UTF8.self)
}

@Suite struct JSONWriterTests {
    @Test func commasStandBetweenAndNowhereElse() {
        let text = written { writer in
            writer.beginObject()
            writer.name("a")
            writer.beginArray()
            writer.endArray()
            writer.name("b")
            writer.beginArray()
            writer.integer(1)
            writer.null()
            writer.beginObject()
            writer.endObject()
            writer.bool(true)
            writer.endArray()
            writer.name("c" as String)
            writer.beginObject()
            writer.name("d")
            writer.string("x")
            writer.name("e")
            writer.bool(false)
            writer.endObject()
            writer.endObject()
        }
        #expect(text == #"{"a":[],"b":[1,null,{},true],"c":{"d":"x","e":false}}"#)
    }

    @Test func numbersAreWrittenExactly() {
        let text = written { writer in
            writer.beginArray()
            for value in [0, 9, 10, -1, Int64.max, .min] { writer.integer(value) }
            writer.unsigned(.max)
            writer.integer(UInt64.max)
            writer.integer(UInt8(255))
            writer.integer(-5)
            for value in [0, -0.0, 1, 0.1, 1e22, .leastNonzeroMagnitude, -1.5] { writer.double(value) }
            for value in [Double.nan, .infinity, -.infinity] { writer.double(value) }
            writer.endArray()
        }
        let integers = "0,9,10,-1,9223372036854775807,-9223372036854775808,18446744073709551615,18446744073709551615,255,-5"
        #expect(text == "[\(integers),0.0,-0.0,1.0,0.1,1e+22,5e-324,-1.5,null,null,null]")
    }

    @Test func onlyQuoteBackslashAndControlsAreEscaped() {
        let controls = (0..<32).map { String(Character(Unicode.Scalar(UInt8($0)))) }.joined()
        let text = written { $0.string(controls + "\"\\/\u{7f}é中😀") }
        let expected = (0..<32).map { value -> String in
            switch value {
            case 8: #"\b"#
            case 9: #"\t"#
            case 10: #"\n"#
            case 12: #"\f"#
            case 13: #"\r"#
            default: #"\u00"# + (value < 16 ? "0" : "") + String(value, radix: 16)
            }
        }
        #expect(text == "\"" + expected.joined() + #"\"\\/"# + "\u{7f}é中😀\"")
    }

    @Test func specialCharactersAreFoundAtEveryPlaceOfAWord() throws {
        for length in 0...20 {
            for place in 0..<length {
                for special in ["\"", "\\", "\u{1f}", "\n", "é", "😀", "\u{7f}"] {
                    let value =
                        String(repeating: "a", count: place) + special + String(repeating: "b", count: length - place - 1)
                    let text = written { $0.string(value) }
                    #expect(try node(text).string == value)
                    #expect(written { $0.string(utf8: Array(value.utf8)[...]) } == text)
                }
            }
        }
    }

    @Test func invalidUTF8BecomesReplacementCharacters() {
        #expect(written { $0.string(utf8: [0x61, 0xff, 0x62]) } == "\"a\u{fffd}b\"")
        #expect(written { $0.string(utf8: [0xc3, 0xa9]) } == "\"é\"")
        #expect(written { $0.string(utf8: [0xe4, 0xb8]) } == "\"\u{fffd}\"")
        #expect(written { $0.string(utf8: []) } == "\"\"")
    }

    @Test func latin1BytesBecomeCharacters() {
        #expect(written { $0.latin1([0x63, 0x61, 0x66, 0xe9]) } == "\"café\"")
        #expect(written { $0.latin1([0x80, 0xbf, 0xc0, 0xff, 0x22, 0x00]) } == "\"\u{80}\u{bf}\u{c0}\u{ff}\\\"\\u0000\"")
    }

    @Test func fieldNamesAreLowered() {
        let text = written { writer in
            writer.beginObject()
            for name in ["Content-Type", "X-ABCDEFGHIJKLMNOPQRSTUVWXYZ_09", "", "@[`{"] {
                writer.nameLowercasedASCII(Array(name.utf8)[...])
                writer.null()
            }
            writer.nameLowercasedASCII([0x41, 0xc0, 0x22])
            writer.null()
            writer.endObject()
        }
        let names = #""content-type":null,"x-abcdefghijklmnopqrstuvwxyz_09":null,"":null,"@[`{":null,"aÀ\"":null"#
        #expect(text == "{\(names)}")
    }

    /// Every length around a word and around a piece, and a character to escape at every place.
    @Test(arguments: [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 511, 512, 513, 1300]) func fieldsOfAnyLengthAreWritten(count: Int)
    {
        for odd in Set([0, 1, count / 2, count - 2, count - 1, count]) where (0...count).contains(odd) {
            var value = [UInt8](repeating: 0x41, count: count)
            if odd < count { value[odd] = 0xe9 }
            let text = written { writer in
                writer.beginObject()
                writer.latin1Member(name: value.span, value: value.span)
                writer.latin1Member(name: [0x42].span, value: [0x22, 0x0a, 0x01].span)
                writer.endObject()
            }
            let upper = String(decoding: value.map { UInt16($0) }, as: UTF16.self)
            #expect(text == "{\"\(upper.lowercased())\":\"\(upper)\",\"b\":\"\\\"\\n\\u0001\"}")
        }
    }

    @Test func base64IsAString() {
        let text = written { writer in
            writer.beginArray()
            for value in ["", "f", "fo", "foo"] { writer.base64(Array(value.utf8)[...]) }
            writer.endArray()
        }
        #expect(text == #"["","Zg==","Zm8=","Zm9v"]"#)
    }

    @Test func bytesThatWereThereStay() {
        var writer = JSONWriter(reusing: Array("HEAD".utf8))
        writer.beginArray()
        writer.null()
        writer.endArray()
        #expect(writer.bytes == Array("HEAD[null]".utf8))
        #expect(writer.finish() == Array("HEAD[null]".utf8))
    }

    @Test func aNumberThatIsNoneIsWrittenAsNull() {
        for text in ["", "-", "abc", "1 ", "01", "1,2", "NaN", "0x1", "1e"] {
            #expect(written { $0.value(.number(text)) } == "null")
        }
        #expect(written { $0.value(.number("1e400")) } == "1e400")
    }

    @Test func literalsAreTrees() throws {
        let value: JSONValue = ["a": 1, "b": [1.5, true, nil, "x"], "c": [:], "d": []]
        var bytes: [UInt8] = [0x20]
        value.encode(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #" {"a":1,"b":[1.5,true,null,"x"],"c":{},"d":[]}"#)
        #expect(try JSONValue(decoding: bytes[...]) == value)
        #expect(value["b"] == [1.5, true, nil, "x"] && value["x"] == nil && JSONValue.null["a"] == nil)
    }
}
