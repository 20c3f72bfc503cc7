// Masking against its definition: octet i XOR key octet i mod 4 (RFC 6455 §5.3).

import Testing
import TestSupport
import WireWS

@Suite struct MaskTests {
    private let key: UInt32 = 0x37fa_213d

    private func reference(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let octets: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
        return bytes.enumerated().map { $1 ^ octets[$0 % 4] }
    }

    /// RFC 6455 §5.7, the second example.
    @Test func theExampleOfTheRFCHolds() {
        var bytes = utf8("Hello")
        var mask = WSMask(key: key)
        mask.apply(to: &bytes, range: 0..<5)
        #expect(bytes == [0x7f, 0x9f, 0x4d, 0x51, 0x58])
    }

    @Test func everyLengthAndAlignmentAgreesWithTheDefinition() {
        let plain = pattern(80)
        for start in 0..<9 {
            for end in start...plain.count {
                var bytes = plain
                var mask = WSMask(key: key)
                mask.apply(to: &bytes, range: start..<end)
                var expected: [UInt8] = Array(plain[..<start])
                expected += reference(plain[start..<end])
                expected += plain[end...]
                #expect(bytes == expected)
            }
        }
    }

    @Test func piecesGiveTheSameAsTheWhole() {
        var random = SplitMix(seed: 1)
        for _ in 0..<300 {
            let plain = random.bytes(Int.random(in: 0...100, using: &random))
            var bytes = plain
            var mask = WSMask(key: key)
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 0...13, using: &random))
                mask.apply(to: &bytes, range: start..<end)
                start = end
            }
            #expect(bytes == reference(plain[...]))
        }
    }

    @Test func maskingTwiceGivesThePayloadBack() {
        var bytes = pattern(1000)
        for _ in 0..<2 {
            var mask = WSMask(key: 0xdead_beef)
            mask.apply(to: &bytes, range: 0..<1000)
        }
        #expect(bytes == pattern(1000))
    }

    @Test func aRangeBeyondTheBytesIsCutToThem() {
        var bytes: [UInt8] = [0, 0]
        var mask = WSMask(key: key)
        mask.apply(to: &bytes, range: -5..<100)
        #expect(bytes == [0x37, 0xfa])
        mask.apply(to: &bytes, range: 7..<9)
        #expect(bytes == [0x37, 0xfa])
        var none: [UInt8] = []
        mask.apply(to: &none, range: 0..<4)
        #expect(none.isEmpty)
    }
}
