// What is wrong with a request, its way or its body, as a visitor sees it: status, code, and whether the connection lives on.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ErrorTableTests {
    // MARK: The request itself

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET /\r\n\r\n", 400),
        ("\0", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET /" + String(repeating: "a", count: 70_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 70_000) + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "a: b\r\n", count: 200) + "\r\n", 431),
    ]) func aMalformedRequestIsRefusedAndTheConnectionEnds(request: String, status: Int) throws {
        let fixture = GatewayFixture()
        let id = fixture.visit(request)
        let response = try fixture.expectResponse(id)
        #expect(response.status == status)
        #expect(response.errorCode == "malformed-request")
        #expect(response.fields[.connection] == "close")
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aBrokenBodyIsRefusedAndTheAgentIsTold() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        let request = try agent.request()
        #expect(agent.body(request.id) == "abc")
        fixture.send(id, "nonsense\r\n")
        #expect(try fixture.expectResponse(id).status == 400)
        #expect(agent.has(.reset(request.id, .cancelled)))
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aBrokenBodyAfterTheResponsesHeadCutsTheResponse() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        let request = try agent.request()
        agent.begin(request.id)
        agent.send(request.id, "abc")
        fixture.send(id, "nonsense\r\n")
        let text = fixture.read(id)
        #expect(text.hasPrefix("HTTP/1.1 200") && text.hasSuffix("3\r\nabc\r\n"))
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aSlowHeadTimesOut() throws {
        let fixture = GatewayFixture()
        let id = fixture.visit("GET / HT")
        fixture.wait(.seconds(9))
        #expect(!fixture.connection(id).isClosing)
        fixture.send(id, "TP")  // dripping does not help
        fixture.wait(.seconds(1))
        let response = try fixture.expectResponse(id)
        #expect(response.status == 408 && response.errorCode == "request-timed-out")
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func whoSaysNothingAtAllIsClosedWithoutAWord() {
        let fixture = GatewayFixture()
        let id = fixture.connect()
        fixture.wait(.seconds(10))
        #expect(fixture.connection(id).isClosing)
        #expect(fixture.read(id).isEmpty)
        fixture.end()
    }

    @Test func aSlowBodyTimesOut() throws {
        let fixture = GatewayFixture { $0.web.timeout = .seconds(5) }
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        for _ in 0..<3 {
            fixture.wait(.seconds(4))
            fixture.send(id, "x")
        }
        #expect(fixture.response(id) == nil)
        fixture.wait(.seconds(5))
        #expect(try fixture.expectResponse(id).errorCode == "request-timed-out")
        #expect(agent.has(.reset(try agent.request().id, .cancelled)))
        fixture.end()
    }

    @Test func beyondTheLimitConnectionsAreTurnedAway() throws {
        let fixture = GatewayFixture { $0.limits.maximumConnections = 2 }
        _ = fixture.agent()
        let second = fixture.connect()
        let third = fixture.connect()
        let response = try fixture.expectResponse(third)
        #expect(response.status == 503 && response.errorCode == "overloaded" && response.fields[.retryAfter] != nil)
        #expect(fixture.connection(third).isClosing && !fixture.connection(second).isClosing)
        #expect(try fixture.get("/healthz").status == 503)
        fixture.leave(second)
        #expect(try fixture.get("/healthz").status == 200)
        fixture.end()
    }

    // MARK: The way

    @Test func whatLeadsNowhereIsNotFound() throws {
        let fixture = GatewayFixture()
        for target in ["/nothing", "/web", "/web/", "/web/a%2fb/", "/web/.a/"] {
            let response = try fixture.get(target)
            #expect(response.status == 404 && response.errorCode == "not-found", "\(target)")
        }
        fixture.end()
    }

    @Test func agentsThatAreUnknownOfflineOrWithoutServiceAreToldApart() throws {
        let fixture = GatewayFixture()
        let unknown = try fixture.get("/web/a/")
        #expect(unknown.status == 404 && unknown.errorCode == "unknown-agent")
        let agent = fixture.dial()
        agent.register(AgentDescription(agentID: "a", servesWeb: false))
        let without = try fixture.get("/web/a/")
        #expect(without.status == 404 && without.errorCode == "no-web-service")
        fixture.leave(agent.id)
        let offline = try fixture.get("/web/a/")
        #expect(offline.status == 503 && offline.errorCode == "agent-offline" && offline.fields[.retryAfter] == "5")
        fixture.end()
        let off = GatewayFixture { $0.web.isEnabled = false }
        _ = off.agent()
        let response = try off.get("/web/a/")
        #expect(response.status == 404 && response.errorCode == "web-service-off")
        off.end()
    }

    @Test func withoutTheTokenNobodyLearnsAnything() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["good", "better"] }
        let agent = fixture.agent()
        for (target, header) in [
            ("/web/a/", ""), ("/web/nobody/", ""), ("/web/a/", "Authorization: Bearer bad\r\n"),
            ("/web/a/", "Authorization: Basic good\r\n"),
        ] {
            let response = try fixture.get(target, header)
            #expect(response.status == 401 && response.errorCode == "unauthorized")
            #expect(response.fields[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        }
        #expect(agent.waitingRequests == 0)
        #expect(try fixture.get("/web/nobody/", "Authorization: Bearer good\r\n").status == 404)
        let id = fixture.visit(get("/web/a/", "Authorization: Bearer better\r\n"))
        let request = try agent.request()
        #expect(!request.head.fields.contains(.authorization))
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }

    @Test func anAgentMayHaveATokenOfItsOwn() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["common"]
            $0.web.subdomainHost = "gw.example"
            var access = AgentAccess()
            access.authTokens = ["special"]
            $0.agents["Special"] = access
        }
        _ = fixture.agent("Special")
        #expect(try fixture.get("/web/Special/", "Authorization: Bearer common\r\n").status == 401)
        #expect(try fixture.get("/", host: "special.gw.example", "Authorization: Bearer common\r\n").status == 401)
        let id = fixture.visit(get("/web/Special/", "Authorization: Bearer special\r\n"))
        #expect(fixture.gateway.counters.openStreams == 1)
        fixture.leave(id)
        fixture.end()
    }

    @Test func theServicesOwnAuthorizationPassesWhereWeHaveNoToken() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/", "Authorization: Bearer theirs\r\n"))
        let request = try agent.request()
        #expect(request.head.fields[.authorization] == "Bearer theirs")
        agent.respond(request.id, 401, fields(("WWW-Authenticate", "Basic"), ("x-miagent-error", "unauthorized")))
        let response = try fixture.expectResponse(id)
        #expect(response.status == 401 && response.errorCode == nil)
        fixture.end()
    }

    // MARK: The body

    @Test(arguments: TunnelVersion.allCases) func aBodyOverTheLimitIsRefused(version: TunnelVersion) throws {
        let fixture = GatewayFixture {
            if version == .v1 { $0.limits.tunnel.maximumBufferedBody = 10 } else { $0.web.maximumBody = 10 }
        }
        let agent = fixture.agent("a", version)
        let declared = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
        let refused = try fixture.expectResponse(declared)
        #expect(refused.status == 413 && refused.errorCode == "body-too-large")
        #expect(!fixture.connection(declared).isClosing)  // the rest is small enough to be read and thrown away
        fixture.send(declared, "elevenbytes" + get("/healthz"))
        #expect(try fixture.expectResponse(declared).text == "ok\n")
        #expect(agent.waitingRequests == 0)
        let chunked = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
        #expect(fixture.response(chunked) == nil)
        fixture.send(chunked, "1\r\nx\r\n")
        #expect(try fixture.expectResponse(chunked).status == 413)
        #expect(fixture.connection(chunked).isClosing)
        if version == .v2 { #expect(agent.has(.reset(try agent.request().id, .overran))) }
        let fits = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789")
        let request = try agent.request()
        #expect(agent.body(request.id) == "0123456789")
        agent.respond(request.id)
        #expect(try fixture.expectResponse(fits).status == 200)
        fixture.end()
    }

    @Test func aHugeDeclaredBodyEndsTheConnectionWithItsRefusal() throws {
        let fixture = GatewayFixture { $0.web.maximumBody = 10 }
        _ = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n")
        let response = try fixture.expectResponse(id)
        #expect(response.status == 413 && response.fields[.connection] == "close")
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aRefusedVisitorThatAwaits100IsNotReadOn() throws {
        let fixture = GatewayFixture()
        let id = fixture.visit("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        let response = try fixture.expectResponse(id)
        #expect(response.status == 404 && response.interim.isEmpty && response.fields[.connection] == "close")
        fixture.end()
    }

    // MARK: Long heads

    @Test(arguments: TunnelVersion.allCases) func sixtyKiBOfTargetAndOfFieldsPass(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let query = String(repeating: "q", count: 65_000)
        let many = (0..<150).map { "X-\($0): \(String(repeating: "v", count: 400))\r\n" }.joined()
        let id = fixture.visit("GET /web/a/?\(query) HTTP/1.1\r\nHost: h\r\n\(many)\r\n")
        let request = try agent.request()
        #expect(request.head.query?.count == 65_000)
        #expect(request.head.fields["x-149"]?.count == 400)
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func aHeadThatTheTunnelCannotCarryIsRefusedAlone(version: TunnelVersion) throws {
        let fixture = GatewayFixture { $0.limits.http.setHead(bytes: 1 << 18) }
        let agent = fixture.agent("a", version)
        // Each quote is two bytes in JSON.
        let quotes = String(repeating: "\"", count: 140_000)
        let response = try fixture.get("/web/a/", "X: \(quotes)\r\n")
        #expect(response.status == 431)
        let id = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }
}
