// The opening handshake's computed fields, and the hash and key stream beneath them.

import Testing
@testable import WireWS

@Suite struct SHA1Tests {
    /// RFC 3174 §7.3, tests 1, 2 and 4, and the empty message of FIPS 180-2.
    @Test(arguments: [
        ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        ("0123456701234567012345670123456701234567012345670123456701234567", 10, "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
    ]) func publishedVectorsHold(text: String, repeats: Int, digest: String) {
        let message = Array(repeatElement(Array(text.utf8), count: repeats).joined())
        #expect(hex(SHA1.digest(of: message).bytes) == digest)
    }

    /// Padding changes shape at 56 and 64 bytes; digests taken from coreutils' sha1sum.
    @Test(arguments: [
        (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"), (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
        (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"), (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
        (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
    ]) func paddingIsRightAroundABlock(count: Int, digest: String) {
        #expect(hex(SHA1.digest(of: [UInt8](repeating: 0x61, count: count)).bytes) == digest)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

@Suite struct KeyStreamTests {
    @Test func aSeedAlwaysGivesTheSameStream() {
        var first = KeyStream(seed: [1, 2, 3])
        var second = KeyStream(seed: [1, 2, 3])
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
        #expect(first == second)
    }

    @Test func anotherSeedGivesAnotherStream() {
        var streams = [[], [0], [0, 0], [1], [UInt8](repeating: 7, count: 1000)].map(KeyStream.init(seed:))
        #expect(Set(streams.indices.map { streams[$0].next() }).count == streams.count)
    }

    /// The block of RFC 8439 §2.3.2, as words.
    @Test func theStreamIsChaCha20() {
        let key = SIMD8<UInt32>(
            0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c, 0x1312_1110, 0x1716_1514, 0x1b1a_1918, 0x1f1e_1d1c)
        var stream = KeyStream(key: key, counter: 1, nonce: SIMD3(0x0900_0000, 0x4a00_0000, 0))
        let block: [UInt32] = [
            0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3, 0xc7f4_d1c7, 0x0368_c033, 0x9aaa_2204, 0x4e6c_d4c3,
            0x4664_82d2, 0x09aa_9f07, 0x05d7_c214, 0xa202_8bd9, 0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2,
        ]
        #expect((0..<16).map { _ in stream.nextWord() } == block)
    }

    @Test func theCounterGoesOnIntoTheNonce() {
        var wrapping = KeyStream(key: SIMD8(), counter: .max, nonce: SIMD3())
        for _ in 0..<16 { _ = wrapping.nextWord() }
        var beyond = KeyStream(key: SIMD8(), counter: 0, nonce: SIMD3(1, 0, 0))
        #expect((0..<16).map { _ in wrapping.nextWord() } == (0..<16).map { _ in beyond.nextWord() })
    }
}

@Suite struct HandshakeTests {
    /// RFC 6455 §1.3.
    @Test func theExampleOfTheRFCHolds() {
        #expect(WSHandshake.accept(forKey: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [
        "", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ== ", " GhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBsZSBub25jZé==",
        "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", "dGhl=HNhbXBsZSBub25jZQ==",
    ]) func aKeyThatIsNotSixteenBytesIsRefused(key: String) {
        #expect(WSHandshake.accept(forKey: key) == nil)
    }

    @Test func aMadeKeyIsAccepted() {
        var random = KeyStream(seed: [42])
        let keys = (0..<50).map { _ in WSHandshake.makeKey(using: &random) }
        #expect(Set(keys).count == 50)
        for key in keys { #expect(WSHandshake.accept(forKey: key)?.utf8.count == 28) }
    }

    @Test func aMadeKeyIsBase64OfTheRandomBytes() {
        var random = Constant(bits: 0x0706_0504_0302_0100)
        #expect(WSHandshake.makeKey(using: &random) == "AAECAwQFBgcAAQIDBAUGBw==")
        random.bits = .max
        #expect(WSHandshake.makeKey(using: &random) == "/////////////////////w==")
    }

    private struct Constant: RandomNumberGenerator {
        var bits: UInt64
        mutating func next() -> UInt64 { bits }
    }
}
