// Objects that serve again: when one is taken, and how many are kept.

import MachineCore
import Testing

@Suite struct UsedObjectsTests {
    private final class Object {}

    @Test func anObjectThatSomebodyHoldsIsNotTaken() {
        var used = UsedObjects<Object>()
        #expect(used.take() == nil)
        var held: Object? = Object()
        if let held { used.keep(held) }
        #expect(used.take() == nil && used.count == 1)
        let identity = held.map { ObjectIdentifier($0) }
        held = nil
        #expect(used.take().map { ObjectIdentifier($0) } == identity)
        #expect(used.take() == nil && used.count == 0)
    }

    @Test func noMoreThanTheMostAreKept() {
        var used = UsedObjects<Object>(maximum: 2)
        for _ in 0..<3 { used.keep(Object()) }
        #expect(used.count == 2)
        used.removeAll { _ in true }
        #expect(used.count == 0)
    }
}
