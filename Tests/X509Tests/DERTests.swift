// DER that is written is read back, and what is no DER reads as nil.

import TestSupport
import Testing
import X509

@Suite("DER")
struct DERTests {
    @Test(arguments: [0, 1, 127, 128, 255, 256, 65_535, 65_536]) func lengthsAreWrittenAndRead(_ count: Int) {
        let bytes = [UInt8](repeating: 1, count: count)
        var reader = DERReader(DER.octets(bytes)[...])
        let value = reader.next(.octetString)
        #expect(value?.content.elementsEqual(bytes) == true && reader.isAtEnd)
    }

    @Test func integersAreNotNegativeAndShort() {
        #expect(DER.integer([]) == [2, 1, 0] && DER.integer([0, 0]) == [2, 1, 0])
        #expect(DER.integer([0, 5]) == [2, 1, 5] && DER.integer([0x80]) == [2, 2, 0, 0x80])
    }

    @Test func timesAreAsTheProfileWants() {
        #expect(DER.time(unixSeconds: 1_772_323_200) == [0x17, 13] + Array("260301000000Z".utf8))
        #expect(DER.time(unixSeconds: 2_524_607_999) == [0x17, 13] + Array("491231235959Z".utf8))
        #expect(DER.time(unixSeconds: 2_524_608_000) == [0x18, 15] + Array("20500101000000Z".utf8))
    }

    @Test func whatIsNoDERIsNil() {
        let cases: [[UInt8]] = [
            [], [0x30], [0x30, 1], [0x30, 0x80, 0, 0], [0x30, 0x81, 1, 0], [0x30, 0x82, 0, 1, 0], [0x1f, 1, 0],
            [0x04, 0x82, 0x00, 0x80], [0x04, 0x84, 0, 0, 0, 0],
            [0x30, 0x84, 0xff, 0xff, 0xff, 0xff], [0x30, 0x83, 0xff, 0xff, 0xff, 1],
        ]
        for bytes in cases {
            var reader = DERReader(bytes[...])
            let value = reader.next()
            #expect(value == nil, "\(bytes)")
        }
    }

    @Test func aReaderStaysWhereAnotherTagIsAskedFor() {
        var reader = DERReader((DER.yes + DER.integer([3]))[...])
        let seen = [reader.next(.integer), reader.next(.boolean), reader.next(.boolean), reader.next(.integer)]
        #expect(seen.map { $0?.content.first } == [nil, 0xff, nil, 3] && reader.isAtEnd)
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(seed: 5)
        for _ in 0..<5000 {
            let bytes = generator.bytes(Int.random(in: 0...12, using: &generator))
            var reader = DERReader(bytes[...])
            while reader.next() != nil {}
        }
    }
}
