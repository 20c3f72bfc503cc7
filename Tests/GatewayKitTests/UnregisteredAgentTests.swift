// Tunnels whose agents have not said who they are: few at once, and not for long.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct UnregisteredAgentTests {
    /// Dials, and does no more. Whether it was let in.
    private func dial(_ fixture: GatewayFixture, from peer: String, _ query: String = "", on loop: Int = 0) throws -> (
        Bool, ConnectionID
    ) {
        let id = fixture.visit(GatewayFixture.handshake(query, protocols: "miagent.v2"), from: peer, on: loop)
        let response = try fixture.expectResponse(id)
        if response.status != 101 { #expect(response.errorCode == "overloaded" && response.fields[.retryAfter] != nil) }
        return (response.status == 101, id)
    }

    @Test func anAddressHasOnlySoManyTunnelsThatAreNotRegistered() throws {
        let fixture = GatewayFixture()
        let silent = try (0..<GatewayLimits.unregisteredAgentsPerAddress).map { _ in try dial(fixture, from: "192.0.2.1").1 }
        #expect(try !dial(fixture, from: "192.0.2.1").0)
        #expect(try dial(fixture, from: "192.0.2.2").0, "others are not locked out")
        fixture.leave(silent[0])
        #expect(try dial(fixture, from: "192.0.2.1").0)
        #expect(try !dial(fixture, from: "192.0.2.1").0)
        fixture.wait(.seconds(11))
        #expect(try dial(fixture, from: "192.0.2.1").0, "time takes them away")
        fixture.end()
    }

    @Test func whoRegistersIsCountedNoMore() throws {
        let fixture = GatewayFixture()
        for number in 0..<200 {
            let agent = fixture.dial(query: "agentId=a\(number)", from: "192.0.2.1")
            agent.register(AgentDescription(agentID: "a\(number)"))
        }
        #expect(fixture.gateway.counters.registeredAgents == 200)
        fixture.end()
    }

    @Test func aSubscriberOfIPv6IsOneAddressAndAProxyOnThisMachineIsNone() throws {
        let fixture = GatewayFixture()
        for number in 1...GatewayLimits.unregisteredAgentsPerAddress { _ = try dial(fixture, from: "2001:db8::\(number)") }
        #expect(try !dial(fixture, from: "2001:db8::ffff").0)
        #expect(try dial(fixture, from: "2001:db8:0:1::1").0)
        for _ in 0..<2 * GatewayLimits.unregisteredAgentsPerAddress { #expect(try dial(fixture, from: "127.0.0.1").0) }
        fixture.end()
    }

    @Test func inAllThereAreOnlySoMany() throws {
        let fixture = GatewayFixture()
        var count = 0
        for number in 0..<1_000 where try dial(fixture, from: "192.0.\(number / 250).\(number % 250 + 1)").0 { count += 1 }
        #expect(count == 512)
        #expect(try !dial(fixture, from: "127.0.0.1").0)
        fixture.end()
    }

    @Test func whoShowsItsTokenAtOnceIsNotCounted() throws {
        let fixture = GatewayFixture {
            $0.gatewayTokens = ["common"]
            $0.agents["b"] = AgentAccess()
            $0.agents["b"]?.tokens = ["own"]
        }
        for _ in 0..<GatewayLimits.unregisteredAgentsPerAddress { _ = try dial(fixture, from: "192.0.2.1") }
        #expect(try !dial(fixture, from: "192.0.2.1", "agentId=a").0)
        #expect(try dial(fixture, from: "192.0.2.1", "agentId=a&token=common").0)
        #expect(try dial(fixture, from: "192.0.2.1", "token=common").0)
        #expect(try dial(fixture, from: "192.0.2.1", "agentId=b&token=own").0)
        fixture.end()
    }

    @Test func eachLoopCountsItsShare() throws {
        let fixture = GatewayFixture(loops: 2)
        var count = 0
        for number in 0..<600 where try dial(fixture, from: "192.0.\(number / 250).\(number % 250 + 1)", on: number % 2).0 {
            count += 1
        }
        #expect(count == 256, "who says no id is on loop 0")
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func anUnfinishedMessageOfAnUnregisteredAgentIsNotKept(version: TunnelVersion)
        throws
    {
        let fixture = GatewayFixture { $0.gatewayTokens = ["t"] }
        let agent = fixture.dial(version)
        // The head of a masked text frame that says 11 MiB.
        fixture.send(agent.id, [0x81, 0xff, 0, 0, 0, 0, 0, 0xb0, 0, 0, 1, 2, 3, 4] + pattern(10_000))
        #expect(fixture.connection(agent.id).isClosing || fixture.connection(agent.id).isGone)
        fixture.end()
    }
}
