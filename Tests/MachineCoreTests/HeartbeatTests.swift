// A peer's life by pings, state by state.

import MachineCore
import Testing

@Suite struct HeartbeatTests {
    private func moment(_ seconds: UInt64) -> Moment { Moment(nanoseconds: seconds * 1_000_000_000) }

    @Test func aPingIsDueThenItsPongThenTheNext() {
        var heartbeat = Heartbeat()
        #expect(heartbeat.expired() == .ping)
        #expect(heartbeat.ping(at: moment(1)) == [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(heartbeat.state == .awaiting)
        heartbeat.received()
        #expect(heartbeat.state == .alive)
        #expect(heartbeat.expired() == .rest)
        #expect(heartbeat.expired() == .ping)
    }

    @Test func silenceAfterAPingIsSaid() {
        var heartbeat = Heartbeat()
        heartbeat.received()  // before the ping: proves nothing
        _ = heartbeat.ping(at: moment(1))
        #expect(heartbeat.expired() == .silent)
    }

    @Test func onlyTheFirstPongToTheLastPingMeasures() {
        var heartbeat = Heartbeat()
        let first = heartbeat.ping(at: moment(1))
        let second = heartbeat.ping(at: moment(2))
        #expect(heartbeat.pong(first[...], at: moment(5)) == nil)
        #expect(heartbeat.state == .awaiting)
        #expect(heartbeat.pong(second[...], at: moment(5)) == .seconds(3))
        #expect(heartbeat.state == .alive)
        #expect(heartbeat.pong(second[...], at: moment(6)) == nil)
        #expect(heartbeat.count == 2)
        #expect(heartbeat.sentAt == moment(2))
    }

    @Test func aPongWithoutAPingMeasuresNothing() {
        var heartbeat = Heartbeat()
        #expect(heartbeat.pong(heartbeat.payload[...], at: moment(1)) == nil)
    }

    @Test func restingEndsTheWait() {
        var heartbeat = Heartbeat()
        _ = heartbeat.ping(at: moment(1))
        heartbeat.rest()
        #expect(heartbeat.expired() == .ping)
    }
}
