// The table of streams against a dictionary, in whatever order streams come and go.

import TestSupport
import Testing

@testable import TunnelLink

@Suite struct StreamTableTests {
    /// Numbers one after another, numbers that fall on the same places (multiples of a large power of two), and any.
    @Test(arguments: [UInt32(1), 1 << 20, 0x0101_0101]) func itHoldsWhatADictionaryHolds(step: UInt32) {
        var random = SplitMix(seed: UInt64(step))
        var table = StreamTable<TunnelStream>()
        var expected: [StreamID: TunnelStream] = [:]
        var last: UInt32 = 0
        for _ in 0..<4000 {
            if random.next() % 5 < (expected.count < 300 ? 3 : 1) {
                last &+= step
                if last == 0 { last = 1 }
                let id = StreamID(rawValue: last)
                let stream = expected[id] ?? TunnelStream(window: 1)
                expected[id] = stream
                table.insert(stream, id)
            } else {
                let ids = expected.keys.sorted { $0.rawValue < $1.rawValue }
                let id = ids.isEmpty ? StreamID(rawValue: last) : ids[Int(random.next() % UInt64(ids.count))]
                #expect(table.remove(id) === expected.removeValue(forKey: id))
                #expect(!table.contains(id) && table[id] == nil)
            }
            #expect(table.count == expected.count)
        }
        #expect(expected.allSatisfy { table[$0.key] === $0.value })
        #expect(Set(table.values.map(ObjectIdentifier.init)) == Set(expected.values.map(ObjectIdentifier.init)))
    }

    @Test func zeroIsNoStream() {
        var table = StreamTable<TunnelStream>()
        let zero = StreamID(rawValue: 0)
        #expect(table[zero] == nil && table.remove(zero) == nil)
        table.insert(TunnelStream(window: 1), zero)
        #expect(table.count == 0 && table[zero] == nil)
        table.insert(TunnelStream(window: 1), StreamID(rawValue: 1))
        #expect(table.count == 1 && table[zero] == nil && table.remove(zero) == nil)
    }
}
