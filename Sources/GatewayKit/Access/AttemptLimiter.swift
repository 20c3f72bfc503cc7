// Slows down whoever tries tokens: so many wrong ones a minute from an address, then none is looked at until the next is due.
// Attempts on one loop of a gateway are broadcast to the others, so the limit holds for all of them
// together.

import MachineCore

/// Wrong tokens, by address.
struct AttemptLimiter: Sendable {
    static let generationCount = 2_048

    private var buckets = AddressBuckets(generationCount: generationCount)

    /// How many addresses are remembered.
    var count: Int { buckets.count }

    /// How long `client` has to wait before its token is looked at; nil: not at all. `limit`: attempts a minute, 0 for any
    /// number.
    func wait(for client: @autoclosure () -> NetworkAddress?, limit: Int, _ now: Moment) -> Duration? {
        guard limit > 0 else { return nil }
        return buckets.wait(for: client() ?? .local, Self.pace(limit), now)
    }

    /// `client` presented so many tokens that are none.
    mutating func failed(_ client: NetworkAddress?, count: Int = 1, limit: Int, _ now: Moment) {
        guard limit > 0 else { return }
        buckets.take(count, client ?? .local, Self.pace(limit), now)
    }

    private static func pace(_ limit: Int) -> BucketPace { BucketPace(interval: .seconds(60) / limit, burst: limit) }
}
