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
        let world = World { $0.limits.tunnel.maximumStreams = 2 }
        let agent = world.agent()
        let open = (1...2).map { _ in world.visit(get("/web/a/")) }
        let answer = try world.get("/web/a/")
        #expect(answer.status == 503 && answer.errorCode == "too-many-streams" && answer.fields[.retryAfter] != nil)
        agent.answer(try agent.request().id)
        #expect(try world.expectAnswer(open[0]).status == 200)
        let next = world.visit(get("/web/a/"))
        agent.answer(try agent.request().id)
        agent.answer(try agent.request().id)
        #expect(try world.expectAnswer(next).status == 200)
        world.end()
    }

    @Test(arguments: [
        (TunnelFailure.serviceUnreachable, 502, "service-unreachable"), (.serviceBroken, 502, "service-broken"),
        (.serviceTimedOut, 504, "service-timed-out"), (.tooManyStreams, 503, "too-many-streams"),
        (.noWebService, 404, "no-web-service"), (.bodyTooLarge, 502, "service-broken"),
        (.unauthorized, 502, "service-unreachable"),
    ]) func whatTheAgentReportsIsToldToTheVisitor(failure: TunnelFailure, status: Int, code: String) throws {
        for version in TunnelVersion.allCases {
            let world = World()
            let agent = world.agent("a", version)
            let id = world.visit(get("/web/a/"))
            agent.fail(try agent.request().id, failure, .unreachable, "<b>refused</b>")
            let answer = try world.expectAnswer(id)
            #expect(answer.status == status && answer.errorCode == code)
            #expect(!world.wire(id).isClosing)
            world.send(id, get("/healthz"))
            #expect(try world.expectAnswer(id).status == 200)
            world.end()
        }
    }

    @Test(arguments: TunnelVersion.allCases, [#""result":{},"error":{}"#, #""error":"down""#, #""params":1"#])
    func aReplyThatIsNoneIsToldAtOnce(version: TunnelVersion, members: String) throws {
        let world = World()
        let agent = world.agent("a", version)
        let id = world.visit(get("/web/a/"))
        _ = try agent.request()
        world.say(agent, #"{"jsonrpc":"2.0","id":"web_1",\#(members)}"#)
        let answer = try world.expectAnswer(id)
        #expect(answer.status == 502 && answer.errorCode == "service-broken")
        world.end()
    }

    @Test(arguments: [
        (ResetReason.refused, 503, "too-many-streams"), (.unreachable, 502, "service-unreachable"),
        (.timedOut, 504, "service-timed-out"),
        (.cancelled, 502, "service-broken"), (.overran, 502, "service-broken"), (.protocolError, 502, "service-broken"),
    ]) func aResetBeforeTheHeadIsAnAnswer(reason: ResetReason, status: Int, code: String) throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        agent.reset(try agent.request().id, reason)
        let answer = try world.expectAnswer(id)
        #expect(answer.status == status && answer.errorCode == code)
        world.end()
    }

    @Test func anAnswerThatMakesNoSenseIsABadGateway() throws {
        let world = World()
        let agent = world.agent()
        for fields in [
            fields(("Content-Length", "5"), ("Content-Length", "6")), fields(("Content-Length", "x")),
            fields(("Content-Length", "-1")),
        ] {
            let id = world.visit(get("/web/a/"))
            let request = try agent.request()
            agent.begin(request.id, 200, fields)
            #expect(try world.expectAnswer(id).errorCode == "service-broken")
            #expect(agent.has(.reset(request.id, .protocolError)))
        }
        let id = world.visit(get("/web/a/"))
        agent.begin(try agent.request().id, 101)
        #expect(try world.expectAnswer(id).errorCode == "service-broken")
        world.end()
    }

    @Test(arguments: TunnelVersion.allCases) func anAgentLostBeforeTheHeadIsABadGateway(version: TunnelVersion) throws {
        let world = World()
        let agent = world.agent("a", version)
        let quiet = world.visit(get("/web/a/"))
        let uploading = world.visit("POST /web/a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        world.leave(agent.id)
        let answer = try world.expectAnswer(quiet)
        #expect(answer.status == 502 && answer.errorCode == "agent-lost")
        #expect(!world.wire(quiet).isClosing)
        #expect(try world.expectAnswer(uploading).status == 502)
        #expect(world.wire(uploading).isClosing)
        world.send(quiet, get("/web/a/"))
        #expect(try world.expectAnswer(quiet).errorCode == "agent-offline")
        world.end()
    }

    @Test func anAgentLostAfterTheHeadCutsTheAnswerSoThatItLooksCut() throws {
        let world = World()
        let agent = world.agent()
        let chunked = world.visit(get("/web/a/1"))
        let counted = world.visit(get("/web/a/2"))
        let oldest = world.visit("GET /web/a/3 HTTP/1.0\r\n\r\n")
        for index in 0..<3 {
            let request = try agent.request()
            agent.begin(request.id, 200, index == 1 ? fields(("Content-Length", "9")) : HTTPFields())
            agent.send(request.id, "abc")
        }
        world.leave(agent.id)
        #expect(world.read(chunked).hasSuffix("3\r\nabc\r\n"))  // no last chunk
        #expect(world.wire(chunked).isClosing && !world.wire(chunked).isAborted)
        #expect(world.read(counted).hasSuffix("\r\n\r\nabc"))
        #expect(world.wire(counted).isClosing)
        #expect(world.wire(oldest).isAborted)  // nothing else tells a cut from an end
        world.end()
    }

    @Test func withoutAHeadInTimeTheGatewayGivesUp() throws {
        for version in TunnelVersion.allCases {
            let world = World()
            let agent = world.agent("a", version)
            let id = world.visit(get("/web/a/"))
            world.wait(.seconds(29))
            #expect(world.answer(id) == nil)
            world.wait(.seconds(1))
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 504 && answer.errorCode == "service-timed-out")
            #expect(answer.text.contains("30 s"))
            if version == .v2 { #expect(agent.has(.reset(try agent.request().id, .timedOut))) }
            world.send(id, get("/healthz"))
            #expect(try world.expectAnswer(id).status == 200)
            world.end()
        }
    }

    // MARK: Clothes

    @Test func errorsAreDressedForWhoeverAsks() throws {
        let world = World()
        let browser = try world.get("/web/a/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n")
        #expect(browser.fields[.contentType] == "text/html; charset=utf-8")
        #expect(browser.text.contains("<h1>No such agent</h1>") && browser.text.contains("unknown-agent"))
        #expect(browser.text.contains(try #require(browser.fields[.xRequestID])))
        #expect(browser.fields["content-security-policy"] != nil)
        let program = try world.get("/web/a/", "Accept: application/json\r\n")
        #expect(program.fields[.contentType] == "application/json")
        let value = try JSONValue(decoding: program.body[...])
        #expect(value["error"] == "unknown-agent" && value["status"] == 404)
        let plain = try world.get("/web/a/")
        #expect(plain.fields[.contentType] == "text/plain; charset=utf-8")
        #expect(plain.text.contains("No agent \"a\" has been seen here."))
        for answer in [browser, program, plain] {
            #expect(answer.status == 404 && answer.errorCode == "unknown-agent")
            #expect(answer.fields["x-content-type-options"] == "nosniff")
        }
        let head = try world.get("/web/a/", method: "HEAD")
        #expect(head.status == 404 && head.body.isEmpty && head.fields[.contentLength] == "\(plain.body.count)")
        world.end()
    }

    @Test func nothingInAnErrorPageRuns() throws {
        let world = World { $0.web.subdomainHost = "gw.example" }
        let agent = world.agent()
        let id = world.visit(get("/web/a/", "Accept: text/html\r\n"))
        agent.fail(try agent.request().id, .serviceUnreachable, .unreachable, "<script>alert(1)</script>")
        let answer = try world.expectAnswer(id)
        #expect(!answer.text.contains("<script") && answer.text.contains("&lt;script&gt;"))
        world.end()
    }
}
