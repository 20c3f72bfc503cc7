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
    var strictTransport: String?
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
        forEachAdded { try? fields.append($0, $1) }
        return HTTPResponseHead(status: status, fields: fields)
    }

    /// Appends the head, with `date` unless the service says one. False, and nothing is appended: the status is none.
    func write(to bytes: inout [UInt8], date: @autoclosure () -> HTTPFields) -> Bool {
        let start = bytes.count
        guard
            var writer = try? HTTPHeadWriter(
                status: status, byteCount: fields.storedByteCount + Self.addedByteCount, behind: &bytes)
        else { return false }
        writer.fields(fields, without: dropped)
        let isWritten = writeAdded(to: &writer)
        if first(.date) == nil { writer.fields(date()) }
        bytes = writer.end()
        if !isWritten { bytes.removeSubrange(start...) }
        return isWritten
    }

    private func writeAdded(to writer: inout HTTPHeadWriter) -> Bool {
        do throws(HTTPFieldError) {
            try forEachAdded { (name, value) throws(HTTPFieldError) in try writer.field(name, value) }
            return true
        } catch {
            return false
        }
    }

    /// What the gateway's own fields mostly take.
    private static let addedByteCount = 256

    /// What the gateway says, in order. Each value is a number, a token, or an address that is made of checked parts.
    @inline(__always)
    private func forEachAdded<Failure>(_ body: (HTTPFieldName, String) throws(Failure) -> Void) throws(Failure) {
        if saysFraming { try body(framingName, framingValue) }
        if !requestID.isEmpty { try body(.xRequestID, requestID) }
        if let vary { try body(.vary, vary) }
        if let setCookie { try body(.setCookie, setCookie) }
        if let strictTransport { try body(.strictTransportSecurity, strictTransport) }
        if let connection { try body(.connection, connection) }
        if let upgrade { try body(.upgrade, upgrade) }
    }

    private var framingName: HTTPFieldName { framing == .chunked ? .transferEncoding : .contentLength }

    private var framingValue: String {
        if case .length(let count) = framing { "\(count)" } else { "chunked" }
    }
}
