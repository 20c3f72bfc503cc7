// `web.request` and its result (v2) in canonical form: one pass over the text, and no tree. `nil` and `false` mean another
// form, or something that is to be refused: the general reader and writer see to both.

import HTTPCodec
import RPCCore

extension WebRequest {
    /// The request in `text`, and its stream.
    static func readCanonical(_ text: UnsafeRawBufferPointer) -> (stream: StreamID, request: WebRequest)? {
        var reader = CanonicalReader(text)
        guard reader.take(#"{"jsonrpc":"2.0","id":"web_"#), let number = reader.number(), number != 0,
            reader.take(#"","method":"web.request","params":{"requestId":"web_"#), reader.number() == number,
            reader.take(#"","httpMethod":""#), let method = reader.plain(), !method.isEmpty,
            reader.take(#","path":""#), let path = reader.plain(), path.first == UInt8(ascii: "/")
        else { return nil }
        var query: [UInt8]?
        if reader.take(#","query":""#) {
            guard let text = reader.plain() else { return nil }
            query = Array(text)
        }
        guard reader.take(#","headers":{"#), let fields = reader.fields() else { return nil }
        var upgrade: String?
        if reader.take(#","upgrade":""#) {
            guard let text = reader.plain() else { return nil }
            upgrade = String(decoding: text, as: UTF8.self)
        }
        guard reader.take(#","stream":"#), reader.number() == number else { return nil }
        let hasBody = !reader.take(#","end":true"#)
        guard reader.take("}}"), reader.isAtEnd else { return nil }
        let request = WebRequest(
            method: String(decoding: method, as: UTF8.self), path: Array(path), query: query, fields: fields, upgrade: upgrade,
            hasBody: hasBody)
        return (StreamID(rawValue: number), request)
    }
}

extension ForwardedRequest {
    /// Appends the message of this request on `stream`; false, and nothing is appended, if it needs another form.
    func writeCanonical(_ stream: StreamID, to bytes: inout [UInt8]) -> Bool {
        var (method, upgrade) = (method, upgrade ?? "")
        let texts = method.utf8.count + path.count + (query?.count ?? 0) + upgrade.utf8.count
        return bytes.appendCanonical(upTo: 512 + texts + fields.memberBytes + forwarding.byteCount) { writer in
            writer.put(#"{"jsonrpc":"2.0","id":"web_"#)
            writer.put(stream.rawValue)
            writer.put(#"","method":"web.request","params":{"requestId":"web_"#)
            writer.put(stream.rawValue)
            writer.put(#"","httpMethod":""#)
            guard method.withUTF8({ writer.plain(UnsafeRawBufferPointer($0)) }) else { return false }
            writer.put(#"","path":""#)
            guard path.withUnsafeBytes({ writer.plain($0) }) else { return false }
            if let query {
                writer.put(#"","query":""#)
                guard query.withUnsafeBytes({ writer.plain($0) }) else { return false }
            }
            writer.put(#"","headers":{"#)
            guard writer.fields(fields, without: dropped), write(forwarding, to: &writer) else { return false }
            if self.upgrade != nil {
                writer.put(#"},"upgrade":""#)
                guard upgrade.withUTF8({ writer.plain(UnsafeRawBufferPointer($0)) }) else { return false }
                writer.put(#"","stream":"#)
            } else {
                writer.put(#"},"stream":"#)
            }
            writer.put(stream.rawValue)
            writer.put(hasBody ? "}}" : #","end":true}}"#)
            return true
        }
    }

    private func write(_ forwarding: ForwardingFields, to writer: inout CanonicalWriter) -> Bool {
        writer.member("x-request-id", forwarding.requestID) && writer.member("x-forwarded-for", forwarding.client)
            && writer.member("x-forwarded-proto", forwarding.scheme) && writer.member("x-forwarded-host", forwarding.host)
            && writer.member("x-forwarded-prefix", forwarding.prefix)
    }
}

extension WebResponse {
    /// The response in `text`, and its stream.
    static func readCanonical(_ text: UnsafeRawBufferPointer) -> (stream: StreamID, response: WebResponse)? {
        var reader = CanonicalReader(text)
        guard reader.take(#"{"jsonrpc":"2.0","id":"web_"#), let number = reader.number(), number != 0,
            reader.take(#"","result":{"statusCode":"#), let status = reader.number(),
            status == 101 || (200...599).contains(status),
            reader.take(#","headers":{"#), let fields = reader.fields(),
            reader.take(#","stream":"#), reader.number() == number
        else { return nil }
        let hasBody = !reader.take(#","end":true"#)
        guard reader.take("}}"), reader.isAtEnd else { return nil }
        return (StreamID(rawValue: number), WebResponse(status: Int(status), fields: fields, hasBody: hasBody))
    }

    /// Appends the message of this response on `stream`; false, and nothing is appended, if it needs another form.
    func writeCanonical(_ stream: StreamID, to bytes: inout [UInt8]) -> Bool {
        guard let status = UInt32(exactly: status) else { return false }
        return bytes.appendCanonical(upTo: 256 + fields.memberBytes) { writer in
            writer.put(#"{"jsonrpc":"2.0","id":"web_"#)
            writer.put(stream.rawValue)
            writer.put(#"","result":{"statusCode":"#)
            writer.put(status)
            writer.put(#","headers":{"#)
            guard writer.fields(fields, without: HTTPFieldMask()) else { return false }
            writer.put(#"},"stream":"#)
            writer.put(stream.rawValue)
            writer.put(hasBody ? "}}" : #","end":true}}"#)
            return true
        }
    }
}

extension [UInt8] {
    /// Appends what `body` writes to the room for `most` bytes, `PlainText.slack` of which are not for text; false, and nothing
    /// is appended, if it says so.
    @inline(__always)
    fileprivate mutating func appendCanonical(upTo most: Int, _ body: (inout CanonicalWriter) -> Bool) -> Bool {
        var isWritten = false
        append(addingCapacity: most) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                guard let target = buffer.baseAddress else { return }
                var writer = CanonicalWriter(UnsafeMutableRawPointer(target))
                isWritten = body(&writer)
                count = isWritten ? writer.count : 0
            }
        }
        return isWritten
    }
}
