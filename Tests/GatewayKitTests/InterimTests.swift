// Answers before the answer (RFC 9110 §15.2), and the expectation that asks for one (§10.1.1).

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct InterimTests {
    private let post = "POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    private let go = "HTTP/1.1 100 Continue\r\n\r\n"

    // MARK: Early hints

    @Test func earlyHintsReachTheVisitorBeforeTheAnswer() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        let request = try agent.request()
        let hints = fields(
            ("Link", "</style.css>; rel=preload"), ("Connection", "x-hop"), ("X-Hop", "1"), ("Content-Length", "9"))
        agent.inform(request.id, 103, hints)
        #expect(world.read(id) == "HTTP/1.1 103 Early Hints\r\nLink: </web/a/style.css>; rel=preload\r\n\r\n")
        agent.inform(request.id, 102, fields(("X-Miagent-Error", "forged")))
        #expect(world.read(id) == "HTTP/1.1 102 Processing\r\n\r\n")
        agent.answer(request.id, 200, HTTPFields(), "whole")
        let answer = try world.expectAnswer(id)
        #expect(answer.text == "whole" && !world.wire(id).isClosing)
        world.end()
    }

    @Test func anOldVisitorGetsNone() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit("GET /web/a/ HTTP/1.0\r\n\r\n")
        let request = try agent.request()
        agent.inform(request.id, 103)
        #expect(world.read(id).isEmpty)
        agent.answer(request.id, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(id).text == "x")
        world.end()
    }

    @Test(arguments: [99, 101, 104, 199, 200]) func noOtherStatusPasses(status: Int) throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        let request = try agent.request()
        let params = #"{"stream":\#(request.id.rawValue),"statusCode":\#(status)}"#
        world.say(agent, #"{"jsonrpc":"2.0","method":"web.informational","params":\#(params)}"#)
        #expect(world.read(id).isEmpty)
        agent.answer(request.id)
        #expect(try world.expectAnswer(id).interim.isEmpty)
        world.end()
    }

    @Test func aServiceThatIsStillProcessingIsWaitedFor() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        let request = try agent.request()
        for _ in 0..<3 {
            world.wait(.seconds(29))
            agent.inform(request.id, 102)
        }
        world.wait(.seconds(29))
        #expect(!world.wire(id).isClosing)
        world.wait(.seconds(1))
        #expect(try world.expectAnswer(id).status == 504)
        world.end()
    }

    @Test func aVisitorThatDoesNotReadIsSpared() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        world.hold(id)
        let request = try agent.request()
        for _ in 0..<1_000 { agent.inform(request.id, 103, fields(("Link", String(repeating: "x", count: 1_000)))) }
        #expect(world.gateway.counters.bufferedBytes < 20_000)
        world.end()
    }

    // MARK: Expect: 100-continue

    @Test func theServiceIsAskedWhetherItWantsTheBody() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(post)
        let request = try agent.request()
        #expect(request.head.fields[.expect] == "100-continue")
        #expect(world.read(id).isEmpty)
        agent.inform(request.id, 100)
        #expect(world.wire(id).written == latin1(go))
        agent.inform(request.id, 100)
        #expect(world.wire(id).written == latin1(go), "once is enough")
        world.send(id, "abc")
        #expect(agent.body(request.id) == "abc")
        agent.answer(request.id)
        let answer = try world.expectAnswer(id, to: "POST")
        #expect(answer.interim == [100] && answer.status == 200 && !world.wire(id).isClosing)
        world.end()
    }

    @Test func anAgentThatDoesNotKnowHowToPassItOnCostsASecond() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(post)
        world.wait(.milliseconds(999))
        #expect(world.wire(id).written.isEmpty)
        world.wait(.milliseconds(1))
        #expect(world.read(id) == go)
        world.wait(.seconds(29))
        world.send(id, "abc")
        let request = try agent.request()
        #expect(agent.body(request.id) == "abc")
        agent.inform(request.id, 100)
        agent.answer(request.id)
        #expect(try world.expectAnswer(id, to: "POST").interim.isEmpty)
        world.end()
    }

    @Test func aBodyThatIsHereAlreadyIsWelcomedAtOnce() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(post + "a")
        #expect(world.wire(id).written == latin1(go))
        world.send(id, "bc")
        let request = try agent.request()
        #expect(agent.body(request.id) == "abc")
        agent.answer(request.id)
        let answer = try world.expectAnswer(id, to: "POST")
        #expect(answer.status == 200 && answer.fields[.connection] == nil)
        world.end()
    }

    @Test func aServiceThatDoesNotWantTheBodySaysSoAndTheConnectionEnds() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(post)
        let request = try agent.request()
        agent.answer(request.id, 417, HTTPFields(), "no")
        let answer = try world.expectAnswer(id, to: "POST")
        #expect(answer.status == 417 && answer.interim.isEmpty && answer.fields[.connection] == "close")
        #expect(world.wire(id).isClosing)
        #expect(agent.has(.reset(request.id, .cancelled)))
        world.end()
    }

    @Test func aVisitorThatIsToldToGoOnAndDoesNotIsTimedOut() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(post)
        _ = try agent.request()
        world.wait(.seconds(31))
        let answer = try world.expectAnswer(id, to: "POST")
        #expect(answer.status == 408 && answer.interim == [100])
        world.end()
    }

    @Test(arguments: ["Content-Length: 0\r\n", ""]) func whoHasNoBodyIsToldNothing(framing: String) throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\n\(framing)Expect: 100-continue\r\n\r\n")
        let request = try agent.request()
        #expect(!request.head.fields.contains(.expect))
        agent.answer(request.id)
        let answer = try world.expectAnswer(id, to: "POST")
        #expect(answer.interim.isEmpty && !world.wire(id).isClosing)
        world.end()
    }

    @Test func inVersionOneTheGatewaySaysItItself() throws {
        let world = World()
        let agent = world.agent("a", .v1)
        let id = world.visit(post)
        #expect(world.wire(id).written == latin1(go))
        world.send(id, "abc")
        let request = try agent.request()
        #expect(!request.head.fields.contains(.expect))
        #expect(agent.body(request.id) == "abc")
        agent.answer(request.id)
        #expect(try world.expectAnswer(id, to: "POST").interim == [100])
        world.end()
    }
}

extension AgentPeer {
    /// Says something before the answer.
    fileprivate func inform(_ id: StreamID, _ status: Int, _ fields: HTTPFields = HTTPFields()) {
        session.inform(WebInformational(status: status, fields: fields), on: id)
        flush()
    }
}
