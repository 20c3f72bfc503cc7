// Waits that differ, so that those who failed together do not come back together. No secret is made of these numbers.

import MachineCore

/// SplitMix64.
struct Jitter: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: [UInt8]) {
        state = seed.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// A number in `range`.
    mutating func pick(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    /// Between nine tenths of `seconds` and eleven tenths; at least one.
    mutating func about(_ seconds: Int64) -> Int64 {
        let part = max(0, min(seconds, 1 << 40)) / 10
        return max(1, seconds + pick(-part...part))
    }
}

extension Duration {
    /// Rounded up, not negative.
    var wholeSeconds: Int64 { max(0, (wholeMilliseconds + 999) / 1_000) }
}
