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
        var (world, gateway) = try World.serving()
        world.send(.start)
        #expect(world.agent.phase == .serving)
        world.peerCloses(gateway)
        world.send(.start)
        #expect(world.agent.phase == .dialing(attempt: 1))
        #expect(world.dials.count == 1)
        world.expectNothingLeft()
        world.send(.start)
        #expect(world.agent.phase == .dialing(attempt: 1))
        world.expectNothingLeft()
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
        var world = World()
        world.send(.start)
        for attempt in 1..<6 {
            #expect(world.agent.phase == .dialing(attempt: attempt))
            let gateway = try world.acceptUpgrade(.v2)
            world.pass(.milliseconds(9_999))
            world.peerCloses(gateway)
            world.pass(try #require(world.wait))
        }
        let gateway = try world.acceptUpgrade(.v2)
        world.pass(.milliseconds(10_000))
        world.peerCloses(gateway)
        #expect(try #require(world.wait) <= .milliseconds(500))
        world.pass(try #require(world.wait))
        #expect(world.agent.phase == .dialing(attempt: 2))
        world.expectNothingLeft()
    }

    @Test func agentsWithOtherSeedsWaitOtherwise() throws {
        let waits = try (0..<20).map { seed in
            var world = World()
            world.agent = Agent(.sample(), seed: [UInt8(seed)])
            world.send(.start)
            try world.refuseDial()
            return try #require(world.wait)
        }
        #expect(Set(waits).count > 15)
    }

    // MARK: Pings

    @Test func aGatewayThatAnswersPingsLives() throws {
        var (world, gateway) = try World.serving()
        world.pass(.seconds(300))
        #expect(world.agent.phase == .serving)
        // The gateway sees a ping each 20 s, as its welcome says.
        #expect(world.phases.last == .serving)
        world.expectNothingLeft()
        #expect(world.gateways[gateway]?.closed == .goingAway)
    }

    @Test func aGatewayThatIsSilentAfterAPingIsGivenUp() throws {
        var (world, gateway) = try World.serving()
        world.gateways[gateway] = nil  // hears nothing, says nothing
        world.pass(.milliseconds(29_999))
        #expect(world.agent.phase == .serving)
        world.pass(.milliseconds(1))
        #expect(world.lossReason == "nothing came from the gateway for 10.0 seconds after a ping")
        #expect(world.links[gateway]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func anyByteShowsThatTheGatewayIsAlive() throws {
        var (world, gateway) = try World.serving()
        world.gateways[gateway] = nil
        for byte in [0, 1, 2, 3, 4, 5, 6, 7].flatMap({ _ in [0x8a, 0x00] as [UInt8] }) {  // pongs that are slow to come
            world.pass(.seconds(9))
            world.reply(gateway, [byte])
        }
        #expect(world.agent.phase == .serving)
        world.expectNothingLeft()
    }

    @Test func withoutAnIntervalThereAreNoPings() throws {
        var (world, gateway) = try World.serving(.sample { $0.pingInterval = .zero })
        world.gateways[gateway] = nil
        world.pass(.seconds(3_600))
        #expect(world.agent.phase == .serving)
        world.expectNothingLeft()
    }
}
