// A local web service: a thread for each connection, and a closure that responds to each request as it likes, badly if need be.
// A connection that ends under the closure is no problem of the service's; everything else that the closure throws is one,
// and fails the test.

import Foundation

/// A request that came to the service, and the connection that awaits the response.
struct ServiceCall {
    let head: MessageHead
    let conversation: Conversation

    var method: String { head.words.first ?? "" }
    var path: String { head.words.count > 1 ? head.words[1] : "" }

    func body() throws -> [UInt8] { try conversation.readBody(of: head, isResponse: false) }

    /// Sends a whole response.
    func respond(_ status: Int = 200, _ fields: [String] = [], body: [UInt8]) throws {
        let lines = ["HTTP/1.1 \(status) Whatever"] + fields + ["Content-Length: \(body.count)"]
        try conversation.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
    }

    func respond(_ text: String) throws { try respond(body: Array(text.utf8)) }

    /// Sends these bytes, whatever they are.
    func say(_ text: String) throws { try conversation.send(text) }

    /// Ends the connection; nothing more is read from it.
    func hangUp() { conversation.socket.close() }
}

/// A web service on 127.0.0.1, until `stop`.
final class TestService: Sendable {
    typealias Behaviour = @Sendable (ServiceCall) throws -> Void

    let port: UInt16
    private let listener: Socket
    private let connections = Shared<[Socket]>([])
    private let failures = Shared<[String]>([])
    private let isStopped = Shared(false)
    private let isClosed = Bell("the service is closed")

    /// Serves on `listener`, by default one of its own.
    init(on listener: Socket? = nil, _ behaviour: @escaping Behaviour) throws {
        let socket = try listener ?? Socket.listening()
        self.listener = socket
        port = try socket.port
        Thread.detachNewThread { [connections, failures, isStopped, isClosed] in
            while let connection = socket.accept(until: isStopped) {
                connections.change { $0.append(connection) }
                Thread.detachNewThread { Self.serve(connection, behaviour, failures) }
            }
            socket.close()
            isClosed.ring()
        }
    }

    /// What closures threw, beside the ends of their connections.
    var problems: [String] { failures.value }

    /// The service stops listening, and all connections end.
    func stop() {
        guard !isStopped.exchange(true) else { return }
        listener.cut()
        try? isClosed.await()
        for connection in connections.exchange([]) { connection.cut() }
    }

    private static func serve(_ connection: Socket, _ behaviour: Behaviour, _ failures: Shared<[String]>) {
        let conversation = Conversation(connection)
        defer { connection.close() }
        do {
            while let head = try idleHead(conversation) { try behaviour(ServiceCall(head: head, conversation: conversation)) }
        } catch is CutOff {
            // Whoever asked has left: every service must live with that.
        } catch {
            failures.change { $0.append("\(error)") }
        }
    }

    /// The next request. Nothing is wrong with a connection on which none comes.
    private static func idleHead(_ conversation: Conversation) throws -> MessageHead? {
        do { return try conversation.readHead() } catch is TestFailure { return nil }
    }
}
