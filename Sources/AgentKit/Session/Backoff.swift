// How long to wait before dialling again. Full jitter: a uniform choice between nothing and a ceiling that doubles with each
// failure, so that a thousand agents that lost the same gateway do not return in the same instant.
// The entropy is the caller's; an odd range (zero, or negative) yields short waits, never a trap.

import MachineCore
import WireWS

/// The waits between attempts to reach the gateway.
struct Backoff: Sendable {
    /// The ceiling after the first failure, and the highest ceiling.
    let range: ClosedRange<Duration>
    /// Failures since the last stable connection.
    private(set) var failures = 0

    init(_ range: ClosedRange<Duration>) { self.range = range }

    /// Something failed: how long to wait, from nothing to the ceiling.
    mutating func next(using keys: inout KeyStream) -> Duration {
        let ceiling = self.ceiling
        failures += 1
        return Self.random(upTo: ceiling, using: &keys)
    }

    /// Something failed that will not mend by itself, such as a wrong token: the highest ceiling, and up to half of it more.
    mutating func slow(using keys: inout KeyStream) -> Duration {
        failures += 1
        return range.upperBound + Self.random(upTo: range.upperBound / 2, using: &keys)
    }

    /// A connection was stable: the next failure is a first one.
    mutating func reset() { failures = 0 }

    /// lowerBound × 2^failures, at most upperBound.
    private var ceiling: Duration {
        let first = max(0, range.lowerBound.wholeNanoseconds)
        let (scaled, overflow) = first.multipliedReportingOverflow(by: 1 << Int64(min(failures, 40)))
        return overflow ? range.upperBound : min(range.upperBound, .nanoseconds(scaled))
    }

    private static func random(upTo ceiling: Duration, using keys: inout KeyStream) -> Duration {
        .nanoseconds(Int64.random(in: 0...max(0, ceiling.wholeNanoseconds), using: &keys))
    }
}
