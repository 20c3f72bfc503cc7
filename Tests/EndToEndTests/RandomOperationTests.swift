// Random operations on both machines over a hard network, against what each byte must be: visitors that send in pieces, read
// slowly or not at all and leave; agents that die and come back; services that respond in every way and in none.
//
// At every step what the gateway holds is within its bounds; no visitor ever gets a part for the whole; at the end nothing is
// left. A failure names its seed.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

private final class RandomFixture {
    static let names = ["a", "b", "c"]

    let seed: UInt64
    let network: SimulatedNetwork
    fileprivate let gateway: TestGateway
    let service: Host<RandomService>
    private(set) var agents: [String: Host<Agent>] = [:]
    private(set) var visitors: [Host<RandomVisitor>] = []
    private let limits: TunnelLimits
    /// Visits that are over, and those of them that got all they asked for.
    private(set) var visits = 0
    private(set) var wholes = 0

    init(seed: UInt64, loops: Int) {
        self.seed = seed
        network = SimulatedNetwork(seed: seed)
        network.conditions = Self.conditions(&network.random)
        var limits = TunnelLimits()
        limits.initialWindow = [16 * 1024, 40_000].randomElement(using: &network.random) ?? 0
        limits.windowBudget = 64 * 1024
        limits.streamQueueBytes = 8 * 1024
        limits.outputHighWater = 32 * 1024
        limits.maximumBufferedBody = 128 * 1024
        limits.maximumStreams = 8
        self.limits = limits
        var configuration = GatewayConfiguration()
        configuration.limits.tunnel = limits
        configuration.limits.writeTimeout = .seconds(1)
        configuration.web.timeout = .seconds(1)
        configuration.duplicateAgents = seed % 2 == 0 ? .replace : .balance
        if seed % 3 == 0 { configuration.web.agentWait = .milliseconds(500) }
        gateway = TestGateway(configuration, in: network, loops: loops)
        service = network.add(RandomService(seed: seed), listeningOn: serviceEndpoint)
    }

    private static func conditions(_ random: inout SplitMix) -> SimulatedNetwork.Conditions {
        var conditions = SimulatedNetwork.Conditions()
        conditions.latencyMs = UInt64.random(in: 0...25, using: &random)
        conditions.kernelBytes = [600, 8_000, 64 * 1024].randomElement(using: &random) ?? 0
        conditions.writeBytes = [300, 5_000, 64 * 1024].randomElement(using: &random) ?? 0
        conditions.readBytes = [300, 5_000, 64 * 1024].randomElement(using: &random) ?? 0
        return conditions
    }

    // MARK: Operations

    /// One random operation, or none.
    func operate() throws {
        switch Int.random(in: 0..<1_000, using: &network.random) {
        case 0..<80 where visitors.count < 16: visit()
        case 80..<88: visitors.randomElement(using: &network.random)?.send(.leave)
        case 88..<120: try startAgent()
        case 120: killAgent()
        case 121:
            agents.values.sorted { $0.name < $1.name }.randomElement(using: &network.random)?.send(.drain(within: .seconds(1)))
        default: break
        }
    }

    func startAgent() throws {
        let name = Self.names.randomElement(using: &network.random) ?? "a"
        if let before = agents[name] {
            guard before.machine.phase == .stopped else { return }
            network.remove(before)
        }
        var configuration = AgentConfiguration(
            gateway: try GatewayURL("ws://gateway/agent"), description: AgentDescription(agentID: name),
            service: .http(LocalHTTPService(port: 4_173)))
        configuration.limits = limits
        configuration.mask = name == Self.names.first ? .zero : .automatic
        configuration.highestVersion = Int.random(in: 0..<4, using: &network.random) == 0 ? .v1 : .v2
        let host = network.add(Agent(configuration, seed: network.random.bytes(32)))
        host.name = name
        host.send(.start)
        agents[name] = host
    }

