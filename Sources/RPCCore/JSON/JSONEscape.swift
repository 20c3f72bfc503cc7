// RFC 8259, section 7: escapes back to what they stand for, as UTF-8 or as ISO-8859-1. The text has passed the parser,
// so there is nothing left to refuse but, for ISO-8859-1, a character above U+00FF. The result is never longer than
// the text: the shortest escape of a character is at least as long as its UTF-8.

import Primitives

/// Decoding of what stands between a string's quotes.
enum JSONEscape {
    /// Appends `text` with its escapes decoded, as UTF-8.
    static func appendDecoded(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: text.count) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                guard let target = buffer.baseAddress else { return }
                count = decode(text, into: target)
            }
        }
    }

    /// A string of `text` with its escapes decoded.
    static func decodedString(_ text: UnsafeBufferPointer<UInt8>) -> String {
        String(unsafeUninitializedCapacity: text.count) { buffer in
            guard let target = buffer.baseAddress else { return 0 }
            return decode(text, into: target)
        }
    }

    /// Writes the decoded text to `target`, which has room for `text.count` bytes; how many were written.
    private static func decode(_ text: UnsafeBufferPointer<UInt8>, into target: UnsafeMutablePointer<UInt8>) -> Int {
        var read = 0
        var written = 0
        while read < text.count {
            let byte = text[read]
            guard byte == UInt8(ascii: "\\"), read + 1 < text.count else {
                target[written] = byte
                read += 1
                written += 1
                continue
            }
            let scalar: UInt32
            (scalar, read) = character(in: text, at: read)
            written += encode(scalar, into: target + written)
        }
        return written
    }

    /// The character of the escape at `index`, and the index after it.
    private static func character(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> (scalar: UInt32, next: Int) {
        switch text[index + 1] {
        case UInt8(ascii: "b"): return (0x08, index + 2)
        case UInt8(ascii: "f"): return (0x0c, index + 2)
        case UInt8(ascii: "n"): return (0x0a, index + 2)
        case UInt8(ascii: "r"): return (0x0d, index + 2)
        case UInt8(ascii: "t"): return (0x09, index + 2)
        case UInt8(ascii: "u"):
            let unit = codeUnit(in: text, at: index + 2)
            guard unit & 0xfc00 == 0xd800 else { return (unit, index + 6) }
            let low = codeUnit(in: text, at: index + 8)
            return (0x1_0000 + (unit & 0x3ff) << 10 + low & 0x3ff, index + 12)
        case let plain: return (UInt32(plain), index + 2)
        }
    }

    private static func codeUnit(in text: UnsafeBufferPointer<UInt8>, at start: Int) -> UInt32 {
        var unit: UInt32 = 0
        for index in start..<start + 4 where index < text.count {
            unit = unit << 4 | UInt32(HexDigit.value(text[index]) ?? 0)
        }
        return unit
    }

    /// Writes `scalar` as UTF-8; how many bytes that took.
    private static func encode(_ scalar: UInt32, into target: UnsafeMutablePointer<UInt8>) -> Int {
        let tail: (UInt32) -> UInt8 = { UInt8(truncatingIfNeeded: 0x80 | (scalar >> $0) & 0x3f) }
        switch scalar {
        case ..<0x80:
            target[0] = UInt8(truncatingIfNeeded: scalar)
            return 1
        case ..<0x800:
            target[0] = UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6)
            target[1] = tail(0)
            return 2
        case ..<0x1_0000:
            target[0] = UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12)
            target[1] = tail(6)
            target[2] = tail(0)
            return 3
        default:
            target[0] = UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18)
            target[1] = tail(12)
            target[2] = tail(6)
            target[3] = tail(0)
            return 4
        }
    }

    /// Appends `text` with its escapes decoded, as ISO-8859-1; false, and nothing appended, if it holds a character above
    /// U+00FF.
    static func appendLatin1(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) -> Bool {
        var fits = true
        bytes.append(addingCapacity: text.count) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                guard let target = buffer.baseAddress else { return }
                let written = latin1(text, into: target)
                fits = written != nil
                count = written ?? 0
            }
        }
        return fits
    }

    private static func latin1(_ text: UnsafeBufferPointer<UInt8>, into target: UnsafeMutablePointer<UInt8>) -> Int? {
        var read = 0
        var written = 0
        while read < text.count {
            let byte = text[read]
            if byte < 0x80, byte != UInt8(ascii: "\\") {
                target[written] = byte
                read &+= 1
            } else if byte < 0x80, read + 1 < text.count {
                let scalar: UInt32
                (scalar, read) = character(in: text, at: read)
                guard scalar <= 0xff else { return nil }
                target[written] = UInt8(truncatingIfNeeded: scalar)
            } else {
                // U+0080 to U+00FF are the two-byte sequences that begin with C2 and C3.
                guard (0xc2...0xc3).contains(byte), read + 1 < text.count else { return nil }
                target[written] = byte << 6 | text[read + 1] & 0x3f
                read += 2
            }
            written &+= 1
        }
        return written
    }
}
