// Exchanges as programs and the inspector's page read them (Docs/Protocol.md). Untrusted bytes are always quoted: what is not
// UTF-8 is written as ISO 8859-1 in fields, and as base64 in bodies.

import HTTPCodec
import Primitives
import RPCCore

/// Writes exchanges as JSON.
public enum ExchangeJSON {
    /// One line of the list, as an object.
    public static func summary(_ exchange: CapturedExchange, to writer: inout JSONWriter) {
        writer.beginObject()
        writeSummary(exchange, to: &writer)
        writer.endObject()
    }

    /// Everything that is recorded of one exchange.
    public static func full(_ exchange: CapturedExchange) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writeSummary(exchange, to: &writer)
        writer.name("requestFields")
        write(exchange.requestFields, to: &writer)
        writer.name("responseFields")
        write(exchange.responseFields, to: &writer)
        writer.name("requestBody")
        write(exchange.requestBody, exchange.requestFields, to: &writer)
        writer.name("responseBody")
        write(exchange.responseBody, exchange.responseFields, to: &writer)
        writer.endObject()
        return writer.finish()
    }

    /// The response to `GET …/exchanges`: the list, how many bytes the store holds of how many it may, and whether it still
    /// records.
    public static func list(_ exchanges: [CapturedExchange], of store: InspectorStore, isRecording: Bool = true) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("exchanges")
        write(exchanges, to: &writer)
        writer.name("limitMiB")
        writer.double(Double(store.maximumBytes) / 1_048_576)
        writer.name("heldBytes")
        writer.integer(store.heldBytes)
        writer.name("recording")
        writer.bool(isRecording)
        writer.endObject()
        return writer.finish()
    }

    /// A server-sent event `exchange` with these summaries.
    public static func event(_ exchanges: [CapturedExchange]) -> [UInt8] {
        var writer = JSONWriter()
        write(exchanges, to: &writer)
        return ServerSentEvent.bytes("exchange", writer.finish())
    }

    // MARK: Parts

    private static func write(_ exchanges: [CapturedExchange], to writer: inout JSONWriter) {
        writer.beginArray()
        for exchange in exchanges { summary(exchange, to: &writer) }
        writer.endArray()
    }

    private static func writeSummary(_ exchange: CapturedExchange, to writer: inout JSONWriter) {
        writer.name("number")
        writer.unsigned(exchange.number)
        writer.name("requestId")
        writer.string(exchange.requestID)
        writer.name("startedAt")
        writer.string(UTCTime.text(milliseconds: exchange.startedAtMilliseconds))
        writer.name("method")
        writer.string(exchange.method)
        writer.name("target")
        write(text: exchange.target[...], to: &writer)
        writer.name("status")
        if let status = exchange.status { writer.integer(status) } else { writer.null() }
        writer.name("outcome")
        writer.string(exchange.outcome)
        writer.name("queueMs")
        writer.double(Double(exchange.queueMicroseconds) / 1000)
        writer.name("firstByteMs")
        write(microseconds: exchange.firstByteMicroseconds, to: &writer)
        writer.name("totalMs")
        write(microseconds: exchange.totalMicroseconds, to: &writer)
        writer.name("requestBytes")
        writer.unsigned(exchange.requestBody.count)
        writer.name("responseBytes")
        writer.unsigned(exchange.responseBody.count)
        writer.name("peer")
        writer.string(exchange.peer)
        writer.name("replayOf")
        if let number = exchange.replayOf { writer.unsigned(number) } else { writer.null() }
    }

    private static func write(microseconds: Int64?, to writer: inout JSONWriter) {
        if let microseconds { writer.double(Double(microseconds) / 1000) } else { writer.null() }
    }

    private static func write(_ fields: HTTPFields, to writer: inout JSONWriter) {
        writer.beginArray()
        for field in fields {
            writer.beginArray()
            write(text: field.name, to: &writer)
            write(text: field.value, to: &writer)
            writer.endArray()
        }
        writer.endArray()
    }

    private static func write(text bytes: ArraySlice<UInt8>, to writer: inout JSONWriter) {
        if let text = String(validating: bytes, as: UTF8.self) { writer.string(text) } else { writer.latin1(bytes) }
    }

    private static func write(_ body: CapturedBody, _ fields: HTTPFields, to writer: inout JSONWriter) {
        writer.beginObject()
        if let text = text(of: body) {
            writer.name("text")
            writer.string(SecretBodies.masked(Array(text.utf8), fields).map { String(decoding: $0, as: UTF8.self) } ?? text)
        } else {
            writer.name("base64")
            writer.base64(body.prefix[...])
        }
        writer.name("count")
        writer.unsigned(body.count)
        writer.name("whole")
        writer.bool(body.isWhole)
        writer.endObject()
    }

    /// The body as text; nil if it is not UTF-8. If the kept prefix ends inside a character, that character is left out.
    private static func text(of body: CapturedBody) -> String? {
        if let text = String(validating: body.prefix, as: UTF8.self) { return text }
        guard !body.isWhole else { return nil }
        let tail = body.prefix.suffix(3)
        guard let start = tail.lastIndex(where: { (0xc2...0xf4).contains($0) }) else { return nil }
        guard tail[(start + 1)...].allSatisfy({ (0x80...0xbf).contains($0) }) else { return nil }
        return String(validating: body.prefix[..<start], as: UTF8.self)
    }
}
