// The result of `web.request`. v1 carries the whole body in it, as base64 (RFC 4648 §4); v2 names the stream on which the body
// follows, and says if there is none.

import HTTPCodec
import RPCCore

/// The head of the response to a `web.request`. Its body, if any, follows as data on the stream.
public struct WebResponse: Sendable, Hashable {
    /// 101, or 200 to 599.
    public var status: Int
    /// End-to-end fields, and `Content-Length` where the service gave one.
    public var fields: HTTPFields
    /// Those of `fields` that are not sent.
    public var dropped = HTTPFieldMask()
    /// Whether a body follows.
    public var hasBody: Bool
    /// How long the body is, where it came whole with the head (v1).
    public var wholeBodyCount: Int?

    /// A response with these parts.
    public init(status: Int, fields: HTTPFields = HTTPFields(), hasBody: Bool = false, wholeBodyCount: Int? = nil) {
        self.status = status
        self.fields = fields
        self.hasBody = hasBody
        self.wholeBodyCount = wholeBodyCount
    }
}

extension WebResponse {
    /// The fields but for those that are not sent.
    public var sentFields: HTTPFields { fields.without(dropped) }

    /// Takes away what is not sent, so that the rest can be changed.
    public mutating func settleFields() {
        fields.remove(dropped)
        dropped = HTTPFieldMask()
    }

    /// The result. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here.
    func write(to writer: inout JSONWriter, stream: StreamID, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("statusCode")
        writer.integer(Int64(status))
        writer.name("headers")
        sentFields.write(to: &writer)
        if let wholeBody {
            writer.name("body")
            writer.base64(wholeBody)
        } else {
            writer.stream(stream, hasBody: hasBody)
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
