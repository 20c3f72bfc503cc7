// JSON-RPC 2.0, sections 4 to 6, beyond the specification's own examples.

import RPCCore
import Testing

/// What a text with one message is.
private func only(_ text: String) throws -> Result<RPCMessage, RPCDecodeError> {
    let messages = try RPCCodec.decode(Array(text.utf8)[...])
    return try #require(messages.count == 1 ? messages.first : nil)
}

private func encoded(_ message: RPCMessage) -> String {
    var bytes: [UInt8] = []
    RPCCodec.encode(message, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
}

@Suite struct RPCCodecTests {
    @Test(arguments: [
        (RPCMessage.request(id: 1, method: "a", params: nil), #"{"jsonrpc":"2.0","id":1,"method":"a"}"#),
        (
            .request(id: "web_1", method: "web.request", params: ["x": 1]),
            #"{"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"x":1}}"#
        ),
        (.request(id: .null, method: "", params: []), #"{"jsonrpc":"2.0","id":null,"method":"","params":[]}"#),
        (.request(id: .number("1.5"), method: "\"", params: nil), #"{"jsonrpc":"2.0","id":1.5,"method":"\""}"#),
        (.notification(method: "n", params: [1, 2]), #"{"jsonrpc":"2.0","method":"n","params":[1,2]}"#),
        (.notification(method: "n", params: nil), #"{"jsonrpc":"2.0","method":"n"}"#),
        (.result(id: -7, .null), #"{"jsonrpc":"2.0","id":-7,"result":null}"#),
        (.result(id: "é", ["a": [true]]), #"{"jsonrpc":"2.0","id":"é","result":{"a":[true]}}"#),
        (.failure(id: .null, .parseError), #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#),
        (
            .failure(id: 3, RPCFailure(code: 1, message: "m", data: ["d"])),
            #"{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"m","data":["d"]}}"#
        ),
    ])
    func messagesAreWrittenAndReadBack(message: RPCMessage, text: String) throws {
        #expect(encoded(message) == text)
        #expect(try only(text) == .success(message))
    }

    @Test(arguments: [
        (#"{"jsonrpc":"2.0","id":1.0,"method":"m"}"#, RPCID.integer(1)),
        (#"{"jsonrpc":"2.0","id":1e2,"method":"m"}"#, .integer(100)),
        (#"{"jsonrpc":"2.0","id":0.5,"method":"m"}"#, .number("0.5")),
        (#"{"jsonrpc":"2.0","id":18446744073709551616,"method":"m"}"#, .number("18446744073709551616")),
        (#"{"jsonrpc":"2.0","id":"\u0031","method":"m"}"#, .string("1")),
        (#"{"jsonrpc":"2.0","id":"","method":"m"}"#, .string("")),
        (#"{"method":"m","id":9223372036854775807,"jsonrpc":"2.0"}"#, .integer(.max)),
    ])
    func idsComeBackAsTheSameValue(text: String, id: RPCID) throws {
        #expect(try only(text) == .success(.request(id: id, method: "m", params: nil)))
        #expect(try only(encoded(.result(id: id, .null))) == .success(.result(id: id, .null)))
    }

    @Test(arguments: [
        (#"{}"#, RPCID.null), (#"{"jsonrpc":"2.0"}"#, .null), (#"{"jsonrpc":"2.0","id":1}"#, 1), (#"{"id":1,"method":"m"}"#, 1),
        (#"{"jsonrpc":"1.0","id":"a","method":"m"}"#, "a"), (#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, 1),
        (#"{"jsonrpc":"2.0 ","id":1,"method":"m"}"#, 1), (#"{"jsonrpc":null,"id":1,"method":"m"}"#, 1),
        (#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, .null), (#"{"jsonrpc":"2.0","id":[],"method":"m"}"#, .null),
        (#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, .null), (#"{"jsonrpc":"2.0","id":1,"method":1}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"method":null}"#, 1), (#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}"#, 1), (#"{"jsonrpc":"2.0","id":1,"method":"m","params":1}"#, 1),
        (#"{"jsonrpc":"2.0","method":"m","params":false}"#, .null), (#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"m","error":{"code":1,"message":""}}"#, 1),
        (#"{"jsonrpc":"2.0","result":1}"#, .null),
        (#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#, .null),
        (#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"result":1,"error":null}"#, 1), (#"{"jsonrpc":"2.0","id":1,"error":null}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":{}}"#, 1), (#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":{"message":"m"}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"m"}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":2}}"#, 1),
        (#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, 1), (#"{"JSONRPC":"2.0","id":1,"method":"m"}"#, 1), ("1", .null),
        ("\"x\"", .null), ("null", .null),
    ])
    func whatIsNoMessageIsAnInvalidRequestOfItsId(text: String, id: RPCID) throws {
        guard case .failure(let error) = try only(text) else {
            Issue.record("accepted")
            return
        }
        guard case .invalidRequest(id, _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.reply == .failure(id: id, .invalidRequest))
    }

    @Test func membersTheSpecificationDoesNotNameAreIgnored() throws {
        let text = #"{"trace":{"id":9},"jsonrpc":"2.0","id":1,"x":null,"method":"m","ID":2,"Params":3}"#
        #expect(try only(text) == .success(.request(id: 1, method: "m", params: nil)))
        let failure = #"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","more":1}}"#
        #expect(try only(failure) == .success(.failure(id: 1, RPCFailure(code: -1, message: "m"))))
    }

    @Test func namesAreReadThroughEscapes() throws {
        let text = #"{"\u006asonrpc":"\u0032.0","\u0069d":1,"me\u0074hod":"m"}"#
        #expect(try only(text) == .success(.request(id: 1, method: "m", params: nil)))
    }

    @Test func textThatIsNotJSONIsAParseErrorOfTheWhole() {
        let cases: [(String, JSONError)] = [
            ("", JSONError(.unexpectedEnd, offset: 0)), ("[{}", JSONError(.unexpectedEnd, offset: 3)),
            (#"{"id":1,"id":2}"#, JSONError(.duplicateName("id"), offset: 8)),
            ("{} // no", JSONError(.trailingBytes, offset: 3)),
        ]
        for (text, error) in cases {
            #expect(throws: RPCDecodeError.parse(error)) { try RPCCodec.decode(Array(text.utf8)[...]) }
            #expect(RPCDecodeError.parse(error).reply == .failure(id: .null, .parseError))
        }
        #expect(throws: RPCDecodeError.parse(JSONError(.tooLong(limit: 2), offset: 2))) {
            try RPCCodec.decodeEnvelopes(Array("[1]".utf8)[...], limits: .init(maximumBytes: 2))
        }
    }

    @Test func batchesAreJudgedElementByElement() throws {
        let text = #"[{"jsonrpc":"2.0","method":"a"},[],{"jsonrpc":"2.0","id":2,"result":3},{"jsonrpc":"2.0","id":4}]"#
        let batch = try RPCCodec.decodeEnvelopes(Array(text.utf8)[...])
        #expect(batch.isBatch && batch.envelopes.count == 4)
        #expect(try batch.envelopes[0].get().message == .notification(method: "a", params: nil))
        #expect(try batch.envelopes[2].get().message == .result(id: 2, 3))
        #expect(throws: RPCDecodeError.self) { try batch.envelopes[1].get() }
        #expect(throws: RPCDecodeError.invalidRequest(id: 4, reason: "neither method nor result nor error")) {
            try batch.envelopes[3].get()
        }
        #expect(throws: RPCDecodeError.invalidRequest(id: .null, reason: "the batch is empty")) {
            try RPCCodec.decode(Array(" [ ] ".utf8)[...])
        }
    }

    @Test func batchesAreLimitedInNumber() throws {
        let elements = Array(("[" + Array(repeating: "1", count: 129).joined(separator: ",") + "]").utf8)
        #expect(throws: RPCDecodeError.invalidRequest(id: .null, reason: "the batch has more than 128 messages")) {
            try RPCCodec.decodeEnvelopes(elements[...])
        }
        #expect(try RPCCodec.decodeEnvelopes(elements[...], maximumBatchCount: 129).envelopes.count == 129)
    }

    @Test func anEnvelopeLeavesItsPayloadInTheText() throws {
        let text = #"{"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"body":"Zm9v"}}"#
        let envelope = try #require(try RPCCodec.decodeEnvelopes(Array(text.utf8)[...]).envelopes.first).get()
        #expect(
            envelope.kind == .request && envelope.id == "web_1" && envelope.method == "web.request" && envelope.failure == nil)
        var body: [UInt8] = []
        try envelope.payload?["body"]?.appendBase64Decoded(to: &body)
        #expect(body == Array("foo".utf8))
        let failed = #"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"x","data":null}}"#
        let failure = try #require(try RPCCodec.decodeEnvelopes(Array(failed.utf8)[...]).envelopes.first).get()
        #expect(failure.kind == .failure && failure.method.isEmpty)
        #expect(failure.failure == RPCFailure(code: -32601, message: "x", data: JSONValue.null))
    }

    @Test func paramsWrittenByHandMakeTheSameText() {
        var writer = JSONWriter()
        writer.beginArray()
        RPCCodec.beginRequest(id: "web_1", method: "web.request", in: &writer)
        writer.beginObject()
        writer.name("x")
        writer.integer(1)
        writer.endObject()
        writer.endObject()
        RPCCodec.beginNotification(method: "n", in: &writer)
        writer.beginArray()
        writer.endArray()
        writer.endObject()
        RPCCodec.beginResult(id: 5, in: &writer)
        writer.null()
        writer.endObject()
        let failure = RPCFailure(code: -32601, message: "Method not found", data: "x")
        RPCCodec.writeFailure(id: .null, failure, in: &writer)
        writer.endArray()
        let messages: [RPCMessage] = [
            .request(id: "web_1", method: "web.request", params: ["x": 1]), .notification(method: "n", params: []),
            .result(id: 5, .null), .failure(id: .null, failure),
        ]
        let expected = batchText(of: messages)
        #expect(writer.finish() == expected)
        #expect(throws: Never.self) { try RPCCodec.decode(expected[...]).map { try $0.get() } == messages }
    }

    @Test func theReservedCodesAreThoseOfTheSpecification() {
        let failures: [RPCFailure] = [.parseError, .invalidRequest, .methodNotFound, .invalidParams, .internalError]
        #expect(failures.map(\.code) == [-32700, -32600, -32601, -32602, -32603])
    }
}

/// `messages` as one array.
func batchText(of messages: [RPCMessage]) -> [UInt8] {
    let texts = messages.map { message in
        var text: [UInt8] = []
        RPCCodec.encode(message, into: &text)
        return text
    }
    return Array("[".utf8) + texts.joined(separator: ",".utf8) + Array("]".utf8)
}

extension RPCID: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    /// A number.
    public init(integerLiteral value: Int64) { self = .integer(value) }

    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
}
