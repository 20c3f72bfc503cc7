// How long things took, in fixed logarithmic buckets: four for each doubling, from 0.1 ms to 105 s, and one at either end.
//
// Counts only grow or are merged, so any number of loops and seconds add up to exactly what one would have counted. A quantile
// is as good as its bucket is narrow: an eighth of the value.

/// Counts of durations by size.
struct LatencyHistogram: Sendable, Hashable {
    /// By bucket. Bucket 0 is up to 0.1 ms, the last is beyond all bounds; a bound belongs to the bucket beneath it, as
    /// Prometheus has it.
    private(set) var counts = Self.zeroes
    /// Of all durations.
    private(set) var nanoseconds: UInt64 = 0

    static let octaves = 20
    static let bucketCount = octaves * 4 + 2
    /// What every empty histogram shares, until something is added to it.
    private static let zeroes = [UInt64](repeating: 0, count: bucketCount)
    /// A quarter of the first bound: all bounds are multiples of it.
    private static let unit: UInt64 = 25_000

    /// How many durations were added.
    var count: UInt64 { counts.reduce(0, &+) }

    mutating func add(nanoseconds duration: UInt64) {
        counts[Self.bucket(of: duration)] &+= 1
        nanoseconds &+= duration
    }

    mutating func merge(_ other: LatencyHistogram) {
        for bucket in other.counts.indices where other.counts[bucket] > 0 { counts[bucket] &+= other.counts[bucket] }
        nanoseconds &+= other.nanoseconds
    }

    /// The bucket's number from the position of the highest bit and the two after it.
    static func bucket(of nanoseconds: UInt64) -> Int {
        let units = (nanoseconds - min(nanoseconds, 1)) / unit
        guard units >= 4 else { return 0 }
        let octave = 61 - units.leadingZeroBitCount
        guard octave < octaves else { return bucketCount - 1 }
        return octave * 4 + Int(units >> UInt64(octave) & 3) + 1
    }

    /// The largest duration of a bucket in nanoseconds; of the last, which has none, its smallest.
    static func bound(of bucket: Int) -> UInt64 {
        let step = min(max(0, bucket), bucketCount - 2)
        return unit * UInt64(4 + step % 4) << UInt64(step / 4)
    }

    /// The duration in seconds that the share `fraction` of all did not exceed, as if they were spread evenly over each bucket;
    /// nil if there are none.
    func quantile(_ fraction: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let rank = min(max(0, fraction), 1) * Double(total)
        var below = 0.0
        for bucket in counts.indices where counts[bucket] > 0 {
            let here = Double(counts[bucket])
            if below + here >= rank || below + here == Double(total) {
                let (low, high) = (bucket == 0 ? 0 : Double(Self.bound(of: bucket - 1)), Double(Self.bound(of: bucket)))
                return (low + (high - low) * min(1, max(0, rank - below) / here)) / 1e9
            }
            below += here
        }
        return nil
    }

    /// For Prometheus: a bound for each doubling, in seconds, and how many durations did not exceed it.
    var octaveCounts: [(bound: Double, count: UInt64)] {
        var result: [(bound: Double, count: UInt64)] = []
        var sum: UInt64 = 0
        for bucket in 0..<Self.bucketCount - 1 {
            sum &+= counts[bucket]
            if bucket % 4 == 0 { result.append((Double(Self.bound(of: bucket)) / 1e9, sum)) }
        }
        return result
    }
}
