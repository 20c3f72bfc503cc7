// Several tunnels under one id that share the work.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct BalanceTests {
    private func pool() -> World { World { $0.duplicateAgents = .balance } }

    private func serve(_ agent: AgentPeer, _ world: World, _ visitor: ConnectionID) throws {
        agent.answer(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(visitor).text == "x")
    }

    @Test func theLeastBusyTunnelIsAskedFirst() throws {
        let world = pool()
        let agents = [world.agent(), world.agent(), world.agent()]
        let visitors = (0..<6).map { _ in world.visit(get("/web/a/")) }
        #expect(agents.map(\.waitingRequests) == [2, 2, 2])
        try serve(agents[1], world, visitors[1])
        try serve(agents[1], world, visitors[4])
        _ = (0..<2).map { _ in world.visit(get("/web/a/")) }
        #expect(agents.map(\.waitingRequests) == [2, 2, 2])
        world.end()
    }

    @Test func requestsOneAfterTheOtherGoToEachInTurn() throws {
        let world = pool()
        let agents = [world.agent(), world.agent(), world.agent()]
        for round in 0..<9 {
            let visitor = world.visit(get("/web/a/"))
            try serve(agents[round % 3], world, visitor)
        }
        world.end()
    }

    @Test func oneThatLeavesDisturbsNoOther() throws {
        let world = pool()
        let first = world.agent()
        let second = world.agent()
        let visitors = [world.visit(get("/web/a/")), world.visit(get("/web/a/"))]
        first.close()
        #expect(try world.expectAnswer(visitors[0]).errorCode == "agent-lost")
        try serve(second, world, visitors[1])
        for _ in 0..<3 { try serve(second, world, world.visit(get("/web/a/"))) }
        #expect(world.gateway.agentRecords.first?.isOnline == true)
        #expect(world.gateway.counters.registeredAgents == 1)
        second.close()
        #expect(try world.get("/web/a/").errorCode == "agent-offline")
        world.end()
    }

    @Test func whatIsShownIsWhatTheNewestOfThoseStillHereSaid() throws {
        let world = pool()
        let first = world.dial(from: "198.51.100.1")
        first.register(AgentDescription(agentID: "a", host: "one"))
        let second = world.dial(from: "198.51.100.2")
        second.register(AgentDescription(agentID: "a", host: "two", token: "s3cret"))
        var record = try #require(world.gateway.agentRecords.first)
        #expect(record.description.host == "two" && record.connections.count == 2 && record.description.token == nil)
        #expect(try world.get("/.miagent/agents").text.contains(#""tunnels":2"#))
        second.close()
        record = try #require(world.gateway.agentRecords.first)
        #expect(record.description.host == "one" && record.remoteAddress == "198.51.100.1")
        #expect(try world.get("/.miagent/agents").text.contains(#""tunnels":1"#))
        world.end()
    }

    @Test func onlyThoseThatServeTheWebAreAsked() throws {
        let world = pool()
        let first = world.agent()
        let second = world.agent()
        second.session.update(StatusUpdate(servesWeb: false))
        second.flush()
        for _ in 0..<3 { try serve(first, world, world.visit(get("/web/a/"))) }
        #expect(second.waitingRequests == 0)
        first.close()
        #expect(try world.get("/web/a/").errorCode == "no-web-service")
        second.session.update(StatusUpdate(servesWeb: true))
        second.flush()
        try serve(second, world, world.visit(get("/web/a/")))
        world.end()
    }

    @Test func oneThatDoesNotReadIsPassedOver() throws {
        let world = World {
            $0.duplicateAgents = .balance
            $0.limits.tunnel.maximumBacklog = 2_000
        }
        let slow = world.agent()
        let fast = world.agent()
        world.hold(slow.id)
        let visitors = (0..<40).map { _ in world.visit(get("/web/a/")) }
        #expect(visitors.allSatisfy { world.wire($0).written.isEmpty }, "nobody was refused")
        #expect(fast.waitingRequests > 30)
        world.end()
    }
}
