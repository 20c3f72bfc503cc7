// A visitor: one connection to the gateway, requests written out, responses read whole. It sends what it is told, legal or
// not, and adds nothing but Host and the length of a body; it never retries and never follows a redirect. Whether a request
// has a body, and where it ends, is the test's to say.

import MachineCore
import X509

/// A whole response.
struct Response: Sendable {
    var head: MessageHead
    var body: [UInt8]

    var status: Int { head.words.count > 1 ? Int(head.words[1]) ?? 0 : 0 }
    /// The gateway's mark on responses of its own.
    var error: String? { head["x-miagent-error"] }
    var text: String { String(decoding: body, as: UTF8.self) }
    /// Status and mark, to compare at one glance.
    var verdict: String { error.map { "\(status) \($0)" } ?? "\(status)" }
}

/// A connection of a visitor. For one thread.
final class TestVisitor {
    let conversation: Conversation
    private let wire: TLSWire?

    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        wire = nil
        conversation = Conversation(try Socket.connect(to: port, receiveBuffer: receiveBuffer))
    }

    /// A visitor that speaks TLS and asks for `name`; it believes whoever answers.
    init(port: UInt16, tls name: String, credential: TLSCredential? = nil) throws {
        let wire = try TLSWire(port: port, name: name, credential: credential)
        self.wire = wire
        conversation = Conversation(wire.socket, through: wire)
    }

    /// What the handshake came to.
    var tls: TLSFacts? { wire?.engine.facts }

    /// A request line and a head as a browser would send them.
    static func request(_ method: String, _ path: String, _ fields: [String] = [], body: String? = nil) -> String {
        let length = body.map { ["Content-Length: \($0.utf8.count)"] } ?? []
        let host = fields.contains { $0.hasPrefix("Host: ") } ? [] : ["Host: gateway.test"]
        let lines = ["\(method) \(path) HTTP/1.1"] + host + fields + length
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }

    func send(_ method: String, _ path: String, _ fields: [String] = [], body: String? = nil) throws {
        try conversation.send(Self.request(method, path, fields, body: body))
    }

    /// Sends a request and reads its response; the connection stays.
    func ask(_ method: String, _ path: String, _ fields: [String] = [], body: String? = nil) throws -> Response {
        try send(method, path, fields, body: body)
        return try response()
    }

    func get(_ path: String, _ fields: [String] = []) throws -> Response { try ask("GET", path, fields) }

    /// The next response, whole.
    func response() throws -> Response {
        let head = try responseHead()
        return Response(head: head, body: try conversation.readBody(of: head, isResponse: true))
    }

    /// The head of the next response; its body is still to come.
    func responseHead() throws -> MessageHead {
        guard let head = try conversation.readHead() else { throw CutOff(wasReset: false) }
        return head
    }

    /// Whether the gateway closes the connection, saying nothing more.
    func isClosed() throws -> Bool { try conversation.readToEnd().isEmpty }

    func leave() { conversation.socket.close() }
}
