// JSON-RPC 2.0, sections 4 to 6: from messages to JSON. Either a message as a value, or only what stands before its
// params or result, which the caller then writes straight into the same text.

/// Text to messages and messages to text.
public enum RPCCodec {
    /// Appends `message` as one JSON text.
    public static func encode(_ message: RPCMessage, into bytes: inout [UInt8]) {
        JSONWriter.append(to: &bytes) { write(message, in: &$0) }
    }

    /// Begins a request: after it the caller writes one value, an array or object, then ends the object.
    public static func beginRequest(id: RPCID, method: StaticString, in writer: inout JSONWriter) {
        beginMessage(id: id, in: &writer)
        writer.name("method")
        writer.staticString(method)
        writer.name("params")
    }

    /// Begins a notification: after it the caller writes one value, an array or object, then ends the object.
    public static func beginNotification(method: StaticString, in writer: inout JSONWriter) {
        beginMessage(id: nil, in: &writer)
        writer.name("method")
        writer.staticString(method)
        writer.name("params")
    }

    /// Begins a reply to the request `id`: after it the caller writes one value, then ends the object.
    public static func beginResult(id: RPCID, in writer: inout JSONWriter) {
        beginMessage(id: id, in: &writer)
        writer.name("result")
    }

    /// Writes a whole reply that says why the request `id` failed.
    public static func writeFailure(id: RPCID, _ failure: RPCFailure, in writer: inout JSONWriter) {
        beginMessage(id: id, in: &writer)
        writer.name("error")
        writer.beginObject()
        writer.name("code")
        writer.integer(failure.code)
        writer.name("message")
        writer.string(failure.message)
        if let data = failure.data {
            writer.name("data")
            writer.value(data)
        }
        writer.endObject()
        writer.endObject()
    }

    private static func write(_ message: RPCMessage, in writer: inout JSONWriter) {
        switch message {
        case .request(let id, let method, let params): writeCall(id: id, method: method, params: params, in: &writer)
        case .notification(let method, let params): writeCall(id: nil, method: method, params: params, in: &writer)
        case .result(let id, let result):
            beginResult(id: id, in: &writer)
            writer.value(result)
            writer.endObject()
        case .failure(let id, let failure): writeFailure(id: id, failure, in: &writer)
        }
    }

    private static func writeCall(id: RPCID?, method: String, params: JSONValue?, in writer: inout JSONWriter) {
        beginMessage(id: id, in: &writer)
        writer.name("method")
        writer.string(method)
        if let params {
            writer.name("params")
            writer.value(params)
        }
        writer.endObject()
    }

    /// What every message begins with.
    private static func beginMessage(id: RPCID?, in writer: inout JSONWriter) {
        writer.separate()
        writer.raw("{\"jsonrpc\":\"2.0\"")
        guard let id else { return }
        writer.name("id")
        writer.id(id)
    }
}
