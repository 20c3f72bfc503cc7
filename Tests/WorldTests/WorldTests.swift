// Both machines over a simulated network: whatever the network does to the bytes, what comes back is what was asked for, and
// when everybody has gone nothing is left.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@Suite struct WorldTests {
    @Test(arguments: TunnelVersion.allCases)
    func everyRequestComesBackAsItWent(_ version: TunnelVersion) throws {
        for seed in UInt64(1)...6 {
            var conditions = World.Conditions()
            conditions.latencyMs = seed % 3 * 10
            conditions.kernelBytes = [64 * 1024, 300, 5_000][Int(seed % 3)]
            conditions.writeBytes = [64 * 1024, 700, 90][Int(seed % 3)]
            conditions.readBytes = [64 * 1024, 300, 1_500][Int(seed % 3)]
            let town = Town(seed: seed, conditions: conditions)
            try town.addAgent("one", version: version)
            #expect(town.awaitAgents())
            let visits = (0..<8).map { _ in randomRequests(&town.world.random) }
            let visitors = visits.map { town.addVisitor($0) }
            #expect(town.world.run(limitMs: 3_600_000) { visitors.allSatisfy { $0.machine.isDone } })
            for (visitor, requests) in zip(visitors, visits) {
                check(visitor.machine.answers, against: requests, "seed \(seed) \(version)")
            }
            town.expectNothingLeftOver("seed \(seed) \(version)")
        }
    }

    private func randomRequests(_ random: inout SplitMix) -> [TestVisitor.Request] {
        (0..<6).map { _ in
            let kind = ["length", "chunked", "close"].randomElement(using: &random) ?? "length"
            let method = ["GET", "POST", "HEAD", "PUT"].randomElement(using: &random) ?? "GET"
            let hasBody = method == "POST" || method == "PUT"
            let body = hasBody ? random.bytes([0, 1, 300, 20_000].randomElement(using: &random) ?? 0) : []
            let target = "/web/one/\(kind)/x%2Fy?q=\(random.next())"
            let isChunked = hasBody && Bool.random(using: &random)
            return TestVisitor.Request(method: method, target: target, body: body, isChunked: isChunked)
        }
    }

    private func check(_ answers: [TestVisitor.Answer], against requests: [TestVisitor.Request], _ note: Comment) {
        #expect(answers.count == requests.count, note)
        for (answer, request) in zip(answers, requests) {
            #expect(answer.isWhole && answer.status == 200, note)
            #expect(answer.fields["x-target"] == String(request.target.dropFirst("/web/one".count)), note)
            #expect(answer.fields["x-method"] == request.method, note)
            #expect(answer.body == (request.method == "HEAD" ? [] : request.body), note)
        }
    }

    @Test func twoHundredAgentsConnectAtOnceAndEachAnswersForItself() throws {
        let town = Town(seed: 200)
        for number in 0..<200 { try town.addAgent("agent-\(number)") }
        #expect(town.awaitAgents())
        let visitors = stride(from: 0, to: 200, by: 20).map {
            town.addVisitor([.init(target: "/web/agent-\($0)/length/\($0)")])
        }
        #expect(town.world.run { visitors.allSatisfy { $0.machine.isDone } })
        for (index, visitor) in visitors.enumerated() {
            #expect(visitor.machine.answers.first?.fields["x-target"] == "/length/\(index * 20)")
        }
        town.expectNothingLeftOver("200 agents")
    }

    @Test func agentsAreBackWithinTwoSecondsOfARestart() throws {
        let town = Town(seed: 3)
        for number in 0..<20 { try town.addAgent("agent-\(number)") }
        #expect(town.awaitAgents())
        town.world.run(forMs: 15_000)  // life was stable
        town.restartGateway()
        let restarted = town.world.now
        #expect(town.awaitAgents())
        #expect(town.world.now.since(restarted) < .seconds(2))
        town.expectNothingLeftOver("restart")
    }

    @Test(arguments: TunnelVersion.allCases)
    func aVisitorThatLeavesTakesItsRequestWithIt(_ version: TunnelVersion) throws {
        let town = Town(seed: 4)
        let agent = try town.addAgent("one", version: version)
        #expect(town.awaitAgents())
        let visitor = town.addVisitor([.init(target: "/web/one/silent")])
        #expect(town.world.run { agent.machine.counters.openExchanges == 1 })
        visitor.send(.leave)
        if version == .v2 {  // v1 has no word for it
            #expect(town.world.run(limitMs: 100) { agent.machine.counters.openExchanges == 0 })
        }
        #expect(town.world.run { town.gateway.counters.openStreams == 0 })
        town.expectNothingLeftOver("left \(version)")
    }

    @Test func anAgentThatDiesIsA502BeforeTheHead() throws {
        let town = Town(seed: 5)
        let agent = try town.addAgent("one")
        #expect(town.awaitAgents())
        let visitor = town.addVisitor([.init(target: "/web/one/silent")])
        #expect(town.world.run { agent.machine.counters.openExchanges == 1 })
        town.world.remove(agent)
        town.agents.removeAll()
        #expect(town.world.run { visitor.machine.isDone })
        #expect(visitor.machine.answers.first?.status == 502)
        #expect(visitor.machine.answers.first?.fields["x-miagent-error"] == "agent-lost")
        town.expectNothingLeftOver("agent died")
    }

    @Test func aServiceThatNeverAnswersIsA504() throws {
        let town = Town(seed: 6)
        try town.addAgent("one")
        #expect(town.awaitAgents())
        let visitor = town.addVisitor([.init(target: "/web/one/silent")])
        #expect(town.world.run(limitMs: 40_000) { visitor.machine.isDone })
        #expect(visitor.machine.answers.first?.status == 504)
        town.expectNothingLeftOver("504")
    }
}
