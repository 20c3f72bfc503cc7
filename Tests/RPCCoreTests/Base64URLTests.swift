// base64url without padding (RFC 7515 appendix C, RFC 4648 §5), and what is refused.

import RPCCore
import Testing

@Suite struct Base64URLTests {
    @Test func theExampleOfTheRFCIsReadAndWritten() {
        #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
        #expect(Base64URL.decode("A-z_4ME") == [3, 236, 255, 224, 193])
    }

    @Test func everyLengthSurvives() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 77 &+ 13) }
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            #expect(count == 0 || Base64URL.isAlphabet(Base64URL.encode(bytes)))
        }
    }

    @Test(arguments: ["A", "AAAAA", "AA==", "A+z_", "A/z_", "A z_", "AB", "A-z_4MF", "=", "\u{e4}A"])
    func whatIsNotOneIsRefused(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func theAlphabetIsNoMoreThanThat() {
        for text in ["", "a b", "a+b", "a/b", "a=", "ä", "a\n"] { #expect(!Base64URL.isAlphabet(text)) }
    }
}
