// Several tunnels under one id that share the work.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct BalanceTests {
    private func pool() -> GatewayFixture { GatewayFixture { $0.duplicateAgents = .balance } }

    private func serve(_ agent: AgentPeer, _ fixture: GatewayFixture, _ visitor: ConnectionID) throws {
        agent.respond(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(visitor).text == "x")
    }

    @Test func theLeastBusyTunnelIsAskedFirst() throws {
        let fixture = pool()
        let agents = [fixture.agent(), fixture.agent(), fixture.agent()]
        let visitors = (0..<6).map { _ in fixture.visit(get("/web/a/")) }
        #expect(agents.map(\.waitingRequests) == [2, 2, 2])
        try serve(agents[1], fixture, visitors[1])
        try serve(agents[1], fixture, visitors[4])
        _ = (0..<2).map { _ in fixture.visit(get("/web/a/")) }
        #expect(agents.map(\.waitingRequests) == [2, 2, 2])
        fixture.end()
    }

    @Test func requestsOneAfterTheOtherGoToEachInTurn() throws {
        let fixture = pool()
        let agents = [fixture.agent(), fixture.agent(), fixture.agent()]
        for round in 0..<9 {
            let visitor = fixture.visit(get("/web/a/"))
            try serve(agents[round % 3], fixture, visitor)
        }
        fixture.end()
    }

    @Test func oneThatLeavesDisturbsNoOther() throws {
        let fixture = pool()
        let first = fixture.agent()
        let second = fixture.agent()
        let visitors = [fixture.visit(get("/web/a/")), fixture.visit(get("/web/a/"))]
        first.close()
        #expect(try fixture.expectResponse(visitors[0]).errorCode == "agent-lost")
        try serve(second, fixture, visitors[1])
        for _ in 0..<3 { try serve(second, fixture, fixture.visit(get("/web/a/"))) }
        #expect(fixture.gateway.agentRecords.first?.isOnline == true)
        #expect(fixture.gateway.counters.registeredAgents == 1)
        second.close()
        #expect(try fixture.get("/web/a/").errorCode == "agent-offline")
        fixture.end()
    }

    @Test func whatIsShownIsWhatTheNewestOfThoseStillHereSaid() throws {
        let fixture = pool()
        let first = fixture.dial(from: "198.51.100.1")
        first.register(AgentDescription(agentID: "a", host: "one"))
        let second = fixture.dial(from: "198.51.100.2")
        second.register(AgentDescription(agentID: "a", host: "two", token: "s3cret"))
        var record = try #require(fixture.gateway.agentRecords.first)
        #expect(record.description.host == "two" && record.connections.count == 2 && record.description.token == nil)
        #expect(try fixture.get("/.miagent/agents").text.contains(#""tunnels":2"#))
        second.close()
        record = try #require(fixture.gateway.agentRecords.first)
        #expect(record.description.host == "one" && record.remoteAddress == "198.51.100.1")
        #expect(try fixture.get("/.miagent/agents").text.contains(#""tunnels":1"#))
        fixture.end()
    }

    @Test func onlyThoseThatServeTheWebAreAsked() throws {
        let fixture = pool()
        let first = fixture.agent()
        let second = fixture.agent()
        second.session.update(StatusUpdate(servesWeb: false))
        second.flush()
        for _ in 0..<3 { try serve(first, fixture, fixture.visit(get("/web/a/"))) }
        #expect(second.waitingRequests == 0)
        first.close()
        #expect(try fixture.get("/web/a/").errorCode == "no-web-service")
        second.session.update(StatusUpdate(servesWeb: true))
        second.flush()
        try serve(second, fixture, fixture.visit(get("/web/a/")))
        fixture.end()
    }

    @Test func oneThatDoesNotReadIsPassedOver() throws {
        let fixture = GatewayFixture {
            $0.duplicateAgents = .balance
            $0.limits.tunnel.maximumBacklog = 2_000
        }
        let slow = fixture.agent()
        let fast = fixture.agent()
        fixture.hold(slow.id)
        let visitors = (0..<40).map { _ in fixture.visit(get("/web/a/")) }
        #expect(visitors.allSatisfy { fixture.connection($0).written.isEmpty }, "nobody was refused")
        #expect(fast.waitingRequests > 30)
        fixture.end()
    }
}
