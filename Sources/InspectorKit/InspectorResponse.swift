// Responses of the local inspector, with the fields that keep other pages out: nothing may frame it, embed it or guess its
// types.

import HTTPCodec
import MachineCore
import RPCCore

/// A response, complete but for events.
struct InspectorResponse: Sendable {
    var status: Int
    var type: String
    var body: [UInt8]
    var fields: [(HTTPFieldName, String)]

    init(_ status: Int, _ type: String, _ body: [UInt8], _ fields: [(HTTPFieldName, String)] = []) {
        self.status = status
        self.type = type
        self.body = body
        self.fields = fields
    }

    static func json(_ status: Int, _ body: [UInt8]) -> InspectorResponse {
        InspectorResponse(status, "application/json", body)
    }

    /// Such as `{"error":"not-found","message":"…"}`, as the gateway writes it.
    static func error(_ status: Int, _ code: String, _ message: String) -> InspectorResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("error")
        writer.string(code)
        writer.name("message")
        writer.string(message)
        writer.endObject()
        return json(status, writer.finish())
    }

    static let unknownExchange = error(404, "unknown-exchange", "There is no such exchange, or no longer.")
    static let bodyTooLarge = error(413, "body-too-large", "The body is too large.")

    static func badReplay(_ reason: String) -> InspectorResponse {
        error(400, "bad-replay", "This cannot be sent again: \(reason)".asSentence)
    }

    static func methodNotAllowed(_ allowed: String) -> InspectorResponse {
        var response = error(405, "method-not-allowed", "Use \(allowed).")
        response.fields.append(("Allow", allowed))
        return response
    }

    private static let always: [(HTTPFieldName, String)] = [
        (.server, "miagent"), (.connection, "close"), (.cacheControl, "no-store"), ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ]

    /// The bytes of the response. One that is not whole has no `Content-Length`, and its body goes on.
    func bytes(withBody: Bool = true, isWhole: Bool = true) -> [UInt8] {
        var head = HTTPResponseHead(status: status)
        // All of it was made here, of legal parts.
        for (name, value) in Self.always + [(.contentType, type)] + fields { try? head.fields.append(name, value) }
        if isWhole { try? head.fields.append(.contentLength, "\(body.count)") }
        var bytes: [UInt8] = []
        try? head.encode(into: &bytes)
        return withBody ? bytes + body : bytes
    }
}
