// Calls in flight: named once, finished once, expired in the order of their deadlines.

import RPCCore
import TestSupport
import Testing

@Suite struct PendingCallsTests {
    @Test func idsCountUpAndBearThePrefix() {
        var numbered = PendingCalls<String, Int>(maximumCount: 10)
        #expect(numbered.begin("a", deadline: 1) == .integer(1))
        #expect(numbered.begin("b", deadline: 1) == .integer(2))
        var named = PendingCalls<String, Int>(maximumCount: 10, prefix: "web_")
        #expect(named.begin("a", deadline: 1) == .string("web_1"))
        #expect(named.finish(.string("web_1")) == "a")
        #expect(named.begin("b", deadline: 1) == .string("web_2"))
    }

    @Test func aCallIsFinishedOnce() {
        var calls = PendingCalls<String, Int>(maximumCount: 10)
        let id = calls.begin("a", deadline: 5)
        #expect(calls.count == 1 && calls.nextDeadline == 5)
        #expect(id.flatMap { calls.finish($0) } == "a")
        #expect(id.flatMap { calls.finish($0) } == nil)
        #expect(calls.count == 0 && calls.nextDeadline == nil)
    }

    @Test(arguments: [
        RPCID.null, .integer(1), .integer(0), .integer(-1), .number("1"), .string(""), .string("1"), .string("web_"),
        .string("web_0"),
        .string("web_01"), .string("web_2"), .string("web_1 "), .string("Web_1"), .string("web_+1"), .string("web_1.0"),
        .string("web_-1"),
        .string("web_99999999999999999999999999"), .string("web_9223372036854775807"), .string("web_web_1"), .string("web_١"),
    ])
    func onlyTheIdItselfFinishesACall(stranger: RPCID) {
        var calls = PendingCalls<Int, Int>(maximumCount: 10, prefix: "web_")
        #expect(calls.begin(7, deadline: 1) == .string("web_1"))
        #expect(calls.finish(stranger) == nil)
        #expect(calls.finish(.string("web_1")) == 7)
    }

    @Test func aStringNeverFinishesANumberedCall() {
        var calls = PendingCalls<Int, Int>(maximumCount: 10)
        _ = calls.begin(7, deadline: 1)
        #expect(calls.finish(.string("1")) == nil && calls.finish(.number("1.5")) == nil && calls.finish(.integer(2)) == nil)
        #expect(calls.finish(.integer(1)) == 7)
    }

    @Test func aFullTableRefusesUntilThereIsRoom() {
        var calls = PendingCalls<Int, Int>(maximumCount: 2)
        #expect(calls.begin(1, deadline: 1) == .integer(1))
        #expect(calls.begin(2, deadline: 1) == .integer(2))
        #expect(calls.begin(3, deadline: 1) == nil)
        #expect(calls.finish(.integer(1)) == 1)
        #expect(calls.begin(3, deadline: 1) == .integer(3))
        var none = PendingCalls<Int, Int>(maximumCount: 0)
        #expect(none.begin(1, deadline: 1) == nil)
    }

    @Test func expiryComesInTheOrderOfDeadlinesAndNotBefore() {
        var calls = PendingCalls<Int, Int>(maximumCount: 10)
        for deadline in [30, 10, 20, 40] { _ = calls.begin(deadline, deadline: deadline) }
        #expect(calls.nextDeadline == 10 && calls.popExpired(at: 9) == nil)
        #expect(calls.popExpired(at: 30) == 10 && calls.popExpired(at: 30) == 20 && calls.popExpired(at: 30) == 30)
        #expect(calls.popExpired(at: 30) == nil && calls.nextDeadline == 40)
        #expect(calls.finish(.integer(1)) == nil && calls.finish(.integer(4)) == 40)
    }

    @Test func aLostPeerAbandonsAllCallsInOrder() {
        var calls = PendingCalls<Int, Int>(maximumCount: 10)
        for context in 1...4 { _ = calls.begin(context, deadline: 100 - context) }
        _ = calls.finish(.integer(2))
        #expect(calls.removeAll() == [1, 3, 4])
        #expect(calls.count == 0 && calls.nextDeadline == nil && calls.removeAll().isEmpty)
        #expect(calls.begin(5, deadline: 1) == .integer(5))
    }

    @Test(arguments: [1, 2, 3])
    func randomOperationsAgreeWithASortedList(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var calls = PendingCalls<Int, Int>(maximumCount: 60)
        var model: [(id: RPCID, context: Int, deadline: Int)] = []
        for step in 0..<3000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1, 2:
                let deadline = step + Int.random(in: 0...400, using: &random)
                let id = calls.begin(step, deadline: deadline)
                if (id == nil) != (model.count == 60) { Issue.record("begin at \(step)") }
                if let id { model.append((id, step, deadline)) }
            case 3:
                guard let place = model.indices.randomElement(using: &random) else { continue }
                let call = model.remove(at: place)
                if calls.finish(call.id) != call.context { Issue.record("finish at \(step)") }
            default:
                let expired = calls.popExpired(at: step)
                let place = model.firstIndex { $0.context == expired }
                let earliest = model.map(\.deadline).min()
                if expired == nil, let earliest, earliest <= step { Issue.record("missed at \(step)") }
                if expired != nil, place.map({ model[$0].deadline }) != earliest { Issue.record("out of order at \(step)") }
                if let place { model.remove(at: place) }
            }
            if calls.count != model.count || calls.nextDeadline != model.map(\.deadline).min() {
                Issue.record("state at \(step)")
            }
        }
    }

    @Test func manyShortCallsWithFarDeadlinesStayCheap() {
        var calls = PendingCalls<Int, Int>(maximumCount: 1000)
        for round in 0..<50_000 {
            guard let id = calls.begin(round, deadline: 1_000_000 + round % 977) else { return }
            if calls.finish(id) != round { Issue.record("round \(round)") }
        }
        #expect(calls.count == 0 && calls.nextDeadline == nil)
    }
}
