// Settings that change while the agent runs.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ReconfigureTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    @Test func newRequestsGoToTheNewServiceAndOldOnesAreFinished() throws {
        var (world, gateway) = try World.serving()
        let first = try world.request(gateway, "GET", "/a")
        let before = try world.accept()
        world.send(.reconfigure(.sample(service: .http(LocalHTTPService(port: 5000)))))
        #expect(world.agent.phase == .serving && world.dials.isEmpty)
        let second = try world.request(gateway, "GET", "/b")
        #expect(world.dials.first?.endpoint == .tcp(host: "localhost", port: 5000))
        let after = try world.accept()
        world.reply(before, Self.ok)
        world.reply(after, Self.ok)
        world.talk()
        #expect(world.response(gateway, first).head?.status == 200 && world.response(gateway, second).head?.status == 200)
        world.expectNothingLeft()
    }

    @Test func whatTheGatewayWasToldIsToldAgain() throws {
        var (world, gateway) = try World.serving()
        world.send(.reconfigure(.sample { $0.description.model = "another" }))
        world.talk()
        #expect(world.gateways[gateway]?.statuses.last?.model == "another" && world.dials.isEmpty)
        world.send(
            .reconfigure(.sample(service: .none) { ($0.description.model, $0.description.servesWeb) = ("another", false) }))
        world.talk()
        #expect(world.gateways[gateway]?.statuses.last?.servesWeb == false && world.agent.phase == .serving)
        world.expectNothingLeft()
    }

    @Test(arguments: 0..<5) func anotherGatewayIdOrDescriptionIsAnotherConnection(which: Int) throws {
        var (world, gateway) = try World.serving()
        world.send(
            .reconfigure(
                .sample {
                    switch which {
                    case 0: $0.description.agentID = "another"
                    case 1: $0.description.host = "another"
                    case 2: $0.description.wantsInspection = true
                    case 3: $0.highestVersion = .v1
                    default: if let url = try? GatewayURL("ws://other.example.com/agent") { $0.gateway = url }
                    }
                }))
        world.talk()
        #expect(world.gateways[gateway]?.closed == .goingAway && world.agent.phase == .dialing(attempt: 1))
        #expect(world.dials.count == 1)
        if which == 4 { #expect(world.dials.first?.endpoint == .tcp(host: "other.example.com", port: 80)) }
        let next = try world.acceptUpgrade(which == 3 ? .v1 : .v2)
        #expect(world.agent.phase == .serving)
        if which == 0 { #expect(world.gateways[next]?.registrations.last?.agentID == "another") }
        world.expectNothingLeft()
    }

    @Test func theTokenCountsFromTheNextHandshakeOnAndARefusedAgentTriesItAtOnce() throws {
        var (world, gateway) = try World.serving()
        world.send(.reconfigure(.sample { $0.token = "new" }))
        #expect(world.agent.phase == .serving && world.dials.isEmpty)
        world.peerCloses(gateway)
        guard case .backingOff = world.agent.phase else { return #expect(Bool(false), "\(world.agent.phase)") }
        world.send(.reconfigure(.sample { $0.token = "newer" }))
        #expect(world.dials.count == 1)
        let id = try world.accept()
        #expect(try world.upgradeRequest(on: id).fields[.authorization] == "Bearer newer")
        world.expectNothingLeft()
    }

    @Test func whatCannotBeUsedChangesNothing() throws {
        var (world, gateway) = try World.serving()
        world.send(.reconfigure(.sample { $0.description.agentID = "no good" }))
        world.talk()
        #expect(world.agent.phase == .serving && world.gateways[gateway]?.closed == nil)
        #expect(world.agent.configuration.description.agentID == "my-agent")
        world.expectNothingLeft()
    }

    @Test func whoeverDrainsOrHasStoppedDoesNotComeBack() throws {
        var (world, gateway) = try World.serving()
        _ = try world.request(gateway, "GET", "/a")
        world.send(.drain(within: .seconds(10)))
        world.send(.reconfigure(.sample { $0.description.agentID = "another" }))
        #expect(world.agent.phase == .draining && world.dials.count == 1, "the service's dial alone")
        world.send(.stop)
        world.send(.reconfigure(.sample { $0.description.agentID = "third" }))
        #expect(world.agent.phase == .stopped)
    }
}
