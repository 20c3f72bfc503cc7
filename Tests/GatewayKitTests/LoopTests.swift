// A gateway of three loops: whatever loop a connection is accepted on, it comes to where its agent lives, with all that it had, and
// what loops know of each other is enough for pages, limits and a drain.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct LoopTests {
    private func world(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> World {
        World(loops: 3, configure)
    }

    private func post(_ target: String, _ length: Int, _ body: String = "") -> String {
        "POST \(target) HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n\r\n\(body)"
    }

    // MARK: Homes

    @Test func agentsSpreadOverTheLoopsAndOneAloneLivesOnTheFirst() {
        let world = world()
        let agents = ["a", "b", "c", "d", "e"].map { world.agent($0, on: 2) }
        #expect(agents.map { world.places.loop(of: $0.id) } == [0, 1, 2, 0, 1])
        agents[1].close()
        let next = world.agent("f")
        #expect(world.places.loop(of: next.id) == 1, "there are fewest")
        let back = world.agent("b", on: 1)
        #expect(world.places.loop(of: back.id) == 1, "where it was before")
        world.end()
    }

    @Test func agentsThatConnectAtOnceSpreadToo() {
        let world = world()
        let peers = (0..<6).map { world.dial(query: "agentId=a\($0)", on: $0 % 3) }
        #expect(peers.map { world.places.loop(of: $0.id) } == [0, 1, 2, 0, 1, 2])
        #expect(Set(peers.map { $0.session.openStreams }) == [0])
        world.end()
    }

    @Test(arguments: DuplicateAgents.allCases) func twoAgentsOfOneIDMeetWhereverTheyAreAccepted(policy: DuplicateAgents) throws
    {
        let world = world { $0.duplicateAgents = policy }
        _ = world.agent("other")
        let first = world.agent("a", on: 2)
        #expect(world.places.loop(of: first.id) == 1)
        guard policy != .reject else {
            let second = world.visit(World.handshake("agentId=a"), on: 0)
            #expect(try world.expectAnswer(second).errorCode == "duplicate-agent")
            return world.end()
        }
        let second = world.agent("a", on: 0)
        #expect(world.places.loop(of: second.id) == 1)
        #expect(world.wire(first.id).isClosing == (policy == .replace))
        #expect(world.loops[1].counters.registeredAgents == 1)
        world.end()
    }

    @Test func anAgentThatNamesItselfLateLivesOnTheFirstLoop() throws {
        let world = world()
        let late = world.dial(query: "", on: 2)
        #expect(world.places.loop(of: late.id) == 0)
        late.register(AgentDescription(agentID: "a"))
        let visitor = world.visit(get("/web/a/"), on: 1)
        late.answer(try late.request().id, 200, HTTPFields(), "here")
        #expect(try world.expectAnswer(visitor).text == "here")
        world.end()
    }

    @Test func anAgentThatNamesItselfLateIsToldIfItsIDLivesElsewhereAndTakesItOverIfNobodyHasIt() throws {
        let world = world { $0.web.agentWait = .seconds(5) }
        _ = world.agent("first")
        let known = world.agent("a")
        #expect(world.places.loop(of: known.id) == 1)
        let refused = world.dial(query: "")
        refused.register(AgentDescription(agentID: "a"))
        #expect(
            refused.events.contains {
                if case .refused(let failure) = $0 { failure.message.contains("?agentId=a") } else { false }
            })
        known.close()
        let waiting = world.visit(get("/web/a/"))
        #expect(world.places.loop(of: waiting) == 1, "its last home")
        let taken = world.dial(query: "")
        taken.register(AgentDescription(agentID: "a"))
        #expect(world.places.loop(of: waiting) == 0)
        taken.answer(try taken.request().id, 200, HTTPFields(), "moved")
        #expect(try world.expectAnswer(waiting).text == "moved")
        let next = world.agent("a", on: 1)
        #expect(world.places.loop(of: next.id) == 0, "the new home")
        world.end()
    }

    @Test func aHandshakeThatIsRefusedNeedNotMove() throws {
        let world = world { $0.gatewayTokens = ["secret"] }
        for (query, code) in [("agentId=a&token=wrong", "unauthorized"), ("agentId=.a", "bad-agent-id")] {
            let id = world.visit(World.handshake(query), on: 2)
            #expect(try world.expectAnswer(id).errorCode == code)
        }
        #expect(world.places.moves == 0)
        world.end()
    }

    // MARK: Visitors

    @Test(arguments: TunnelVersion.allCases) func aVisitorComesWithPipelinedRequestsAndHalfABody(version: TunnelVersion) throws
    {
        let world = world()
        let one = world.agent("one", version)
        let two = world.agent("two", version)
        let visitor = world.visit(post("/web/two/x", 4, "abcd") + post("/web/one/y", 4, "ef"), on: 2)
        #expect(world.places.loop(of: visitor) == 1)
        let first = try two.request()
        #expect(two.bodies[first.id] == latin1("abcd"))
        two.answer(first.id, 200, HTTPFields(), "first")
        #expect(try world.expectAnswer(visitor, to: "POST").text == "first")
        #expect(world.places.loop(of: visitor) == 0, "the next request is for another")
        world.send(visitor, "gh" + get("/web/two/z"))
        let second = try one.request()
        #expect(one.bodies[second.id] == latin1("efgh"))
        one.answer(second.id, 200, HTTPFields(), "second")
        #expect(try world.expectAnswer(visitor, to: "POST").text == "second")
        two.answer(try two.request().id, 200, HTTPFields(), "third")
        #expect(try world.expectAnswer(visitor).text == "third")
        #expect(world.places.moves == 3 + 1, "one was the second agent's")
        world.end()
    }

    @Test func aVisitorStaysWhereItIs() throws {
        let world = world()
        let agent = world.agent()
        let visitor = world.visit("", on: 2)
        for number in 0..<3 {
            world.send(visitor, get("/web/a/\(number)"))
            agent.answer(try agent.request().id)
            #expect(try world.expectAnswer(visitor).status == 200)
            world.send(visitor, get("/healthz"))
            #expect(try world.expectAnswer(visitor).status == 200)
        }
        #expect(world.places.moves == 1)
        world.end()
    }

    @Test func whatWasNotReadBeforeTheMoveIsCreditedAfterIt() throws {
        let world = world()
        _ = world.agent("one")
        let agent = world.agent("two")
        let visitor = world.visit(get("/.miagent/agents"))
        world.hold(visitor)
        world.send(visitor, get("/healthz") + get("/web/two/"))
        #expect(world.places.loop(of: visitor) == 1 && world.wire(visitor).unacknowledged > 0)
        agent.answer(try agent.request().id, 200, HTTPFields(), "late")
        #expect(world.loops[1].counters.bufferedBytes == world.wire(visitor).unacknowledged)
        world.take(visitor)
        #expect(world.loops[1].counters.bufferedBytes == 0)
        for _ in 0..<2 { #expect(try world.expectAnswer(visitor).status == 200) }
        #expect(try world.expectAnswer(visitor).text == "late")
        world.end()
    }

    @Test func whoMayNotSpeakToAnAgentLearnsSoOnTheSpot() throws {
        let world = world { $0.web.authTokens = ["t"] }
        _ = world.agent()
        #expect(try world.get("/web/a/", on: 2).errorCode == "unauthorized")
        #expect(world.places.moves == 0)
        world.end()
    }

    @Test func anAgentThatIsOfflineElsewhereIsAskedForThere() throws {
        let world = world()
        _ = world.agent("one")
        world.agent("two").close()
        #expect(try world.get("/web/two/", on: 2).errorCode == "agent-offline")
        #expect(try world.get("/web/nobody/", on: 2).errorCode == "unknown-agent")
        world.end()
    }

    @Test func aVisitorWaitsOnAnyLoopAndGoesWhereTheAgentIs() throws {
        let world = world { $0.web.agentWait = .seconds(2) }
        _ = world.agent("one")
        let visitors = (0..<3).map { world.visit(post("/web/two/", 3, "ab"), on: $0) }
        world.wait(.seconds(1))
        let agent = world.agent("two")
        for visitor in visitors {
            #expect(world.places.loop(of: visitor) == 1)
            world.send(visitor, "c")
            agent.answer(try agent.request().id, 200, HTTPFields(), "x")
        }
        for visitor in visitors { #expect(try world.expectAnswer(visitor, to: "POST").text == "x") }
        world.end()
    }

    @Test func aWaitThatMovesIsNoLonger() throws {
        let world = world { $0.web.agentWait = .seconds(2) }
        _ = world.agent("one")
        let visitor = world.visit(get("/web/two/"), on: 2)
        let agent = world.dial(query: "agentId=two")
        world.wait(.seconds(1))
        world.places.isHeld = true
        agent.register(AgentDescription(agentID: "two"))
        agent.close()  // before loop 2 hears that it came
        world.places.isHeld = false
        world.deliverMail()
        #expect(world.places.loop(of: visitor) == 1 && world.wire(visitor).written.isEmpty)
        world.wait(.seconds(1))
        #expect(try world.expectAnswer(visitor).errorCode == "agent-offline")
        world.end()
    }

    // MARK: Between two loops

    @Test func whoLeavesOnTheWayIsForgotten() throws {
        let world = world()
        _ = world.agent("one")
        let agent = world.agent("two")
        world.places.isHeld = true
        let visitor = world.visit(get("/web/two/"))
        #expect(world.places.loop(of: visitor) == nil)
        world.leave(visitor)
        world.places.isHeld = false
        world.deliverMail()
        #expect(agent.events.contains { if case .reset = $0 { true } else { false } })
        world.end()
    }

    @Test func whatIsSentOnTheWayIsNotLost() throws {
        let world = world()
        _ = world.agent("one")
        let agent = world.agent("two")
        world.places.isHeld = true
        let visitor = world.visit(post("/web/two/", 6, "ab"))
        world.send(visitor, "cd")
        world.send(visitor, "ef")
        world.places.isHeld = false
        world.deliverMail()
        let request = try agent.request()
        #expect(agent.bodies[request.id] == latin1("abcdef"))
        agent.answer(request.id)
        #expect(try world.expectAnswer(visitor, to: "POST").status == 200)
        world.end()
    }

    // MARK: What loops know of each other

    @Test func pagesShowAllAgentsOnEveryLoop() throws {
        let world = world()
        for name in ["a", "b", "c", "d"] { _ = world.agent(name, on: 1) }
        world.agent("e").close()
        for loop in 0..<3 {
            let list = try world.get("/.miagent/agents", on: loop).text
            #expect(list.hasPrefix(#"{"connected":4,"webServices":4,"#))
            for name in ["a", "b", "c", "d", "e"] { #expect(list.contains(#""agentId":"\#(name)""#), "\(name) on \(loop)") }
            let page = try world.get("/", on: loop).text
            #expect(page.contains("<span id=\"connected\">4</span>") && page.contains(">offline<"))
        }
        #expect(world.places.moves == 7 + 4, "those of agents, and of the pages that the other loops were asked for")
        world.end()
    }

    @Test func statusAndRoundTripAreToldToAll() throws {
        let world = world()
        let agent = world.agent()
        world.say(agent, #"{"jsonrpc":"2.0","method":"agent.status","params":{"status":"busy"}}"#)
        world.wait(.seconds(21))
        for loop in 0..<3 {
            let list = try world.get("/.miagent/agents", on: loop).text
            #expect(list.contains(#""status":"busy""#) && list.contains(#""roundTripMs":0"#), "loop \(loop)")
        }
        world.end()
    }

    @Test func hostNamesFindAgentsOfOtherLoops() throws {
        let world = world { $0.web.subdomainHost = "gw.example" }
        _ = world.agent("one")
        let agent = world.agent("Two")
        let visitor = world.visit("GET /x HTTP/1.1\r\nHost: two.gw.example\r\n\r\n", on: 2)
        agent.answer(try agent.request().id, 200, HTTPFields(), "by host")
        #expect(try world.expectAnswer(visitor).text == "by host")
        world.end()
    }

    @Test func sessionsHaveNamesOfTheirOwn() {
        let world = world()
        let sessions = ["a", "b", "c", "d", "e", "f"].flatMap { name in
            world.agent(name).events.compactMap { if case .welcome(let welcome) = $0 { welcome.sessionID } else { nil } }
        }
        #expect(sessions.count == 6 && Set(sessions).count == 6)
        world.end()
    }

    @Test func theLimitOfConnectionsIsOneForAllLoops() throws {
        let world = world { $0.limits.maximumConnections = 6 }
        let agent = world.agent()
        let visitors = (0..<5).map { world.connect(on: $0 % 3) }
        for loop in 0..<3 { #expect(try world.get("/healthz", on: loop).errorCode == "overloaded") }
        world.send(visitors[1], get("/web/a/"))
        agent.answer(try agent.request().id)
        world.leave(visitors[1])
        #expect(try world.get("/healthz", on: 2).status == 200, "who moved and left is not counted twice")
        world.end()
    }

    @Test func offlineAgentsAreForgottenEverywhere() throws {
        let world = world { $0.limits.maximumOfflineAgents = 30 }
        for number in 0..<60 {
            let agent = world.agent("a\(number)", on: number % 3)
            world.wait(.seconds(1))
            agent.close()
        }
        #expect(world.loops.allSatisfy { $0.agentRecords.count <= 30 })
        #expect(Set(world.loops.map { $0.agentRecords.map(\.description.agentID) }).count == 1, "all know the same")
        #expect(try world.get("/web/a0/", on: 1).errorCode == "unknown-agent")
        world.end()
    }

    @Test func settingsChangeOnAllLoops() throws {
        let world = world()
        _ = world.agent()
        var configuration = GatewayConfiguration()
        configuration.web.authTokens = ["t"]
        world.tell(.reconfigure(configuration))
        for loop in 0..<3 { #expect(try world.get("/web/a/", on: loop).errorCode == "unauthorized") }
        world.end()
    }

    // MARK: Draining

    @Test func aDrainWaitsForVisitorsThatAreOnTheirWay() throws {
        let world = world()
        _ = world.agent("one")
        let agent = world.agent("two")
        world.places.isHeld = true
        let visitor = world.visit(get("/web/two/"))
        world.tell(.drain(within: .seconds(9)))
        #expect(!world.hasDrained)
        world.deliverMail()  // the visitor arrives, and each loop hears how many the others have
        let request = try agent.request()
        world.deliverMail()
        #expect(!world.hasDrained && !world.wire(agent.id).isClosing, "an agent is of use as long as there are visitors")
        agent.answer(request.id, 200, HTTPFields(), "last")
        world.places.isHeld = false
        world.deliverMail()
        #expect(try world.expectAnswer(visitor).text == "last")
        #expect(world.wire(visitor).isClosing)
        #expect(world.hasDrained)
        world.end()
    }

    @Test func aVisitorMayStillMoveDuringADrain() throws {
        let world = world()
        _ = world.agent("one")
        let agent = world.agent("two")
        let visitor = world.visit("GET /web/two/ HTTP/1.1\r\n", on: 2)
        world.tell(.drain(within: .seconds(9)))
        world.send(visitor, "Host: h\r\n\r\n")
        agent.answer(try agent.request().id, 200, HTTPFields(), "in time")
        #expect(try world.expectAnswer(visitor).text == "in time")
        #expect(world.hasDrained)
        world.end()
    }

    @Test func theEndOfADrainCutsWhoIsOnTheWayToo() {
        let world = world()
        _ = world.agent("one")
        _ = world.agent("two")
        world.places.isHeld = true
        let visitor = world.visit(get("/web/two/"))
        world.tell(.drain(within: .seconds(1)))
        world.wait(.seconds(1))
        #expect(world.hasDrained)
        world.places.isHeld = false
        world.deliverMail()
        #expect(world.wire(visitor).isAborted)
        world.end()
    }

    @Test func aConnectionThatEndedBeforeItCouldMoveHoldsUpNoDrain() {
        let world = world()
        _ = world.agent("one")
        _ = world.agent("two")
        world.places.isLosing = true
        let visitor = world.visit(get("/web/two/"))
        world.leave(visitor)
        world.tell(.drain(within: .seconds(9)))
        #expect(world.hasDrained)
        world.end()
    }
}
