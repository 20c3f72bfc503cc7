// Signatures keep their value in both forms, and what is none of P-256 is refused.

import TestSupport
import Testing
import X509

@Suite("Signatures")
struct SignatureTests {
    @Test func theyKeepTheirValueInBothForms() throws {
        var generator = SplitMix(seed: 4)
        for _ in 0..<200 {
            var raw = generator.bytes(64)
            for index in 0..<Int.random(in: 0...32, using: &generator) { raw[index] = 0 }
            let der = try #require(ECDSASignature.der(fromRaw: raw))
            #expect(ECDSASignature.raw(fromDER: der) == raw)
        }
        #expect(ECDSASignature.der(fromRaw: []) == nil)
    }

    @Test func rawSignaturesArePadded() {
        #expect(
            ECDSASignature.raw(fromDER: [0x30, 6, 2, 1, 5, 2, 1, 6]) == [UInt8](repeating: 0, count: 31) + [5]
                + [UInt8](repeating: 0, count: 31) + [6])
        let long = [UInt8](repeating: 0xff, count: 32)
        #expect(ECDSASignature.raw(fromDER: [0x30, 70, 2, 33, 0] + long + [2, 33, 0] + long) == long + long)
        for bytes: [UInt8] in [
            [], [0x30], [0x30, 0], [0x30, 6, 2, 1, 0x80, 2, 1, 1],
            [0x30, 6, 2, 1, 5, 2, 1], [0x30, 6, 2, 1, 5, 2, 2, 6], [0x30, 7, 2, 1, 5, 2, 1, 6, 0],
        ] {
            #expect(ECDSASignature.raw(fromDER: bytes) == nil)
        }
        #expect(ECDSASignature.raw(fromDER: [0x30, 0x48, 2, 34, 1, 1] + long + [2, 34, 1, 1] + long) == nil)
    }
}
