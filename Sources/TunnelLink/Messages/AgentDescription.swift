// The params of `agent.register`: who an agent is. Texts for the status page are cut, not refused.

import RPCCore

/// How an agent describes itself in `agent.register`, and later in `agent.status`: the columns of the status page.
public struct AgentDescription: Sendable, Hashable {
    /// 1 to 64 of `A–Z a–z 0–9 . _ -`, not beginning with a dot (see `isValidID`).
    public var agentID: String
    /// The kind of agent, such as `pi-coding`.
    public var type: String
    /// The machine's name.
    public var host: String
    /// The model that it runs.
    public var model: String
    /// Such as `idle` or `busy`.
    public var status: String
    /// The agent program's version.
    public var version: String
    /// Whether it responds to `web.request`.
    public var servesWeb: Bool
    /// Only from agents that cannot set a header.
    public var token: String?
    /// It asks the gateway's inspector to record what it exchanges.
    public var wantsInspection = false

    /// An agent with an id and nothing else.
    public init(
        agentID: String, type: String = "", host: String = "", model: String = "", status: String = "idle",
        version: String = "", servesWeb: Bool = true, token: String? = nil
    ) {
        self.agentID = agentID
        self.type = type
        self.host = host
        self.model = model
        self.status = status
        self.version = version
        self.servesWeb = servesWeb
        self.token = token
    }

    /// Whether `id` may name an agent.
    public static func isValidID(_ id: some StringProtocol) -> Bool { isValidID(utf8: Array(id.utf8)[...]) }

    /// Whether the text that these bytes are in UTF-8 may name an agent.
    public static func isValidID(utf8 id: ArraySlice<UInt8>) -> Bool {
        (1...64).contains(id.count) && id.first != UInt8(ascii: ".") && id.allSatisfy(isIDCharacter)
    }

    private static func isIDCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

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
