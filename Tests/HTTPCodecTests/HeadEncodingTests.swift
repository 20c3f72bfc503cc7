// Heads on their way out, and that what is written is read back as the same.

import HTTPCodec
import TestSupport
import Testing

@Suite struct HeadEncodingTests {
    @Test func aRequestIsWrittenAsInTheRFC() throws {
        let head = HTTPRequestHead(method: "GET", target: "/where?q=now", fields: try fields((.host, "www.example.org")))
        var bytes = Array("before".utf8)
        try head.encode(into: &bytes)
        #expect(text(bytes) == "beforeGET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
    }

    @Test func aResponseHasTheUsualReasonUnlessGivenAnother() throws {
        var bytes: [UInt8] = []
        try HTTPResponseHead(status: 404).encode(into: &bytes)
        try HTTPResponseHead(status: 200, reason: "", minorVersion: 0).encode(into: &bytes)
        try HTTPResponseHead(status: 599, reason: "caf\u{e9}").encode(into: &bytes)
        #expect(
            Array("HTTP/1.1 404 Not Found\r\n\r\nHTTP/1.0 200 \r\n\r\nHTTP/1.1 599 caf".utf8) + [0xe9, 13, 10, 13, 10] == bytes)
    }

    @Test func whatIsNoHeadIsRefusedAndNothingIsWritten() {
        var bytes: [UInt8] = [1]
        for method in ["", "GET ", "GE T", "G\r\n", "\u{e9}"] {
            #expect(throws: HTTPFieldError(.method)) { try HTTPRequestHead(method: method, target: "/").encode(into: &bytes) }
        }
        for target in ["", "/a b", "/\r\nHost: b", "/\t", "/\u{0}", "/\u{7f}"] {
            #expect(throws: HTTPFieldError(.target)) { try HTTPRequestHead(method: "GET", target: target).encode(into: &bytes) }
        }
        for reason in ["a\r\nSet-Cookie: b", "\u{0}", "\u{100}"] {
            #expect(throws: HTTPFieldError(.reason)) { try HTTPResponseHead(status: 200, reason: reason).encode(into: &bytes) }
        }
        for status in [-1, 0, 99, 1000, Int.max, Int.min] {
            #expect(throws: HTTPFieldError(.status)) { try HTTPResponseHead(status: status, reason: "x").encode(into: &bytes) }
        }
        #expect(bytes == [1])
    }

    @Test func randomRequestsAreReadBackEqual() throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let framing = [HTTPBodyFraming.none, .chunked, .length(UInt64(random.next() % 50))][Int(random.next() % 3)]
            var head = HTTPRequestHead(method: "POST", target: "/" + word(&random), fields: try randomFields(&random))
            try head.fields.append(.host, "h")
            try declare(framing, in: &head.fields)
            let message = try encoded(framing, &random) { bytes in try head.encode(into: &bytes) }
            let seen = requests([message.bytes[...]])
            #expect(seen.first == .request(head, framing), "seed \(seed)")
            #expect(
                seen.dropFirst() == (message.body.isEmpty ? [] : [.body(message.body)]) + [.end(message.trailers), .closed])
            let difference = firstDisagreement(over: message.bytes, exhaustiveLimit: 20) { requests($0) }
            #expect(difference == nil, "seed \(seed)")
        }
    }

    @Test func randomResponsesAreReadBackEqual() throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let framing = [HTTPBodyFraming.untilClose, .chunked, .length(UInt64(random.next() % 50))][Int(random.next() % 3)]
            var head = HTTPResponseHead(
                status: 200 + Int(random.next() % 4), reason: word(&random), fields: try randomFields(&random))
            try declare(framing, in: &head.fields)
            let message = try encoded(framing, &random) { bytes in try head.encode(into: &bytes) }
            let seen = responses([message.bytes[...]])
            #expect(seen.first == .response(head, framing), "seed \(seed)")
            #expect(
                seen.dropFirst() == (message.body.isEmpty ? [] : [.body(message.body)]) + [.end(message.trailers), .closed])
        }
    }

    private func declare(_ framing: HTTPBodyFraming, in list: inout HTTPFields) throws {
        switch framing {
        case .length(let count): try list.append(.contentLength, "\(count)")
        case .chunked: try list.append(.transferEncoding, "chunked")
        case .none, .untilClose: break
        }
    }

    /// A message with a random body in random pieces.
    private func encoded(
        _ framing: HTTPBodyFraming, _ random: inout SplitMix, head: (inout [UInt8]) throws -> Void
    ) throws -> (bytes: [UInt8], body: [UInt8], trailers: [String]) {
        var body: [UInt8] = []
        var trailers = HTTPFields()
        switch framing {
        case .none: break
        case .length(let count): body = random.bytes(Int(count))
        case .chunked:
            body = random.bytes(Int(random.next() % 400))
            if random.next() % 2 == 0 { try trailers.append("X-Sum", word(&random)) }
        case .untilClose: body = random.bytes(Int(random.next() % 100))
        }
        var bytes: [UInt8] = []
        try head(&bytes)
        var encoder = HTTPBodyEncoder(framing)
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int(random.next() % 40))
            try encoder.encode(piece, into: &bytes)
            rest = rest.dropFirst(piece.count)
        }
        try encoder.finish(trailers: trailers, into: &bytes)
        return (bytes, body, trailers.map { "\($0.nameString)=\($0.valueString)" })
    }

    private func randomFields(_ random: inout SplitMix) throws -> HTTPFields {
        var list = HTTPFields()
        for _ in 0..<random.next() % 12 {
            try list.append(HTTPFieldName("x-" + word(&random)), word(&random) + " \u{e9}\t" + word(&random))
            if random.next() % 5 == 0, let name = list.first?.nameString { list.removeAll(HTTPFieldName(name)) }
        }
        return list
    }

    private func word(_ random: inout SplitMix) -> String {
        let letters = Array("abcXYZ019-_.~")
        return String((0...random.next() % 12).map { _ in letters[Int(random.next() % UInt64(letters.count))] })
    }
}
