// Percent-encoding both ways, strict and lenient, and ISO 8859-1.

import HTTPCodec
import Testing

@Suite struct PercentEncodingTests {
    @Test(
        arguments: [
            ("", ""), ("a%20b", "a b"), ("%41%6a%6A", "Ajj"), ("a+b", "a+b"), ("%C3%A9", "é"), ("%2525", "%25"),
            ("%", nil), ("%4", nil), ("%4g", nil), ("a%%41", nil),
        ] as [(String, String?)])
    func strictDecodingRefusesAPercentSignThatBeginsNoTriplet(text: String, decoded: String?) {
        #expect(PercentEncoding.decoded(Array(text.utf8)[...]) == decoded.map { Array($0.utf8) })
    }

    @Test(arguments: [("%", "%"), ("%4", "%4"), ("%4g", "%4g"), ("a%%41", "a%A"), ("%41", "A"), ("a+b%2B", "a b+")])
    func lenientDecodingLetsItStandForItself(text: String, decoded: String) {
        #expect(PercentEncoding.decodedLeniently(Array(text.utf8)[...], isForm: true) == Array(decoded.utf8))
    }

    @Test func ofAFormAPlusIsASpace() {
        #expect(PercentEncoding.decoded(Array("a+b%2B".utf8)[...], isForm: true) == Array("a b+".utf8))
    }

    @Test func whatIsEncodedIsDecodedAgain() {
        let bytes = Array(UInt8.min ... .max)
        let text = PercentEncoding.encoded(bytes) { (0x30...0x39).contains($0) }
        #expect(text.hasPrefix("%00%01") && text.contains("/0123".dropFirst()) && text.hasSuffix("%FE%FF"))
        #expect(PercentEncoding.decoded(Array(text.utf8)[...]) == bytes)
    }

    @Test func aTripletIsReadOnlyWithinTheText() {
        let text = Array("a%41%4".utf8)
        #expect(PercentEncoding.octet(at: 1, in: text[...]) == 0x41)
        #expect(PercentEncoding.octet(at: 1, in: text[..<3]) == nil)
        for index in [-1, 0, 4, 5, 6, 100] { #expect(PercentEncoding.octet(at: index, in: text[...]) == nil) }
    }

    @Test func everyByteIsTheCharacterOfItsNumber() {
        let bytes = Array(UInt8.min ... .max)
        #expect(Latin1.string(bytes).unicodeScalars.map(\.value) == bytes.map { UInt32($0) })
        #expect(Latin1.string(bytes[65..<68]) == "ABC")
        #expect(Latin1.string(bytes.span.extracting(232..<234)) == "èé")
    }
}
