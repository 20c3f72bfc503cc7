// A gateway, a service and agents in a world, for the tests of this folder.

import AgentKit
import GatewayKit
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

let gatewayEndpoint = Endpoint.tcp(host: "gateway", port: 80)
let serviceEndpoint = Endpoint.tcp(host: "localhost", port: 4_173)

/// A gateway, a service, and agents between them.
final class Town {
    let world: World
    var gateway: TestGateway
    let service: Host<EchoService>
    var agents: [Host<Agent>] = []
    private let configuration: GatewayConfiguration
    private let loops: Int

    init(
        seed: UInt64, conditions: World.Conditions = .init(), _ configuration: GatewayConfiguration = .init(), loops: Int = 1
    ) {
        world = World(seed: seed, conditions: conditions)
        self.configuration = configuration
        self.loops = loops
        gateway = TestGateway(configuration, in: world, loops: loops)
        service = world.add(EchoService(), listeningOn: serviceEndpoint)
    }

    @discardableResult func addAgent(_ id: String, version: TunnelVersion = .v2) throws -> Host<Agent> {
        var agent = AgentConfiguration(
            gateway: try GatewayURL("ws://gateway/agent"), description: AgentDescription(agentID: id),
            service: .http(LocalHTTPService(port: 4_173)))
        agent.highestVersion = version
        let host = world.add(Agent(agent, seed: world.random.bytes(32)))
        host.send(.start)
        agents.append(host)
        return host
    }

    func awaitAgents() -> Bool {
        world.run { gateway.counters.registeredAgents == agents.count }
    }

    func addVisitor(_ requests: [TestVisitor.Request]) -> Host<TestVisitor> {
        world.add(TestVisitor(gateway: gatewayEndpoint, requests))
    }

    /// The gateway loses power and a new one takes its place.
    func restartGateway() {
        gateway.remove()
        gateway = TestGateway(configuration, in: world, loops: loops)
    }

    /// A new gateway takes the address over; the old one lives on with the connections that it has.
    func startAnotherGateway() -> (old: TestGateway, new: TestGateway) {
        let old = gateway
        gateway = TestGateway(configuration, in: world, loops: loops)
        return (old, gateway)
    }

    /// Everybody goes; what is left over?
    func expectNothingLeftOver(_ note: Comment) {
        for agent in agents { agent.send(.stop) }
        world.run { world.openConnections == 0 }
        #expect(gateway.counters == GatewayCounters(), note)
        for agent in agents { #expect(agent.machine.counters == AgentCounters(), note) }
        #expect(service.machine.connections == 0, note)
    }
}
