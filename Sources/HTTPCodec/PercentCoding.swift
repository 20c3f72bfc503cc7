// Percent-encoded octets (RFC 3986 §2.1). What a `%` without two digits means is for the caller to say: some refuse it, some let it
// stand for itself.

import Primitives

/// Reads percent-encoded octets.
public enum PercentCoding {
    /// The octet that the triplet at `index` of `text` stands for; nil unless a `%` and two hexadecimal digits are there.
    public static func octet(at index: Int, in text: ArraySlice<UInt8>) -> UInt8? {
        guard text.indices.contains(index), text.endIndex - index > 2, text[index] == UInt8(ascii: "%"),
            let high = hexValue(text[index + 1]), let low = hexValue(text[index + 2])
        else { return nil }
        return high << 4 | low
    }

    /// The value of a hexadecimal digit, or nil.
    public static func hexValue(_ byte: UInt8) -> UInt8? { HexDigit.value(byte) }
}
