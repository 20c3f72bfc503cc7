// How a request and its answers look in JSON: the params of `web.request` and its result, and those of `web.informational`
// (Docs/Protocol.md). v1 carries the whole body
// in them, as base64 (RFC 4648 §4); v2 names the stream on which the body follows, and says if there is none.

import HTTPCodec
import RPCCore

extension WebRequest {
    /// The params. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here. `requestID` is the stream's.
    func write(to writer: inout JSONWriter, stream: StreamID, requestID: String, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("requestId")
        writer.string(requestID)
        writer.name("httpMethod")
        writer.string(method)
        writer.name("path")
        writer.latin1(path[...])
        if let query {
            writer.name("query")
            writer.latin1(query[...])
        } else if wholeBody != nil {
            writer.name("query")
            writer.string("")
        }
        writer.name("headers")
        fields.write(to: &writer)
        if let wholeBody {
            writer.name("body")
            writer.base64(wholeBody)
        } else {
            if let upgrade {
                writer.name("upgrade")
                writer.string(upgrade)
            }
            writeStream(stream, hasBody: hasBody, to: &writer)
        }
        writer.endObject()
    }

    /// The request in the params of `web.request`; `body` receives a whole body.
    static func read(
        _ params: inout JSONObject, version: TunnelVersion, body: inout [UInt8]
    ) throws(BadParams) -> WebRequest {
        guard let method = try params.text("httpMethod"), !method.isEmpty else {
            throw BadParams(reason: "httpMethod is missing")
        }
        guard let path = try params.latin1("path"), path.first == UInt8(ascii: "/") else {
            throw BadParams(reason: "path must begin with /")
        }
        var query = try params.latin1("query")
        let fields = try HTTPFields(&params)
        var upgrade: String?
        let hasBody: Bool
        switch version {
        case .v1:
            if query?.isEmpty == true { query = nil }
            hasBody = try params.decodeBody(into: &body)
        case .v2:
            upgrade = try params.text("upgrade")
            hasBody = try !(params.flag("end") ?? false)
        }
        return WebRequest(method: method, path: path, query: query, fields: fields, upgrade: upgrade, hasBody: hasBody)
    }
}

extension WebResponse {
    /// The result. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here.
    func write(to writer: inout JSONWriter, stream: StreamID, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("statusCode")
        writer.integer(Int64(status))
        writer.name("headers")
        fields.write(to: &writer)
        if let wholeBody {
            writer.name("body")
            writer.base64(wholeBody)
        } else {
            writeStream(stream, hasBody: hasBody, to: &writer)
        }
        writer.endObject()
    }

    /// The response in a result; `body` receives a whole body.
    static func read(
        _ result: JSONNode?, version: TunnelVersion, body: inout [UInt8]
    ) throws(BadParams) -> WebResponse {
        var result = try JSONObject(result, "result")
        guard let status = try result.integer("statusCode", in: 101...599), status == 101 || status >= 200 else {
            throw BadParams(reason: "statusCode must be 101, or 200 to 599")
        }
        let fields = try HTTPFields(&result)
        switch version {
        case .v1:
            let hasBody = try result.decodeBody(into: &body)
            return WebResponse(status: Int(status), fields: fields, hasBody: hasBody, wholeBodyCount: body.count)
        case .v2:
            return WebResponse(status: Int(status), fields: fields, hasBody: try !(result.flag("end") ?? false))
        }
    }
}

extension WebInformational {
    /// The params of `web.informational`.
    func write(to writer: inout JSONWriter, stream: StreamID) {
        writer.beginObject()
        writer.name("stream")
        writer.integer(Int64(stream.rawValue))
        writer.name("statusCode")
        writer.integer(Int64(status))
        writer.name("headers")
        fields.write(to: &writer)
        writer.endObject()
    }

    /// The interim answer in params; nil if its status is none that passes.
    init?(_ params: inout JSONObject) throws(BadParams) {
        guard let status = try params.integer("statusCode", in: 100...199).map({ Int($0) }), Self.isValidStatus(status) else {
            return nil
        }
        self.init(status: status, fields: try HTTPFields(&params))
    }
}

private func writeStream(_ stream: StreamID, hasBody: Bool, to writer: inout JSONWriter) {
    writer.name("stream")
    writer.integer(Int64(stream.rawValue))
    if !hasBody {
        writer.name("end")
        writer.bool(true)
    }
}

extension JSONObject {
    /// Appends the base64 of member `body`, if there is one; true if that was any byte.
    fileprivate mutating func decodeBody(into body: inout [UInt8]) throws(BadParams) -> Bool {
        guard let node = member("body"), !node.isNull else { return false }
        do {
            try node.appendBase64Decoded(to: &body)
        } catch {
            throw BadParams(reason: "body is not base64 (offset \(error.offset))")
        }
        return !body.isEmpty
    }
}

extension StreamID {
    /// The JSON-RPC id, and `requestId`, of this stream's request.
    var requestID: String { "web_\(rawValue)" }

    /// The stream whose request had this id, or nil.
    init?(requestID: String) {
        let text = requestID.utf8
        guard (5...14).contains(text.count), requestID.hasPrefix("web_") else { return nil }
        var number: UInt64 = 0
        for byte in text.dropFirst(4) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        guard let exact = UInt32(exactly: number) else { return nil }
        self.init(rawValue: exact)
    }
}
