// A gateway of three loops: whatever loop a connection is accepted on, it comes to where its agent lives, with all that it had,
// and what loops know of each other is enough for pages, limits and a drain.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct LoopTests {
    private func fixture(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
        GatewayFixture(loops: 3, configure)
    }

    private func post(_ target: String, _ length: Int, _ body: String = "") -> String {
        "POST \(target) HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n\r\n\(body)"
    }

    // MARK: Homes

    @Test func agentsSpreadOverTheLoopsAndOneAloneLivesOnTheFirst() {
        let fixture = fixture()
        let agents = ["a", "b", "c", "d", "e"].map { fixture.agent($0, on: 2) }
        #expect(agents.map { fixture.loop(of: $0.id) } == [0, 1, 2, 0, 1])
        agents[1].close()
        let next = fixture.agent("f")
        #expect(fixture.loop(of: next.id) == 1, "there are fewest")
        let back = fixture.agent("b", on: 1)
        #expect(fixture.loop(of: back.id) == 1, "where it was before")
        fixture.end()
    }

    @Test func agentsThatConnectAtOnceSpreadToo() {
        let fixture = fixture()
        let peers = (0..<6).map { fixture.dial(query: "agentId=a\($0)", on: $0 % 3) }
        #expect(peers.map { fixture.loop(of: $0.id) } == [0, 1, 2, 0, 1, 2])
        #expect(Set(peers.map { $0.session.openStreams }) == [0])
        fixture.end()
    }

    @Test(arguments: DuplicateAgents.allCases) func twoAgentsOfOneIDMeetWhereverTheyAreAccepted(policy: DuplicateAgents) throws
    {
        let fixture = fixture { $0.duplicateAgents = policy }
        _ = fixture.agent("other")
        let first = fixture.agent("a", on: 2)
        #expect(fixture.loop(of: first.id) == 1)
        guard policy != .reject else {
            let second = fixture.visit(GatewayFixture.handshake("agentId=a"), on: 0)
            #expect(try fixture.expectResponse(second).errorCode == "duplicate-agent")
            return fixture.end()
        }
        let second = fixture.agent("a", on: 0)
        #expect(fixture.loop(of: second.id) == 1)
        #expect(fixture.connection(first.id).isClosing == (policy == .replace))
        #expect(fixture.loops[1].counters.registeredAgents == 1)
        fixture.end()
    }

    @Test func anAgentThatNamesItselfLateLivesOnTheFirstLoop() throws {
        let fixture = fixture()
        let late = fixture.dial(query: "", on: 2)
        #expect(fixture.loop(of: late.id) == 0)
        late.register(AgentDescription(agentID: "a"))
        let visitor = fixture.visit(get("/web/a/"), on: 1)
        late.respond(try late.request().id, 200, HTTPFields(), "here")
        #expect(try fixture.expectResponse(visitor).text == "here")
        fixture.end()
    }

    @Test func anAgentThatNamesItselfLateIsToldIfItsIDLivesElsewhereAndTakesItOverIfNobodyHasIt() throws {
        let fixture = fixture { $0.web.agentWait = .seconds(5) }
        _ = fixture.agent("first")
        let known = fixture.agent("a")
        #expect(fixture.loop(of: known.id) == 1)
        let refused = fixture.dial(query: "")
        refused.register(AgentDescription(agentID: "a"))
        #expect(
            refused.events.contains {
                if case .refused(let failure) = $0 { failure.message.contains("?agentId=a") } else { false }
            })
        known.close()
        let waiting = fixture.visit(get("/web/a/"))
        #expect(fixture.loop(of: waiting) == 1, "the loop that it was last on")
        let taken = fixture.dial(query: "")
        taken.register(AgentDescription(agentID: "a"))
        #expect(fixture.loop(of: waiting) == 0)
        taken.respond(try taken.request().id, 200, HTTPFields(), "moved")
        #expect(try fixture.expectResponse(waiting).text == "moved")
        let next = fixture.agent("a", on: 1)
        #expect(fixture.loop(of: next.id) == 0, "the loop that it is on now")
        fixture.end()
    }

    @Test func aHandshakeThatIsRefusedNeedNotMove() throws {
        let fixture = fixture { $0.gatewayTokens = ["secret"] }
        for (query, code) in [("agentId=a&token=wrong", "unauthorized"), ("agentId=.a", "bad-agent-id")] {
            let id = fixture.visit(GatewayFixture.handshake(query), on: 2)
            #expect(try fixture.expectResponse(id).errorCode == code)
        }
        #expect(fixture.mail.moves == 0)
        fixture.end()
    }

    // MARK: Visitors

    @Test(arguments: TunnelVersion.allCases) func aVisitorComesWithPipelinedRequestsAndHalfABody(version: TunnelVersion) throws
    {
        let fixture = fixture()
        let one = fixture.agent("one", version)
        let two = fixture.agent("two", version)
        let visitor = fixture.visit(post("/web/two/x", 4, "abcd") + post("/web/one/y", 4, "ef"), on: 2)
        #expect(fixture.loop(of: visitor) == 1)
        let first = try two.request()
        #expect(two.bodies[first.id] == latin1("abcd"))
        two.respond(first.id, 200, HTTPFields(), "first")
        #expect(try fixture.expectResponse(visitor, to: "POST").text == "first")
        #expect(fixture.loop(of: visitor) == 0, "the next request is for another")
        fixture.send(visitor, "gh" + get("/web/two/z"))
        let second = try one.request()
        #expect(one.bodies[second.id] == latin1("efgh"))
        one.respond(second.id, 200, HTTPFields(), "second")
        #expect(try fixture.expectResponse(visitor, to: "POST").text == "second")
        two.respond(try two.request().id, 200, HTTPFields(), "third")
        #expect(try fixture.expectResponse(visitor).text == "third")
        #expect(fixture.mail.moves == 3 + 1, "one was the second agent's")
        fixture.end()
    }

    @Test func aVisitorStaysWhereItIs() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let visitor = fixture.visit("", on: 2)
        for number in 0..<3 {
            fixture.send(visitor, get("/web/a/\(number)"))
            agent.respond(try agent.request().id)
            #expect(try fixture.expectResponse(visitor).status == 200)
            fixture.send(visitor, get("/healthz"))
            #expect(try fixture.expectResponse(visitor).status == 200)
        }
        #expect(fixture.mail.moves == 1)
        fixture.end()
    }

    @Test func whatWasNotReadBeforeTheMoveIsCreditedAfterIt() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        let agent = fixture.agent("two")
        let visitor = fixture.visit(get("/.miagent/agents"))
        fixture.hold(visitor)
        fixture.send(visitor, get("/healthz") + get("/web/two/"))
        #expect(fixture.loop(of: visitor) == 1 && fixture.connection(visitor).unacknowledged > 0)
        agent.respond(try agent.request().id, 200, HTTPFields(), "late")
        #expect(fixture.loops[1].counters.bufferedBytes == fixture.connection(visitor).unacknowledged)
        fixture.take(visitor)
        #expect(fixture.loops[1].counters.bufferedBytes == 0)
        for _ in 0..<2 { #expect(try fixture.expectResponse(visitor).status == 200) }
        #expect(try fixture.expectResponse(visitor).text == "late")
        fixture.end()
    }

    @Test func whoMayNotSpeakToAnAgentLearnsSoOnTheSpot() throws {
        let fixture = fixture { $0.web.authTokens = ["t"] }
        _ = fixture.agent()
        #expect(try fixture.get("/web/a/", on: 2).errorCode == "unauthorized")
        #expect(fixture.mail.moves == 0)
        fixture.end()
    }

    @Test func anAgentThatIsOfflineElsewhereIsAskedForThere() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        fixture.agent("two").close()
        #expect(try fixture.get("/web/two/", on: 2).errorCode == "agent-offline")
        #expect(try fixture.get("/web/nobody/", on: 2).errorCode == "unknown-agent")
        fixture.end()
    }

    @Test func aVisitorWaitsOnAnyLoopAndGoesWhereTheAgentIs() throws {
        let fixture = fixture { $0.web.agentWait = .seconds(2) }
        _ = fixture.agent("one")
        let visitors = (0..<3).map { fixture.visit(post("/web/two/", 3, "ab"), on: $0) }
        fixture.wait(.seconds(1))
        let agent = fixture.agent("two")
        for visitor in visitors {
            #expect(fixture.loop(of: visitor) == 1)
            fixture.send(visitor, "c")
            agent.respond(try agent.request().id, 200, HTTPFields(), "x")
        }
        for visitor in visitors { #expect(try fixture.expectResponse(visitor, to: "POST").text == "x") }
        fixture.end()
    }

    @Test func aWaitThatMovesIsNoLonger() throws {
        let fixture = fixture { $0.web.agentWait = .seconds(2) }
        _ = fixture.agent("one")
        let visitor = fixture.visit(get("/web/two/"), on: 2)
        let agent = fixture.dial(query: "agentId=two")
        fixture.wait(.seconds(1))
        fixture.mail.isHeld = true
        agent.register(AgentDescription(agentID: "two"))
        agent.close()  // before loop 2 hears that it came
        fixture.mail.isHeld = false
        fixture.mail.deliver()
        #expect(fixture.loop(of: visitor) == 1 && fixture.connection(visitor).written.isEmpty)
        fixture.wait(.seconds(1))
        #expect(try fixture.expectResponse(visitor).errorCode == "agent-offline")
        fixture.end()
    }

    // MARK: Between two loops

    @Test func whoLeavesOnTheWayIsForgotten() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        let agent = fixture.agent("two")
        fixture.mail.isHeld = true
        let visitor = fixture.visit(get("/web/two/"))
        #expect(fixture.loop(of: visitor) == nil)
        fixture.leave(visitor)
        fixture.mail.isHeld = false
        fixture.mail.deliver()
        #expect(agent.events.contains { if case .reset = $0 { true } else { false } })
        fixture.end()
    }

    @Test func whatIsSentOnTheWayIsNotLost() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        let agent = fixture.agent("two")
        fixture.mail.isHeld = true
        let visitor = fixture.visit(post("/web/two/", 6, "ab"))
        fixture.send(visitor, "cd")
        fixture.send(visitor, "ef")
        fixture.mail.isHeld = false
        fixture.mail.deliver()
        let request = try agent.request()
        #expect(agent.bodies[request.id] == latin1("abcdef"))
        agent.respond(request.id)
        #expect(try fixture.expectResponse(visitor, to: "POST").status == 200)
        fixture.end()
    }

    // MARK: What loops know of each other

    @Test func pagesShowAllAgentsOnEveryLoop() throws {
        let fixture = fixture()
        for name in ["a", "b", "c", "d"] { _ = fixture.agent(name, on: 1) }
        fixture.agent("e").close()
        for loop in 0..<3 {
            let list = try fixture.get("/.miagent/agents", on: loop).text
            #expect(list.hasPrefix(#"{"connected":4,"webServices":4,"#))
            for name in ["a", "b", "c", "d", "e"] { #expect(list.contains(#""agentId":"\#(name)""#), "\(name) on \(loop)") }
            let page = try fixture.get("/", on: loop).text
            #expect(page.contains("<span id=\"connected\">4</span>") && page.contains(">offline<"))
        }
        #expect(fixture.mail.moves == 7 + 4, "those of agents, and of the pages that the other loops were asked for")
        fixture.end()
    }

    @Test func statusAndRoundTripAreToldToAll() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        fixture.say(agent, #"{"jsonrpc":"2.0","method":"agent.status","params":{"status":"busy"}}"#)
        fixture.wait(.seconds(21))
        for loop in 0..<3 {
            let list = try fixture.get("/.miagent/agents", on: loop).text
            #expect(list.contains(#""status":"busy""#) && list.contains(#""roundTripMs":0"#), "loop \(loop)")
        }
        fixture.end()
    }

    @Test func hostNamesFindAgentsOfOtherLoops() throws {
        let fixture = fixture { $0.web.subdomainHost = "gw.example" }
        _ = fixture.agent("one")
        let agent = fixture.agent("Two")
        let visitor = fixture.visit("GET /x HTTP/1.1\r\nHost: two.gw.example\r\n\r\n", on: 2)
        agent.respond(try agent.request().id, 200, HTTPFields(), "by host")
        #expect(try fixture.expectResponse(visitor).text == "by host")
        fixture.end()
    }

    @Test func sessionsHaveNamesOfTheirOwn() {
        let fixture = fixture()
        let sessions = ["a", "b", "c", "d", "e", "f"].flatMap { name in
            fixture.agent(name).events.compactMap { if case .welcome(let welcome) = $0 { welcome.sessionID } else { nil } }
        }
        #expect(sessions.count == 6 && Set(sessions).count == 6)
        fixture.end()
    }

    @Test func theLimitOfConnectionsIsOneForAllLoops() throws {
        let fixture = fixture { $0.limits.maximumConnections = 6 }
        let agent = fixture.agent()
        let visitors = (0..<5).map { fixture.connect(on: $0 % 3) }
        for loop in 0..<3 { #expect(try fixture.get("/healthz", on: loop).errorCode == "overloaded") }
        fixture.send(visitors[1], get("/web/a/"))
        agent.respond(try agent.request().id)
        fixture.leave(visitors[1])
        #expect(try fixture.get("/healthz", on: 2).status == 200, "who moved and left is not counted twice")
        fixture.end()
    }

    @Test func offlineAgentsAreForgottenEverywhere() throws {
        let fixture = fixture { $0.limits.maximumOfflineAgents = 30 }
        for number in 0..<60 {
            let agent = fixture.agent("a\(number)", on: number % 3)
            fixture.wait(.seconds(1))
            agent.close()
        }
        #expect(fixture.loops.allSatisfy { $0.agentRecords.count <= 30 })
        #expect(Set(fixture.loops.map { $0.agentRecords.map(\.description.agentID) }).count == 1, "all know the same")
        #expect(try fixture.get("/web/a0/", on: 1).errorCode == "unknown-agent")
        fixture.end()
    }

    @Test func settingsChangeOnAllLoops() throws {
        let fixture = fixture()
        _ = fixture.agent()
        var configuration = GatewayConfiguration()
        configuration.web.authTokens = ["t"]
        fixture.tell(.reconfigure(configuration))
        for loop in 0..<3 { #expect(try fixture.get("/web/a/", on: loop).errorCode == "unauthorized") }
        fixture.end()
    }

    // MARK: Draining

    @Test func aDrainWaitsForVisitorsThatAreOnTheirWay() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        let agent = fixture.agent("two")
        fixture.mail.isHeld = true
        let visitor = fixture.visit(get("/web/two/"))
        fixture.tell(.drain(within: .seconds(9)))
        #expect(!fixture.hasDrained)
        fixture.mail.deliver()  // the visitor arrives, and each loop hears how many the others have
        let request = try agent.request()
        fixture.mail.deliver()
        #expect(
            !fixture.hasDrained && !fixture.connection(agent.id).isClosing, "an agent is of use as long as there are visitors")
        agent.respond(request.id, 200, HTTPFields(), "last")
        fixture.mail.isHeld = false
        fixture.mail.deliver()
        #expect(try fixture.expectResponse(visitor).text == "last")
        #expect(fixture.connection(visitor).isClosing)
        #expect(fixture.hasDrained)
        fixture.end()
    }

    @Test func aVisitorMayStillMoveDuringADrain() throws {
        let fixture = fixture()
        _ = fixture.agent("one")
        let agent = fixture.agent("two")
        let visitor = fixture.visit("GET /web/two/ HTTP/1.1\r\n", on: 2)
        fixture.tell(.drain(within: .seconds(9)))
        fixture.send(visitor, "Host: h\r\n\r\n")
        agent.respond(try agent.request().id, 200, HTTPFields(), "in time")
        #expect(try fixture.expectResponse(visitor).text == "in time")
        #expect(fixture.hasDrained)
        fixture.end()
    }

    @Test func theEndOfADrainCutsWhoIsOnTheWayToo() {
        let fixture = fixture()
        _ = fixture.agent("one")
        _ = fixture.agent("two")
        fixture.mail.isHeld = true
        let visitor = fixture.visit(get("/web/two/"))
        fixture.tell(.drain(within: .seconds(1)))
        fixture.wait(.seconds(1))
        #expect(fixture.hasDrained)
        fixture.mail.isHeld = false
        fixture.mail.deliver()
        #expect(fixture.connection(visitor).isAborted)
        fixture.end()
    }

    @Test func aConnectionThatEndedBeforeItCouldMoveHoldsUpNoDrain() {
        let fixture = fixture()
        _ = fixture.agent("one")
        _ = fixture.agent("two")
        fixture.mail.losesConnections = true
        let visitor = fixture.visit(get("/web/two/"))
        fixture.leave(visitor)
        fixture.tell(.drain(within: .seconds(9)))
        #expect(fixture.hasDrained)
        fixture.end()
    }
}
