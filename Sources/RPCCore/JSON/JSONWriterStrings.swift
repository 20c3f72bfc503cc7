// Strings as RFC 8259, section 7, has them: quoted, and escaped where that is required. Nearly every byte needs no escape, so
// they are copied eight at a time, and looked at on the way.

import Primitives

extension JSONWriter {
    /// What the bytes to be quoted are.
    enum Encoding {
        /// Valid UTF-8, copied as it is.
        case utf8
        /// ISO-8859-1: byte b is the character U+00b.
        case latin1
    }

    /// Writes a string.
    public mutating func string(_ value: String) {
        ByteView.lend(value) { quote($0, as: .utf8) }
    }

    /// Writes a string that stands in the program.
    mutating func staticString(_ value: StaticString) {
        guard value.hasPointerRepresentation else { return string(value.description) }
        quote(ByteView(value), as: .utf8)
    }

    /// Writes a string from UTF-8; each ill-formed sequence becomes U+FFFD, so that the text stays valid whatever the
    /// bytes are.
    public mutating func string(utf8: ArraySlice<UInt8>) {
        if utf8.allSatisfy({ $0 < 0x80 }) { latin1(utf8) } else { string(String(decoding: utf8, as: UTF8.self)) }
    }

    /// Writes a string from ISO-8859-1: byte b becomes the character U+00b.
    public mutating func latin1(_ bytes: ArraySlice<UInt8>) {
        ByteView.lend(bytes) { quote($0, as: .latin1) }
    }

    /// Writes a member from ISO-8859-1, A–Z lowered in its name: the form of an HTTP field.
    public mutating func latin1Member(name: Span<UInt8>, value: Span<UInt8>) {
        ByteView.lend(name) { name in
            ByteView.lend(value) { value in latin1Member(name, value) }
        }
    }

    private mutating func latin1Member(_ name: ByteView, _ value: ByteView) {
        guard name.count <= Self.pieceCount, value.count <= Self.pieceCount else {
            quote(name, as: .latin1, isLowered: true, isName: true)
            return quote(value, as: .latin1)
        }
        let comma = needsComma
        needsComma = true
        bytes.append(room: (name.count + value.count) * 6 + 16) { room in
            Self.open(after: comma, &room)
            Self.escape(name, as: .latin1, isLowered: true, into: &room)
            room.put(Self.quoteColonQuote, length: 3)
            Self.escape(value, as: .latin1, isLowered: false, into: &room)
            room.put(UInt8(ascii: "\""))
        }
    }

    /// `":"`, the first character in the lowest byte.
    static var quoteColonQuote: UInt32 { 0x22_3a22 }

    /// Writes the opening quotation mark, and a comma before it if one is due.
    @inline(__always)
    static func open(after comma: Bool, _ room: inout ByteRoom) {
        room.put(comma ? 0x222c as UInt32 : 0x22, length: comma ? 2 : 1)
    }

    /// Text longer than this is written in pieces, so that room for the worst case is no multiple of it.
    private static var pieceCount: Int { 512 }

    /// Writes a string that holds the base64 of `bytes` (RFC 4648, section 4).
    public mutating func base64(_ bytes: ArraySlice<UInt8>) {
        separate()
        self.bytes.append(UInt8(ascii: "\""))
        Base64.encode(bytes, into: &self.bytes)
        self.bytes.append(UInt8(ascii: "\""))
    }

    /// Writes `text` as a string, after a comma where one is due.
    mutating func quote(_ text: ByteView, as encoding: Encoding) {
        quote(text, as: encoding, isLowered: false, isName: false)
    }

    /// Writes `text` as a string, after a comma where one is due; its capitals lowered, and a colon after it, if asked for.
    mutating func quote(_ text: ByteView, as encoding: Encoding, isLowered: Bool, isName: Bool) {
        let comma = needsComma
        needsComma = !isName
        var start = 0
        repeat {
            let end = min(text.count, start &+ Self.pieceCount)
            bytes.append(room: (end &- start) * 6 + 16) { room in
                if start == 0 { Self.open(after: comma, &room) }
                Self.escape(text.part(start..<end), as: encoding, isLowered: isLowered, into: &room)
                if end == text.count { room.put(Self.quoteColonQuote, length: isName ? 2 : 1) }
            }
            start = end
        } while start < text.count
    }

    /// Writes `text` to `room`, escaped. There is room for six times the text and a word more: words are stored whole, and what
    /// of them is not text yet is written over.
    @inline(__always)
    private static func escape(_ text: ByteView, as encoding: Encoding, isLowered: Bool, into room: inout ByteRoom) {
        var read = 0
        while true {
            read =
                isLowered
                ? copyLoweredRun(text, from: read, to: &room) : copyPlainRun(text, from: read, to: &room, as: encoding)
            guard read < text.count else { return }
            escape(text[read], into: &room)
            read &+= 1
        }
    }

    /// Copies the bytes from `start` up to the first that cannot be copied as it is; its index.
    @inline(never)
    private static func copyPlainRun(
        _ text: ByteView, from start: Int, to room: inout ByteRoom, as encoding: Encoding
    ) -> Int {
        // Past ASCII, UTF-8 is copied and ISO-8859-1 is not.
        let ignored: UInt64 = encoding == .utf8 ? .max : 0
        return room.copyRun(text, from: start, marks: { Word.specials($0) & ~($0 & ignored) })
    }

    /// The same for ISO-8859-1 with A–Z lowered.
    @inline(never)
    private static func copyLoweredRun(_ text: ByteView, from start: Int, to room: inout ByteRoom) -> Int {
        room.copyRun(text, from: start, marks: Word.specials, map: Word.lowercased)
    }

    /// Writes one character that cannot be copied: escaped below U+0080, as two bytes of UTF-8 from there on; at most six
    /// bytes.
    private static func escape(_ byte: UInt8, into room: inout ByteRoom) {
        switch byte {
        case 0x80...: room.put(UInt32(0xc0 | byte >> 6) | UInt32(0x80 | byte & 0x3f) << 8, length: 2)
        case 0x08: escape(as: UInt8(ascii: "b"), into: &room)
        case 0x0c: escape(as: UInt8(ascii: "f"), into: &room)
        case 0x0a: escape(as: UInt8(ascii: "n"), into: &room)
        case 0x0d: escape(as: UInt8(ascii: "r"), into: &room)
        case 0x09: escape(as: UInt8(ascii: "t"), into: &room)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): escape(as: byte, into: &room)
        default:
            escape(as: UInt8(ascii: "u"), into: &room)
            room.put(0x3030 as UInt32, length: 2)
            room.put(HexDigit.lowercase(byte >> 4))
            room.put(HexDigit.lowercase(byte))
        }
    }

    /// Writes a backslash and a letter.
    @inline(__always)
    private static func escape(as letter: UInt8, into room: inout ByteRoom) {
        room.put(UInt32(UInt8(ascii: "\\")) | UInt32(letter) << 8, length: 2)
    }
}
