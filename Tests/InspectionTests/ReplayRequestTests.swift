// Requests that are sent again: their limits, what cannot be repeated, what cannot be edited, and what masks do to them.

import HTTPCodec
import Inspection
import RPCCore
import Testing

@Suite struct ReplayRequestTests {
    private func exchange(_ body: [UInt8] = []) -> CapturedExchange {
        var exchange = CapturedExchange(
            agentID: "pi", method: "GET", target: Array("/".utf8), requestFields: HTTPFields(), startedAtMilliseconds: 0)
        exchange.requestBody.append(body[...], limit: 1000)
        return exchange
    }

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

    @Test func upgradedConnectionsCannotBeReplayed() throws {
        var upgraded = exchange()
        upgraded.status = 101
        #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: upgraded) }
        var asked = exchange()
        try asked.requestFields.append(.secWebSocketKey, "x")
        #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: asked) }
    }

    @Test func maskedValuesAreLeftOut() throws {
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

    /// A body is kept as it came and shown masked. An edited body is sent only if every mask in it was replaced.
    @Test func bodiesAreShownMaskedAndReplayedAsTheyCame() throws {
        let body = Array("{\"user\":\"bob\",\"password\":\"hunter2\"}".utf8)
        var original = exchange(body)
        try original.requestFields.append(.contentType, "application/json")
        let shown = try #require(try JSONDocument(ExchangeJSON.full(original)[...]).root["requestBody"]?["text"]?.string)
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

    @Test func aMaskedPathIsRefusedWithAReason() throws {
        var original = exchange()
        original.target = Secrets.masked(target: Array("/k/ghp_0123456789abcdefABCDEF0123456789abcd".utf8))
        let problem = #expect(throws: ReplayProblem.self) { try ReplayRequest(number: 1).applied(to: original) }
        #expect(problem?.reason.contains("secret") == true)
        var edited = ReplayRequest(number: 1)
        edited.target = Array("/k/filled-in".utf8)
        #expect(try edited.applied(to: original).target == edited.target)
    }

    @Test func fieldsOfProxiesCannotBeEdited() throws {
        var exchange = CapturedExchange(
            agentID: "a", method: "GET", target: Array("/a".utf8), requestFields: HTTPFields(), startedAtMilliseconds: 0)
        for (name, value) in [("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.1"), ("A", "1"), ("Host", "h")] {
            try exchange.requestFields.append(HTTPFieldName(name), value)
        }
        let edits = [
            "X-Forwarded-For", "X-FORWARDED-USER", "X_Forwarded_Proto", "Forwarded", "X_Real-IP", "CF-Connecting-IP",
            "Connection",
            "Upgrade", "Host", "Content-Length", "Expect",
        ]
        let fields = edits.map { "[\"\($0)\",\"evil\"]" }.joined(separator: ",")
        let edited = try ReplayRequest(json: Array("{\"number\":1,\"fields\":[\(fields),[\"A\",\"2\"]]}".utf8)).applied(
            to: exchange)
        let lines = edited.fields.map { "\($0.nameString): \($0.valueString)".lowercased() }
        #expect(lines.sorted() == ["a: 2", "host: h", "x-forwarded-for: 192.0.2.1", "x-real-ip: 192.0.2.1"])
        let again = try ReplayRequest(number: 1).applied(to: exchange)
        #expect(
            again.fields.map(\.nameString).map { $0.lowercased() }.sorted() == ["a", "host", "x-forwarded-for", "x-real-ip"])
    }
}
