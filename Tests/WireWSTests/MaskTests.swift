// Masking against its definition: octet i XOR key octet i mod 4 (RFC 6455 §5.3).

import TestSupport
import Testing
import WireWS

@Suite struct MaskTests {
    private let key: UInt32 = 0x37fa_213d

    private func reference(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let octets: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
        return bytes.enumerated().map { $1 ^ octets[$0 % 4] }
    }

    /// RFC 6455 §5.7, the second example.
    @Test func theExampleOfTheRFCHolds() {
        var bytes: [UInt8] = [1]
        var mask = WSMask(key: key)
        mask.append(utf8("Hello")[...], to: &bytes)
        #expect(bytes == [1, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
    }

    @Test func everyLengthAndAlignmentAgreesWithTheDefinition() {
        let plain = pattern(80)
        for start in 0..<9 {
            for end in start...plain.count {
                var bytes = pattern(start)
                var mask = WSMask(key: key)
                mask.append(plain[start..<end], to: &bytes)
                #expect(bytes == pattern(start) + reference(plain[start..<end]))
            }
        }
    }

    @Test func piecesGiveTheSameAsTheWhole() {
        var random = SplitMix(seed: 1)
        for _ in 0..<300 {
            let plain = random.bytes(Int.random(in: 0...100, using: &random))
            var bytes: [UInt8] = []
            var mask = WSMask(key: key)
            while bytes.count < plain.count {
                let end = min(plain.count, bytes.count + Int.random(in: 0...13, using: &random))
                mask.append(plain[bytes.count..<end], to: &bytes)
            }
            #expect(bytes == reference(plain[...]))
        }
    }

    @Test func maskingTwiceGivesThePayloadBack() {
        var bytes = pattern(1000)
        for _ in 0..<2 {
            var (mask, other) = (WSMask(key: 0xdead_beef), [UInt8]())
            mask.append(bytes[...], to: &other)
            bytes = other
        }
        #expect(bytes == pattern(1000))
    }
}
