// Exchanges as JSON, whatever bytes they hold, and replays with what is not theirs to say.

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

    @Test func whatIsNotKnownYetIsNull() throws {
        let told = try json(ExchangeJSON.full(exchange()))
        #expect(told["startedAt"]?.string == "2026-04-10T05:21:22.045Z" && told["outcome"]?.string == "")
        for name in ["status", "firstByteMs", "totalMs", "replayOf"] { #expect(told[name]?.isNull == true, "\(name)") }
        #expect(told["requestBody"]?["text"]?.string == "" && told["requestBody"]?["whole"]?.bool == true)
    }

    /// A text whose last character was cut is a text still; what is no UTF-8 goes as base64.
    @Test(
        arguments: [
            (Array("h\u{e9}\u{4f60}".utf8), 1000, "h\u{e9}\u{4f60}"), (Array("ab\u{1f600}".utf8), 5, "ab"),
            (Array("ab\u{1f600}".utf8), 3, "ab"), (Array("\u{4f60}\u{597d}".utf8), 4, "\u{4f60}"), ([0xff, 0xfe], 1000, nil),
            ([0x61, 0xc3], 1000, nil), ([0xff, 0x61, 0x61], 2, nil),
        ] as [([UInt8], Int, String?)])
    func bodiesAreTextIfTheyAre(body: [UInt8], limit: Int, expected: String?) throws {
        let told = try #require(try json(ExchangeJSON.full(exchange(body, keeping: limit)))["requestBody"])
        #expect(told["text"]?.string == expected)
        #expect((told["base64"] != nil) == (expected == nil))
        #expect(told["count"]?.int64 == Int64(body.count) && told["whole"]?.bool == (body.count <= limit))
    }

    @Test func everyByteOfAFieldAndATargetIsQuoted() throws {
        var exchange = exchange()
        let all = (0x20...0xff).map { UInt8($0) }.filter { $0 != 0x7f }
        try exchange.requestFields.append("X", bytes: [0x61] + all[...])
        exchange.target = Array("/<script>\"".utf8) + [0xe9]
        let told = try json(ExchangeJSON.full(exchange))
        #expect(told["target"]?.string == "/<script>\"\u{e9}")
        let value = try #require(told["requestFields"]?.elements.first { _ in true }).elements.map { $0.string ?? "" }
        #expect(value == ["X", "a" + String(String.UnicodeScalarView(all.map { Unicode.Scalar($0) }))])
    }

    @Test func anEventIsOneLineOfData() {
        var hostile = exchange()
        hostile.target = Array("/a\r\n\r\ndata: b".utf8)
        let event = String(decoding: ExchangeJSON.event([hostile, exchange()]), as: UTF8.self)
        #expect(event.hasPrefix("event: exchange\ndata: [{") && event.hasSuffix("}]\n\n"))
        #expect(event.split(separator: "\n", omittingEmptySubsequences: false).count == 4)
    }

    // MARK: Limits of a replay

    private func problem(_ text: String) -> String? {
        do throws(ReplayProblem) {
            _ = try ReplayRequest(json: Array(text.utf8)).applied(to: exchange())
            return nil
        } catch { return error.reason }
    }

    @Test func aReplayHasLimits() {
        func fields(_ count: Int, _ value: String = "b") -> String {
            "[" + Array(repeating: "[\"A\",\"\(value)\"]", count: count).joined(separator: ",") + "]"
        }
        #expect(problem("{\"number\":1,\"fields\":\(fields(128))}") == nil)
        #expect(problem("{\"number\":1,\"fields\":\(fields(129))}")?.contains("128") == true)
        let long = String(repeating: "x", count: 16_000)
        #expect(problem("{\"number\":1,\"fields\":\(fields(2, long))}") == nil)
        #expect(problem("{\"number\":1,\"fields\":\(fields(3, long))}")?.contains("32768") == true)
        #expect(problem("{\"number\":1,\"target\":\"/\(long)\(long)\(long)\"}")?.contains("target") == true)
        let mebibyte = String(repeating: "x", count: 1 << 20)
        #expect(problem("{\"number\":1,\"body\":{\"text\":\"\(mebibyte)\"}}") == nil)
        #expect(problem("{\"number\":1,\"body\":{\"text\":\"\(mebibyte)x\"}}")?.contains("1048576") == true)
        #expect(problem("{\"number\":1,\"body\":{\"text\":\"a\",\"base64\":\"YQ==\"}}")?.contains("body") == true)
        #expect(problem(String(repeating: "[", count: 100))?.contains("JSON") == true)
    }

    @Test func anUpgradeCannotBeReplayed() throws {
        var upgraded = exchange()
        upgraded.status = 101
        #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: upgraded) }
        var asked = exchange()
        try asked.requestFields.append(.secWebSocketKey, "x")
        #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: asked) }
    }

    @Test func whatWasMaskedIsLeftOut() throws {
        var original = exchange()
        original.target = Secrets.masked(target: Array("/a?token=x&b=1&key=y".utf8))
        for (name, value) in [("Cookie", "a=1; b=2"), ("X-Api-Key", "k"), ("Accept", "*/*"), ("Host", "h"), ("TE", "trailers")]
        {
            try original.requestFields.append(HTTPFieldName(name), value)
        }
        original.requestFields = Secrets.masked(original.requestFields)
        let again = try ReplayRequest(number: 1).applied(to: original)
        #expect(String(decoding: again.target, as: UTF8.self) == "/a?b=1")
        #expect(again.fields.map { "\($0.nameString): \($0.valueString)" } == ["Host: h", "Accept: */*"])
    }

    /// A body is kept as it came and shown masked: it is sent again as it came, edited only where the secret is filled in.
    @Test func aBodyIsShownMaskedAndSentAgainAsItWas() throws {
        let body = Array("{\"user\":\"bob\",\"password\":\"hunter2\"}".utf8)
        var original = exchange(body)
        try original.requestFields.append(.contentType, "application/json")
        let shown = try #require(try json(ExchangeJSON.full(original))["requestBody"]?["text"]?.string)
        #expect(shown == "{\"user\":\"bob\",\"password\":\"•••\"}")
        #expect(try ReplayRequest(number: 1).applied(to: original).body == body)
        var edited = ReplayRequest(number: 1)
        edited.body = Array(shown.utf8)
        #expect(try edited.applied(to: original).body == body, "as it was shown")
        edited.body = Array(shown.utf8) + [0x20]
        #expect(throws: ReplayProblem.self) { try edited.applied(to: original) }
        edited.body = Array("{\"password\":\"new\"}".utf8)
        #expect(try edited.applied(to: original).body == edited.body)
    }

    @Test func aMaskedPathIsSaid() throws {
        var original = exchange()
        original.target = Secrets.masked(target: Array("/k/ghp_0123456789abcdefABCDEF0123456789abcd".utf8))
        let problem = #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: original) }
        #expect(problem?.reason.contains("secret") == true)
        var edited = ReplayRequest(number: 1)
        edited.target = Array("/k/filled-in".utf8)
        #expect(try edited.applied(to: original).target == edited.target)
    }
}
