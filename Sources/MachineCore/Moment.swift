// Time as data. A machine reads no clock: it gets the time with each input, and names its next deadline.

/// A point on the monotonic clock of whoever drives the machine: nanoseconds since an instant that stays fixed while it runs.
public struct Moment: Sendable, Hashable, Comparable {
    /// Nanoseconds since the driver's fixed instant.
    public var nanoseconds: UInt64

    /// The moment that many nanoseconds after the driver's fixed instant.
    public init(nanoseconds: UInt64 = 0) {
        self.nanoseconds = nanoseconds
    }

    /// Earlier first.
    public static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The moment `duration` later (or earlier, if negative); it saturates at both ends instead of trapping.
    public func advanced(by duration: Duration) -> Moment {
        let count = duration.wholeNanoseconds
        if count >= 0 {
            let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(count))
            return Moment(nanoseconds: overflow ? .max : sum)
        }
        let magnitude = count.magnitude
        return Moment(nanoseconds: nanoseconds > magnitude ? nanoseconds - magnitude : 0)
    }

    /// The time from `earlier` to this moment; zero if `earlier` is in fact later.
    public func since(_ earlier: Moment) -> Duration {
        guard nanoseconds > earlier.nanoseconds else { return .zero }
        return .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
    }
}

extension Duration {
    /// This duration in nanoseconds, rounded towards zero and clamped to 64 bits (±292 years).
    public var wholeNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }

    /// This duration in milliseconds, rounded towards zero.
    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