    private func killAgent() {
        guard let name = agents.keys.sorted().randomElement(using: &network.random), let agent = agents[name] else { return }
        network.remove(agent)
        agents[name] = nil
    }

    private func visit() {
        let plan = RandomPlan(random: &network.random)
        let agent = Self.names.randomElement(using: &network.random) ?? "a"
        visitors.append(network.add(RandomVisitor(agent: agent, plan, random: &network.random)))
    }

    // MARK: Judgement

    /// What must hold at every step. False: it does not, and that was said.
    func isSound() -> Bool {
        var sound = true
        for wrong in service.machine.wrongs {
            Issue.record("seed \(seed): the service: \(wrong)")
            sound = false
        }
        for visitor in visitors {
            for wrong in visitor.machine.wrongs {
                Issue.record("seed \(seed): \(visitor.machine.plan.target): \(wrong)")
                sound = false
            }
        }
        let over = visitors.filter { $0.machine.isOver }
        visits += over.count
        wholes += over.count { $0.machine.isWhole && $0.machine.status.map { $0 < 300 } == true }
        for visitor in over { network.remove(visitor) }
        visitors.removeAll { $0.machine.isOver }
        let counters = gateway.counters
        let bound = self.bound(counters)
        if counters.bufferedBytes > bound {
            Issue.record("seed \(seed): \(counters.bufferedBytes) bytes are held, over \(bound)")
            sound = false
        }
        return sound
    }

    /// Each stream: its windows and queue, or in v1 its whole bodies, in base64 too; each tunnel: what is encoded; each
    /// visitor: heads.
    private func bound(_ counters: GatewayCounters) -> Int {
        let slack = 64 * 1024
        let stream = max(2 * limits.initialWindow + limits.streamQueueBytes, 3 * limits.maximumBufferedBody) + slack
        return (counters.openStreams + counters.visitors) * stream
            + counters.agents * (limits.windowBudget + limits.outputHighWater + slack)
    }

    /// All leave; nothing may be left: of the visitors while the agents stay (but v1 cannot cancel), and of all at
    /// last.
    func end() -> Bool {
        for visitor in visitors { visitor.send(.leave) }
        let streaming = agents.values.filter { $0.machine.configuration.highestVersion == .v2 }
        let isQuiet = network.run(limitMs: 20_000) {
            gateway.counters.openStreams == 0 && streaming.allSatisfy { $0.machine.counters.openExchanges == 0 }
        }
        if !isQuiet { Issue.record("seed \(seed): visitors left and their requests did not: \(gateway.counters)") }
        for agent in agents.values { agent.send(.stop) }
        network.run(limitMs: 120_000) { network.openConnections == 0 }
        let isClean =
            gateway.counters == GatewayCounters() && service.machine.connections == 0
            && agents.values.allSatisfy { $0.machine.counters == AgentCounters() }
        if !isClean { Issue.record("seed \(seed): left over: \(gateway.counters), \(service.machine.connections)") }
        return isClean && isQuiet
    }
}

@Suite struct RandomOperationTests {
    /// 24 worlds of 4,500 steps: 108,000. Half of the gateways have three loops.
    @Test(arguments: UInt64(1)...24) func whateverHappensEachByteIsRightAndNothingIsLeft(seed: UInt64) throws {
        let fixture = RandomFixture(seed: seed, loops: seed % 2 == 0 ? 3 : 1)
        for _ in 0..<4 { try fixture.startAgent() }
        let end = fixture.network.now.advanced(by: .seconds(3_600))
        for _ in 0..<4_500 {
            try fixture.operate()
            fixture.network.step(until: end)
            guard fixture.isSound() else { return }
        }
        _ = fixture.end()
        _ = fixture.isSound()
        #expect((fixture.gateway.moves > 0) == (fixture.gateway.loops.count > 1), "seed \(seed)")
        #expect(
            fixture.visits > 40 && fixture.wholes > 0, "seed \(seed): \(fixture.visits) visits, \(fixture.wholes) of them whole"
        )
    }
}
