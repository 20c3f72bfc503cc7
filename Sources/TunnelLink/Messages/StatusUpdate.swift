// The params of `agent.status`: what changed about an agent.

import RPCCore

/// What changed about an agent: nil fields stay as they were.
public struct StatusUpdate: Sendable, Hashable {
    /// Such as `idle` or `busy`.
    public var status: String?
    /// The model that it runs.
    public var model: String?
    /// Whether it responds to `web.request`.
    public var servesWeb: Bool?
    /// An update of these fields.
    public init(status: String? = nil, model: String? = nil, servesWeb: Bool? = nil) {
        self.status = status
        self.model = model
        self.servesWeb = servesWeb
    }
}

extension StatusUpdate {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if let status {
            writer.name("status")
            writer.string(status)
        }
        if let model {
            writer.name("model")
            writer.string(model)
        }
        if let servesWeb {
            writer.name("webService")
            writer.beginObject()
            writer.name("enabled")
            writer.bool(servesWeb)
            writer.endObject()
        }
        writer.endObject()
    }

    init(_ params: JSONNode?) throws(BadParams) {
        var params = try JSONObject(params, "params")
        self.init(
            status: try params.text("status").map { AgentDescription.bounded($0) },
            model: try params.text("model").map { AgentDescription.bounded($0) })
        var webService = try params.object("webService")
        servesWeb = try webService?.flag("enabled")
    }
}
