// Strings as RFC 8259, section 7, has them: quoted, and escaped where that is required. Nearly every string needs no
// escape, so it is first searched eight bytes at a time and then copied whole.

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
        var value = value
        value.withUTF8 { quote($0, as: .utf8) }
    }

    /// Writes a string that stands in the program.
    mutating func staticString(_ value: StaticString) {
        guard value.hasPointerRepresentation else { return string(value.description) }
        quote(UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount), as: .utf8)
    }

    /// Writes a string from UTF-8; each ill-formed sequence becomes U+FFFD, so that the text stays valid whatever the
    /// bytes are.
    public mutating func string(utf8: ArraySlice<UInt8>) {
        let isWritten = utf8.withUnsafeBufferPointer { text in
            let isPlain = JSONWriter.endOfPlainRun(text, from: 0, as: .latin1) == text.count
            if isPlain { quote(text, as: .utf8) }
            return isPlain
        }
        if !isWritten { string(String(decoding: utf8, as: UTF8.self)) }
    }

    /// Writes a string from ISO-8859-1: byte b becomes the character U+00b.
    public mutating func latin1(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBufferPointer { quote($0, as: .latin1) }
    }

    /// Writes a string that holds the base64 of `bytes` (RFC 4648, section 4).
    public mutating func base64(_ bytes: ArraySlice<UInt8>) {
        separate()
        self.bytes.append(UInt8(ascii: "\""))
        Base64.encode(bytes, into: &self.bytes)
        self.bytes.append(UInt8(ascii: "\""))
    }

    /// Writes `text` as a string, after a comma where one is due.
    mutating func quote(_ text: UnsafeBufferPointer<UInt8>, as encoding: Encoding) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        var end = Self.endOfPlainRun(text, from: 0, as: encoding)
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[..<end]))
        while end < text.count {
            escape(text[end])
            let start = end + 1
            end = Self.endOfPlainRun(text, from: start, as: encoding)
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<end]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The first index from `start` on whose byte cannot be copied as it is, or the end.
    private static func endOfPlainRun(_ text: UnsafeBufferPointer<UInt8>, from start: Int, as encoding: Encoding) -> Int {
        guard let base = text.baseAddress else { return 0 }
        // Past ASCII, UTF-8 is copied and ISO-8859-1 is not.
        let ignored: UInt64 = encoding == .utf8 ? .max : 0
        var at = start
        while at + 8 <= text.count {
            let word = Word.load(base + at)
            let marks = Word.specials(word) & ~(word & ignored)
            if marks != 0 { return at + Word.firstMark(marks) }
            at += 8
        }
        while at < text.count {
            let byte = base[at]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            if byte >= 0x80, encoding == .latin1 { break }
            at += 1
        }
        return at
    }

    /// Writes one character that cannot be copied: escaped below U+0080, as two bytes of UTF-8 from there on.
    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x80...:
            bytes.append(0xc0 | byte >> 6)
            bytes.append(0x80 | byte & 0x3f)
        case 0x08: escape(with: UInt8(ascii: "b"))
        case 0x0c: escape(with: UInt8(ascii: "f"))
        case 0x0a: escape(with: UInt8(ascii: "n"))
        case 0x0d: escape(with: UInt8(ascii: "r"))
        case 0x09: escape(with: UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): escape(with: byte)
        default:
            escape(with: UInt8(ascii: "u"))
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "0"))
            bytes.append(Self.hexadecimalDigit(byte >> 4))
            bytes.append(Self.hexadecimalDigit(byte & 0xf))
        }
    }

    private mutating func escape(with letter: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(letter)
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
