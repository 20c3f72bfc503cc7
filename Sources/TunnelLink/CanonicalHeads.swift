// `web.request` and its result (v2) in canonical form: one pass over the text, and no tree. `nil` and `false` mean another
// form, or something that is to be refused: the general reader and writer see to both.

import HTTPCodec
import RPCCore

extension WebRequest {
    /// The request in `text`, and its stream. `last`: as for `HTTPFields.readMembers`.
    static func readCanonical(
        _ text: UnsafeRawBufferPointer, reusing last: inout HTTPFields
    ) -> (stream: StreamID, request: WebRequest)? {
        var reader = CanonicalReader(text)
        guard reader.take(CanonicalPart.start), let number = reader.number(), number != 0,
            reader.take(CanonicalPart.request), reader.number() == number,
            reader.take(CanonicalPart.method), let method = reader.plain(), !method.isEmpty, reader.take(CanonicalPart.path)
        else { return nil }
        // Path and query are kept where the fields are, with what stands between them.
        let start = reader.position
        guard let path = reader.plain(), path.first == UInt8(ascii: "/") else { return nil }
        var query: Range<Int>?
        if reader.take(CanonicalPart.query) {
            let start = reader.position - start
            guard let text = reader.plain() else { return nil }
            query = start..<start + text.count
        }
        let end = reader.position
        guard reader.take(CanonicalPart.requestFields), let fields = reader.fields(after: start..<end, reusing: &last) else {
            return nil
        }
        var upgrade: String?
        if reader.take(CanonicalPart.upgrade) {
            guard let text = reader.plain(), reader.take(CanonicalPart.closingQuote) else { return nil }
            upgrade = String(decoding: text, as: UTF8.self)
        }
        guard let hasBody = reader.ending(number) else { return nil }
        let request = WebRequest(
            method: String(decoding: method, as: UTF8.self), path: fields.preface(0..<path.count),
            query: query.map { fields.preface($0) }, fields: fields, upgrade: upgrade, hasBody: hasBody)
        return (StreamID(rawValue: number), request)
    }
}

extension ForwardedRequest {
    /// Appends the message of this request on `stream`; false, and nothing is appended, if it needs another form.
    func writeCanonical(_ stream: StreamID, to bytes: inout [UInt8]) -> Bool {
        let texts = method.utf8.count + path.count + (query?.count ?? 0) + (upgrade?.utf8.count ?? 0)
        return bytes.appendCanonical(upTo: 512 + texts + fields.memberBytes + forwarding.byteCount) { writer in
            writer.put(CanonicalPart.start)
            writer.put(stream.rawValue)
            writer.put(CanonicalPart.request)
            writer.put(stream.rawValue)
            writer.put(CanonicalPart.method)
            guard writer.plain(method) else { return false }
            writer.put(CanonicalPart.path)
            guard writer.plain(path) else { return false }
            if let query {
                writer.put(CanonicalPart.query)
                guard writer.plain(query) else { return false }
            }
            writer.put(CanonicalPart.requestFields)
            guard writer.fields(fields, without: dropped), write(forwarding, to: &writer) else { return false }
            writer.put(CanonicalPart.closingBrace)
            if let upgrade {
                writer.put(CanonicalPart.upgrade)
                guard writer.plain(upgrade) else { return false }
                writer.put(CanonicalPart.closingQuote)
            }
            writer.ending(stream.rawValue, hasBody: hasBody)
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
    /// The response in `text`, and its stream. `last`: as for `HTTPFields.readMembers`.
    static func readCanonical(
        _ text: UnsafeRawBufferPointer, reusing last: inout HTTPFields
    ) -> (stream: StreamID, response: WebResponse)? {
        var reader = CanonicalReader(text)
        guard reader.take(CanonicalPart.start), let number = reader.number(), number != 0,
            reader.take(CanonicalPart.result), let status = reader.number(), status == 101 || (200...599).contains(status),
            reader.take(CanonicalPart.responseFields), let fields = reader.fields(after: 0..<0, reusing: &last),
            let hasBody = reader.ending(number)
        else { return nil }
        return (StreamID(rawValue: number), WebResponse(status: Int(status), fields: fields, hasBody: hasBody))
    }

    /// Appends the message of this response on `stream`; false, and nothing is appended, if it needs another form.
    func writeCanonical(_ stream: StreamID, to bytes: inout [UInt8]) -> Bool {
        guard let status = UInt32(exactly: status) else { return false }
        return bytes.appendCanonical(upTo: 256 + fields.memberBytes) { writer in
            writer.put(CanonicalPart.start)
            writer.put(stream.rawValue)
            writer.put(CanonicalPart.result)
            writer.put(status)
            writer.put(CanonicalPart.responseFields)
            guard writer.fields(fields, without: dropped) else { return false }
            writer.put(CanonicalPart.closingBrace)
            writer.ending(stream.rawValue, hasBody: hasBody)
            return true
        }
    }
}

extension CanonicalReader {
    /// Reads what follows the fields of either head: whether a body follows. Nil: it is another stream's, or in another form.
    @inline(__always)
    fileprivate mutating func ending(_ number: UInt32) -> Bool? {
        guard take(CanonicalPart.stream), self.number() == number else { return nil }
        let hasBody = !take(CanonicalPart.noBody)
        return take(CanonicalPart.end) && isAtEnd ? hasBody : nil
    }
}

extension CanonicalWriter {
    /// Writes what follows the fields of either head.
    @inline(__always)
    fileprivate mutating func ending(_ number: UInt32, hasBody: Bool) {
        put(CanonicalPart.stream)
        put(number)
        if !hasBody { put(CanonicalPart.noBody) }
        put(CanonicalPart.end)
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
