// Bulk over a long, fat road between agent and gateway: windows grow until one stream fills it, several share it, and a small
// request does not wait behind them.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

/// Visitors and the service are near, the agent is far.
private final class Road {
    /// From one end of the tunnel to the other.
    static let latencyMs: UInt64 = 100
    static let roundTrip = Duration.milliseconds(2 * Int64(latencyMs))
    /// The most that the road takes in a millisecond; on average half of it.
    static let writeBytes = 8 * 1024
    static let farEndpoint = Endpoint.tcp(host: "gateway", port: 81)

    let world: World
    let gateway: Host<Gateway>
    let agent: Host<Agent>
    let service: Host<Fountain>

    init(seed: UInt64, _ limits: TunnelLimits = .init()) throws {
        world = World(seed: seed)
        world.conditions.readBytes = 1 << 20
        world.conditions.writeBytes = 256 * 1024
        world.conditions.kernelBytes = 256 * 1024
        var far = World.Conditions()
        far.latencyMs = Self.latencyMs
        far.kernelBytes = 64 << 20
        far.writeBytes = Self.writeBytes
        far.readBytes = 1 << 20
        world.roads[Self.farEndpoint] = far
        var configuration = GatewayConfiguration()
        configuration.limits.tunnel = limits
        gateway = world.add(
            Gateway(configuration, clock: WallClock(unixNanosecondsAtZero: 0)), listeningOn: gatewayEndpoint)
        world.listen(gateway, on: Self.farEndpoint)
        service = world.add(Fountain(), listeningOn: serviceEndpoint)
        let url = try GatewayURL("ws://gateway:81/agent")
        var configured = AgentConfiguration(
            gateway: url, description: AgentDescription(agentID: "one"), service: .http(LocalHTTPService(port: 4_173)))
        configured.limits = limits
        agent = world.add(Agent(configured, seed: world.random.bytes(32)))
        agent.send(.start)
        world.run { gateway.machine.counters.registeredAgents == 1 }
    }

    func visitor(_ count: Int, times: Int = 1) -> Host<TestVisitor> {
        let request = TestVisitor.Request(target: "/web/one/bytes/\(count)")
        return world.add(TestVisitor(gateway: gatewayEndpoint, Array(repeating: request, count: times)))
    }

    /// Bytes that each of the visitors got in a time, and the most that the gateway held meanwhile.
    func watch(_ visitors: [Host<TestVisitor>], forMs time: Int) -> (bytes: [Int], mostHeld: Int) {
        let before = visitors.map { $0.machine.receivedBytes }
        var mostHeld = 0
        for _ in 0..<time {
            world.run(forMs: 1)
            mostHeld = max(mostHeld, gateway.machine.counters.bufferedBytes)
        }
        return (zip(visitors, before).map { $0.machine.receivedBytes - $1 }, mostHeld)
    }

    /// Everybody goes, and nothing is left.
    func end() {
        agent.send(.stop)
        world.run { world.openConnections == 0 }
        #expect(gateway.machine.counters == GatewayCounters())
        #expect(agent.machine.counters == AgentCounters())
        #expect(service.machine.connections == 0)
    }
}

@Suite struct BulkTests {
    private let enough = 256 << 20

    private func fixed() -> TunnelLimits {
        var limits = TunnelLimits()
        limits.windowBudget = 0
        return limits
    }

    @Test func aFixedWindowIsOneWindowForEachRoundTrip() throws {
        let road = try Road(seed: 1, fixed())
        let visitor = road.visitor(enough)
        road.world.run(forMs: 2_000)
        let got = road.watch([visitor], forMs: 2_000).bytes[0]
        #expect(got <= 11 * 256 * 1024, "\(got)")
        visitor.send(.leave)
        road.end()
    }

    @Test func aWindowThatGrowsFillsTheRoad() throws {
        let road = try Road(seed: 1)
        let visitor = road.visitor(enough)
        road.world.run(forMs: 2_500)
        let got = road.watch([visitor], forMs: 2_000).bytes[0]
        #expect(got >= 2_000 * Road.writeBytes / 2 * 8 / 10, "\(got) of \(2_000 * Road.writeBytes / 2)")
        visitor.send(.leave)
        road.end()
    }

    @Test func eightStreamsShareFairlyAndASmallRequestPassesThem() throws {
        let road = try Road(seed: 2)
        let visitors = (0..<8).map { _ in road.visitor(enough) }
        road.world.run(forMs: 4_000)
        var waits: [Duration] = []
        let before = visitors.map { $0.machine.receivedBytes }
        for _ in 0..<12 {
            let began = road.world.now
            let small = road.visitor(100)
            road.world.run { small.machine.isDone }
            #expect(small.machine.answers.first?.isWhole == true)
            waits.append(road.world.now.since(began))
        }
        let got = zip(visitors, before).map { Double($0.machine.receivedBytes - $1) }
        let sum = got.reduce(0, +)
        let jain = sum * sum / (Double(got.count) * got.reduce(0) { $0 + $1 * $1 })
        #expect(jain >= 0.95, "\(got)")
        #expect(waits.allSatisfy { $0 < Road.roundTrip * 2 }, "\(waits)")
        for visitor in visitors { visitor.send(.leave) }
        road.end()
    }

    @Test func memoryStaysWithinTheBudget() throws {
        var limits = TunnelLimits()
        limits.windowBudget = 1 << 20
        let road = try Road(seed: 3, limits)
        let visitors = (0..<4).map { _ in road.visitor(enough) }
        #expect(road.watch(visitors, forMs: 3_000).mostHeld < 4 * limits.initialWindow + limits.windowBudget)
        // All stop reading at once: what was on its way comes, and no more.
        for visitor in visitors { visitor.send(.pause) }
        let held = road.watch(visitors, forMs: 2_000).mostHeld
        #expect(held > limits.windowBudget / 2)
        #expect(held < 4 * (limits.initialWindow + 64 * 1024) + limits.windowBudget, "\(held)")
        for visitor in visitors { visitor.send(.leave) }
        road.end()
    }

    @Test func uploadsGrowTooAndArriveWhole() throws {
        let road = try Road(seed: 4)
        let body = Array(Fountain.bytes(0, 65_521)) + (0..<60).flatMap { _ in Fountain.bytes(0, 65_521) }
        let visitor = road.world.add(
            TestVisitor(gateway: gatewayEndpoint, [.init(method: "POST", target: "/web/one/bytes/5", body: body)]))
        let began = road.world.now
        #expect(road.world.run { visitor.machine.isDone })
        let fixed = body.count / (256 * 1024) * Int(2 * Road.latencyMs)
        #expect(
            road.world.now.since(began) < .milliseconds(Int64(fixed) * 7 / 10), "\(road.world.now.since(began)) of \(fixed)")
        #expect(visitor.machine.answers.first?.body.count == 5)
        road.end()
    }
}
