// An agent whose gateway is hostile, or only slow: what it holds, and which numbers it accepts.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct HostileGatewayTests {
    @Test func responsesThatTheGatewayDoesNotTakeStopTheReadingOfAllServices() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.maximumHeldBytes = 150_000 })
        fixture.readsResponses = false
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        var services: [ConnectionID] = []
        var streams: [StreamID] = []
        for _ in 0..<4 {
            streams.append(try fixture.request(gateway, "GET", "/big"))
            services.append(try fixture.accept())
        }
        for service in services.dropLast() {
            fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
            for _ in 0..<5 where fixture.links[service]?.isReading == true { fixture.reply(service, piece) }
        }
        #expect(services.allSatisfy { fixture.links[$0]?.isReading == false }, "also that which has said nothing yet")
        for stream in streams.prefix(2) {
            fixture.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
            fixture.talk()
        }
        #expect(fixture.links[services[0]]?.isReading == true && fixture.links[services[3]]?.isReading == true)
        #expect(fixture.links[services[2]]?.isReading == false, "its own visitor does not read")
        fixture.reply(services[3], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.response(gateway, streams[3]).text == "ok")
        for stream in streams.prefix(3) { fixture.gateways[gateway]?.session.reset(stream, .cancelled) }
        fixture.talk()
        fixture.expectNothingLeft()
    }

    @Test(arguments: [(1, 100), (7_000, 7_000), (86_400_000, 600_000)])
    func aGatewaySaysHowOftenToPingWithinReason(asked: Int, taken: Int) throws {
        var fixture = AgentFixture(.sample { $0.stableAfter = .seconds(86_400) })  // nothing else is due
        fixture.welcome?.ping = .milliseconds(asked)
        fixture.send(.start)
        try fixture.acceptUpgrade(.v2)
        #expect(fixture.agent.nextDeadline == fixture.now.advanced(by: .milliseconds(taken)))
        fixture.expectNothingLeft()
    }
}
