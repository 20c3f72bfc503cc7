// Bulk over a path with a large bandwidth-delay product between agent and gateway: windows grow until one stream fills it,
// several share it, and a small request does not wait behind them.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

/// Visitors and the service are near, the agent is far.
private final class DistantAgent {
    /// From one end of the tunnel to the other.
    static let latencyMs: UInt64 = 100
    static let roundTrip = Duration.milliseconds(2 * Int64(latencyMs))
    /// The most that the path takes in a millisecond; on average half of it.
    static let writeBytes = 8 * 1024
    static let farEndpoint = Endpoint.tcp(host: "gateway", port: 81)

    let network: SimulatedNetwork
    let gateway: Host<Gateway>
    let agent: Host<Agent>
    let service: Host<StreamingService>

    init(seed: UInt64, _ limits: TunnelLimits = .init()) throws {
        network = SimulatedNetwork(seed: seed)
        network.conditions.readBytes = 1 << 20
        network.conditions.writeBytes = 256 * 1024
        network.conditions.kernelBytes = 256 * 1024
        var far = SimulatedNetwork.Conditions()
        far.latencyMs = Self.latencyMs
        far.kernelBytes = 64 << 20
        far.writeBytes = Self.writeBytes
        far.readBytes = 1 << 20
        network.paths[Self.farEndpoint] = far
        var configuration = GatewayConfiguration()
        configuration.limits.tunnel = limits
        gateway = network.add(
            Gateway(configuration, clock: WallClock(unixNanosecondsAtZero: 0)), listeningOn: gatewayEndpoint)
        network.listen(gateway, on: Self.farEndpoint)
        service = network.add(StreamingService(), listeningOn: serviceEndpoint)
        let url = try GatewayURL("ws://gateway:81/agent")
        var configured = AgentConfiguration(
            gateway: url, description: AgentDescription(agentID: "one"), service: .http(LocalHTTPService(port: 4_173)))
        configured.limits = limits
        agent = network.add(Agent(configured, seed: network.random.bytes(32)))
        agent.send(.start)
        network.run { gateway.machine.counters.registeredAgents == 1 }
    }

    func visitor(_ count: Int, times: Int = 1) -> Host<TestVisitor> {
        let request = TestVisitor.Request(target: "/web/one/bytes/\(count)")
        return network.add(TestVisitor(gateway: gatewayEndpoint, Array(repeating: request, count: times)))
    }

    /// Bytes that each of the visitors got in a time, and the most that the gateway held meanwhile.
    func watch(_ visitors: [Host<TestVisitor>], forMs time: Int) -> (bytes: [Int], mostHeld: Int) {
        let before = visitors.map { $0.machine.receivedBytes }
        var mostHeld = 0
        for _ in 0..<time {
            network.run(forMs: 1)
            mostHeld = max(mostHeld, gateway.machine.counters.bufferedBytes)
        }
        return (zip(visitors, before).map { $0.machine.receivedBytes - $1 }, mostHeld)
    }

    /// All leave, and nothing is left.
    func end() {
        agent.send(.stop)
        network.run { network.openConnections == 0 }
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
        let fixture = try DistantAgent(seed: 1, fixed())
        let visitor = fixture.visitor(enough)
        fixture.network.run(forMs: 2_000)
        let got = fixture.watch([visitor], forMs: 2_000).bytes[0]
        #expect(got <= 11 * 256 * 1024, "\(got)")
        visitor.send(.leave)
        fixture.end()
    }

    @Test func aWindowThatGrowsFillsThePath() throws {
        let fixture = try DistantAgent(seed: 1)
        let visitor = fixture.visitor(enough)
        fixture.network.run(forMs: 2_500)
        let got = fixture.watch([visitor], forMs: 2_000).bytes[0]
        #expect(got >= 2_000 * DistantAgent.writeBytes / 2 * 8 / 10, "\(got) of \(2_000 * DistantAgent.writeBytes / 2)")
        visitor.send(.leave)
        fixture.end()
    }

    @Test func eightStreamsShareFairlyAndASmallRequestPassesThem() throws {
        let fixture = try DistantAgent(seed: 2)
        let visitors = (0..<8).map { _ in fixture.visitor(enough) }
        fixture.network.run(forMs: 4_000)
        var waits: [Duration] = []
        let before = visitors.map { $0.machine.receivedBytes }
        for _ in 0..<12 {
            let began = fixture.network.now
            let small = fixture.visitor(100)
            fixture.network.run { small.machine.isDone }
            #expect(small.machine.responses.first?.isWhole == true)
            waits.append(fixture.network.now.since(began))
        }
        let got = zip(visitors, before).map { Double($0.machine.receivedBytes - $1) }
        let sum = got.reduce(0, +)
        let jain = sum * sum / (Double(got.count) * got.reduce(0) { $0 + $1 * $1 })
        #expect(jain >= 0.95, "\(got)")
        #expect(waits.allSatisfy { $0 < DistantAgent.roundTrip * 2 }, "\(waits)")
        for visitor in visitors { visitor.send(.leave) }
        fixture.end()
    }

    @Test func memoryStaysWithinTheBudget() throws {
        var limits = TunnelLimits()
        limits.windowBudget = 1 << 20
        let fixture = try DistantAgent(seed: 3, limits)
        let visitors = (0..<4).map { _ in fixture.visitor(enough) }
        #expect(fixture.watch(visitors, forMs: 3_000).mostHeld < 4 * limits.initialWindow + limits.windowBudget)
        // All stop reading at once: what was on its way comes, and no more.
        for visitor in visitors { visitor.send(.pause) }
        let held = fixture.watch(visitors, forMs: 2_000).mostHeld
        #expect(held > limits.windowBudget / 2)
        #expect(held < 4 * (limits.initialWindow + 64 * 1024) + limits.windowBudget, "\(held)")
        for visitor in visitors { visitor.send(.leave) }
        fixture.end()
    }

    @Test func uploadsGrowTooAndArriveWhole() throws {
        let fixture = try DistantAgent(seed: 4)
        let body = Array(StreamingService.bytes(0, 65_521)) + (0..<60).flatMap { _ in StreamingService.bytes(0, 65_521) }
        let visitor = fixture.network.add(
            TestVisitor(gateway: gatewayEndpoint, [.init(method: "POST", target: "/web/one/bytes/5", body: body)]))
        let began = fixture.network.now
        #expect(fixture.network.run { visitor.machine.isDone })
        let fixed = body.count / (256 * 1024) * Int(2 * DistantAgent.latencyMs)
        #expect(
            fixture.network.now.since(began) < .milliseconds(Int64(fixed) * 7 / 10),
            "\(fixture.network.now.since(began)) of \(fixed)")
        #expect(visitor.machine.responses.first?.body.count == 5)
        fixture.end()
    }
}
