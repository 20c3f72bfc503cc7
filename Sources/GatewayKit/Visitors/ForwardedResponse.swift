// The head of a response from elsewhere before it is written: the service's own fields where they lie, which of them are left
// out, and what the gateway says beside them. It goes from there straight into the visitor's bytes.

import HTTPCodec

/// A response's head on its way to a visitor.
struct ForwardedResponse {
    let status: Int
    /// The service's fields, or what became of them.
    var fields: HTTPFields
    /// Those of them that are left out.
    var dropped: HTTPFieldMask
    var framing = HTTPBodyFraming.none
    /// The gateway says itself how the body is framed.
    var saysFraming = false
    var requestID = ""
    /// What follows is left out if it is nil.
    var vary: String?
    var setCookie: String?
    var connection: String?
    var upgrade: String?

    init(status: Int, fields: HTTPFields, without dropped: HTTPFieldMask) {
        self.status = status
        self.fields = fields
        self.dropped = dropped
    }

    /// The value of the first field of this name that is not left out.
    func first(_ name: HTTPFieldName) -> ArraySlice<UInt8>? { fields.first(name, without: dropped) }

    /// The head with fields of its own: for whoever keeps it.
    var whole: HTTPResponseHead {
        var fields = fields.without(dropped)
        for (name, value) in added { try? fields.append(name, value) }
        return HTTPResponseHead(status: status, fields: fields)
    }

    /// The head's bytes, with `date` unless the service says one. Nil: the status is none.
    func bytes(date: @autoclosure () -> HTTPFields) -> [UInt8]? {
        do throws(HTTPFieldError) {
            var writer = try HTTPHeadWriter(status: status, byteCount: fields.storedByteCount + Self.addedByteCount)
            writer.fields(fields, without: dropped)
            // Each value is a number, a token, or an address that is made of checked parts.
            if saysFraming { try writer.field(framingName, framingValue) }
            if !requestID.isEmpty { try writer.field(.xRequestID, requestID) }
            if let vary { try writer.field(.vary, vary) }
            if let setCookie { try writer.field(.setCookie, setCookie) }
            if let connection { try writer.field(.connection, connection) }
            if let upgrade { try writer.field(.upgrade, upgrade) }
            if first(.date) == nil { writer.fields(date()) }
            return writer.end()
        } catch {
            return nil
        }
    }

    /// What the gateway's own fields mostly take.
    private static let addedByteCount = 256

    private var added: [(HTTPFieldName, String)] {
        let all: [(HTTPFieldName, String?)] = [
            (framingName, saysFraming ? framingValue : nil), (.xRequestID, requestID.isEmpty ? nil : requestID), (.vary, vary),
            (.setCookie, setCookie), (.connection, connection), (.upgrade, upgrade),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    private var framingName: HTTPFieldName { framing == .chunked ? .transferEncoding : .contentLength }

    private var framingValue: String {
        if case .length(let count) = framing { "\(count)" } else { "chunked" }
    }
}
