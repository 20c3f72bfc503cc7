// The time of day, for a machine that reads no clock.

/// Turns moments into wall-clock time: what a machine that reads no clock needs to date its responses.
public struct WallClock: Sendable, Hashable {
    /// Nanoseconds since 1970-01-01T00:00:00Z at the moment zero.
    public var unixNanosecondsAtZero: Int64

    /// A clock with this offset.
    public init(unixNanosecondsAtZero: Int64) { self.unixNanosecondsAtZero = unixNanosecondsAtZero }

    /// Seconds since 1970 at `moment`.
    public func unixSeconds(at moment: Moment) -> Int64 { unixNanoseconds(at: moment) / 1_000_000_000 }

    /// Milliseconds since 1970 at `moment`.
    public func unixMilliseconds(at moment: Moment) -> Int64 { unixNanoseconds(at: moment) / 1_000_000 }

    /// Nanoseconds since 1970 at `moment`.
    public func unixNanoseconds(at moment: Moment) -> Int64 {
        unixNanosecondsAtZero.addingReportingOverflow(Int64(clamping: moment.nanoseconds)).partialValue
    }
}
