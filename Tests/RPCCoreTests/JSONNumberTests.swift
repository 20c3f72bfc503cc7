// Numbers: exact or not at all, and never refused for their length.

import RPCCore
import Testing

@Suite struct JSONNumberTests {
    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("1.0", 1), ("1e2", 100), ("1E+2", 100), ("100e-2", 1), ("1.5e1", 15), ("-2.50e2", -250), ("0.0", 0),
            ("0e999999", 0),
            ("0.000e-999999999999999999999999", 0), ("123456789012345678", 123_456_789_012_345_678),
            ("1e18", 1_000_000_000_000_000_000),
            ("922337203685477580.7e1", .max), ("-9.223372036854775808e18", .min), ("0.0001e4", 1),
            ("1000000000000000000000e-21", 1),
            ("9223372036854775807.000", .max),
        ] as [(String, Int64)])
    func integersAreExactHoweverWritten(text: String, value: Int64) throws {
        #expect(try node(text).int64 == value)
    }

    @Test(arguments: [
        "0.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1.00000000000000000001", "1e400", "-1e400",
        "99999999999999999999", "1e999999999999999999999999999", "1e-999999999999999999999999999", "12345678901234567890",
    ])
    func whatIsNoInt64IsNil(text: String) throws {
        #expect(try node(text).int64 == nil)
    }

    @Test(
        arguments: [
            ("1", 1), ("-0.0", -0.0), ("0.1", 0.1), ("1e308", 1e308), ("5e-324", .leastNonzeroMagnitude), ("1e-400", 0),
            ("1.7976931348623157e308", .greatestFiniteMagnitude), ("18446744073709551615", 18_446_744_073_709_551_616),
            ("1e1", 10),
            ("9007199254740993", 9_007_199_254_740_992), ("-12.75", -12.75),
        ] as [(String, Double)])
    func doublesAreTheNearest(text: String, value: Double) throws {
        let double = try #require(try node(text).double)
        #expect(double == value && double.sign == value.sign)
    }

    @Test func anInfiniteDoubleIsNil() throws {
        #expect(try node("1e400").double == nil)
        #expect(try node("-1e99999999999999999999").double == nil)
    }

    @Test(
        arguments: [
            ("7", .integer(7)), ("-7", .integer(-7)), ("-0", .double(-0.0)), ("0", .integer(0)), ("1.0", .double(1)),
            ("1e2", .double(100)),
            ("0.1", .double(0.1)), ("0.10", .double(0.1)), ("1.5e-7", .double(1.5e-7)), ("-0.0", .double(-0.0)),
            ("0e5", .double(0)),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number("9223372036854775808")),
            ("18446744073709551615", .number("18446744073709551615")), ("1e400", .number("1e400")),
            ("1e-400", .number("1e-400")),
            ("10000000000000000000000", .double(1e22)), ("3.141592653589793", .double(.pi)),
            ("3.14159265358979323846", .number("3.14159265358979323846")),
            ("0.1000000000000000055511151231257827", .number("0.1000000000000000055511151231257827")),
            ("5e-324", .double(.leastNonzeroMagnitude)), ("4e-324", .number("4e-324")),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        ] as [(String, JSONValue)])
    func aTreeKeepsWhatTheTextSaid(text: String, value: JSONValue) throws {
        let parsed = try tree(text)
        #expect(parsed == value)
        var bytes: [UInt8] = []
        parsed.encode(into: &bytes)
        #expect(try JSONValue(decoding: bytes[...]) == value)
        if case .double(let double) = value, case .double(let other) = parsed { #expect(double.sign == other.sign) }
    }

    @Test func tenThousandDigitsAreANumber() throws {
        let digits = String(repeating: "7", count: 10_000)
        for text in [digits, "-\(digits)", "0.\(digits)", "\(digits).\(digits)e\(digits)"] {
            #expect(try tree(text) == .number(text))
            #expect(try node(text).int64 == nil)
        }
        #expect(try node("1" + String(repeating: "0", count: 10_000) + "e-10000").int64 == 1)
        #expect(try node("0." + String(repeating: "0", count: 9_999) + "5e10000").int64 == 5)
    }
}
