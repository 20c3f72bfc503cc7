// SHA-1 (RFC 3174), for the two places where RFC 6455 or we need it: the accept key of the handshake (§4.2.2) and the key
// that the stream of masking keys begins with. Neither relies on collision resistance. Nothing here is public: it is no general
// hash function.

/// SHA-1 of short inputs held in memory.
package enum SHA1 {
    /// The five words of a digest, most significant first.
    package struct Digest: Sendable, Hashable {
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xefcd_ab89
        var c: UInt32 = 0x98ba_dcfe
        var d: UInt32 = 0x1032_5476
        var e: UInt32 = 0xc3d2_e1f0

        /// The initial value H0…H4 (RFC 3174 §6.1).
        init() {}

        /// The digest as 20 bytes in wire order.
        package var bytes: [UInt8] {
            [a, b, c, d, e].flatMap { word in
                [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
            }
        }
    }

    /// The sixteen words of a 64-byte block.
    typealias Block = InlineArray<16, UInt32>

    /// The digest of `message`.
    package static func digest(of message: [UInt8]) -> Digest {
        var padded = message
        padded.append(0x80)
        padded.append(contentsOf: repeatElement(0, count: (120 - padded.count % 64) % 64))
        let bitCount = UInt64(truncatingIfNeeded: message.count) << 3
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: bitCount >> shift))
        }
        var digest = Digest()
        for start in stride(from: 0, to: padded.count, by: 64) {
            var block = Block(repeating: 0)
            for offset in 0..<64 {
                block[offset / 4] = block[offset / 4] << 8 | UInt32(padded[start + offset])
            }
            compress(block, into: &digest)
        }
        return digest
    }

    /// One block (RFC 3174 §6.2, the method with a ring of 16 words).
    static func compress(_ block: Block, into digest: inout Digest) {
        var ring = block
        var (a, b, c, d, e) = (digest.a, digest.b, digest.c, digest.d, digest.e)
        for round in 0..<80 {
            let slot = round & 15
            if round >= 16 {
                let mixed = ring[(round + 13) & 15] ^ ring[(round + 8) & 15] ^ ring[(round + 2) & 15] ^ ring[slot]
                ring[slot] = rotateLeft(mixed, 1)
            }
            let (function, constant) = mixing(round, b, c, d)
            let next = rotateLeft(a, 5) &+ function &+ e &+ ring[slot] &+ constant
            (e, d, c, b, a) = (d, c, rotateLeft(b, 30), a, next)
        }
        digest.a &+= a
        digest.b &+= b
        digest.c &+= c
        digest.d &+= d
        digest.e &+= e
    }

    /// f(t; B, C, D) and K(t) (RFC 3174 §5).
    @inline(__always)
    private static func mixing(_ round: Int, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> (UInt32, UInt32) {
        if round < 20 { return ((b & c) | (~b & d), 0x5a82_7999) }
        if round < 40 { return (b ^ c ^ d, 0x6ed9_eba1) }
        if round < 60 { return ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc) }
        return (b ^ c ^ d, 0xca62_c1d6)
    }

    @inline(__always)
    private static func rotateLeft(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}
