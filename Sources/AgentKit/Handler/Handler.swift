// Requests that the program itself responds to, without a web service: the values that go both ways. For the whole-value
// handler bodies are collected up to `AgentConfiguration.maximumHandlerBodyBytes`, and a larger one is refused with 413 and
// never shown; the streaming handler gets a head at once, and bodies of any size in pieces. Fields are checked where they are
// appended (HTTPFields), so that a response cannot smuggle a line into the head.

import HTTPCodec
import RPCCore

/// One request to the in-process handler.
public struct HandlerCall: Sendable, Hashable {
    /// Never reused by the same agent.
    public let id: UInt64

    init(id: UInt64) { self.id = id }
}

/// A whole request.
public struct HandlerRequest: Sendable, Hashable {
    /// The method, as the visitor sent it.
    public var method: String
    /// The path as the visitor sent it, percent-encoding and all; a byte above 0x7f is the character of that number.
    public var path: String
    /// What follows the first `?`, in the same form; nil if there is none.
    public var query: String?
    /// End-to-end fields.
    public var fields: HTTPFields
    /// The body; empty if there is none.
    public var body: [UInt8]

    /// A request with these parts.
    public init(method: String, path: String, query: String? = nil, fields: HTTPFields = .init(), body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.body = body
    }
}

/// The head of a request; its body follows in `AgentNote.body`.
public struct HandlerHead: Sendable, Hashable {
    /// The method, as the visitor sent it.
    public var method: String
    /// The path as the visitor sent it, percent-encoding and all; a byte above 0x7f is the character of that number.
    public var path: String
    /// What follows the first `?`, in the same form; nil if there is none.
    public var query: String?
    /// End-to-end fields.
    public var fields: HTTPFields
    /// Whether a body may follow. `AgentNote.bodyEnd` comes in any case.
    public var hasBody: Bool
    /// The folder that is to be served (`LocalService.folder`); nil for the streaming handler.
    public var folder: StaticFolder?

    /// A head with these parts.
    public init(
        method: String, path: String, query: String? = nil, fields: HTTPFields = .init(), hasBody: Bool = false,
        folder: StaticFolder? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.hasBody = hasBody
        self.folder = folder
    }
}

/// The head of a response; its body follows in `AgentMessage.body`.
public struct HandlerResponseHead: Sendable, Hashable {
    /// 200 to 599; anything else becomes a whole response of 500.
    public var status: Int
    /// Fields; hop-by-hop fields are left out. A `Content-Length` is held to: more or less than it is a failure.
    public var fields: HTTPFields

    /// A head with these parts.
    public init(status: Int = 200, fields: HTTPFields = .init()) {
        self.status = status
        self.fields = fields
    }
}

/// A whole response.
public struct HandlerResponse: Sendable, Hashable {
    /// 200 to 599; anything else becomes 500.
    public var status: Int
    /// Fields; `Content-Length` is added if it is missing, hop-by-hop fields are left out.
    public var fields: HTTPFields
    /// The body; not sent in response to HEAD, nor with 204 and 304 (RFC 9110 §6.4.1).
    public var body: [UInt8]

    /// A response with these parts.
    public init(status: Int = 200, fields: HTTPFields = .init(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// Plain text.
    public static func text(_ text: String, status: Int = 200) -> HandlerResponse {
        HandlerResponse(status: status, type: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// A page.
    public static func html(_ text: String, status: Int = 200) -> HandlerResponse {
        HandlerResponse(status: status, type: "text/html; charset=utf-8", body: Array(text.utf8))
    }

    /// A JSON value.
    public static func json(_ value: JSONValue, status: Int = 200) -> HandlerResponse {
        var body: [UInt8] = []
        value.encode(into: &body)
        return HandlerResponse(status: status, type: "application/json", body: body)
    }

    private init(status: Int, type: String, body: [UInt8]) {
        self.init(status: status, body: body)
        try? fields.append(.contentType, type)  // our own constants are legal
    }
}
