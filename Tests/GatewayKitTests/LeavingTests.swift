// Agents that leave, and requests that an agent refuses unprocessed.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct LeavingTests {
    private func leave(_ agent: AgentPeer) {
        agent.session.leave(within: .seconds(10))
        agent.flush()
    }

    private func serve(_ agent: AgentPeer, _ world: World, _ visitor: ConnectionID, _ text: String = "x") throws {
        agent.answer(try agent.request().id, 200, HTTPFields(), text)
        #expect(try world.expectAnswer(visitor).text == text)
    }

    // MARK: Leaving

    @Test(arguments: TunnelVersion.allCases) func anAgentThatLeavesGetsNothingNew(version: TunnelVersion) throws {
        let world = World { $0.duplicateAgents = .balance }
        let (leaving, other) = (world.agent("a", version), world.agent("a", version))
        let begun = [world.visit(get("/web/a/")), world.visit(get("/web/a/"))]
        leave(leaving)
        #expect(try world.get("/api/agents").text.contains(#""status":"draining""#))
        let later = (0..<4).map { _ in world.visit(get("/web/a/")) }
        #expect(leaving.waitingRequests == 1 && other.waitingRequests == 5)
        try serve(leaving, world, begun[0])
        leaving.close()
        for visitor in [begun[1]] + later { try serve(other, world, visitor) }
        world.end()
    }

    @Test(arguments: TunnelVersion.allCases) func ofTheOnlyAgentThatLeavesRequestsWaitForTheNext(version: TunnelVersion) throws
    {
        let world = World { $0.web.agentWait = .seconds(2) }
        let old = world.agent("a", version)
        let begun = world.visit(get("/web/a/"))
        leave(old)
        let waiting = world.visit(get("/web/a/"))
        #expect(world.wire(waiting).written.isEmpty && old.waitingRequests == 1)
        let new = world.agent("a", version)
        try serve(new, world, waiting, "new")
        #expect(!world.wire(old.id).isClosing, "it is not replaced, but left to finish")
        try serve(old, world, begun, "old")
        leave(new)
        let late = world.visit(get("/web/a/"))
        world.wait(.seconds(2))
        #expect(try world.expectAnswer(late).errorCode == "agent-offline")
        world.end()
    }

    @Test func whoLeavesKeepsNobodyOut() throws {
        let world = World { $0.duplicateAgents = .reject }
        let old = world.agent()
        leave(old)
        let new = world.agent()
        #expect(!new.has(.closed(nil, reason: "")) && !world.wire(new.id).isClosing)
        try serve(new, world, world.visit(get("/web/a/")))
        world.end()
    }

    @Test func aV1AgentMayThinkBetterOfItAndAStrangerMeansNothing() throws {
        let world = World { $0.web.agentWait = .seconds(2) }
        let agent = world.agent("a", .v1)
        leave(agent)
        let waiting = world.visit(get("/web/a/"))
        #expect(agent.waitingRequests == 0)
        agent.session.update(StatusUpdate(status: "idle"))
        agent.flush()
        try serve(agent, world, waiting)
        let stranger = world.dial(query: "agentId=b")
        leave(stranger)
        stranger.register(AgentDescription(agentID: "b"))
        try serve(stranger, world, world.visit(get("/web/b/")))
        world.end()
    }

    // MARK: Refusals

    @Test(arguments: TunnelVersion.allCases, [false, true])
    func whatOneRefusesAnotherGets(version: TunnelVersion, byReset: Bool) throws {
        if byReset, version == .v1 { return }
        let world = World { $0.duplicateAgents = .balance }
        let (first, second) = (world.agent("a", version), world.agent("a", version))
        let visitor = world.visit(get("/web/a/x?y=z", "X-Request-ID: me\r\n") + get("/healthz"))
        let stream = try first.request().id
        byReset ? first.reset(stream, .refused) : first.fail(stream, .tooManyStreams)
        let (again, head) = try second.request()
        #expect(String(decoding: head.path, as: UTF8.self) == "/x" && head.fields[.xRequestID] == "me" && !head.hasBody)
        second.answer(again, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(visitor).text == "x")
        #expect(try world.expectAnswer(visitor).status == 200, "the connection goes on with the next request")
        #expect(first.waitingRequests == 0)
        world.end()
    }

    @Test func whatAPageAsksForWithoutThePrefixGoesElsewhereToo() throws {
        let world = World { $0.duplicateAgents = .balance }
        let (first, second) = (world.agent(), world.agent())
        let visitor = world.visit(get("/static/x", "Referer: http://gw.example/web/a/\r\n"))
        first.fail(try first.request().id, .tooManyStreams)
        let (again, head) = try second.request()
        #expect(String(decoding: head.path, as: UTF8.self) == "/static/x")
        second.answer(again, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(visitor).text == "x")
        world.end()
    }

    @Test func whatAllRefuseIsRefused() throws {
        let world = World { $0.duplicateAgents = .balance }
        let agents = [world.agent(), world.agent()]
        let visitor = world.visit(get("/web/a/"))
        for agent in agents { agent.fail(try agent.request().id, .tooManyStreams) }
        let answer = try world.expectAnswer(visitor)
        #expect(answer.status == 503 && answer.errorCode == "too-many-streams")
        #expect(agents.allSatisfy { $0.waitingRequests == 0 })
        world.send(visitor, get("/web/a/"))
        #expect(agents.map(\.waitingRequests).reduce(0, +) == 1, "the next request is another's")
        world.end()
    }

    @Test(arguments: TunnelVersion.allCases) func whatHasBegunToFlowIsNotSentTwice(version: TunnelVersion) throws {
        let world = World {
            $0.duplicateAgents = .balance
            $0.web.agentWait = .seconds(2)
        }
        let (first, second) = (world.agent("a", version), world.agent("a", version))
        let visitor = world.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        first.fail(try first.request().id, .tooManyStreams)
        #expect(try world.expectAnswer(visitor, to: "POST").errorCode == "too-many-streams")
        #expect(second.waitingRequests == 0)
        world.end()
    }

    @Test func aBodyThatHasNotBegunGoesElsewhere() throws {
        let world = World { $0.duplicateAgents = .balance }
        let (first, second) = (world.agent(), world.agent())
        let visitor = world.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
        first.fail(try first.request().id, .tooManyStreams)
        let stream = try second.request().id
        world.send(visitor, "abc")
        #expect(second.body(stream) == "abc" && second.hasEnded(stream))
        second.answer(stream, 201)
        #expect(try world.expectAnswer(visitor, to: "POST").status == 201)
        world.end()
    }

    @Test func whatTheOnlyAgentRefusesWaitsUntilItHasLessToDo() throws {
        let world = World { $0.web.agentWait = .seconds(2) }
        let agent = world.agent()
        let busy = world.visit(get("/web/a/"))
        let begun = try agent.request().id
        let waiting = [world.visit(get("/web/a/")), world.visit(get("/web/a/"))]
        for _ in waiting { agent.fail(try agent.request().id, .tooManyStreams) }
        #expect(
            waiting.allSatisfy { world.wire($0).written.isEmpty } && agent.waitingRequests == 0,
            "it is not asked again and again")
        agent.answer(begun)
        #expect(try world.expectAnswer(busy).status == 200)
        #expect(agent.waitingRequests == 1)
        try serve(agent, world, waiting[0])
        try serve(agent, world, waiting[1])
        #expect(world.gateway.internals.waitingRequests == 0)
        world.end()
    }

    @Test func whatWaitsInVainIsToldOfTheRefusal() throws {
        let world = World { $0.web.agentWait = .seconds(2) }
        let agent = world.agent()
        let visitor = world.visit(get("/web/a/") + get("/healthz"))
        agent.fail(try agent.request().id, .tooManyStreams)
        world.wait(.seconds(2))
        #expect(try world.expectAnswer(visitor).errorCode == "too-many-streams")
        #expect(try world.expectAnswer(visitor).status == 200)
        let other = world.visit(get("/web/a/"))
        agent.fail(try agent.request().id, .tooManyStreams)
        try serve(world.agent(), world, other)
        world.end()
    }

    @Test func anUpgradeGoesElsewhereToo() throws {
        let world = World { $0.duplicateAgents = .balance }
        let (first, second) = (world.agent(), world.agent())
        let visitor = world.visit(get("/web/a/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        first.fail(try first.request().id, .tooManyStreams)
        let (stream, head) = try second.request()
        #expect(head.upgrade == "websocket")
        second.begin(stream, 101, HTTPFields())
        #expect(try world.expectAnswer(visitor).status == 101)
        world.send(visitor, "ping")
        #expect(second.body(stream) == "ping")
        world.end()
    }
}
