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
        var (fixture, old) = try AgentFixture.serving()
        fixture.pass(.seconds(10))
        let stream = try fixture.request(old, "GET", "/long")
        let service = try fixture.accept()
        fixture.gateways[old]?.session.drain(within: .seconds(30))
        fixture.talk()
        #expect(fixture.agent.phase == .dialing(attempt: 1))
        let new = try fixture.acceptUpgrade(.v2)
        #expect(fixture.agent.phase == .serving)
        #expect(fixture.agent.counters.tunnels == 2)
        #expect(fixture.links[old]?.ending == AgentFixture.Ending.none)
        let other = try fixture.request(new, "GET", "/other")
        let second = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong")
        #expect(fixture.response(old, stream).text == "long")
        #expect(fixture.links[old]?.ending == AgentFixture.Ending.none, "a request may be on its way")
        let late = try fixture.request(old, "GET", "/late")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        #expect(fixture.response(old, late).text == "late")
        fixture.gateways[old]?.session.close(.serviceRestart, reason: "")
        fixture.talk()
        #expect(fixture.links[old]?.ending == .closed)
        #expect(fixture.agent.phase == .serving)
        fixture.reply(second, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        #expect(fixture.response(new, other).text == "other")
        #expect(fixture.agent.counters.tunnels == 1)
        fixture.expectNothingLeft()
    }

    @Test func whatIsNotFinishedInTimeIsCut() throws {
        var (fixture, old) = try AgentFixture.serving()
        fixture.pass(.seconds(10))
        try fixture.request(old, "GET", "/long")
        let service = try fixture.accept()
        fixture.gateways[old]?.session.drain(within: .seconds(5))
        fixture.talk()
        try fixture.acceptUpgrade(.v2)
        fixture.pass(.seconds(5))
        #expect(fixture.links[old]?.ending == .closed)
        #expect(fixture.links[service]?.ending == .aborted)
        #expect(fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }

    @Test func aReplacementOfTheRetiringConnectionIsNoReasonToStop() throws {
        var (fixture, old) = try AgentFixture.serving()
        fixture.pass(.seconds(10))
        try fixture.request(old, "GET", "/long")
        _ = try fixture.accept()
        fixture.gateways[old]?.session.drain(within: .seconds(5))
        fixture.talk()
        let new = try fixture.acceptUpgrade(.v2)
        fixture.gateways[old]?.session.close(WSCloseCode(rawValue: TunnelClose.replaced.rawValue), reason: "")
        fixture.talk()
        #expect(fixture.agent.phase == .serving)
        #expect(fixture.links[new]?.ending == AgentFixture.Ending.none)
        fixture.expectNothingLeft()
    }

    @Test func aGatewayThatDrainsEveryNewcomerIsNotHammered() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        for attempt in 1...6 {
            #expect(fixture.agent.phase == .dialing(attempt: attempt))
            let gateway = try fixture.acceptUpgrade(.v2)
            try fixture.request(gateway, "GET", "/kept")
            _ = try fixture.accept()
            fixture.gateways[gateway]?.session.drain(within: .seconds(86_400))
            fixture.talk()
            #expect(fixture.lossReason == "the gateway drains")
            fixture.pass(try #require(fixture.wait))
        }
        #expect(fixture.agent.counters.tunnels == 5)
        #expect(fixture.agent.counters.openExchanges == 4)  // of the oldest, what was left was cut
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    // MARK: The host drains

    @Test func aDrainFinishesWhatIsInFlightRefusesMoreAndStops() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/long")
        let service = try fixture.accept()
        fixture.send(.drain(within: .seconds(30)))
        #expect(fixture.agent.phase == .draining)
        let refused = try fixture.request(gateway, "GET", "/more")
        #expect(fixture.response(gateway, refused).failure?.code == TunnelFailure.tooManyStreams.rawValue)
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong")
        #expect(fixture.response(gateway, stream).text == "long")
        #expect(fixture.stops == ["drained"])
        #expect(fixture.gateways[gateway]?.closed == .goingAway)
        #expect(fixture.links[gateway]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func whatIsOnItsWayWhileTheAgentLeavesIsServed(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(version: version)
        // The gateway sends it before it learns that the agent leaves.
        let opened = fixture.gateways[gateway]?.session.open(WebRequest(method: "GET", path: Array("/late".utf8)))
        let stream = try #require(opened)
        fixture.send(.drain(within: .seconds(30)))
        #expect(fixture.stops.isEmpty)
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        #expect(fixture.response(gateway, stream).text == "late")
        #expect(fixture.stops == ["drained"])
        fixture.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func theGatewayIsToldFirst(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(version: version)
        try fixture.request(gateway, "GET", "/long")
        _ = try fixture.accept()
        fixture.send(.drain(within: .seconds(30)))
        #expect(fixture.gateways[gateway]?.leavings == 1)
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    @Test func aDrainWaitsForTheVisitorToReadItAll() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.readsResponses = false
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        fixture.reply(service, [UInt8](repeating: 1, count: 300_000))
        #expect(fixture.agent.counters.openExchanges == 0)
        fixture.send(.drain(within: .seconds(30)))
        #expect(fixture.agent.phase == .draining)
        fixture.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        fixture.talk()
        #expect(fixture.response(gateway, stream).body.count == 300_000)
        #expect(fixture.stops == ["drained"])
        fixture.expectNothingLeft()
    }

    @Test func aDrainEndsInTimeWhateverIsInFlight() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/long")
        let service = try fixture.accept()
        fixture.send(.drain(within: .seconds(3)))
        fixture.pass(.seconds(3))
        #expect(fixture.stops == ["drained; what was left in flight was cut"])
        #expect(fixture.links[service]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func aDrainWithNothingToFinishStopsAtOnce() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        fixture.send(.drain(within: .seconds(3)))
        #expect(fixture.stops == ["drained"])
        fixture.expectNothingLeft()

        fixture = AgentFixture()
        fixture.send(.start)
        try fixture.refuseDial()
        fixture.send(.drain(within: .seconds(3)))
        #expect(fixture.stops == ["drained"])
        fixture.expectNothingLeft()

        (fixture, _) = try AgentFixture.serving()
        fixture.send(.drain(within: .seconds(3)))
        #expect(fixture.stops == ["drained"])
        fixture.expectNothingLeft()
    }

    @Test func aConnectionLostWhileDrainingIsTheEnd() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/long")
        _ = try fixture.accept()
        fixture.send(.drain(within: .seconds(30)))
        fixture.peerCloses(gateway)
        #expect(fixture.stops == ["drained"])
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }
}
