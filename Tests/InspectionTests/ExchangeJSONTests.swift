// Exchanges as JSON, whatever bytes they hold.

import HTTPCodec
import RPCCore
import Testing

@testable import Inspection

@Suite struct ExchangeJSONTests {
    private func exchange(_ body: [UInt8] = [], keeping limit: Int = 1000) -> CapturedExchange {
        var exchange = CapturedExchange(
            agentID: "pi", method: "GET", target: Array("/".utf8), requestFields: HTTPFields(),
            startedAtMilliseconds: 1_775_798_482_045)
        exchange.requestBody.append(body[...], limit: limit)
        return exchange
    }

    private func json(_ bytes: [UInt8]) throws -> JSONNode {
        try JSONDocument(bytes[...], limits: JSONLimits(maximumBytes: 1 << 22)).root
    }

    @Test func unknownValuesAreNull() throws {
        let written = try json(ExchangeJSON.full(exchange()))
        #expect(written["startedAt"]?.string == "2026-04-10T05:21:22.045Z" && written["outcome"]?.string == "")
        for name in ["status", "firstByteMs", "totalMs", "replayOf"] { #expect(written[name]?.isNull == true, "\(name)") }
        #expect(written["requestBody"]?["text"]?.string == "" && written["requestBody"]?["whole"]?.bool == true)
    }

    /// A text whose last character is cut is still a text; a body that is not UTF-8 is written as base64.
    @Test(
        arguments: [
            (Array("h\u{e9}\u{4f60}".utf8), 1000, "h\u{e9}\u{4f60}"), (Array("ab\u{1f600}".utf8), 5, "ab"),
            (Array("ab\u{1f600}".utf8), 3, "ab"), (Array("\u{4f60}\u{597d}".utf8), 4, "\u{4f60}"), ([0xff, 0xfe], 1000, nil),
            ([0x61, 0xc3], 1000, nil), ([0xff, 0x61, 0x61], 2, nil),
        ] as [([UInt8], Int, String?)])
    func bodiesAreTextOrBase64(body: [UInt8], limit: Int, expected: String?) throws {
        let written = try #require(try json(ExchangeJSON.full(exchange(body, keeping: limit)))["requestBody"])
        #expect(written["text"]?.string == expected)
        #expect((written["base64"] != nil) == (expected == nil))
        #expect(written["count"]?.int64 == Int64(body.count) && written["whole"]?.bool == (body.count <= limit))
    }

    @Test func everyByteOfAFieldAndATargetIsQuoted() throws {
        var exchange = exchange()
        let all = (0x20...0xff).map { UInt8($0) }.filter { $0 != 0x7f }
        try exchange.requestFields.append("X", bytes: [0x61] + all[...])
        exchange.target = Array("/<script>\"".utf8) + [0xe9]
        let written = try json(ExchangeJSON.full(exchange))
        #expect(written["target"]?.string == "/<script>\"\u{e9}")
        let value = try #require(written["requestFields"]?.elements.first { _ in true }).elements.map { $0.string ?? "" }
        #expect(value == ["X", "a" + String(String.UnicodeScalarView(all.map { Unicode.Scalar($0) }))])
    }

    @Test func anEventIsOneLineOfData() {
        var hostile = exchange()
        hostile.target = Array("/a\r\n\r\ndata: b".utf8)
        let event = String(decoding: ExchangeJSON.event([hostile, exchange()]), as: UTF8.self)
        #expect(event.hasPrefix("event: exchange\ndata: [{") && event.hasSuffix("}]\n\n"))
        #expect(event.split(separator: "\n", omittingEmptySubsequences: false).count == 4)
    }
}
