// How an agent and a gateway introduce themselves in JSON: the params of `agent.register` and `agent.status`, and the result of
// the former (Docs/Protocol.md). Texts for the status page are cut, not refused; what a gateway of another make leaves out has
// a default.

import MachineCore
import RPCCore

extension AgentDescription {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        let texts: [(StaticString, String)] = [
            ("agentId", agentID), ("type", type), ("host", host), ("model", model), ("status", status), ("version", version),
        ]
        for (name, value) in texts {
            writer.name(name)
            writer.string(value)
        }
        writer.name("webService")
        writer.beginObject()
        writer.name("enabled")
        writer.bool(servesWeb)
        writer.endObject()
        if let token {
            writer.name("token")
            writer.string(token)
        }
        if wantsInspection {
            writer.name("inspect")
            writer.bool(true)
        }
        writer.endObject()
    }

    /// The description in the params of `agent.register`. `fallbackID` is the id in the URL, for agents that do not repeat it.
    init(_ params: JSONNode?, fallbackID: String?) throws(BadParams) {
        var params = try JSONObject(params, "params")
        guard let id = try params.text("agentId") ?? fallbackID else { throw BadParams(reason: "agentId is missing") }
        self.init(agentID: id)
        type = Self.bounded(try params.text("type"))
        host = Self.bounded(try params.text("host"))
        model = Self.bounded(try params.text("model"))
        status = Self.bounded(try params.text("status") ?? status)
        version = Self.bounded(try params.text("version"))
        var webService = try params.object("webService")
        servesWeb = try webService?.flag("enabled") ?? (params.member("webService")?.isNull != true)
        token = try params.text("token")
        wantsInspection = try params.flag("inspect") ?? false
    }

    /// What is shown on a page need not be long: cut, not refused. Scalars are counted: a character can be of any length.
    static func bounded(_ text: String?) -> String { String((text ?? "").unicodeScalars.prefix(200)) }
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

extension Welcome {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("sessionId")
        writer.string(sessionID)
        writer.name("webUrl")
        writer.string(webURL)
        for (name, value) in [
            ("pingMs", ping.wholeMilliseconds), ("initialWindow", Int64(initialWindow)), ("maxStreams", Int64(maximumStreams)),
        ] as [(StaticString, Int64)] {
            writer.name(name)
            writer.integer(value)
        }
        writer.endObject()
    }

    /// The welcome in a result; what a gateway of another make leaves out keeps `defaults`.
    init(_ result: JSONNode?, defaults: Welcome) throws(BadParams) {
        self = defaults
        guard var result = result.flatMap({ JSONObject($0) }) else { return }
        sessionID = try result.text("sessionId") ?? sessionID
        webURL = try result.text("webUrl") ?? webURL
        ping = try result.integer("pingMs", in: 1...86_400_000).map { .milliseconds($0) } ?? ping
        initialWindow = try result.integer("initialWindow", in: 0...Int64(Int32.max)).map { Int($0) } ?? initialWindow
        maximumStreams = try result.integer("maxStreams", in: 0...Int64(Int32.max)).map { Int($0) } ?? maximumStreams
    }
}
