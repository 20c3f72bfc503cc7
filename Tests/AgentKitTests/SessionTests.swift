// The session with the gateway: phases, back-off and pings.

import MachineCore
import RPCCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct SessionTests {
    // MARK: Phases

    private static let phases: [AgentPhase] = [
        .dialing(attempt: 3), .upgrading, .registering, .serving, .backingOff(until: Moment(), reason: ""), .draining, .stopped,
    ]
    private static let events: [LifeEvent] = [
        .start, .dial(attempt: 2), .connected, .upgraded, .registered, .lost(until: Moment(), reason: "x"), .drain, .halt,
    ]

    /// The table by hand: a row for each phase, a column for each event; a dot where the event means nothing.
    @Test func eachPhaseGoesOnlyWhereTheTableSays() {
        let table = [
            "..U..BXS", "...R.BXS", ".D..VBXS", ".D...BXS", "DD....XS", ".......S", "D.......",
        ]
        let letter: (AgentPhase?) -> Character = { phase in
            switch phase {
            case nil: "."
            case .dialing: "D"
            case .upgrading: "U"
            case .registering: "R"
            case .serving: "V"
            case .backingOff: "B"
            case .draining: "X"
            case .stopped: "S"
            }
        }
        for (phase, row) in zip(Self.phases, table) {
            #expect(String(Self.events.map { letter(phase.after($0)) }) == row, "\(phase)")
        }
    }

    @Test func startIsIgnoredWhileRunningAndCutsABackOffShort() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(.start)
        #expect(fixture.agent.phase == .serving)
        fixture.peerCloses(gateway)
        fixture.send(.start)
        #expect(fixture.agent.phase == .dialing(attempt: 1))
        #expect(fixture.dials.count == 1)
        fixture.expectNothingLeft()
        fixture.send(.start)
        #expect(fixture.agent.phase == .dialing(attempt: 1))
        fixture.expectNothingLeft()
    }

    // MARK: Back-off

    @Test func waitsGrowToTheirCeilingAndDifferBetweenAgents() {
        var keys = KeyStream(seed: [9])
        var longest = [Duration](repeating: .zero, count: 12)
        for _ in 0..<400 {
            var backoff = Backoff(.milliseconds(500)...(.seconds(30)))
            for index in longest.indices {
                let wait = backoff.next(using: &keys)
                #expect(wait >= .zero && wait <= min(.seconds(30), .milliseconds(500) * (1 << index)))
                longest[index] = max(longest[index], wait)
            }
        }
        // Full jitter: the whole range is used.
        for (index, wait) in longest.enumerated() { #expect(wait > min(.seconds(30), .milliseconds(500) * (1 << index)) * 0.9) }
        var odd = Backoff(.zero...(.zero))
        for _ in 0..<100 { #expect(odd.next(using: &keys) == .zero) }
    }

    @Test func slowWaitsAreLongerThanAnyOther() {
        var keys = KeyStream(seed: [7])
        var backoff = Backoff(.milliseconds(500)...(.seconds(30)))
        for _ in 0..<200 { #expect((Duration.seconds(30)...(.seconds(45))).contains(backoff.slow(using: &keys))) }
    }

    @Test func onlyAStableLifeResetsTheBackOff() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        for attempt in 1..<6 {
            #expect(fixture.agent.phase == .dialing(attempt: attempt))
            let gateway = try fixture.acceptUpgrade(.v2)
            fixture.pass(.milliseconds(9_999))
            fixture.peerCloses(gateway)
            fixture.pass(try #require(fixture.wait))
        }
        let gateway = try fixture.acceptUpgrade(.v2)
        fixture.pass(.milliseconds(10_000))
        fixture.peerCloses(gateway)
        #expect(try #require(fixture.wait) <= .milliseconds(500))
        fixture.pass(try #require(fixture.wait))
        #expect(fixture.agent.phase == .dialing(attempt: 2))
        fixture.expectNothingLeft()
    }

    @Test func agentsWithOtherSeedsWaitOtherwise() throws {
        let waits = try (0..<20).map { seed in
            var fixture = AgentFixture()
            fixture.agent = Agent(.sample(), seed: [UInt8(seed)])
            fixture.send(.start)
            try fixture.refuseDial()
            return try #require(fixture.wait)
        }
        #expect(Set(waits).count > 15)
    }

    // MARK: Pings

    @Test func aGatewayThatAnswersPingsLives() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.pass(.seconds(300))
        #expect(fixture.agent.phase == .serving)
        // The gateway sees a ping each 20 s, as its welcome says.
        #expect(fixture.phases.last == .serving)
        fixture.expectNothingLeft()
        #expect(fixture.gateways[gateway]?.closed == .goingAway)
    }

    @Test func aGatewayThatIsSilentAfterAPingIsGivenUp() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.gateways[gateway] = nil  // hears nothing, says nothing
        fixture.pass(.milliseconds(29_999))
        #expect(fixture.agent.phase == .serving)
        fixture.pass(.milliseconds(1))
        #expect(fixture.lossReason == "nothing came from the gateway for 10.0 seconds after a ping")
        #expect(fixture.links[gateway]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func anyByteShowsThatTheGatewayIsAlive() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.gateways[gateway] = nil
        for byte in [0, 1, 2, 3, 4, 5, 6, 7].flatMap({ _ in [0x8a, 0x00] as [UInt8] }) {  // pongs that are slow to come
            fixture.pass(.seconds(9))
            fixture.reply(gateway, [byte])
        }
        #expect(fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }

    @Test func withoutAnIntervalThereAreNoPings() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.pingInterval = .zero })
        fixture.gateways[gateway] = nil
        fixture.pass(.seconds(3_600))
        #expect(fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }
}
