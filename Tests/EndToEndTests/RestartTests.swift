// A gateway makes way for another behind the same address, and no visitor notices.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@Suite struct RestartTests {
    @Test(arguments: [UInt64(1), 2, 3, 4], [1, 3]) func noRequestFailsInARollingRestart(seed: UInt64, loops: Int) throws {
        var conditions = SimulatedNetwork.Conditions()
        conditions.latencyMs = seed * 5
        var configuration = GatewayConfiguration()
        configuration.web.agentWait = .seconds(3)
        let fixture = Fixture(seed: seed, conditions: conditions, configuration, loops: loops)
        for name in ["one", "two", "three"] { try fixture.addAgent(name) }
        #expect(fixture.awaitAgents())
        fixture.network.run(forMs: 11_000)  // life is stable: the agents dial again at once
        let visitors = (0..<9).map { number in
            fixture.addVisitor(
                (0..<150).map { .init(target: "/web/\(["one", "two", "three"][number % 3])/length/\($0)") })
        }
        for _ in 0..<3 {  // as often as one likes
            fixture.network.run(forMs: 500)
            #expect(visitors.allSatisfy { !$0.machine.isDone }, "all are busy")
            let (old, new) = fixture.startAnotherGateway()
            old.send(.drain(within: .seconds(10)))
            #expect(fixture.network.run { new.counters.registeredAgents == 3 })
            #expect(fixture.network.run { old.hasDrained })
            #expect(old.counters == GatewayCounters())
            old.remove()
        }
        #expect(fixture.network.run { visitors.allSatisfy { $0.machine.isDone } })
        for visitor in visitors {
            #expect(visitor.machine.responses.count == 150, "seed \(seed)")
            #expect(visitor.machine.responses.allSatisfy { $0.status == 200 && $0.isWhole }, "seed \(seed)")
        }
        fixture.expectNothingLeftOver("rolling restart")
    }

    @Test func whatIsInFlightWhenTheDrainEndsIsCutAndTheRestIsNot() throws {
        let fixture = Fixture(seed: 9)
        let agent = try fixture.addAgent("one")
        #expect(fixture.awaitAgents())
        fixture.network.run(forMs: 11_000)
        let visitor = fixture.addVisitor([.init(target: "/web/one/silent")])
        #expect(fixture.network.run { agent.machine.counters.openExchanges == 1 })
        let (old, new) = fixture.startAnotherGateway()
        let began = fixture.network.now
        old.send(.drain(within: .seconds(3)))
        #expect(fixture.network.run { new.counters.registeredAgents == 1 })
        #expect(fixture.network.run { old.hasDrained })
        #expect(fixture.network.now.since(began) >= .seconds(3))
        #expect(visitor.machine.isDone && visitor.machine.responses.isEmpty)
        #expect(fixture.network.run { agent.machine.counters.openExchanges == 0 && agent.machine.counters.tunnels == 1 })
        #expect(agent.machine.phase == .serving)
        fixture.expectNothingLeftOver("cut")
    }
}
