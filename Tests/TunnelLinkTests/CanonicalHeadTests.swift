// The canonical reader and writer beside the general ones: what the former take, the latter read and write alike, whatever is
// done to a message's bytes.

import HTTPCodec
import RPCCore
import TestSupport
import Testing

@testable import TunnelLink

@Suite struct CanonicalHeadTests {
    static let fieldSections: [(fields: HTTPFields, isCanonical: Bool)] = [
        (fields(), true),
        (fields(("Host", "a.example"), ("Accept", "*/*")), true),
        (fields(("sec-ch-ua", #""Chromium";v="120", "Not\A;Brand";v="8""#), ("x", "")), true),
        (fields(("a", "\"")), true),
        (fields(("a", #"\"#), ("ab", #"\\\"\"#)), true),
        (fields(("X-Long-Name-Of-More-Than-Sixteen", String(repeating: "0123456789 ", count: 300) + "!")), true),
        (fields(("x_y!#$%&'*+-.^`|~", "1")), true),
        (fields(("set-cookie", "a=1"), ("date", "x"), ("Set-Cookie", "b=2")), false),
        (fields(("x", "caf\u{e9}")), false),
        (fields(("x", "a\tb")), false),
    ]

    static let requests: [WebRequest] = fieldSections.flatMap { section in
        [
            WebRequest(method: "GET", path: Array("/".utf8), fields: section.fields),
            WebRequest(method: "POST", path: Array("/a%20b".utf8), query: [], fields: section.fields, hasBody: true),
            WebRequest(
                method: "M-SEARCH", path: Array("/a/b/c".utf8), query: Array("q=1&r=%22".utf8), fields: section.fields,
                upgrade: "websocket", hasBody: true),
        ]
    }

    static let responses: [WebResponse] = fieldSections.flatMap { section in
        [101, 200, 404, 599].flatMap { status in
            [false, true].map { WebResponse(status: status, fields: section.fields, hasBody: $0) }
        }
    }

    static let streams = [1, 9, 10, 4_294_967_295].map { StreamID(rawValue: $0) }

    // MARK: Writing

    @Test func whatTheCanonicalWriterWritesTheGeneralOneWritesToo() {
        var written = 0
        for stream in Self.streams {
            for request in Self.requests {
                var bytes = [UInt8(ascii: "!")]
                guard request.writeCanonical(stream, to: &bytes) else {
                    #expect(bytes == [UInt8(ascii: "!")])
                    continue
                }
                written += 1
                #expect(String(decoding: bytes.dropFirst(), as: UTF8.self) == General.text(of: request, stream))
            }
            for response in Self.responses {
                var bytes: [UInt8] = []
                guard response.writeCanonical(stream, to: &bytes) else { continue }
                written += 1
                #expect(String(decoding: bytes, as: UTF8.self) == General.text(of: response, stream))
            }
        }
        #expect(written == Self.streams.count * 7 * (3 + 8))
    }

    @Test func whatNeedsAnotherFormIsLeftToTheGeneralWriter() {
        for section in Self.fieldSections {
            var bytes: [UInt8] = []
            let request = WebRequest(method: "GET", path: Array("/".utf8), fields: section.fields)
            #expect(request.writeCanonical(.number(1), to: &bytes) == section.isCanonical, "\(section.fields)")
            let response = WebResponse(status: 200, fields: section.fields)
            #expect(response.writeCanonical(.number(1), to: &bytes) == section.isCanonical, "\(section.fields)")
        }
        var bytes: [UInt8] = []
        for path in ["/\"", "/\\", "/\u{1}", "/\u{7f}"] {
            #expect(!WebRequest(method: "GET", path: Array(path.utf8)).writeCanonical(.number(1), to: &bytes))
        }
        #expect(!WebRequest(method: "GET", path: [0x2f, 0xe9]).writeCanonical(.number(1), to: &bytes))
        #expect(!WebRequest(method: "G\"", path: [0x2f]).writeCanonical(.number(1), to: &bytes))
        #expect(!WebRequest(method: "GET", path: [0x2f], query: [0x22]).writeCanonical(.number(1), to: &bytes))
        #expect(!WebRequest(method: "GET", path: [0x2f], upgrade: "\"").writeCanonical(.number(1), to: &bytes))
        #expect(bytes.isEmpty)
    }

    // MARK: Reading

    @Test func theCanonicalReaderReadsWhatIsWritten() {
        for stream in Self.streams {
            for request in Self.requests {
                var bytes: [UInt8] = []
                guard request.writeCanonical(stream, to: &bytes) else { continue }
                let read = bytes.withUnsafeBytes { WebRequest.readCanonical($0) }
                #expect(read?.stream == stream)
                #expect(read?.request == General.request(bytes)?.request)
                #expect(read.map { lines($0.request.fields) } == lines(request.fields, isLowered: true))
            }
            for response in Self.responses {
                var bytes: [UInt8] = []
                guard response.writeCanonical(stream, to: &bytes) else { continue }
                let read = bytes.withUnsafeBytes { WebResponse.readCanonical($0) }
                #expect(read?.stream == stream)
                #expect(read?.response == General.response(bytes)?.response)
            }
        }
    }

    /// Cuts, deletions, insertions and replacements at every place of small messages: whatever is still read in canonical form,
    /// the general reader reads alike.
    @Test func noDamageMakesTheTwoReadersDiffer() {
        let section = fields(("a", "b"), ("cd", #"e "f" \g"#))
        let requests = [
            WebRequest(method: "GET", path: Array("/p".utf8), query: Array("q".utf8), fields: section),
            WebRequest(method: "GET", path: Array("/p".utf8), fields: section, upgrade: "u", hasBody: true),
        ]
        for request in requests {
            var bytes: [UInt8] = []
            #expect(request.writeCanonical(.number(12), to: &bytes))
            for damaged in damages(of: bytes) { compareRequest(damaged) }
        }
        var bytes: [UInt8] = []
        #expect(WebResponse(status: 200, fields: section).writeCanonical(.number(12), to: &bytes))
        for damaged in damages(of: bytes) { compareResponse(damaged) }
    }

    @Test func randomDamageMakesNoDifferenceEither() {
        var random = SplitMix(seed: 12)
        for round in 0..<4_000 {
            var bytes: [UInt8] = []
            let isRequest = round % 2 == 0
            if isRequest {
                _ = Self.requests[round % Self.requests.count].writeCanonical(.number(12), to: &bytes)
            } else {
                _ = Self.responses[round % Self.responses.count].writeCanonical(.number(12), to: &bytes)
            }
            guard !bytes.isEmpty else { continue }
            for _ in 0...(round % 3) {
                bytes[Int.random(in: bytes.indices, using: &random)] = Self.bytes.randomElement(using: &random) ?? 0
            }
            if isRequest { compareRequest(bytes) } else { compareResponse(bytes) }
        }
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":"web_0","result":{"statusCode":200,"headers":{},"stream":0,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":100,"headers":{},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":600,"headers":{},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{},"stream":2,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_01","result":{"statusCode":200,"headers":{},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_4294967296","result":{"statusCode":200,"headers":{},"stream":4294967296,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":" b"},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":"b "},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":"b","A":"c"},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a b":"c"},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"":"c"},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":"\n"},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":["b"]},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"a":"b",},"stream":1,"end":true}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{},"stream":1,"end":false}}"#,
        #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{},"stream":1,"end":true}} "#,
    ]) func anotherFormIsLeftToTheGeneralReader(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { WebResponse.readCanonical($0) } == nil)
    }

    @Test func moreFieldsThanAHeadHasAreLeftToTheGeneralReader() throws {
        for count in [128, 129] {
            var section = HTTPFields()
            for number in 0..<count { try section.append(HTTPFieldName("f\(number)"), "v") }
            let response = WebResponse(status: 200, fields: section)
            var bytes: [UInt8] = []
            #expect(response.writeCanonical(.number(1), to: &bytes))
            #expect((bytes.withUnsafeBytes { WebResponse.readCanonical($0) } == nil) == (count > 128))
        }
    }

    // MARK: What a gateway adds and leaves out

    @Test func fieldsThatAreLeftOutAndAddedAreThoseOfTheWholeRequest() {
        let all = fields(("Host", "h"), ("A", "1"), ("Connection", "close"), ("B", "2"))
        let forwarding = [
            ForwardingFields(),
            ForwardingFields(requestID: "r", client: "192.0.2.1", scheme: "http", host: "h:1", prefix: "/p"),
            ForwardingFields(scheme: "https"), ForwardingFields(prefix: "/caf\u{e9}"),
        ]
        for (section, left) in [(all, ["A", "B"]), (HTTPFields(), []), (fields(("Host", "h")), [])] {
            for added in forwarding {
                let request = ForwardedRequest(
                    method: "GET", path: Array("/".utf8)[...], query: nil, fields: section,
                    without: section.hopByHop(and: [.host]), and: added, hasBody: false)
                #expect(request.whole.fields.map(\.nameString).filter { !$0.hasPrefix("X-") } == left)
                var bytes: [UInt8] = []
                let isCanonical = request.writeCanonical(.number(1), to: &bytes)
                #expect(isCanonical == !added.prefix.contains("\u{e9}"))
                guard isCanonical else { continue }
                #expect(String(decoding: bytes, as: UTF8.self) == General.text(of: request.whole, .number(1)))
            }
        }
    }

    // MARK: In a tunnel

    /// A blank behind the message is another form: the events are the same.
    @Test func aTunnelTellsTheSameOfBothForms() {
        for blank in ["", " "] {
            var agent = RawPeer(of: agentRole, .v2)
            let request = WebRequest(method: "GET", path: Array("/".utf8), fields: fields(("a", "b")))
            #expect(
                agent.say(General.text(of: request, .number(7)) + blank)
                    == [.request(.number(7), request), .end(.number(7), trailers: HTTPFields())])
            agent.session.respond(WebResponse(status: 204), on: .number(7))
            #expect(
                agent.receivedText()
                    == #"{"jsonrpc":"2.0","id":"web_7","result":{"statusCode":204,"headers":{},"stream":7,"end":true}}"#)
        }
    }

    @Test func aStreamInUseAndOneTooManyAreRefusedInBothForms() {
        for blank in ["", " "] {
            var limits = TunnelLimits()
            limits.maximumStreams = 2
            var agent = RawPeer(of: agentRole, .v2, limits: limits)
            let request = WebRequest(method: "POST", path: Array("/".utf8), hasBody: true)
            for stream: UInt32 in [1, 1, 2, 3] { _ = agent.say(General.text(of: request, .number(stream)) + blank) }
            let said = agent.received().compactMap { if case .text(let text) = $0 { text } else { nil } }
            #expect(said.count == 2)
            #expect(said.first?.contains("stream is missing, 0, or in use") == true)
            #expect(said.last?.contains("-32014") == true)
        }
    }

    // MARK: Support

    private static let bytes: [UInt8] =
        Array(#""\{}[]:,/ 0129aAtn_-"#.utf8) + [0x00, 0x09, 0x0a, 0x0d, 0x1f, 0x7f, 0x80, 0xc3, 0xff]

    private func damages(of bytes: [UInt8]) -> [[UInt8]] {
        var damages: [[UInt8]] = []
        for place in bytes.indices {
            damages.append(Array(bytes[..<place]))
            damages.append(Array(bytes[..<place] + bytes[(place + 1)...]))
            damages.append(Array(bytes[...place] + bytes[place...]))
            for byte in Self.bytes {
                damages.append(Array(bytes[..<place] + [byte] + bytes[place...]))
                damages.append(Array(bytes[..<place] + [byte] + bytes[(place + 1)...]))
            }
        }
        return damages
    }

    private func compareRequest(_ bytes: [UInt8]) {
        guard let read = bytes.withUnsafeBytes({ WebRequest.readCanonical($0) }) else { return }
        let general = General.request(bytes)
        let isSame = read.request == general?.request && read.stream == general?.stream
        #expect(isSame, "\(String(decoding: bytes, as: UTF8.self))")
    }

    private func compareResponse(_ bytes: [UInt8]) {
        guard let read = bytes.withUnsafeBytes({ WebResponse.readCanonical($0) }) else { return }
        let general = General.response(bytes)
        let isSame = read.response == general?.response && read.stream == general?.stream
        #expect(isSame, "\(String(decoding: bytes, as: UTF8.self))")
    }

    private func lines(_ fields: HTTPFields, isLowered: Bool = false) -> [String] {
        fields.map { "\(isLowered ? $0.nameString.lowercased() : $0.nameString): \($0.valueString)" }
    }
}

extension WebRequest {
    fileprivate func writeCanonical(_ stream: StreamID, to bytes: inout [UInt8]) -> Bool {
        ForwardedRequest(self).writeCanonical(stream, to: &bytes)
    }
}

/// The general reader and writer.
private enum General {
    static func text(of request: WebRequest, _ stream: StreamID) -> String {
        text { writer in
            RPCCodec.beginRequest(id: .string(stream.requestID), method: "web.request", in: &writer)
            request.write(to: &writer, stream: stream, requestID: stream.requestID, wholeBody: nil)
            writer.endObject()
        }
    }

    static func text(of response: WebResponse, _ stream: StreamID) -> String {
        text { writer in
            RPCCodec.beginResult(id: .string(stream.requestID), in: &writer)
            response.write(to: &writer, stream: stream, wholeBody: nil)
            writer.endObject()
        }
    }

    private static func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    static func request(_ bytes: [UInt8]) -> (stream: StreamID, request: WebRequest)? {
        guard let envelope = envelope(bytes), envelope.kind == .request, envelope.method == "web.request",
            case .string(let id) = envelope.id, let stream = StreamID(requestID: id),
            var params = envelope.payload.flatMap({ JSONObject($0) })
        else { return nil }
        var body: [UInt8] = []
        guard let request = try? WebRequest.read(&params, version: .v2, body: &body),
            (try? params.integer("stream", in: 1...Int64(UInt32.max))) == Int64(stream.rawValue)
        else { return nil }
        return (stream, request)
    }

    static func response(_ bytes: [UInt8]) -> (stream: StreamID, response: WebResponse)? {
        guard let envelope = envelope(bytes), envelope.kind == .result, case .string(let id) = envelope.id,
            let stream = StreamID(requestID: id)
        else { return nil }
        var body: [UInt8] = []
        return (try? WebResponse.read(envelope.payload, version: .v2, body: &body)).map { (stream, $0) }
    }

    private static func envelope(_ bytes: [UInt8]) -> RPCEnvelope? {
        guard let batch = try? RPCCodec.decodeEnvelopes(bytes[...]), !batch.isBatch else { return nil }
        return try? batch.envelopes.first?.get()
    }
}
