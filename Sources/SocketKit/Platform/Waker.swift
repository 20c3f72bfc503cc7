// How other threads wake a loop. A write to the loop's descriptor costs several microseconds, and a thread that
// wakes costs more, so it is made only when the loop really sleeps and has not been woken yet.

import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Ends a loop's wait from any thread.
public final class Waker: Sendable {
    /// What the loop is doing, as far as wakers are concerned.
    private enum Phase {
        /// It looks for messages before it sleeps.
        static let awake: UInt8 = 0
        /// It waits: only the descriptor wakes it.
        static let asleep: UInt8 = 1
        /// It was notified.
        static let notified: UInt8 = 2
    }

    private let phase = Atomic<UInt8>(Phase.awake)
    private let descriptor: Int32

    /// A waker that writes to `descriptor` and owns it.
    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Makes the loop's present or next wait end at once. Calls before it wakes count as one.
    public func wake() {
        guard phase.exchange(Phase.notified, ordering: .acquiringAndReleasing) == Phase.asleep else { return }
        // A full pipe has woken it already, so the result does not matter.
        _ = writeWord(descriptor, 1)
    }

    /// Announces that the loop is about to wait; false if there are messages and it must not.
    func prepareToSleep() -> Bool {
        if phase.compareExchange(expected: Phase.awake, desired: Phase.asleep, ordering: .acquiringAndReleasing).exchanged {
            return true
        }
        phase.store(Phase.awake, ordering: .releasing)
        return false
    }

    /// Announces that the loop looks for messages again.
    func didWake() {
        phase.store(Phase.awake, ordering: .sequentiallyConsistent)
    }

    /// Empties the reading end.
    static func drain(_ descriptor: Int32) { discardInput(descriptor) }
}
