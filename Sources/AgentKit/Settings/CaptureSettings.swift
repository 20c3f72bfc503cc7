// What an agent captures of exchanges, as settings of whoever embeds it.

import Inspection
import MachineCore

/// What an agent shows its host of each exchange.
public struct CaptureSettings: Sendable, Hashable {
    /// So much of each body is kept.
    public var maximumBodyBytes = 64 * 1024
    /// The bodies of all exchanges under way take no more; what is over is the host's to keep.
    public var maximumBytes = 16 * 1024 * 1024
    /// For how long a request that is sent again may run.
    public var replayTime = ReplayRequest.maximumTime
    /// How much of the response to such a request is taken.
    public var replayBytes = ReplayRequest.maximumResponseBytes
    /// How many such requests run at once.
    public var maximumReplays = ReplayRequest.maximumAtOnce
    /// Milliseconds since 1970 at the moment zero: a machine has no clock to date an exchange with.
    public var unixMillisecondsAtZero: Int64

    /// The defaults, with this clock.
    public init(unixMillisecondsAtZero: Int64) { self.unixMillisecondsAtZero = unixMillisecondsAtZero }

    func unixMilliseconds(at moment: Moment) -> Int64 {
        unixMillisecondsAtZero.addingReportingOverflow(Int64(clamping: moment.nanoseconds / 1_000_000)).partialValue
    }
}
