// Windows that grow with the round trip, and the budget that they grow out of.

import MachineCore
import Testing

@testable import TunnelLink

@Suite struct GrowthTests {
    private let window = 64 * 1024
    private let start = Moment(nanoseconds: 1_000_000_000)

    private func limits(budget: Int = 1 << 30, maximum: Int = 1 << 30) -> TunnelLimits {
        var limits = TunnelLimits()
        limits.initialWindow = window
        limits.windowBudget = budget
        limits.maximumWindow = maximum
        return limits
    }

    /// A gateway's end with streams whose responses have begun.
    private func peer(_ limits: TunnelLimits, streams: UInt32 = 1) throws -> RawPeer {
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        for number in 1...streams {
            _ = try peer.open(WebRequest(method: "GET", path: Array("/".utf8)))
            _ = peer.say(#"{"jsonrpc":"2.0","id":"web_\#(number)","result":{"statusCode":200}}"#)
        }
        _ = peer.received()
        return peer
    }

    /// Sends a whole window of so many bytes on a stream, consumes it at `moment`, and gives the credit that came back.
    private func empty(_ peer: inout RawPeer, _ stream: UInt32, _ count: Int, at moment: Moment) -> Int {
        var left = count
        while left > 0 {
            let piece = min(left, 32 * 1024)
            #expect(peer.say(dataFrame(stream, pattern(piece))).count == 1)
            left -= piece
        }
        peer.session.consumed(count, on: .number(stream), now: moment)
        return peer.received().reduce(0) { sum, received in
            guard case .binary(let bytes) = received, bytes.count == 12, bytes[0] == 1 else { return sum }
            return sum + bytes[8...].reduce(0) { $0 << 8 | Int($1) }
        }
    }

    @Test func theTimeThatItTakesToEmptyAWindowIsMeasured() {
        var pace = WindowPace()
        #expect(pace.advance(500, window: 100, now: start) == nil)
        #expect(pace.advance(99, window: 100, now: start.advanced(by: .seconds(1))) == nil)
        #expect(pace.advance(1, window: 100, now: start.advanced(by: .seconds(3))) == .seconds(3))
        #expect(pace.advance(250, window: 100, now: start.advanced(by: .seconds(4))) == .seconds(1))
        #expect(pace.advance(1, window: 100, now: start.advanced(by: .seconds(9))) == nil)
    }

    @Test func aWindowThatEmptiesInLessThanTwoRoundTripsDoubles() throws {
        var peer = try peer(limits())
        peer.session.roundTrip = .milliseconds(100)
        #expect(empty(&peer, 1, window, at: start) == window)
        #expect(empty(&peer, 1, window, at: start.advanced(by: .milliseconds(199))) == 2 * window)
        #expect(empty(&peer, 1, 2 * window, at: start.advanced(by: .milliseconds(399))) == 2 * window, "slow enough")
        #expect(empty(&peer, 1, 2 * window, at: start.advanced(by: .milliseconds(500))) == 4 * window)
        #expect(peer.say(dataFrame(1, pattern(1))).count == 1)
    }

    @Test func withoutARoundTripItAsksForOneAndDoesNotGrow() throws {
        var peer = try peer(limits())
        #expect(!peer.session.wantsRoundTrip)
        #expect(empty(&peer, 1, window, at: start) == window)
        #expect(!peer.session.wantsRoundTrip)
        #expect(empty(&peer, 1, window, at: start.advanced(by: .milliseconds(5))) == window)
        #expect(peer.session.wantsRoundTrip)
        peer.session.ping([1])
        #expect(!peer.session.wantsRoundTrip)
    }

    @Test func aWindowThatKeepsEmptyingAtOnceGrowsToAMebibyteHoweverShortTheRoundTrip() throws {
        var peer = try peer(limits())
        peer.session.roundTrip = .microseconds(50)
        #expect(empty(&peer, 1, window, at: start) == window)
        var (size, now) = (window, start)
        while size < 1024 * 1024 {
            for _ in 0..<31 {
                now = now.advanced(by: .microseconds(4_999))
                #expect(empty(&peer, 1, size, at: now) == size)
            }
            now = now.advanced(by: .microseconds(4_999))
            #expect(empty(&peer, 1, size, at: now) == 2 * size)
            size *= 2
        }
        for _ in 0..<40 {
            now = now.advanced(by: .microseconds(200))
            #expect(empty(&peer, 1, size, at: now) == size)
        }
    }

    @Test func aPauseShowsThatItIsNotSoFast() throws {
        var peer = try peer(limits())
        peer.session.roundTrip = .microseconds(50)
        var now = start
        for round in 0..<100 {
            now = now.advanced(by: .milliseconds(round % 32 == 31 ? 5 : 1))
            #expect(empty(&peer, 1, window, at: now) == window)
        }
    }

    @Test func withoutTheTimeItDoesNotGrow() throws {
        var peer = try peer(limits())
        peer.session.roundTrip = .seconds(1)
        for _ in 0..<4 {
            #expect(peer.say(dataFrame(1, pattern(window / 2))).count == 1)
            peer.session.consumed(window / 2, on: .number(1))
        }
        #expect(!peer.session.wantsRoundTrip)
        #expect(peer.received().allSatisfy { $0 == .binary(creditFrame(1, UInt32(window / 2))) })
    }

    @Test func aWindowStopsAtItsMaximum() throws {
        var peer = try peer(limits(maximum: 3 * window))
        peer.session.roundTrip = .seconds(1)
        #expect(empty(&peer, 1, window, at: start) == window)
        #expect(empty(&peer, 1, window, at: start) == 2 * window)
        #expect(empty(&peer, 1, 2 * window, at: start) == 3 * window)
        #expect(empty(&peer, 1, 3 * window, at: start) == 3 * window)
    }

    @Test func noStreamTakesMoreThanHalfOfWhatIsLeftAndAllOfItComesBack() throws {
        var peer = try peer(limits(budget: 4 * window), streams: 3)
        peer.session.roundTrip = .seconds(1)
        func grow(_ stream: UInt32, _ count: Int) -> Int {
            let growth = empty(&peer, stream, count, at: start) - count
            return growth > 0 ? growth : empty(&peer, stream, count, at: start) - count  // the first time its pace only begins
        }
        #expect(grow(1, window) == window)
        #expect(grow(2, window) == window)
        #expect(grow(3, window) == window)
        #expect(grow(3, 2 * window) == window / 2)
        #expect(grow(2, 2 * window) == window / 4)
        #expect(grow(1, 2 * window) == 0, "less than 16 KiB is not worth a message")
        peer.session.reset(.number(3), .cancelled)
        #expect(grow(1, 2 * window) > 0)
        _ = peer.say(resetFrame(1, 4))
        _ = peer.say(dataFrame(2, [], end: true))
        #expect(peer.session.openStreams == 0)
        _ = try peer.open(WebRequest(method: "GET", path: Array("/".utf8)))
        _ = peer.say(#"{"jsonrpc":"2.0","id":"web_4","result":{"statusCode":200}}"#)
        _ = peer.received()
        #expect(grow(4, window) == window)
        #expect(grow(4, 2 * window) == 3 * window / 2)
    }

    @Test func aStreamThatHasEndedGrowsNoMore() throws {
        var peer = try peer(limits())
        peer.session.roundTrip = .seconds(1)
        #expect(empty(&peer, 1, window, at: start) == window)
        #expect(peer.say(dataFrame(1, pattern(window), end: true)).count == 2)
        peer.session.consumed(window, on: .number(1), now: start)
        #expect(peer.received().isEmpty)
    }
}
