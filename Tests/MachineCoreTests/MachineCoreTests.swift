import MachineCore
import TestSupport
import Testing

@Suite struct MomentTests {
    @Test func advancingSaturatesInsteadOfTrapping() {
        #expect(Moment(nanoseconds: .max).advanced(by: .seconds(1)) == Moment(nanoseconds: .max))
        #expect(Moment(nanoseconds: 5).advanced(by: .seconds(-1)) == Moment(nanoseconds: 0))
        #expect(Moment(nanoseconds: 5).advanced(by: .seconds(Int64.max)).nanoseconds == 5 + UInt64(Int64.max))
        #expect(Moment(nanoseconds: 1_000).advanced(by: .nanoseconds(-1)).nanoseconds == 999)
    }

    @Test func sinceNeverGoesNegative() {
        #expect(Moment(nanoseconds: 9).since(Moment(nanoseconds: 4)) == .nanoseconds(5))
        #expect(Moment(nanoseconds: 4).since(Moment(nanoseconds: 9)) == .zero)
        #expect(Moment(nanoseconds: .max).since(Moment()) == .nanoseconds(Int64.max))
    }
}

@Suite struct DeadlinesTests {
    @Test func popsEarliestFirstAndOnlyWhatExpired() {
        var deadlines = Deadlines<String>()
        for (key, at) in [("c", 30), ("a", 10), ("b", 20)] { deadlines.set(key, at: Moment(nanoseconds: UInt64(at))) }
        #expect(deadlines.next == Moment(nanoseconds: 10))
        let now = Moment(nanoseconds: 20)
        #expect(deadlines.popExpired(at: now) == "a")
        #expect(deadlines.popExpired(at: now) == "b")
        #expect(deadlines.popExpired(at: now) == nil)
        #expect(deadlines.next == Moment(nanoseconds: 30))
    }

    @Test func settingAgainReplacesAndCancellingRemoves() {
        var deadlines = Deadlines<Int>()
        deadlines.set(1, at: Moment(nanoseconds: 10))
        deadlines.set(1, at: Moment(nanoseconds: 50))
        deadlines.set(2, at: Moment(nanoseconds: 20))
        #expect(deadlines.next == Moment(nanoseconds: 20))
        deadlines.cancel(2)
        #expect(deadlines.next == Moment(nanoseconds: 50))
        #expect(deadlines.popExpired(at: Moment(nanoseconds: 49)) == nil)
        #expect(deadlines.popExpired(at: Moment(nanoseconds: 50)) == 1)
        #expect(deadlines.next == nil)
    }

    @Test func aThousandResetsOfOneKeyHoldBoundedMemoryAndTheLastWins() {
        var deadlines = Deadlines<Int>()
        for at in 1...1_000 { deadlines.set(7, at: Moment(nanoseconds: UInt64(at))) }
        #expect(deadlines.count == 1)
        #expect(deadlines.next == Moment(nanoseconds: 1_000))
    }

    @Test func agreesWithASortedModelOverRandomOperations() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix(seed: seed)
        var deadlines = Deadlines<Int>()
        var model: [Int: UInt64] = [:]
        for _ in 0..<5_000 {
            let key = Int(generator.next() % 40), at = generator.next() % 1_000
            switch generator.next() % 3 {
            case 0, 1:
                deadlines.set(key, at: Moment(nanoseconds: at))
                model[key] = at
            default:
                deadlines.cancel(key)
                model[key] = nil
            }
            #expect(deadlines.next?.nanoseconds == model.values.min(), "seed \(seed)")
        }
    }
}

@Suite struct ConnectionTableTests {
    private final class Box {
        var items: [Int]
        init(_ items: [Int]) { self.items = items }
    }

    @Test func aStaleIdFindsNoEntryAndChangesNone() {
        var table = ConnectionTable<Box>()
        let old = ConnectionID(slot: 3, generation: 1), new = ConnectionID(slot: 3, generation: 2)
        table[old] = Box([1])
        table[new] = Box([2])
        #expect(table[old] == nil)
        table[old]?.items.append(9)
        table[old] = nil
        #expect(table[new]?.items == [2])
        #expect(table.count == 1)
        table[new]?.items.append(3)
        #expect(table[new]?.items == [2, 3])
        table[new] = nil
        #expect(table.count == 0)
        #expect(table.allIDs.isEmpty)
    }
}
