// A gateway and an agent in one process, between visitors and a service that are scripts: what a request costs in the machines,
// without sockets.

import AgentKit
import GatewayKit
import MachineCore
import TunnelLink

/// One kind of exchange.
struct Script {
    /// The visitor's request, whole.
    let request: [UInt8]
    /// The service's response, whole.
    let response: [UInt8]
}

final class EndToEnd {
    private let gateway: MachineDriver<Gateway>
    private let agent: MachineDriver<Agent>
    private let visitors: Int
    private var now = Moment(nanoseconds: 1_000_000_000)
    private var finished = 0

    /// Two machines with an open tunnel, and `visitors` connections that have said nothing yet. `isInspected`: the gateway's
    /// inspector records every exchange.
    init(
        version: TunnelVersion, visitors: Int, isInspected: Bool = false, mask: TunnelMask = .automatic, _ script: Script
    ) throws {
        self.visitors = visitors
        var settings = GatewayConfiguration()
        settings.inspector.mode = isInspected ? .all : .agents
        gateway = MachineDriver(
            Gateway(settings, clock: WallClock(unixNanosecondsAtZero: 1_775_798_482_000_000_000)),
            sends: script.request, expects: script.response)
        var configuration = AgentConfiguration(
            gateway: try GatewayURL("ws://gateway/agent"), description: AgentDescription(agentID: "bench"),
            service: .http(LocalHTTPService(port: 4_173)))
        configuration.highestVersion = version
        configuration.mask = mask
        agent = MachineDriver(Agent(configuration, seed: Array(0..<32)), sends: script.response, expects: script.request)
        agent.onMessage = { agent, slot in agent.begin(slot) }
        gateway.onMessage = { [unowned self] _, _ in finished += 1 }
        for slot in 0...visitors { gateway.accept(slot) }
        agent.send(.message(.start))
        runUntilQuiet()
        try require(gateway.machine.counters.registeredAgents == 1, "the agent did not register")
    }

    /// Every visitor sends the script's request and gets the whole response.
    func round() throws {
        let expected = finished + visitors
        for slot in 1...visitors { gateway.begin(slot) }
        runUntilQuiet()
        try require(finished == expected, "\(expected - finished) requests got no response")
        try require(gateway.firstBytes(of: 1).starts(with: "HTTP/1.1 200 ".utf8), "the response is not 200")
    }

    private func runUntilQuiet() {
        while !gateway.isQuiet || !agent.isQuiet {
            now = now.advanced(by: .microseconds(100))
            if !gateway.isQuiet { gateway.turn(at: now) }
            gateway.takeSent { agent.receive(from: &$0) }
            if !agent.isQuiet { agent.turn(at: now) }
            agent.takeSent { gateway.receive(from: &$0) }
            gateway.passMore()
            agent.passMore()
        }
    }
}
