// The alphabet of RFC 4648, section 4, in the three forms that the codec wants it in. The tables are made once.
//
// Unsafe here: looks into the tables without a check of the index, which is a number of 12 or 8 bits, and always within the
// 4096 or 4 × 256 entries; and the loop over groups, which is checked as a whole: the characters up to `end` are there, and so
// is the room for all that they can yield.

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

    /// The two characters for the low twelve bits of `bits`. `table` is `pairs`.
    @inline(__always)
    static func pair(_ bits: UInt64, in table: Span<UInt16>) -> UInt64 {
        unsafe UInt64(table[unchecked: Int(truncatingIfNeeded: bits & 0xfff)])
    }

    /// Decodes groups without padding until one is bad; how many characters were good. `end` is a multiple of 4, and there is
    /// room for one byte more than they yield.
    static func decodeGroups(_ text: ByteView, upTo end: Int, into room: inout ByteRoom) -> Int {
        precondition(end >= 0 && end <= text.count && end % 4 == 0)
        let entries = groups
        let table = entries.span
        var read = 0
        unsafe text.withContiguousStorageIfAvailable { text in
            unsafe room.fill(upTo: end / 4 * 3 + 1) { target in
                var write = 0
                while read < end {
                    let group =
                        unsafe table[unchecked: Int(text[read])] | table[unchecked: 256 + Int(text[read + 1])]
                        | table[unchecked: 512 + Int(text[read + 2])] | table[unchecked: 768 + Int(text[read + 3])]
                    if group & invalid != 0 { break }
                    unsafe UnsafeMutableRawPointer(target + write).storeBytes(of: group.littleEndian, as: UInt32.self)
                    read += 4
                    write += 3
                }
                return write
            }
        }
        return read
    }
}
