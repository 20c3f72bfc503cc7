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

    private func serve(_ agent: AgentPeer, _ fixture: GatewayFixture, _ visitor: ConnectionID, _ text: String = "x") throws {
        agent.respond(try agent.request().id, 200, HTTPFields(), text)
        #expect(try fixture.expectResponse(visitor).text == text)
    }

    // MARK: Leaving

    @Test(arguments: TunnelVersion.allCases) func anAgentThatLeavesGetsNothingNew(version: TunnelVersion) throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let (leaving, other) = (fixture.agent("a", version), fixture.agent("a", version))
        let begun = [fixture.visit(get("/web/a/")), fixture.visit(get("/web/a/"))]
        leave(leaving)
        #expect(try fixture.get("/api/agents").text.contains(#""status":"draining""#))
        let later = (0..<4).map { _ in fixture.visit(get("/web/a/")) }
        #expect(leaving.waitingRequests == 1 && other.waitingRequests == 5)
        try serve(leaving, fixture, begun[0])
        leaving.close()
        for visitor in [begun[1]] + later { try serve(other, fixture, visitor) }
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func ofTheOnlyAgentThatLeavesRequestsWaitForTheNext(version: TunnelVersion) throws
    {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(2) }
        let old = fixture.agent("a", version)
        let begun = fixture.visit(get("/web/a/"))
        leave(old)
        let waiting = fixture.visit(get("/web/a/"))
        #expect(fixture.connection(waiting).written.isEmpty && old.waitingRequests == 1)
        let new = fixture.agent("a", version)
        try serve(new, fixture, waiting, "new")
        #expect(!fixture.connection(old.id).isClosing, "it is not replaced, but left to finish")
        try serve(old, fixture, begun, "old")
        leave(new)
        let late = fixture.visit(get("/web/a/"))
        fixture.wait(.seconds(2))
        #expect(try fixture.expectResponse(late).errorCode == "agent-offline")
        fixture.end()
    }

    @Test func whoLeavesKeepsNobodyOut() throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .reject }
        let old = fixture.agent()
        leave(old)
        let new = fixture.agent()
        #expect(!new.has(.closed(nil, reason: "")) && !fixture.connection(new.id).isClosing)
        try serve(new, fixture, fixture.visit(get("/web/a/")))
        fixture.end()
    }

    @Test func aV1AgentMayThinkBetterOfItAndAnUnregisteredAgentMeansNothing() throws {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(2) }
        let agent = fixture.agent("a", .v1)
        leave(agent)
        let waiting = fixture.visit(get("/web/a/"))
        #expect(agent.waitingRequests == 0)
        agent.session.update(StatusUpdate(status: "idle"))
        agent.flush()
        try serve(agent, fixture, waiting)
        let unregistered = fixture.dial(query: "agentId=b")
        leave(unregistered)
        unregistered.register(AgentDescription(agentID: "b"))
        try serve(unregistered, fixture, fixture.visit(get("/web/b/")))
        fixture.end()
    }

    // MARK: Refusals

    @Test(arguments: TunnelVersion.allCases, [false, true])
    func whatOneRefusesAnotherGets(version: TunnelVersion, byReset: Bool) throws {
        if byReset, version == .v1 { return }
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let (first, second) = (fixture.agent("a", version), fixture.agent("a", version))
        let visitor = fixture.visit(get("/web/a/x?y=z", "X-Request-ID: me\r\n") + get("/healthz"))
        let stream = try first.request().id
        byReset ? first.reset(stream, .refused) : first.fail(stream, .tooManyStreams)
        let (again, head) = try second.request()
        #expect(String(decoding: head.path, as: UTF8.self) == "/x" && head.fields[.xRequestID] == "me" && !head.hasBody)
        second.respond(again, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(visitor).text == "x")
        #expect(try fixture.expectResponse(visitor).status == 200, "the connection goes on with the next request")
        #expect(first.waitingRequests == 0)
        fixture.end()
    }

    @Test func whatAPageAsksForWithoutThePrefixGoesElsewhereToo() throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let (first, second) = (fixture.agent(), fixture.agent())
        let visitor = fixture.visit(get("/static/x", "Referer: http://gw.example/web/a/\r\n"))
        first.fail(try first.request().id, .tooManyStreams)
        let (again, head) = try second.request()
        #expect(String(decoding: head.path, as: UTF8.self) == "/static/x")
        second.respond(again, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(visitor).text == "x")
        fixture.end()
    }

    @Test func whatAllRefuseIsRefused() throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let agents = [fixture.agent(), fixture.agent()]
        let visitor = fixture.visit(get("/web/a/"))
        for agent in agents { agent.fail(try agent.request().id, .tooManyStreams) }
        let response = try fixture.expectResponse(visitor)
        #expect(response.status == 503 && response.errorCode == "too-many-streams")
        #expect(agents.allSatisfy { $0.waitingRequests == 0 })
        fixture.send(visitor, get("/web/a/"))
        #expect(agents.map(\.waitingRequests).reduce(0, +) == 1, "the next request is another's")
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func whatHasBegunToFlowIsNotSentTwice(version: TunnelVersion) throws {
        let fixture = GatewayFixture {
            $0.duplicateAgents = .balance
            $0.web.agentWait = .seconds(2)
        }
        let (first, second) = (fixture.agent("a", version), fixture.agent("a", version))
        let visitor = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        first.fail(try first.request().id, .tooManyStreams)
        #expect(try fixture.expectResponse(visitor, to: "POST").errorCode == "too-many-streams")
        #expect(second.waitingRequests == 0)
        fixture.end()
    }

    @Test func aBodyThatHasNotBegunGoesElsewhere() throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let (first, second) = (fixture.agent(), fixture.agent())
        let visitor = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
        first.fail(try first.request().id, .tooManyStreams)
        let stream = try second.request().id
        fixture.send(visitor, "abc")
        #expect(second.body(stream) == "abc" && second.hasEnded(stream))
        second.respond(stream, 201)
        #expect(try fixture.expectResponse(visitor, to: "POST").status == 201)
        fixture.end()
    }

    @Test func whatTheOnlyAgentRefusesWaitsUntilItHasLessToDo() throws {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(2) }
        let agent = fixture.agent()
        let busy = fixture.visit(get("/web/a/"))
        let begun = try agent.request().id
        let waiting = [fixture.visit(get("/web/a/")), fixture.visit(get("/web/a/"))]
        for _ in waiting { agent.fail(try agent.request().id, .tooManyStreams) }
        #expect(
            waiting.allSatisfy { fixture.connection($0).written.isEmpty } && agent.waitingRequests == 0,
            "it is not asked again and again")
        agent.respond(begun)
        #expect(try fixture.expectResponse(busy).status == 200)
        #expect(agent.waitingRequests == 1)
        try serve(agent, fixture, waiting[0])
        try serve(agent, fixture, waiting[1])
        #expect(fixture.gateway.internals.waitingRequests == 0)
        fixture.end()
    }

    @Test func whatWaitsInVainIsToldOfTheRefusal() throws {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(2) }
        let agent = fixture.agent()
        let visitor = fixture.visit(get("/web/a/") + get("/healthz"))
        agent.fail(try agent.request().id, .tooManyStreams)
        fixture.wait(.seconds(2))
        #expect(try fixture.expectResponse(visitor).errorCode == "too-many-streams")
        #expect(try fixture.expectResponse(visitor).status == 200)
        let other = fixture.visit(get("/web/a/"))
        agent.fail(try agent.request().id, .tooManyStreams)
        try serve(fixture.agent(), fixture, other)
        fixture.end()
    }

    @Test func anUpgradeGoesElsewhereToo() throws {
        let fixture = GatewayFixture { $0.duplicateAgents = .balance }
        let (first, second) = (fixture.agent(), fixture.agent())
        let visitor = fixture.visit(get("/web/a/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        first.fail(try first.request().id, .tooManyStreams)
        let (stream, head) = try second.request()
        #expect(head.upgrade == "websocket")
        second.begin(stream, 101, HTTPFields())
        #expect(try fixture.expectResponse(visitor).status == 101)
        fixture.send(visitor, "ping")
        #expect(second.body(stream) == "ping")
        fixture.end()
    }
}
