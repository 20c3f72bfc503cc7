// An agent whose gateway is hostile, or only slow: what it holds, and which numbers it accepts.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct HostileGatewayTests {
    @Test func responsesThatTheGatewayDoesNotTakeStopTheReadingOfAllServices() throws {
        var (world, gateway) = try World.serving(.sample { $0.maximumHeldBytes = 150_000 })
        world.readsResponses = false
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        var services: [ConnectionID] = []
        var streams: [StreamID] = []
        for _ in 0..<4 {
            streams.append(try world.request(gateway, "GET", "/big"))
            services.append(try world.accept())
        }
        for service in services.dropLast() {
            world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
            for _ in 0..<5 where world.links[service]?.isReading == true { world.reply(service, piece) }
        }
        #expect(services.allSatisfy { world.links[$0]?.isReading == false }, "also that which has said nothing yet")
        for stream in streams.prefix(2) {
            world.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
            world.talk()
        }
        #expect(world.links[services[0]]?.isReading == true && world.links[services[3]]?.isReading == true)
        #expect(world.links[services[2]]?.isReading == false, "its own visitor does not read")
        world.reply(services[3], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(world.response(gateway, streams[3]).text == "ok")
        for stream in streams.prefix(3) { world.gateways[gateway]?.session.reset(stream, .cancelled) }
        world.talk()
        world.expectNothingLeft()
    }

    @Test(arguments: [(1, 100), (7_000, 7_000), (86_400_000, 600_000)])
    func aGatewaySaysHowOftenToPingWithinReason(asked: Int, taken: Int) throws {
        var world = World(.sample { $0.stableAfter = .seconds(86_400) })  // nothing else is due
        world.welcome?.ping = .milliseconds(asked)
        world.send(.start)
        try world.acceptUpgrade(.v2)
        #expect(world.agent.nextDeadline == world.now.advanced(by: .milliseconds(taken)))
        world.expectNothingLeft()
    }
}
