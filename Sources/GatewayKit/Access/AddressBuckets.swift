// Token buckets by address (in IPv6 by /64): a number at once, and then one each interval. A bucket that leaks is one moment
// for each address (GCRA): when it will be empty again.
//
// The table is bounded: it has two generations, and when the younger is full, the older is forgotten.

import MachineCore

/// How many are allowed of something.
struct BucketPace: Sendable, Hashable {
    /// From one to the next, in the long run.
    var interval: Duration
    /// So many at once.
    var burst: Int
}

/// What was taken, by address.
struct AddressBuckets: Sendable {
    /// When the bucket of an address will be empty.
    private var young: [NetworkAddress: Moment] = [:]
    private var old: [NetworkAddress: Moment] = [:]
    /// When all will be: from then on no lookup is needed.
    private var busyUntil = Moment(nanoseconds: 0)
    private let generationCount: Int

    /// No addresses; twice `generationCount` are remembered at most.
    init(generationCount: Int) { self.generationCount = generationCount }

    /// How many addresses are remembered.
    var count: Int { young.count + old.count }

    /// How long `client` has to wait for the next one; nil: not at all.
    func wait(for client: @autoclosure () -> NetworkAddress, _ pace: BucketPace, _ now: Moment) -> Duration? {
        guard now < busyUntil else { return nil }
        let key = client().responsible
        guard let empty = young[key] ?? old[key], empty > now else { return nil }
        let wait = empty.since(now) - pace.interval * (pace.burst - 1)
        return wait > .zero ? wait : nil
    }

    /// `client` took so many.
    mutating func take(_ count: Int = 1, _ client: NetworkAddress, _ pace: BucketPace, _ now: Moment) {
        if now >= busyUntil { (young, old) = ([:], [:]) }
        let key = client.responsible
        let empty = max(young[key] ?? old[key] ?? now, now).advanced(by: pace.interval * count)
        if young[key] == nil, young.count >= generationCount { (young, old) = ([:], young) }
        young[key] = empty
        busyUntil = max(busyUntil, empty)
    }
}
