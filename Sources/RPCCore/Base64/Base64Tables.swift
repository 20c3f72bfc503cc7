// The alphabet of RFC 4648, section 4, in the three forms that the codec wants it in. The tables are made once.

/// The standard alphabet and what follows from it.
enum Base64Tables {
    static let padding = UInt8(ascii: "=")

    /// In an entry of `groups`: the character is not in the alphabet. A group of good ones has 24 bits.
    static let invalid: UInt32 = 1 << 31

    /// The character for a value of 0 to 63.
    static func symbol(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") &+ value
        case 26..<52: UInt8(ascii: "a") &+ (value &- 26)
        case 52..<62: UInt8(ascii: "0") &+ (value &- 52)
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    /// The value of a character, or nil if it is not in the alphabet.
    static func value(of symbol: UInt8) -> UInt8? {
        switch symbol {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): symbol &- UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): symbol &- UInt8(ascii: "a") &+ 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): symbol &- UInt8(ascii: "0") &+ 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    /// Twelve bits to two characters, the first in the low byte.
    static let pairs: [UInt16] = (0..<4096).map { bits in
        UInt16(symbol(UInt8(bits >> 6))) | UInt16(symbol(UInt8(bits & 63))) << 8
    }

    /// Four tables of 256, one for each character of a group: what the character adds to the group's three bytes, the
    /// first of them in the low byte. Or-ing four entries makes a group.
    static let groups: [UInt32] = (0..<1024).map { index in
        guard let value = value(of: UInt8(index & 0xff)).map(UInt32.init) else { return invalid }
        return switch index >> 8 {
        case 0: value << 2
        case 1: value >> 4 | (value & 0xf) << 12
        case 2: (value >> 2) << 8 | (value & 3) << 22
        default: value << 16
        }
    }
}
