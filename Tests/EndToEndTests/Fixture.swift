// A gateway, a service and agents on a simulated network, for the tests of this folder.

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
final class Fixture {
    let network: SimulatedNetwork
    var gateway: TestGateway
    let service: Host<EchoService>
    var agents: [Host<Agent>] = []
    private let configuration: GatewayConfiguration
    private let loops: Int
    private var scheme = "ws"

    init(
        seed: UInt64, conditions: SimulatedNetwork.Conditions = .init(), _ configuration: GatewayConfiguration = .init(),
        loops: Int = 1
    ) {
        network = SimulatedNetwork(seed: seed, conditions: conditions)
        self.configuration = configuration
        self.loops = loops
        gateway = TestGateway(configuration, in: network, loops: loops)
        service = network.add(EchoService(), listeningOn: serviceEndpoint)
    }

    @discardableResult func addAgent(_ id: String, version: TunnelVersion = .v2) throws -> Host<Agent> {
        var agent = AgentConfiguration(
            gateway: try GatewayURL("\(scheme)://gateway/agent"), description: AgentDescription(agentID: id),
            service: .http(LocalHTTPService(port: 4_173)))
        agent.highestVersion = version
        agent.mask = agents.count.isMultiple(of: 2) ? .automatic : .zero
        let host = network.add(Agent(agent, seed: network.random.bytes(32)))
        host.send(.start)
        agents.append(host)
        return host
    }

    /// Agents that are added from now on speak TLS with the gateway.
    func useTLS(server: @escaping () -> any ConnectionCipher, client: @escaping (TLSPeer) -> any ConnectionCipher) {
        let endpoint = Endpoint.tcp(host: "gateway", port: 443)
        network.listen(gateway.loops, on: endpoint)
        network.serverCiphers[endpoint] = server
        network.clientCipher = client
        scheme = "wss"
    }

    func awaitAgents() -> Bool {
        network.run { gateway.counters.registeredAgents == agents.count }
    }

    func addVisitor(_ requests: [TestVisitor.Request]) -> Host<TestVisitor> {
        network.add(TestVisitor(gateway: gatewayEndpoint, requests))
    }

    /// The gateway loses power and a new one takes its place.
    func restartGateway() {
        gateway.remove()
        gateway = TestGateway(configuration, in: network, loops: loops)
    }

    /// A new gateway takes the address over; the old one lives on with the connections that it has.
    func startAnotherGateway() -> (old: TestGateway, new: TestGateway) {
        let old = gateway
        gateway = TestGateway(configuration, in: network, loops: loops)
        return (old, gateway)
    }

    /// All agents stop; nothing may be left over.
    func expectNothingLeftOver(_ note: Comment) {
        for agent in agents { agent.send(.stop) }
        network.run { network.openConnections == 0 }
        #expect(gateway.counters == GatewayCounters(), note)
        for agent in agents { #expect(agent.machine.counters == AgentCounters(), note) }
        #expect(service.machine.connections == 0, note)
    }
}
