// Both machines over a simulated network: whatever the network does to the bytes, what comes back is what was asked for, and
// when all have gone nothing is left.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@Suite struct EndToEndTests {
    @Test(arguments: TunnelVersion.allCases)
    func everyRequestComesBackAsItWent(_ version: TunnelVersion) throws {
        for seed in UInt64(1)...6 {
            var conditions = SimulatedNetwork.Conditions()
            conditions.latencyMs = seed % 3 * 10
            conditions.kernelBytes = [64 * 1024, 300, 5_000][Int(seed % 3)]
            conditions.writeBytes = [64 * 1024, 700, 90][Int(seed % 3)]
            conditions.readBytes = [64 * 1024, 300, 1_500][Int(seed % 3)]
            let fixture = Fixture(seed: seed, conditions: conditions)
            try fixture.addAgent("one", version: version)
            #expect(fixture.awaitAgents())
            let visits = (0..<8).map { _ in randomRequests(&fixture.network.random) }
            let visitors = visits.map { fixture.addVisitor($0) }
            #expect(fixture.network.run(limitMs: 3_600_000) { visitors.allSatisfy { $0.machine.isDone } })
            for (visitor, requests) in zip(visitors, visits) {
                check(visitor.machine.responses, against: requests, "seed \(seed) \(version)")
            }
            fixture.expectNothingLeftOver("seed \(seed) \(version)")
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

    private func check(_ responses: [TestVisitor.Response], against requests: [TestVisitor.Request], _ note: Comment) {
        #expect(responses.count == requests.count, note)
        for (response, request) in zip(responses, requests) {
            #expect(response.isWhole && response.status == 200, note)
            #expect(response.fields["x-target"] == String(request.target.dropFirst("/web/one".count)), note)
            #expect(response.fields["x-method"] == request.method, note)
            #expect(response.body == (request.method == "HEAD" ? [] : request.body), note)
        }
    }

    @Test func twoHundredAgentsConnectAtOnceAndEachServesItsOwnRequests() throws {
        let fixture = Fixture(seed: 200)
        for number in 0..<200 { try fixture.addAgent("agent-\(number)") }
        #expect(fixture.awaitAgents())
        let visitors = stride(from: 0, to: 200, by: 20).map {
            fixture.addVisitor([.init(target: "/web/agent-\($0)/length/\($0)")])
        }
        #expect(fixture.network.run { visitors.allSatisfy { $0.machine.isDone } })
        for (index, visitor) in visitors.enumerated() {
            #expect(visitor.machine.responses.first?.fields["x-target"] == "/length/\(index * 20)")
        }
        fixture.expectNothingLeftOver("200 agents")
    }

    @Test func agentsAreBackWithinTwoSecondsOfARestart() throws {
        let fixture = Fixture(seed: 3)
        for number in 0..<20 { try fixture.addAgent("agent-\(number)") }
        #expect(fixture.awaitAgents())
        fixture.network.run(forMs: 15_000)  // life was stable
        fixture.restartGateway()
        let restarted = fixture.network.now
        #expect(fixture.awaitAgents())
        #expect(fixture.network.now.since(restarted) < .seconds(2))
        fixture.expectNothingLeftOver("restart")
    }

    @Test(arguments: TunnelVersion.allCases)
    func aVisitorThatLeavesTakesItsRequestWithIt(_ version: TunnelVersion) throws {
        let fixture = Fixture(seed: 4)
        let agent = try fixture.addAgent("one", version: version)
        #expect(fixture.awaitAgents())
        let visitor = fixture.addVisitor([.init(target: "/web/one/silent")])
        #expect(fixture.network.run { agent.machine.counters.openExchanges == 1 })
        visitor.send(.leave)
        if version == .v2 {  // v1 cannot cancel
            #expect(fixture.network.run(limitMs: 100) { agent.machine.counters.openExchanges == 0 })
        }
        #expect(fixture.network.run { fixture.gateway.counters.openStreams == 0 })
        fixture.expectNothingLeftOver("left \(version)")
    }

    @Test func anAgentThatDiesIsA502BeforeTheHead() throws {
        let fixture = Fixture(seed: 5)
        let agent = try fixture.addAgent("one")
        #expect(fixture.awaitAgents())
        let visitor = fixture.addVisitor([.init(target: "/web/one/silent")])
        #expect(fixture.network.run { agent.machine.counters.openExchanges == 1 })
        fixture.network.remove(agent)
        fixture.agents.removeAll()
        #expect(fixture.network.run { visitor.machine.isDone })
        #expect(visitor.machine.responses.first?.status == 502)
        #expect(visitor.machine.responses.first?.fields["x-miagent-error"] == "agent-lost")
        fixture.expectNothingLeftOver("agent died")
    }

    @Test func aServiceThatNeverRespondsIsA504() throws {
        let fixture = Fixture(seed: 6)
        try fixture.addAgent("one")
        #expect(fixture.awaitAgents())
        let visitor = fixture.addVisitor([.init(target: "/web/one/silent")])
        #expect(fixture.network.run(limitMs: 40_000) { visitor.machine.isDone })
        #expect(visitor.machine.responses.first?.status == 504)
        fixture.expectNothingLeftOver("504")
    }
}
