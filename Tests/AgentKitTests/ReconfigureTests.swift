// Settings that change while the agent runs.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ReconfigureTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    @Test func newRequestsGoToTheNewServiceAndOldOnesAreFinished() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let first = try fixture.request(gateway, "GET", "/a")
        let before = try fixture.accept()
        fixture.send(.reconfigure(.sample(service: .http(LocalHTTPService(port: 5000)))))
        #expect(fixture.agent.phase == .serving && fixture.dials.isEmpty)
        let second = try fixture.request(gateway, "GET", "/b")
        #expect(fixture.dials.first?.endpoint == .tcp(host: "localhost", port: 5000))
        let after = try fixture.accept()
        fixture.reply(before, Self.ok)
        fixture.reply(after, Self.ok)
        fixture.talk()
        #expect(fixture.response(gateway, first).head?.status == 200 && fixture.response(gateway, second).head?.status == 200)
        fixture.expectNothingLeft()
    }

    @Test func whatTheGatewayWasToldIsToldAgain() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(.reconfigure(.sample { $0.description.model = "another" }))
        fixture.talk()
        #expect(fixture.gateways[gateway]?.statuses.last?.model == "another" && fixture.dials.isEmpty)
        fixture.send(
            .reconfigure(.sample(service: .none) { ($0.description.model, $0.description.servesWeb) = ("another", false) }))
        fixture.talk()
        #expect(fixture.gateways[gateway]?.statuses.last?.servesWeb == false && fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }

    @Test(arguments: 0..<5) func anotherGatewayIdOrDescriptionIsAnotherConnection(which: Int) throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(
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
        fixture.talk()
        #expect(fixture.gateways[gateway]?.closed == .goingAway && fixture.agent.phase == .dialing(attempt: 1))
        #expect(fixture.dials.count == 1)
        if which == 4 { #expect(fixture.dials.first?.endpoint == .tcp(host: "other.example.com", port: 80)) }
        let next = try fixture.acceptUpgrade(which == 3 ? .v1 : .v2)
        #expect(fixture.agent.phase == .serving)
        if which == 0 { #expect(fixture.gateways[next]?.registrations.last?.agentID == "another") }
        fixture.expectNothingLeft()
    }

    @Test func theTokenCountsFromTheNextHandshakeOnAndARefusedAgentTriesItAtOnce() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(.reconfigure(.sample { $0.token = "new" }))
        #expect(fixture.agent.phase == .serving && fixture.dials.isEmpty)
        fixture.peerCloses(gateway)
        guard case .backingOff = fixture.agent.phase else { return #expect(Bool(false), "\(fixture.agent.phase)") }
        fixture.send(.reconfigure(.sample { $0.token = "newer" }))
        #expect(fixture.dials.count == 1)
        let id = try fixture.accept()
        #expect(try fixture.upgradeRequest(on: id).fields[.authorization] == "Bearer newer")
        fixture.expectNothingLeft()
    }

    @Test func whatCannotBeUsedChangesNothing() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(.reconfigure(.sample { $0.description.agentID = "no good" }))
        fixture.talk()
        #expect(fixture.agent.phase == .serving && fixture.gateways[gateway]?.closed == nil)
        #expect(fixture.agent.configuration.description.agentID == "my-agent")
        fixture.expectNothingLeft()
    }

    @Test func whoeverDrainsOrHasStoppedDoesNotComeBack() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        _ = try fixture.request(gateway, "GET", "/a")
        fixture.send(.drain(within: .seconds(10)))
        fixture.send(.reconfigure(.sample { $0.description.agentID = "another" }))
        #expect(fixture.agent.phase == .draining && fixture.dials.count == 1, "the service's dial alone")
        fixture.send(.stop)
        fixture.send(.reconfigure(.sample { $0.description.agentID = "third" }))
        #expect(fixture.agent.phase == .stopped)
    }
}
