// Masking keys (RFC 6455 §5.3): unpredictable to anyone who does not know the seed, reproducible to whoever does.
//
// The library draws no randomness of its own. Block i of the stream is SHA-1(SHA-1(seed) ‖ i); each block gives five
// 32-bit words. A test passes a fixed seed and gets the same frames each time; a daemon passes bytes from the system.

/// A generator of unpredictable numbers from a seed: SHA-1 in counter mode.
public struct KeyStream: RandomNumberGenerator, Sendable, Hashable {
    private let key: SHA1.Digest
    private var counter: UInt64 = 0
    private var block = SHA1.Digest()
    /// Words of `block` already given out: 0 <= used <= 5.
    private var used = 5

    /// The stream that belongs to `seed`, which may have any length; only its entropy makes the stream unpredictable.
    public init(seed: [UInt8]) { key = SHA1.digest(of: seed) }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { UInt64(nextWord()) << 32 | UInt64(nextWord()) }

    /// The next 32 bits: one masking key.
    mutating func nextWord() -> UInt32 {
        if used == 5 { refill() }
        used += 1
        switch used {
        case 1: return block.a
        case 2: return block.b
        case 3: return block.c
        case 4: return block.d
        default: return block.e
        }
    }

    /// Hashes key ‖ counter: 28 bytes, which with their padding are exactly one block.
    private mutating func refill() {
        var input = SHA1.Block(repeating: 0)
        input[0] = key.a
        input[1] = key.b
        input[2] = key.c
        input[3] = key.d
        input[4] = key.e
        input[5] = UInt32(truncatingIfNeeded: counter >> 32)
        input[6] = UInt32(truncatingIfNeeded: counter)
        input[7] = 0x8000_0000
        input[15] = 28 * 8
        block = SHA1.Digest()
        SHA1.compress(input, into: &block)
        counter &+= 1
        used = 0
    }
}
