// Hexadecimal digits (RFC 5234 appendix B.1, of either case), one at a time. Inlinable: decoders ask for each byte.

/// Hexadecimal digits in ASCII.
public enum HexDigit {
    /// The value of the digit `byte`, 0 to 15; nil if it is none.
    @inlinable @inline(__always)
    public static func value(_ byte: UInt8) -> UInt8? {
        let digit = byte &- 0x30
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// The digit, with a small letter above 9, of the low four bits of `value`.
    @inlinable @inline(__always)
    public static func lowercase(_ value: UInt8) -> UInt8 {
        let value = value & 15
        return value < 10 ? 0x30 &+ value : 0x57 &+ value
    }

    /// The digit, with a capital above 9, of the low four bits of `value`.
    @inlinable @inline(__always)
    public static func uppercase(_ value: UInt8) -> UInt8 {
        let value = value & 15
        return value < 10 ? 0x30 &+ value : 0x37 &+ value
    }
}
