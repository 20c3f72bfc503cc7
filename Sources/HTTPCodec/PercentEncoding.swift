// Percent-encoded octets (RFC 3986 §2.1), and what forms make of them (WHATWG URL, application/x-www-form-urlencoded: a plus is
// a space). What a `%` without two digits means is for the caller to choose: `decoded` refuses it, `decodedLeniently` lets it
// stand for itself.

import Primitives

/// Percent-encoding: octets as `%` and two hexadecimal digits.
public enum PercentEncoding {
    /// The octet that the triplet at `index` of `text` stands for; nil unless a `%` and two hexadecimal digits are there.
    public static func octet(at index: Int, in text: ArraySlice<UInt8>) -> UInt8? {
        guard text.indices.contains(index), text[index] == percent else { return nil }
        return octet(ofDigitsAt: index + 1, in: text)
    }

    /// The octet that the two hexadecimal digits at `index` stand for; nil if there are none. `text.startIndex <= index`.
    static func octet(ofDigitsAt index: Int, in text: ArraySlice<UInt8>) -> UInt8? {
        guard index + 1 < text.endIndex, let high = HexDigit.value(text[index]), let low = HexDigit.value(text[index + 1])
        else { return nil }
        return high << 4 | low
    }

    /// The bytes that `text` stands for; nil if a `%` begins no triplet. With `isForm` a plus is a space.
    public static func decoded(_ text: ArraySlice<UInt8>, isForm: Bool = false) -> [UInt8]? {
        let (bytes, isWellFormed) = decode(text, isForm: isForm)
        return isWellFormed ? bytes : nil
    }

    /// The bytes that `text` stands for; a `%` that begins no triplet is a percent sign. With `isForm` a plus is a space.
    public static func decodedLeniently(_ text: ArraySlice<UInt8>, isForm: Bool = false) -> [UInt8] {
        decode(text, isForm: isForm).bytes
    }

    private static func decode(_ text: ArraySlice<UInt8>, isForm: Bool) -> (bytes: [UInt8], isWellFormed: Bool) {
        var bytes: [UInt8] = []
        var isWellFormed = true
        var index = text.startIndex
        while index < text.endIndex {
            if let octet = octet(at: index, in: text) {
                bytes.append(octet)
                index += 3
            } else {
                let byte = text[index]
                if byte == percent { isWellFormed = false }
                bytes.append(isForm && byte == UInt8(ascii: "+") ? Octet.space : byte)
                index += 1
            }
        }
        return (bytes, isWellFormed)
    }

    /// `bytes` with those that are `plain` as they are and every other one as a triplet, with capitals (RFC 3986 §2.1).
    public static func encoded(_ bytes: some Sequence<UInt8>, plain: (UInt8) -> Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount)
        for byte in bytes {
            if plain(byte) {
                text.append(byte)
            } else {
                text += [percent, HexDigit.uppercase(byte >> 4), HexDigit.uppercase(byte)]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let percent = UInt8(ascii: "%")
}
