// RFC 8259, section 6: what a number looks like, and what it is worth. No number that the grammar allows is refused,
// however long; the cost is linear in its length. It becomes an Int64 or a Double only where that loses nothing:
// otherwise the text itself is the value.
//
//     number = [ minus ] int [ frac ] [ exp ]
//     int    = zero / ( digit1-9 *DIGIT )     frac = "." 1*DIGIT     exp = ( "e" / "E" ) [ "-" / "+" ] 1*DIGIT

/// The grammar and the values of numbers.
enum JSONNumber {
    /// What stands at some point of a text.
    enum Scan {
        /// A number that ends before `end`; `isPlainInteger` if it has neither fraction nor exponent.
        case number(end: Int, isPlainInteger: Bool)
        /// The byte at `offset` should have been a digit, or should not have been one (after a leading zero).
        case malformed(offset: Int)
        /// The text ends where a digit must follow.
        case incomplete
    }

    /// The number that begins at `start`, where a minus or a digit stands. start < text.count
    @inline(__always)
    static func scan(_ text: ByteView, from start: Int) -> Scan {
        let count = text.count
        var at = start
        if text[at] == UInt8(ascii: "-") { at += 1 }
        guard at < count else { return .incomplete }
        guard isDigit(text[at]) else { return .malformed(offset: at) }
        let leadsWithZero = text[at] == UInt8(ascii: "0")
        at += 1
        if leadsWithZero, at < count, isDigit(text[at]) { return .malformed(offset: at) }
        while at < count, isDigit(text[at]) { at += 1 }
        guard at < count, text[at] == UInt8(ascii: ".") || text[at] | 0x20 == UInt8(ascii: "e") else {
            return .number(end: at, isPlainInteger: true)
        }
        return scanFractionAndExponent(text, from: at)
    }

    private static func scanFractionAndExponent(_ text: ByteView, from start: Int) -> Scan {
        let count = text.count
        var at = start
        if text[at] == UInt8(ascii: ".") {
            at += 1
            guard at < count else { return .incomplete }
            guard isDigit(text[at]) else { return .malformed(offset: at) }
            while at < count, isDigit(text[at]) { at += 1 }
        }
        if at < count, text[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
            guard at < count else { return .incomplete }
            guard isDigit(text[at]) else { return .malformed(offset: at) }
            while at < count, isDigit(text[at]) { at += 1 }
        }
        return .number(end: at, isPlainInteger: false)
    }

    /// Whether the whole of `text` is one number.
    static func isNumber(_ text: ByteView) -> Bool {
        guard let first = text.first, first == UInt8(ascii: "-") || isDigit(first),
            case .number(let end, _) = scan(text, from: 0)
        else { return false }
        return end == text.count
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// The value of a number's text if it is an integer that Int64 holds exactly, however it is written.
    static func int64(_ text: ByteView, isPlainInteger: Bool) -> Int64? {
        guard isPlainInteger, text.count <= 18 else { return JSONDecimal(text).int64 }
        let isNegative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in text.dropFirst(isNegative ? 1 : 0) { value = value &* 10 &+ Int64(byte &- UInt8(ascii: "0")) }
        return isNegative ? -value : value
    }

    /// The nearest Double, or nil if that is infinite.
    static func double(_ text: ByteView) -> Double? {
        guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}

/// A number's text seen as ±digits × 10^exponent, without leading or trailing zeros among the digits.
struct JSONDecimal {
    private let text: ByteView
    private let isNegative: Bool
    /// Indices of the first and the last digit that is not zero; nil if there is none.
    private var first: Int?
    private var last = 0
    /// Where the decimal point stands, or would stand.
    private let point: Int
    /// The power of ten of the last digit. Held within ±2^40, beyond any text's length.
    private(set) var exponent = 0

    /// `text` is a number by the grammar of RFC 8259, or what Swift prints for a finite Double.
    init(_ text: ByteView) {
        self.text = text
        isNegative = text.first == UInt8(ascii: "-")
        let mantissaEnd = text.firstIndex { $0 | 0x20 == UInt8(ascii: "e") } ?? text.count
        let mantissa = text[..<mantissaEnd]
        point = mantissa.firstIndex(of: UInt8(ascii: ".")) ?? mantissaEnd
        let isSignificant: (UInt8) -> Bool = { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 }
        guard let first = mantissa.firstIndex(where: isSignificant), let last = mantissa.lastIndex(where: isSignificant)
        else { return }
        self.first = first
        self.last = last
        exponent = Self.writtenExponent(text[mantissaEnd...].dropFirst()) + placesBeforePoint(last)
    }

    var isZero: Bool { first == nil }

    /// How many digits stand from the first to the last that is not zero.
    var digitCount: Int {
        guard let first else { return 0 }
        return placesBeforePoint(first) - placesBeforePoint(last) + 1
    }

    /// The exact value, if Int64 holds it.
    var int64: Int64? {
        guard !isZero else { return 0 }
        guard exponent >= 0, digitCount + exponent <= 19 else { return nil }
        // At most 19 digits: below 10^19, which UInt64 holds.
        var magnitude = digits.reduce(UInt64(0)) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
        for _ in 0..<exponent { magnitude = magnitude &* 10 }
        guard isNegative else { return Int64(exactly: magnitude) }
        return magnitude <= Int64.min.magnitude ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }

    private var digits: some Sequence<UInt8> {
        let range = first.map { $0..<last + 1 } ?? 0..<0
        return text[range].lazy.filter { $0 != UInt8(ascii: ".") }
    }

    /// The power of ten that the digit at `index` would have without a written exponent.
    private func placesBeforePoint(_ index: Int) -> Int { index < point ? point - 1 - index : point - index }

    private static func writtenExponent(_ text: Slice<ByteView>) -> Int {
        let isNegative = text.first == UInt8(ascii: "-")
        var value = 0
        for byte in text where byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") {
            value = min(value * 10 + Int(byte &- UInt8(ascii: "0")), 1 << 40)
        }
        return isNegative ? -value : value
    }
}

extension JSONDecimal: Equatable {
    static func == (left: JSONDecimal, right: JSONDecimal) -> Bool {
        left.isNegative == right.isNegative && left.exponent == right.exponent && left.digits.elementsEqual(right.digits)
    }
}
