// The params of `web.request`. v1 carries the whole body in them, as base64 (RFC 4648 §4); v2 names the stream on which the
// body follows, and says if there is none.

import HTTPCodec
import RPCCore

/// The head of a `web.request`. Its body, if any, follows as data on the stream.
public struct WebRequest: Sendable, Hashable {
    /// The method, as the visitor sent it.
    public var method: String
    /// The path, byte-exact, beginning with `/`.
    public var path: ArraySlice<UInt8>
    /// What follows the first `?`, byte-exact; nil if there is none.
    public var query: ArraySlice<UInt8>?
    /// End-to-end fields, and `Content-Length` where the visitor gave one.
    public var fields: HTTPFields
    /// The `Upgrade` field's value, if the visitor asks to leave HTTP.
    public var upgrade: String?
    /// Whether a body follows.
    public var hasBody: Bool

    /// A request with these parts.
    public init(
        method: String, path: ArraySlice<UInt8>, query: ArraySlice<UInt8>? = nil, fields: HTTPFields = HTTPFields(),
        upgrade: String? = nil, hasBody: Bool = false
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.upgrade = upgrade
        self.hasBody = hasBody
    }

    /// A request with these parts.
    public init(
        method: String, path: [UInt8], query: [UInt8]? = nil, fields: HTTPFields = HTTPFields(), upgrade: String? = nil,
        hasBody: Bool = false
    ) {
        self.init(
            method: method, path: path[...], query: query.map { $0[...] }, fields: fields, upgrade: upgrade, hasBody: hasBody)
    }
}

extension WebRequest {
    /// The params. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here. `requestID` is the stream's.
    func write(to writer: inout JSONWriter, stream: StreamID, requestID: String, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("requestId")
        writer.string(requestID)
        writer.name("httpMethod")
        writer.string(method)
        writer.name("path")
        writer.latin1(path)
        if let query {
            writer.name("query")
            writer.latin1(query)
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
            writer.stream(stream, hasBody: hasBody)
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
