// A gateway makes way for another behind the same address, and nobody notices.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@Suite struct RestartTests {
    @Test(arguments: [UInt64(1), 2, 3, 4], [1, 3]) func noRequestFailsInARollingRestart(seed: UInt64, loops: Int) throws {
        var conditions = World.Conditions()
        conditions.latencyMs = seed * 5
        var configuration = GatewayConfiguration()
        configuration.web.agentWait = .seconds(3)
        let town = Town(seed: seed, conditions: conditions, configuration, loops: loops)
        for name in ["one", "two", "three"] { try town.addAgent(name) }
        #expect(town.awaitAgents())
        town.world.run(forMs: 11_000)  // life is stable: the agents dial again at once
        let visitors = (0..<9).map { number in
            town.addVisitor(
                (0..<150).map { .init(target: "/web/\(["one", "two", "three"][number % 3])/length/\($0)") })
        }
        for _ in 0..<3 {  // as often as one likes
            town.world.run(forMs: 500)
            #expect(visitors.allSatisfy { !$0.machine.isDone }, "all are busy")
            let (old, new) = town.startAnotherGateway()
            old.send(.drain(within: .seconds(10)))
            #expect(town.world.run { new.counters.registeredAgents == 3 })
            #expect(town.world.run { old.hasDrained })
            #expect(old.counters == GatewayCounters())
            old.remove()
        }
        #expect(town.world.run { visitors.allSatisfy { $0.machine.isDone } })
        for visitor in visitors {
            #expect(visitor.machine.answers.count == 150, "seed \(seed)")
            #expect(visitor.machine.answers.allSatisfy { $0.status == 200 && $0.isWhole }, "seed \(seed)")
        }
        town.expectNothingLeftOver("rolling restart")
    }

    @Test func whatIsInFlightWhenTheDrainEndsIsCutAndTheRestIsNot() throws {
        let town = Town(seed: 9)
        let agent = try town.addAgent("one")
        #expect(town.awaitAgents())
        town.world.run(forMs: 11_000)
        let visitor = town.addVisitor([.init(target: "/web/one/silent")])
        #expect(town.world.run { agent.machine.counters.openExchanges == 1 })
        let (old, new) = town.startAnotherGateway()
        let began = town.world.now
        old.send(.drain(within: .seconds(3)))
        #expect(town.world.run { new.counters.registeredAgents == 1 })
        #expect(town.world.run { old.hasDrained })
        #expect(town.world.now.since(began) >= .seconds(3))
        #expect(visitor.machine.isDone && visitor.machine.answers.isEmpty)
        #expect(town.world.run { agent.machine.counters.openExchanges == 0 && agent.machine.counters.tunnels == 1 })
        #expect(agent.machine.phase == .serving)
        town.expectNothingLeftOver("cut")
    }
}
