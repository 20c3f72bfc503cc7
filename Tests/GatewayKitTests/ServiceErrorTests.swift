// What goes wrong behind the gateway, as a visitor sees it, and how errors are dressed for whoever asks.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ServiceErrorTests {
    // MARK: The agent and its service

    @Test func moreStreamsThanAnAgentTakesAreRefused() throws {
        let fixture = GatewayFixture { $0.limits.tunnel.maximumStreams = 2 }
        let agent = fixture.agent()
        let open = (1...2).map { _ in fixture.visit(get("/web/a/")) }
        let response = try fixture.get("/web/a/")
        #expect(response.status == 503 && response.errorCode == "too-many-streams" && response.fields[.retryAfter] != nil)
        agent.respond(try agent.request().id)
        #expect(try fixture.expectResponse(open[0]).status == 200)
        let next = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id)
        agent.respond(try agent.request().id)
        #expect(try fixture.expectResponse(next).status == 200)
        fixture.end()
    }

    @Test(arguments: [
        (TunnelFailure.serviceUnreachable, 502, "service-unreachable"), (.serviceBroken, 502, "service-broken"),
        (.serviceTimedOut, 504, "service-timed-out"), (.tooManyStreams, 503, "too-many-streams"),
        (.noWebService, 404, "no-web-service"), (.bodyTooLarge, 502, "service-broken"),
        (.unauthorized, 502, "service-unreachable"),
    ]) func whatTheAgentReportsIsToldToTheVisitor(failure: TunnelFailure, status: Int, code: String) throws {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture()
            let agent = fixture.agent("a", version)
            let id = fixture.visit(get("/web/a/"))
            agent.fail(try agent.request().id, failure, .unreachable, "<b>refused</b>")
            let response = try fixture.expectResponse(id)
            #expect(response.status == status && response.errorCode == code)
            #expect(!fixture.connection(id).isClosing)
            fixture.send(id, get("/healthz"))
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.end()
        }
    }

    @Test(arguments: TunnelVersion.allCases, [#""result":{},"error":{}"#, #""error":"down""#, #""params":1"#])
    func aReplyThatIsNoneIsToldAtOnce(version: TunnelVersion, members: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let id = fixture.visit(get("/web/a/"))
        _ = try agent.request()
        fixture.say(agent, #"{"jsonrpc":"2.0","id":"web_1",\#(members)}"#)
        let response = try fixture.expectResponse(id)
        #expect(response.status == 502 && response.errorCode == "service-broken")
        fixture.end()
    }

    @Test(arguments: [
        (ResetReason.refused, 503, "too-many-streams"), (.unreachable, 502, "service-unreachable"),
        (.timedOut, 504, "service-timed-out"),
        (.cancelled, 502, "service-broken"), (.overran, 502, "service-broken"), (.protocolError, 502, "service-broken"),
    ]) func aResetBeforeTheHeadIsAResponse(reason: ResetReason, status: Int, code: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        agent.reset(try agent.request().id, reason)
        let response = try fixture.expectResponse(id)
        #expect(response.status == status && response.errorCode == code)
        fixture.end()
    }

    @Test func aResponseThatMakesNoSenseIsABadGateway() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for fields in [
            fields(("Content-Length", "5"), ("Content-Length", "6")), fields(("Content-Length", "x")),
            fields(("Content-Length", "-1")),
        ] {
            let id = fixture.visit(get("/web/a/"))
            let request = try agent.request()
            agent.begin(request.id, 200, fields)
            #expect(try fixture.expectResponse(id).errorCode == "service-broken")
            #expect(agent.has(.reset(request.id, .protocolError)))
        }
        let id = fixture.visit(get("/web/a/"))
        agent.begin(try agent.request().id, 101)
        #expect(try fixture.expectResponse(id).errorCode == "service-broken")
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func anAgentLostBeforeTheHeadIsABadGateway(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let quiet = fixture.visit(get("/web/a/"))
        let uploading = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        fixture.leave(agent.id)
        let response = try fixture.expectResponse(quiet)
        #expect(response.status == 502 && response.errorCode == "agent-lost")
        #expect(!fixture.connection(quiet).isClosing)
        #expect(try fixture.expectResponse(uploading).status == 502)
        #expect(fixture.connection(uploading).isClosing)
        fixture.send(quiet, get("/web/a/"))
        #expect(try fixture.expectResponse(quiet).errorCode == "agent-offline")
        fixture.end()
    }

    @Test func anAgentLostAfterTheHeadCutsTheResponseSoThatItLooksCut() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let chunked = fixture.visit(get("/web/a/1"))
        let counted = fixture.visit(get("/web/a/2"))
        let oldest = fixture.visit("GET /web/a/3 HTTP/1.0\r\n\r\n")
        for index in 0..<3 {
            let request = try agent.request()
            agent.begin(request.id, 200, index == 1 ? fields(("Content-Length", "9")) : HTTPFields())
            agent.send(request.id, "abc")
        }
        fixture.leave(agent.id)
        #expect(fixture.read(chunked).hasSuffix("3\r\nabc\r\n"))  // no last chunk
        #expect(fixture.connection(chunked).isClosing && !fixture.connection(chunked).isAborted)
        #expect(fixture.read(counted).hasSuffix("\r\n\r\nabc"))
        #expect(fixture.connection(counted).isClosing)
        #expect(fixture.connection(oldest).isAborted)  // nothing else tells a cut from an end
        fixture.end()
    }

    @Test func withoutAHeadInTimeTheGatewayGivesUp() throws {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture()
            let agent = fixture.agent("a", version)
            let id = fixture.visit(get("/web/a/"))
            fixture.wait(.seconds(29))
            #expect(fixture.response(id) == nil)
            fixture.wait(.seconds(1))
            let response = try fixture.expectResponse(id)
            #expect(response.status == 504 && response.errorCode == "service-timed-out")
            #expect(response.text.contains("30 s"))
            if version == .v2 { #expect(agent.has(.reset(try agent.request().id, .timedOut))) }
            fixture.send(id, get("/healthz"))
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.end()
        }
    }

    // MARK: Content negotiation

    @Test func errorsAreDressedForWhoeverAsks() throws {
        let fixture = GatewayFixture()
        let browser = try fixture.get("/web/a/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n")
        #expect(browser.fields[.contentType] == "text/html; charset=utf-8")
        #expect(browser.text.contains("<h1>No such agent</h1>") && browser.text.contains("unknown-agent"))
        #expect(browser.text.contains(try #require(browser.fields[.xRequestID])))
        #expect(browser.fields["content-security-policy"] != nil)
        let program = try fixture.get("/web/a/", "Accept: application/json\r\n")
        #expect(program.fields[.contentType] == "application/json")
        let value = try JSONValue(decoding: program.body[...])
        #expect(value["error"] == "unknown-agent" && value["status"] == 404)
        let plain = try fixture.get("/web/a/")
        #expect(plain.fields[.contentType] == "text/plain; charset=utf-8")
        #expect(plain.text.contains("No agent \"a\" has been seen here."))
        for response in [browser, program, plain] {
            #expect(response.status == 404 && response.errorCode == "unknown-agent")
            #expect(response.fields["x-content-type-options"] == "nosniff")
        }
        let head = try fixture.get("/web/a/", method: "HEAD")
        #expect(head.status == 404 && head.body.isEmpty && head.fields[.contentLength] == "\(plain.body.count)")
        fixture.end()
    }

    @Test func nothingInAnErrorPageRuns() throws {
        let fixture = GatewayFixture { $0.web.subdomainHost = "gw.example" }
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/", "Accept: text/html\r\n"))
        agent.fail(try agent.request().id, .serviceUnreachable, .unreachable, "<script>alert(1)</script>")
        let response = try fixture.expectResponse(id)
        #expect(!response.text.contains("<script") && response.text.contains("&lt;script&gt;"))
        fixture.end()
    }
}
