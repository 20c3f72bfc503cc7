// Members by name in any order of asking, members as bytes, and texts of any density.

import RPCCore
import Testing

@Suite struct JSONObjectTests {
    @Test func membersAreFoundInAnyOrder() throws {
        var object = try #require(JSONObject(try node(#"{"a":1,"b":{"c":9},"c":[2,{"a":8}],"\u0064":4,"":5}"#)))
        for _ in 0..<2 {
            #expect(object.member("a")?.int64 == 1)
            #expect(object.member("b")?.kind == .object)
            #expect(object.member("c")?.count == 2)
            #expect(object.member("none") == nil)
            #expect(object.member("d")?.int64 == 4)
            #expect(object.member("")?.int64 == 5)
            #expect(object.member("")?.int64 == 5)
        }
        #expect(object.member("d")?.int64 == 4 && object.member("c")?.kind == .array && object.member("a")?.int64 == 1)
    }

    @Test func onlyObjectsAreObjects() throws {
        for text in ["[1]", "1", "\"a\"", "null", "true"] { #expect(JSONObject(try node(text)) == nil) }
        var empty = try #require(JSONObject(try node("{}")))
        #expect(empty.member("a") == nil && empty.member("") == nil)
    }

    /// What `forEachMember` makes of a text: lines of `name=value`, or of `name?value` for what is no such text.
    private func walk(_ text: String) throws -> [String] {
        var lines: [String] = []
        func line(_ bytes: Span<UInt8>) -> String { bytes.indices.map { String(UnicodeScalar(bytes[$0])) }.joined() }
        try node(text).forEachMember { name, value in
            lines.append("\(line(name))=\(line(value))")
        } other: { name, value in
            lines.append("\(name.string ?? "")?\(value.kind)")
        }
        return lines
    }

    @Test func membersComeAsBytes() throws {
        #expect(try walk(#"{"a":"1","b":["2","3"],"c":null,"d":[],"":""}"#) == ["a=1", "b=2", "b=3", "="])
        #expect(try walk(#"{"\u0061":"\"\t\u00ff","é":"é\\","b":"ÿ"}"#) == ["a=\"\t\u{ff}", "é=é\\", "b=ÿ"])
        let other = ["a?number", "b?null", "b?array", "b?object", "c?bool", "d?string", "e?string", "€?string"]
        #expect(
            try walk(#"{"a":1,"b":[null,["x"],{"y":"z"}],"c":true,"d":"\u0100","e":"€","€":"f","g":"h"}"#) == other + ["g=h"])
        #expect(try walk(#"["a"]"#) == [] && walk("1") == [])
    }

    /// Nodes for every two bytes of text, and for every byte of one that is cut.
    @Test(arguments: [0, 1, 2, 7, 8, 9, 30, 31, 32, 63, 64, 300, 1000]) func denseTextsAreRead(count: Int) throws {
        let ones = try node("[" + Array(repeating: "1", count: count).joined(separator: ",") + "]")
        #expect(ones.count == count && ones.elements.reduce(0) { $0 + ($1.int64 ?? 0) } == Int64(count))
        let empty = try node("[" + Array(repeating: "[]", count: count).joined(separator: ",") + "]")
        #expect(empty.count == count && empty.elements.allSatisfy { $0.kind == .array && $0.count == 0 })
        let limits = JSONLimits(maximumBytes: 1 << 20, maximumDepth: JSONLimits.greatestDepth)
        let open = Array(repeating: UInt8(ascii: "["), count: count)
        let isTooDeep = count > JSONLimits.greatestDepth
        let code = isTooDeep ? JSONError.Code.tooDeep(limit: JSONLimits.greatestDepth) : .unexpectedEnd
        #expect(throws: JSONError(code, offset: isTooDeep ? JSONLimits.greatestDepth : count)) {
            try JSONDocument(open[...], limits: limits)
        }
        guard count > 0, !isTooDeep else { return }
        let closed = open + Array(repeating: UInt8(ascii: "]"), count: count)
        #expect(try JSONDocument(closed[...], limits: limits).root.kind == .array)
    }
}
