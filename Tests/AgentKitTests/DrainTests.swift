// The gateway asks for another connection, or the host for an end: what is in flight is finished, if there is time.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct DrainTests {
    // MARK: The gateway drains

    @Test func aDrainingGatewayIsLeftForAnotherAndItsExchangesFinished() throws {
        var (world, old) = try World.serving()
        world.pass(.seconds(10))
        let stream = try world.request(old, "GET", "/long")
        let service = try world.accept()
        world.gateways[old]?.session.drain(within: .seconds(30))
        world.talk()
        #expect(world.agent.phase == .dialing(attempt: 1))
        let new = try world.acceptUpgrade(.v2)
        #expect(world.agent.phase == .serving)
        #expect(world.agent.counters.tunnels == 2)
        #expect(world.links[old]?.ending == World.Link.Ending.none)
        let other = try world.request(new, "GET", "/other")
        let second = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong")
        #expect(world.response(old, stream).text == "long")
        #expect(world.links[old]?.ending == World.Link.Ending.none, "a request may be on its way")
        let late = try world.request(old, "GET", "/late")
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        #expect(world.response(old, late).text == "late")
        world.gateways[old]?.session.close(.serviceRestart, reason: "")
        world.talk()
        #expect(world.links[old]?.ending == .closed)
        #expect(world.agent.phase == .serving)
        world.reply(second, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        #expect(world.response(new, other).text == "other")
        #expect(world.agent.counters.tunnels == 1)
        world.expectNothingLeft()
    }

    @Test func whatIsNotFinishedInTimeIsCut() throws {
        var (world, old) = try World.serving()
        world.pass(.seconds(10))
        try world.request(old, "GET", "/long")
        let service = try world.accept()
        world.gateways[old]?.session.drain(within: .seconds(5))
        world.talk()
        try world.acceptUpgrade(.v2)
        world.pass(.seconds(5))
        #expect(world.links[old]?.ending == .closed)
        #expect(world.links[service]?.ending == .aborted)
        #expect(world.agent.phase == .serving)
        world.expectNothingLeft()
    }

    @Test func aReplacementOfTheRetiringConnectionIsNoReasonToStop() throws {
        var (world, old) = try World.serving()
        world.pass(.seconds(10))
        try world.request(old, "GET", "/long")
        _ = try world.accept()
        world.gateways[old]?.session.drain(within: .seconds(5))
        world.talk()
        let new = try world.acceptUpgrade(.v2)
        world.gateways[old]?.session.close(WSCloseCode(rawValue: TunnelClose.replaced.rawValue), reason: "")
        world.talk()
        #expect(world.agent.phase == .serving)
        #expect(world.links[new]?.ending == World.Link.Ending.none)
        world.expectNothingLeft()
    }

    @Test func aGatewayThatDrainsEveryNewcomerIsNotHammered() throws {
        var world = World()
        world.send(.start)
        for attempt in 1...6 {
            #expect(world.agent.phase == .dialing(attempt: attempt))
            let gateway = try world.acceptUpgrade(.v2)
            try world.request(gateway, "GET", "/kept")
            _ = try world.accept()
            world.gateways[gateway]?.session.drain(within: .seconds(86_400))
            world.talk()
            #expect(world.lossReason == "the gateway drains")
            world.pass(try #require(world.wait))
        }
        #expect(world.agent.counters.tunnels == 5)
        #expect(world.agent.counters.openExchanges == 4)  // of the oldest, what was left was cut
        world.send(.stop)
        world.expectNothingLeft()
    }

    // MARK: The host drains

    @Test func aDrainFinishesWhatIsInFlightRefusesMoreAndStops() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/long")
        let service = try world.accept()
        world.send(.drain(within: .seconds(30)))
        #expect(world.agent.phase == .draining)
        let refused = try world.request(gateway, "GET", "/more")
        #expect(world.response(gateway, refused).failure?.code == TunnelFailure.tooManyStreams.rawValue)
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong")
        #expect(world.response(gateway, stream).text == "long")
        #expect(world.stops == ["drained"])
        #expect(world.gateways[gateway]?.closed == .goingAway)
        #expect(world.links[gateway]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func whatIsOnItsWayWhileTheAgentLeavesIsServed(version: TunnelVersion) throws {
        var (world, gateway) = try World.serving(version: version)
        // The gateway sends it before it learns that the agent leaves.
        let opened = world.gateways[gateway]?.session.open(WebRequest(method: "GET", path: Array("/late".utf8)))
        let stream = try #require(opened)
        world.send(.drain(within: .seconds(30)))
        #expect(world.stops.isEmpty)
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        #expect(world.response(gateway, stream).text == "late")
        #expect(world.stops == ["drained"])
        world.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func theGatewayIsToldFirst(version: TunnelVersion) throws {
        var (world, gateway) = try World.serving(version: version)
        try world.request(gateway, "GET", "/long")
        _ = try world.accept()
        world.send(.drain(within: .seconds(30)))
        #expect(world.gateways[gateway]?.leavings == 1)
        world.send(.stop)
        world.expectNothingLeft()
    }

    @Test func aDrainWaitsForTheVisitorToReadItAll() throws {
        var (world, gateway) = try World.serving()
        world.readsResponses = false
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        world.reply(service, [UInt8](repeating: 1, count: 300_000))
        #expect(world.agent.counters.openExchanges == 0)
        world.send(.drain(within: .seconds(30)))
        #expect(world.agent.phase == .draining)
        world.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        world.talk()
        #expect(world.response(gateway, stream).body.count == 300_000)
        #expect(world.stops == ["drained"])
        world.expectNothingLeft()
    }

    @Test func aDrainEndsInTimeWhateverIsInFlight() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/long")
        let service = try world.accept()
        world.send(.drain(within: .seconds(3)))
        world.pass(.seconds(3))
        #expect(world.stops == ["drained; what was left in flight was cut"])
        #expect(world.links[service]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func aDrainWithNothingToFinishStopsAtOnce() throws {
        var world = World()
        world.send(.start)
        world.send(.drain(within: .seconds(3)))
        #expect(world.stops == ["drained"])
        world.expectNothingLeft()

        world = World()
        world.send(.start)
        try world.refuseDial()
        world.send(.drain(within: .seconds(3)))
        #expect(world.stops == ["drained"])
        world.expectNothingLeft()

        (world, _) = try World.serving()
        world.send(.drain(within: .seconds(3)))
        #expect(world.stops == ["drained"])
        world.expectNothingLeft()
    }

    @Test func aConnectionLostWhileDrainingIsTheEnd() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/long")
        _ = try world.accept()
        world.send(.drain(within: .seconds(30)))
        world.peerCloses(gateway)
        #expect(world.stops == ["drained"])
        #expect(world.dials.isEmpty)
        world.expectNothingLeft()
    }
}
