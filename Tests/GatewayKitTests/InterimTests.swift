// Interim responses (RFC 9110 §15.2), and the expectation that asks for one (§10.1.1).

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct InterimTests {
    private let post = "POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    private let go = "HTTP/1.1 100 Continue\r\n\r\n"

    // MARK: Early hints

    @Test func earlyHintsReachTheVisitorBeforeTheResponse() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        let hints = fields(
            ("Link", "</style.css>; rel=preload"), ("Connection", "x-hop"), ("X-Hop", "1"), ("Content-Length", "9"))
        agent.inform(request.id, 103, hints)
        #expect(fixture.read(id) == "HTTP/1.1 103 Early Hints\r\nLink: </web/a/style.css>; rel=preload\r\n\r\n")
        agent.inform(request.id, 102, fields(("X-Miagent-Error", "forged")))
        #expect(fixture.read(id) == "HTTP/1.1 102 Processing\r\n\r\n")
        agent.respond(request.id, 200, HTTPFields(), "whole")
        let response = try fixture.expectResponse(id)
        #expect(response.text == "whole" && !fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func anOldVisitorGetsNone() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("GET /web/a/ HTTP/1.0\r\n\r\n")
        let request = try agent.request()
        agent.inform(request.id, 103)
        #expect(fixture.read(id).isEmpty)
        agent.respond(request.id, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(id).text == "x")
        fixture.end()
    }

    @Test(arguments: [99, 101, 104, 199, 200]) func noOtherStatusPasses(status: Int) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        let params = #"{"stream":\#(request.id.rawValue),"statusCode":\#(status)}"#
        fixture.say(agent, #"{"jsonrpc":"2.0","method":"web.informational","params":\#(params)}"#)
        #expect(fixture.read(id).isEmpty)
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id).interim.isEmpty)
        fixture.end()
    }

    @Test func aServiceThatIsStillProcessingIsWaitedFor() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        for _ in 0..<3 {
            fixture.wait(.seconds(29))
            agent.inform(request.id, 102)
        }
        fixture.wait(.seconds(29))
        #expect(!fixture.connection(id).isClosing)
        fixture.wait(.seconds(1))
        #expect(try fixture.expectResponse(id).status == 504)
        fixture.end()
    }

    @Test func aVisitorThatDoesNotReadIsSpared() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        fixture.hold(id)
        let request = try agent.request()
        for _ in 0..<1_000 { agent.inform(request.id, 103, fields(("Link", String(repeating: "x", count: 1_000)))) }
        #expect(fixture.gateway.counters.bufferedBytes < 20_000)
        fixture.end()
    }

    // MARK: Expect: 100-continue

    @Test func theServiceIsAskedWhetherItWantsTheBody() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(post)
        let request = try agent.request()
        #expect(request.head.fields[.expect] == "100-continue")
        #expect(fixture.read(id).isEmpty)
        agent.inform(request.id, 100)
        #expect(fixture.connection(id).written == latin1(go))
        agent.inform(request.id, 100)
        #expect(fixture.connection(id).written == latin1(go), "once is enough")
        fixture.send(id, "abc")
        #expect(agent.body(request.id) == "abc")
        agent.respond(request.id)
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.interim == [100] && response.status == 200 && !fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func anAgentThatDoesNotKnowHowToPassItOnCostsASecond() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(post)
        fixture.wait(.milliseconds(999))
        #expect(fixture.connection(id).written.isEmpty)
        fixture.wait(.milliseconds(1))
        #expect(fixture.read(id) == go)
        fixture.wait(.seconds(29))
        fixture.send(id, "abc")
        let request = try agent.request()
        #expect(agent.body(request.id) == "abc")
        agent.inform(request.id, 100)
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id, to: "POST").interim.isEmpty)
        fixture.end()
    }

    @Test func aBodyThatIsHereAlreadyIsWelcomedAtOnce() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(post + "a")
        #expect(fixture.connection(id).written == latin1(go))
        fixture.send(id, "bc")
        let request = try agent.request()
        #expect(agent.body(request.id) == "abc")
        agent.respond(request.id)
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 200 && response.fields[.connection] == nil)
        fixture.end()
    }

    @Test func aServiceThatDoesNotWantTheBodySaysSoAndTheConnectionEnds() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(post)
        let request = try agent.request()
        agent.respond(request.id, 417, HTTPFields(), "no")
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 417 && response.interim.isEmpty && response.fields[.connection] == "close")
        #expect(fixture.connection(id).isClosing)
        #expect(agent.has(.reset(request.id, .cancelled)))
        fixture.end()
    }

    @Test func aVisitorThatIsToldToGoOnAndDoesNotIsTimedOut() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(post)
        _ = try agent.request()
        fixture.wait(.seconds(31))
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 408 && response.interim == [100])
        fixture.end()
    }

    @Test(arguments: ["Content-Length: 0\r\n", ""]) func whoHasNoBodyIsToldNothing(framing: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\n\(framing)Expect: 100-continue\r\n\r\n")
        let request = try agent.request()
        #expect(!request.head.fields.contains(.expect))
        agent.respond(request.id)
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.interim.isEmpty && !fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func inVersionOneTheGatewaySaysItItself() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", .v1)
        let id = fixture.visit(post)
        #expect(fixture.connection(id).written == latin1(go))
        fixture.send(id, "abc")
        let request = try agent.request()
        #expect(!request.head.fields.contains(.expect))
        #expect(agent.body(request.id) == "abc")
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id, to: "POST").interim == [100])
        fixture.end()
    }
}

extension AgentPeer {
    /// Sends an interim response.
    fileprivate func inform(_ id: StreamID, _ status: Int, _ fields: HTTPFields = HTTPFields()) {
        session.inform(WebInformational(status: status, fields: fields), on: id)
        flush()
    }
}
