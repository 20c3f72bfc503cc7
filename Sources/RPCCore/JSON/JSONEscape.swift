// RFC 8259, section 7: escapes back to what they stand for, as UTF-8 or as ISO-8859-1. The text has passed the parser,
// so there is nothing left to refuse but, for ISO-8859-1, a character above U+00FF. The result is never longer than
// the text: the shortest escape of a character is at least as long as its UTF-8.

import Primitives

/// Decoding of what stands between a string's quotes.
enum JSONEscape {
    /// Appends `text` with its escapes decoded, as UTF-8.
    static func appendDecoded(_ text: ByteView, to bytes: inout [UInt8]) {
        bytes.append(room: text.count + ByteRoom.slack) { decode(text, into: &$0) }
    }

    /// A string of `text` with its escapes decoded.
    static func decodedString(_ text: ByteView) -> String {
        String(room: text.count + ByteRoom.slack) { decode(text, into: &$0) }
    }

    /// Writes the decoded text to `room`, which is enough if it has `text.count` bytes and a word more.
    private static func decode(_ text: ByteView, into room: inout ByteRoom) {
        var read = 0
        while true {
            read = room.copyRun(text, from: read, marks: Word.backslashes)
            guard read + 1 < text.count else { break }
            let scalar: UInt32
            (scalar, read) = character(in: text, at: read)
            encode(scalar, into: &room)
        }
    }

    /// The character of the escape at `index`, and the index after it.
    private static func character(in text: ByteView, at index: Int) -> (scalar: UInt32, next: Int) {
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

    private static func codeUnit(in text: ByteView, at start: Int) -> UInt32 {
        var unit: UInt32 = 0
        for index in start..<start + 4 where index < text.count {
            unit = unit << 4 | UInt32(HexDigit.value(text[index]) ?? 0)
        }
        return unit
    }

    /// Writes `scalar` as UTF-8.
    private static func encode(_ scalar: UInt32, into room: inout ByteRoom) {
        let tail: (UInt32) -> UInt8 = { UInt8(truncatingIfNeeded: 0x80 | (scalar >> $0) & 0x3f) }
        switch scalar {
        case ..<0x80:
            room.put(UInt8(truncatingIfNeeded: scalar))
        case ..<0x800:
            room.put(UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6))
            room.put(tail(0))
        case ..<0x1_0000:
            room.put(UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12))
            room.put(tail(6))
            room.put(tail(0))
        default:
            room.put(UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18))
            room.put(tail(12))
            room.put(tail(6))
            room.put(tail(0))
        }
    }

    /// Appends `text` with its escapes decoded, as ISO-8859-1; false, and nothing appended, if it holds a character above
    /// U+00FF.
    static func appendLatin1(_ text: ByteView, to bytes: inout [UInt8]) -> Bool {
        var fits = true
        bytes.append(room: text.count + ByteRoom.slack) { room in
            fits = latin1(text, into: &room)
            if !fits { room.clear() }
        }
        return fits
    }

    private static func latin1(_ text: ByteView, into room: inout ByteRoom) -> Bool {
        var read = 0
        while true {
            read = room.copyRun(text, from: read, marks: Word.specials)
            guard read < text.count else { return true }
            guard read + 1 < text.count else { return false }
            let byte = text[read]
            if byte == UInt8(ascii: "\\") {
                let scalar: UInt32
                (scalar, read) = character(in: text, at: read)
                guard scalar <= 0xff else { return false }
                room.put(UInt8(truncatingIfNeeded: scalar))
            } else {
                // U+0080 to U+00FF are the two-byte sequences that begin with C2 and C3.
                guard (0xc2...0xc3).contains(byte) else { return false }
                room.put(byte << 6 | text[read + 1] & 0x3f)
                read += 2
            }
        }
    }
}
