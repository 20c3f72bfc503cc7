// Random operations on both machines over a hard network, against what each byte must be: visitors that send in pieces, read
// slowly or not at all and leave; agents that die and come back; services that answer in every way and in none.
//
// At every step what the gateway holds is within its bounds; nobody is ever given a part for the whole; at the end nothing is
// left. A failure names its seed.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

private final class RandomTown {
    static let names = ["a", "b", "c"]

    let seed: UInt64
    let world: World
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
        world = World(seed: seed)
        world.conditions = Self.conditions(&world.random)
        var limits = TunnelLimits()
        limits.initialWindow = [16 * 1024, 40_000].randomElement(using: &world.random) ?? 0
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
        gateway = TestGateway(configuration, in: world, loops: loops)
        service = world.add(RandomService(seed: seed), listeningOn: serviceEndpoint)
    }

    private static func conditions(_ random: inout SplitMix) -> World.Conditions {
        var conditions = World.Conditions()
        conditions.latencyMs = UInt64.random(in: 0...25, using: &random)
        conditions.kernelBytes = [600, 8_000, 64 * 1024].randomElement(using: &random) ?? 0
        conditions.writeBytes = [300, 5_000, 64 * 1024].randomElement(using: &random) ?? 0
        conditions.readBytes = [300, 5_000, 64 * 1024].randomElement(using: &random) ?? 0
        return conditions
    }

    // MARK: Operations

    /// One random operation, or none.
    func operate() throws {
        switch Int.random(in: 0..<1_000, using: &world.random) {
        case 0..<80 where visitors.count < 16: visit()
        case 80..<88: visitors.randomElement(using: &world.random)?.send(.leave)
        case 88..<120: try startAgent()
        case 120: killAgent()
        case 121:
            agents.values.sorted { $0.name < $1.name }.randomElement(using: &world.random)?.send(.drain(within: .seconds(1)))
        default: break
        }
    }

    func startAgent() throws {
        let name = Self.names.randomElement(using: &world.random) ?? "a"
        if let before = agents[name] {
            guard before.machine.phase == .stopped else { return }
            world.remove(before)
        }
        var configuration = AgentConfiguration(
            gateway: try GatewayURL("ws://gateway/agent"), description: AgentDescription(agentID: name),
            service: .http(LocalHTTPService(port: 4_173)))
        configuration.limits = limits
        configuration.highestVersion = Int.random(in: 0..<4, using: &world.random) == 0 ? .v1 : .v2
        let host = world.add(Agent(configuration, seed: world.random.bytes(32)))
        host.name = name
        host.send(.start)
        agents[name] = host
    }

    private func killAgent() {
        guard let name = agents.keys.sorted().randomElement(using: &world.random), let agent = agents[name] else { return }
        world.remove(agent)
        agents[name] = nil
    }

    private func visit() {
        let plan = RandomPlan(random: &world.random)
        let agent = Self.names.randomElement(using: &world.random) ?? "a"
        visitors.append(world.add(RandomVisitor(agent: agent, plan, random: &world.random)))
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
        for visitor in over { world.remove(visitor) }
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

    /// Everybody goes; nothing may be left: of the visitors while the agents stay (but v1 has no word for it), and of all at
    /// last.
    func end() -> Bool {
        for visitor in visitors { visitor.send(.leave) }
        let streaming = agents.values.filter { $0.machine.configuration.highestVersion == .v2 }
        let isQuiet = world.run(limitMs: 20_000) {
            gateway.counters.openStreams == 0 && streaming.allSatisfy { $0.machine.counters.openExchanges == 0 }
        }
        if !isQuiet { Issue.record("seed \(seed): visitors left and their requests did not: \(gateway.counters)") }
        for agent in agents.values { agent.send(.stop) }
        world.run(limitMs: 120_000) { world.openConnections == 0 }
        let isClean =
            gateway.counters == GatewayCounters() && service.machine.connections == 0
            && agents.values.allSatisfy { $0.machine.counters == AgentCounters() }
        if !isClean { Issue.record("seed \(seed): left over: \(gateway.counters), \(service.machine.connections)") }
        return isClean && isQuiet
    }
}

@Suite struct RandomWorldTests {
    /// 24 worlds of 4,500 steps: 108,000. Half of the gateways have three loops.
    @Test(arguments: UInt64(1)...24) func whateverHappensEachByteIsRightAndNothingIsLeft(seed: UInt64) throws {
        let town = RandomTown(seed: seed, loops: seed % 2 == 0 ? 3 : 1)
        for _ in 0..<4 { try town.startAgent() }
        let end = town.world.now.advanced(by: .seconds(3_600))
        for _ in 0..<4_500 {
            try town.operate()
            town.world.step(until: end)
            guard town.isSound() else { return }
        }
        _ = town.end()
        _ = town.isSound()
        #expect((town.gateway.moves > 0) == (town.gateway.loops.count > 1), "seed \(seed)")
        #expect(town.visits > 40 && town.wholes > 0, "seed \(seed): \(town.visits) visits, \(town.wholes) of them whole")
    }
}
