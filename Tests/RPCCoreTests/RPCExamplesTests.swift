// JSON-RPC 2.0, section 7: every example of the specification as a dialogue, what the client sends on the left, what the
// server responds on the right. The server is the smallest that can give these responses.

import RPCCore
import Testing

/// The methods of the specification's examples.
private struct ExampleServer {
    /// The response to `text`; empty if there is none.
    func response(to text: String) -> String {
        var bytes: [UInt8] = []
        do throws(RPCDecodeError) {
            let batch = try RPCCodec.decodeEnvelopes(Array(text.utf8)[...])
            let replies = batch.envelopes.compactMap(reply)
            if batch.isBatch {
                // No replies make no text: an empty array must not be sent.
                if !replies.isEmpty { bytes = batchText(of: replies) }
            } else if let only = replies.first {
                RPCCodec.encode(only, into: &bytes)
            }
        } catch {
            RPCCodec.encode(error.reply, into: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func reply(to element: Result<RPCEnvelope, RPCDecodeError>) -> RPCMessage? {
        switch element {
        case .failure(let error): return error.reply
        case .success(let envelope):
            guard envelope.kind == .request else { return nil }
            guard let result = call(envelope.method, envelope.payload) else {
                return .failure(id: envelope.id, .methodNotFound)
            }
            return .result(id: envelope.id, result)
        }
    }

    private func call(_ method: String, _ params: JSONNode?) -> JSONValue? {
        let numbers = params?.elements.compactMap(\.int64) ?? []
        switch method {
        case "subtract":
            let minuend = params?["minuend"]?.int64 ?? numbers.first ?? 0
            let subtrahend = params?["subtrahend"]?.int64 ?? numbers.last ?? 0
            return .integer(minuend - subtrahend)
        case "sum": return .integer(numbers.reduce(0, +))
        case "get_data": return ["hello", 5]
        default: return nil
        }
    }
}

@Suite struct RPCExamplesTests {
    static let dialogues: [(sent: String, expected: String)] = [
        // rpc call with positional parameters
        (
            #"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
            #"{"jsonrpc": "2.0", "result": 19, "id": 1}"#
        ),
        (
            #"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
            #"{"jsonrpc": "2.0", "result": -19, "id": 2}"#
        ),
        // rpc call with named parameters
        (
            #"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
            #"{"jsonrpc": "2.0", "result": 19, "id": 3}"#
        ),
        (
            #"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
            #"{"jsonrpc": "2.0", "result": 19, "id": 4}"#
        ),
        // a Notification
        (#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#, ""),
        (#"{"jsonrpc": "2.0", "method": "foobar"}"#, ""),
        // rpc call of non-existent method
        (
            #"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
            #"{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}"#
        ),
        // rpc call with invalid JSON
        (
            #"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
            #"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}"#
        ),
        // rpc call with invalid Request object
        (
            #"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
            #"{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}"#
        ),
        // rpc call Batch, invalid JSON
        (
            #"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]"#,
            #"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}"#
        ),
        // rpc call with an empty Array
        (#"[]"#, #"{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}"#),
        // rpc call with an invalid Batch (but not empty)
        (#"[1]"#, #"[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]"#),
        // rpc call with invalid Batch
        (
            #"[1,2,3]"#,
            #"""
            [{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
             {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
             {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]
            """#
        ),
        // rpc call Batch
        (
            #"""
            [{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
             {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
             {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
             {"foo": "boo"},
             {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
             {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]
            """#,
            #"""
            [{"jsonrpc": "2.0", "result": 7, "id": "1"},
             {"jsonrpc": "2.0", "result": 19, "id": "2"},
             {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
             {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
             {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}]
            """#
        ),
        // rpc call Batch (all notifications)
        (
            #"""
            [{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
             {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]
            """#, ""
        ),
    ]

    @Test(arguments: dialogues)
    func theServerRespondsAsTheSpecificationShows(sent: String, expected: String) throws {
        let response = ExampleServer().response(to: sent)
        guard !expected.isEmpty else {
            #expect(response.isEmpty)
            return
        }
        // The order of members says nothing: compare the messages, and that nothing stands beside their members.
        let messages = try RPCCodec.decode(Array(expected.utf8)[...])
        #expect(try RPCCodec.decode(Array(response.utf8)[...]) == messages)
        #expect(response.hasPrefix("[") == expected.hasPrefix("["))
        #expect(response.utf8.count == expected.utf8.filter { $0 != 0x20 && $0 != 0x0a }.count + spacesInStrings(expected))
    }

    private func spacesInStrings(_ text: String) -> Int {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .reduce(0) { $1.offset % 2 == 1 ? $0 + $1.element.utf8.count { $0 == 0x20 } : $0 }
    }
}
