// What both ends say to each other, as values. How they look on the wire is in AgentMessages, WebMessages and DataFrame.

import HTTPCodec
import RPCCore

/// One exchange on one tunnel: the `<n>` of the JSON-RPC id `web_<n>`, and the stream number of its data frames.
public struct StreamID: Sendable, Hashable {
    /// Chosen by the gateway; unique among the streams that are open.
    public var rawValue: UInt32
    /// The stream with this number.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// What an agent says of itself in `agent.register`, and later in `agent.status`: the columns of the status page.
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
    /// Whether it answers `web.request`.
    public var servesWeb: Bool
    /// Only from agents that cannot set a header.
    public var token: String?
    /// It asks the gateway's inspector to record what it exchanges.
    public var wantsInspection = false

    /// An agent that says nothing of itself but its id.
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

/// What changed about an agent: nil fields stay as they were.
public struct StatusUpdate: Sendable, Hashable {
    /// Such as `idle` or `busy`.
    public var status: String?
    /// The model that it runs.
    public var model: String?
    /// Whether it answers `web.request`.
    public var servesWeb: Bool?
    /// An update of these fields.
    public init(status: String? = nil, model: String? = nil, servesWeb: Bool? = nil) {
        self.status = status
        self.model = model
        self.servesWeb = servesWeb
    }
}

/// The gateway's answer to `agent.register`.
public struct Welcome: Sendable, Hashable {
    /// For the logs of both ends.
    public var sessionID: String
    /// Where visitors find the agent.
    public var webURL: String
    /// How often the agent should ping.
    public var ping: Duration
    /// Bytes that either end may send on a new stream before the first credit.
    public var initialWindow: Int
    /// Exchanges at once on this tunnel.
    public var maximumStreams: Int

    /// A welcome with these terms.
    public init(sessionID: String, webURL: String, ping: Duration, initialWindow: Int, maximumStreams: Int) {
        self.sessionID = sessionID
        self.webURL = webURL
        self.ping = ping
        self.initialWindow = initialWindow
        self.maximumStreams = maximumStreams
    }
}

/// The head of a `web.request`. Its body, if any, follows as data on the stream.
public struct WebRequest: Sendable, Hashable {
    /// The method, as the visitor sent it.
    public var method: String
    /// The path, byte-exact, beginning with `/`.
    public var path: [UInt8]
    /// What follows the first `?`, byte-exact; nil if there is none.
    public var query: [UInt8]?
    /// End-to-end fields, and `Content-Length` where the visitor gave one.
    public var fields: HTTPFields
    /// The `Upgrade` field's value, if the visitor asks to leave HTTP.
    public var upgrade: String?
    /// Whether a body follows.
    public var hasBody: Bool

    /// A request with these parts.
    public init(
        method: String, path: [UInt8], query: [UInt8]? = nil, fields: HTTPFields = HTTPFields(), upgrade: String? = nil,
        hasBody: Bool = false
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.upgrade = upgrade
        self.hasBody = hasBody
    }
}

/// The head of the answer to a `web.request`. Its body, if any, follows as data on the stream.
public struct WebResponse: Sendable, Hashable {
    /// 101, or 200 to 599.
    public var status: Int
    /// End-to-end fields, and `Content-Length` where the service gave one.
    public var fields: HTTPFields
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

/// An answer before the answer (RFC 9110 §15.2): `web.informational`, v2 only. Any number of them may precede a `WebResponse`.
public struct WebInformational: Sendable, Hashable {
    /// 100, 102 or 103: what `isValidStatus` lets pass. 101 is an answer of its own.
    public var status: Int
    /// End-to-end fields.
    public var fields: HTTPFields

    /// An interim answer with these parts.
    public init(status: Int, fields: HTTPFields = HTTPFields()) {
        self.status = status
        self.fields = fields
    }

    /// Whether an interim answer may have this status: Continue, Processing or Early Hints.
    public static func isValidStatus(_ status: Int) -> Bool { status == 100 || status == 102 || status == 103 }
}

/// Why a stream ended before its time.
public enum ResetReason: UInt16, Sendable, Hashable, CaseIterable {
    /// The receiver has no place for it.
    case refused = 1
    /// The local service cannot be reached, or broke off.
    case unreachable
    /// It took too long.
    case timedOut
    /// Whoever wanted it is gone.
    case cancelled
    /// The sender exceeded its credit, or a body its limit.
    case overran
    /// The peer said something that makes no sense here.
    case protocolError
}

/// The stable codes of JSON-RPC errors on the tunnel (JSON-RPC 2.0 §5.1 leaves −32000 to −32099 to the application).
public enum TunnelFailure: Int, Sendable, Hashable, CaseIterable {
    /// The token is missing or wrong.
    case unauthorized = -32001
    /// The agent id is not allowed, or contradicts the one in the URL.
    case badAgentID = -32002
    /// Another agent with this id is connected and the gateway does not replace it.
    case duplicateAgent = -32003
    /// The local service refused the connection or cannot be reached.
    case serviceUnreachable = -32010
    /// The local service did not answer in time.
    case serviceTimedOut = -32011
    /// The local service's answer is not HTTP, or broke off.
    case serviceBroken = -32012
    /// A body is larger than this protocol version or the configuration allows.
    case bodyTooLarge = -32013
    /// The agent serves as many exchanges as it may already.
    case tooManyStreams = -32014
    /// The agent serves no web service.
    case noWebService = -32015

    /// The JSON-RPC error with this code.
    public func failure(_ message: String) -> RPCFailure { RPCFailure(code: rawValue, message: message) }
}

/// Close codes of our own (RFC 6455 §7.4.2 leaves 4000 to 4999 to the application).
public enum TunnelClose: UInt16, Sendable, Hashable {
    /// Another connection registered under this id; do not dial again.
    case replaced = 4001
    /// The token is missing or wrong; dialling again helps only after it was changed.
    case unauthorized = 4401
    /// `agent.register` did not come in time, or was refused.
    case notRegistered = 4408
    /// An agent with this id is connected already.
    case duplicate = 4409
}
