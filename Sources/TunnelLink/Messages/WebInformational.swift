// The params of `web.informational` (v2): an interim response.

import HTTPCodec
import RPCCore

/// An interim response (RFC 9110 §15.2): `web.informational`, v2 only. Any number of them may precede a `WebResponse`.
public struct WebInformational: Sendable, Hashable {
    /// 100, 102 or 103: what `isValidStatus` lets pass. 101 is a final response.
    public var status: Int
    /// End-to-end fields.
    public var fields: HTTPFields

    /// An interim response with these parts.
    public init(status: Int, fields: HTTPFields = HTTPFields()) {
        self.status = status
        self.fields = fields
    }

    /// Whether an interim response may have this status: Continue, Processing or Early Hints.
    public static func isValidStatus(_ status: Int) -> Bool { status == 100 || status == 102 || status == 103 }
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

    /// The interim response in params; nil if its status is none that passes.
    init?(_ params: inout JSONObject) throws(BadParams) {
        guard let status = try params.integer("statusCode", in: 100...199).map({ Int($0) }), Self.isValidStatus(status) else {
            return nil
        }
        self.init(status: status, fields: try HTTPFields(&params))
    }
}
