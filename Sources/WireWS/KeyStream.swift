// Masking keys (RFC 6455 §5.3): unpredictable to anyone who does not know the seed, reproducible to whoever does.
//
// The library draws no randomness of its own. The stream is that of ChaCha20 (RFC 8439 §2.3), with the key from SHA-1 of the
// seed and a nonce of zeros; one block of it masks sixteen frames. A test passes a fixed seed and gets the same frames each
// time; a daemon passes bytes from the system.

/// A generator of unpredictable numbers from a seed: the key stream of ChaCha20.
public struct KeyStream: RandomNumberGenerator, Sendable, Hashable {
    private let key: SIMD8<UInt32>
    private var counter: UInt32 = 0
    private var nonce = SIMD3<UInt32>()
    private var block = SIMD16<UInt32>()
    /// Words of `block` already given out: 0 <= used <= 16.
    private var used = 16

    /// The stream that belongs to `seed`, which may have any length; only its entropy makes the stream unpredictable. Both
    /// halves of the key are made of the whole seed.
    public init(seed: [UInt8]) {
        let (low, high) = (SHA1.digest(of: seed + [0]), SHA1.digest(of: seed + [1]))
        self.init(key: SIMD8(low.a, low.b, low.c, low.d, high.a, high.b, high.c, high.d), counter: 0, nonce: SIMD3())
    }

    /// The stream from the block with this counter on.
    package init(key: SIMD8<UInt32>, counter: UInt32, nonce: SIMD3<UInt32>) {
        self.key = key
        self.counter = counter
        self.nonce = nonce
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { UInt64(nextWord()) << 32 | UInt64(nextWord()) }

    /// The next 32 bits: one masking key.
    package mutating func nextWord() -> UInt32 {
        if used == 16 { refill() }
        used += 1
        return block[used - 1]
    }

    /// RFC 8439 §2.3.1: ten times four quarter rounds over the columns and four over the diagonals, all four at once. After
    /// 2^32 blocks the nonce is another, so the stream never repeats.
    private mutating func refill() {
        let start = SIMD16(
            lowHalf: SIMD8(lowHalf: SIMD4(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574), highHalf: key.lowHalf),
            highHalf: SIMD8(lowHalf: key.highHalf, highHalf: SIMD4(counter, nonce.x, nonce.y, nonce.z)))
        var (a, b, c, d) = (start.lowHalf.lowHalf, start.lowHalf.highHalf, start.highHalf.lowHalf, start.highHalf.highHalf)
        for _ in 0..<10 {
            Self.quarterRounds(&a, &b, &c, &d)
            (b, c, d) = (Self.turned(b, by: 1), Self.turned(c, by: 2), Self.turned(d, by: 3))
            Self.quarterRounds(&a, &b, &c, &d)
            (b, c, d) = (Self.turned(b, by: 3), Self.turned(c, by: 2), Self.turned(d, by: 1))
        }
        block = SIMD16(lowHalf: SIMD8(lowHalf: a, highHalf: b), highHalf: SIMD8(lowHalf: c, highHalf: d)) &+ start
        counter &+= 1
        if counter == 0 { nonce.x &+= 1 }
        used = 0
    }

    @inline(__always)
    private static func quarterRounds(
        _ a: inout SIMD4<UInt32>, _ b: inout SIMD4<UInt32>, _ c: inout SIMD4<UInt32>, _ d: inout SIMD4<UInt32>
    ) {
        a &+= b
        d = rotated(d ^ a, by: 16)
        c &+= d
        b = rotated(b ^ c, by: 12)
        a &+= b
        d = rotated(d ^ a, by: 8)
        c &+= d
        b = rotated(b ^ c, by: 7)
    }

    @inline(__always)
    private static func rotated(_ words: SIMD4<UInt32>, by count: UInt32) -> SIMD4<UInt32> {
        words &<< SIMD4(repeating: count) | words &>> SIMD4(repeating: 32 &- count)
    }

    /// The row with its words moved `count` places to the left.
    @inline(__always)
    private static func turned(_ row: SIMD4<UInt32>, by count: Int) -> SIMD4<UInt32> {
        switch count {
        case 1: SIMD4(row.y, row.z, row.w, row.x)
        case 2: SIMD4(row.z, row.w, row.x, row.y)
        default: SIMD4(row.w, row.x, row.y, row.z)
        }
    }
}
