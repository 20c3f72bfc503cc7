// Hexadecimal digits, all 256 bytes of them and others.

import Primitives
import Testing

@Suite struct HexDigitTests {
    @Test func everyByteIsADigitOrNone() {
        for byte in UInt8.min ... .max {
            #expect(HexDigit.value(byte) == UInt8(String(decoding: [byte], as: UTF8.self), radix: 16))
        }
    }

    @Test func everyValueHasADigitOfEitherCase() {
        for value in UInt8.min ... .max {
            #expect([HexDigit.lowercase(value)] == Array(String(value & 15, radix: 16).utf8))
            #expect([HexDigit.uppercase(value)] == Array(String(value & 15, radix: 16, uppercase: true).utf8))
        }
    }
}
