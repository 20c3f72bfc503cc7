// A browser, as far as logins go: it keeps cookies, and says where a request comes from.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

/// Keeps the cookies of one host, and asks for pages.
final class Browser {
    let fixture: GatewayFixture
    var host: String
    var peer: String
    /// Of a page that this browser shows; nil: no `Origin` is sent.
    var origin: String?
    var cookies: [String: String] = [:]
    var extra = ""

    init(_ fixture: GatewayFixture, host: String = "gw.example", from peer: String = "203.0.113.9") {
        self.fixture = fixture
        self.host = host
        self.peer = peer
        origin = "http://\(host)"
    }

    private var cookieLine: String {
        let pairs = cookies.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return pairs.isEmpty ? "" : "Cookie: \(pairs.joined(separator: "; "))\r\n"
    }

    /// What a request looks like.
    func request(_ method: String, _ target: String, _ fields: String = "", body: String? = nil) -> String {
        var text =
            "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\nAccept: text/html,*/*;q=0.8\r\n\(cookieLine)\(extra)\(fields)"
        if method != "GET", let origin { text += "Origin: \(origin)\r\n" }
        if let body { text += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(body.utf8.count)\r\n" }
        return text + "\r\n" + (body ?? "")
    }

    /// Asks for something that the gateway answers by itself.
    func ask(
        _ target: String, method: String = "GET", _ fields: String = "", body: String? = nil, on loop: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ReceivedResponse {
        let id = fixture.visit(request(method, target, fields, body: body), from: peer, on: loop)
        defer { fixture.leave(id) }
        let response = try fixture.expectResponse(id, to: method, sourceLocation: sourceLocation)
        keep(response)
        return response
    }

    /// Sends the login form.
    func logIn(_ token: String, scope: String = "a", next: String = "/web/a/", to path: String = "/login", on loop: Int = 0)
        throws -> ReceivedResponse
    {
        try ask(path, method: "POST", body: "token=\(token)&scope=\(scope)&next=\(next)", on: loop)
    }

    /// What an agent gets of a request; nil if it gets none.
    func reach(_ agent: AgentPeer, _ target: String, method: String = "GET", _ fields: String = "", on loop: Int = 0) throws
        -> (id: StreamID, head: WebRequest, connection: ConnectionID)?
    {
        let id = fixture.visit(request(method, target, fields), from: peer, on: loop)
        guard fixture.response(id, to: method) == nil else { return nil }
        let request = try agent.request()
        return (request.id, request.head, id)
    }

    private func keep(_ response: ReceivedResponse) {
        for cookie in response.fields.all(.setCookie).map({ String(decoding: $0, as: UTF8.self) }) {
            let pair = cookie.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { continue }
            cookies[String(pair[0])] = cookie.contains("Max-Age=0;") ? nil : String(pair[1])
        }
    }
}
