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
        if utf8.allSatisfy({ $0 < 0x80 }) { latin1(utf8) } else { string(String(decoding: utf8, as: UTF8.self)) }
    }

    /// Writes a string from ISO-8859-1: byte b becomes the character U+00b.
    public mutating func latin1(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBufferPointer { quote($0, as: .latin1) }
    }

    /// Writes a member from ISO-8859-1, A–Z lowered in its name: the form of an HTTP field.
    public mutating func latin1Member(name: Span<UInt8>, value: Span<UInt8>) {
        name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { value in latin1Member(name, value) }
        }
    }

    private mutating func latin1Member(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        guard name.count <= Self.pieceCount, value.count <= Self.pieceCount else {
            quote(name, as: .latin1, isLowered: true, isName: true)
            return quote(value, as: .latin1)
        }
        let comma = needsComma
        needsComma = true
        append(upTo: (name.count + value.count) * 6 + 16) { target in
            var count = 0
            if comma { Self.put(UInt8(ascii: ","), target, &count) }
            Self.put(UInt8(ascii: "\""), target, &count)
            count &+= Self.escape(name, as: .latin1, isLowered: true, into: target + count)
            Self.put(UInt8(ascii: "\""), target, &count)
            Self.put(UInt8(ascii: ":"), target, &count)
            Self.put(UInt8(ascii: "\""), target, &count)
            count &+= Self.escape(value, as: .latin1, isLowered: false, into: target + count)
            Self.put(UInt8(ascii: "\""), target, &count)
            return count
        }
    }

    /// Appends what `body` writes to the room for `most` bytes; it says how many.
    @inline(__always)
    mutating func append(upTo most: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        bytes.append(addingCapacity: most) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                guard let target = buffer.baseAddress else { return }
                count = body(target)
            }
        }
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
    mutating func quote(_ text: UnsafeBufferPointer<UInt8>, as encoding: Encoding) {
        quote(text, as: encoding, isLowered: false, isName: false)
    }

    /// Writes `text` as a string, after a comma where one is due; its capitals lowered, and a colon after it, if asked for.
    mutating func quote(_ text: UnsafeBufferPointer<UInt8>, as encoding: Encoding, isLowered: Bool, isName: Bool) {
        let comma = needsComma
        needsComma = !isName
        var start = 0
        repeat {
            let end = min(text.count, start &+ Self.pieceCount)
            append(upTo: (end &- start) * 6 + 16) { target in
                var count = 0
                if start == 0 {
                    if comma { Self.put(UInt8(ascii: ","), target, &count) }
                    Self.put(UInt8(ascii: "\""), target, &count)
                }
                let piece = UnsafeBufferPointer(rebasing: text[start..<end])
                count &+= Self.escape(piece, as: encoding, isLowered: isLowered, into: target + count)
                if end == text.count { Self.put(UInt8(ascii: "\""), target, &count) }
                if end == text.count, isName { Self.put(UInt8(ascii: ":"), target, &count) }
                return count
            }
            start = end
        } while start < text.count
    }

    @inline(__always)
    private static func put(_ byte: UInt8, _ target: UnsafeMutablePointer<UInt8>, _ count: inout Int) {
        target[count] = byte
        count &+= 1
    }

    /// Writes `text` to `target`, escaped; how many bytes that took. There is room for six times the text and a word more:
    /// words are stored whole, and what of them is not text yet is written over.
    @inline(__always)
    private static func escape(
        _ text: UnsafeBufferPointer<UInt8>, as encoding: Encoding, isLowered: Bool, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        guard let base = text.baseAddress else { return 0 }
        var read = 0
        var written = 0
        while true {
            let rest = text.count &- read
            let plain =
                isLowered
                ? copyLoweredRun(base + read, rest, to: target + written)
                : copyPlainRun(base + read, rest, to: target + written, as: encoding)
            read &+= plain
            written &+= plain
            guard read < text.count else { return written }
            written &+= escape(text[read], into: target + written)
            read &+= 1
        }
    }

    /// Copies the bytes up to the first that cannot be copied as it is; how many.
    @inline(never)
    private static func copyPlainRun(
        _ text: UnsafePointer<UInt8>, _ count: Int, to target: UnsafeMutablePointer<UInt8>, as encoding: Encoding
    ) -> Int {
        // Past ASCII, UTF-8 is copied and ISO-8859-1 is not.
        let ignored: UInt64 = encoding == .utf8 ? .max : 0
        var at = 0
        while count &- at >= 8 {
            let word = Word.load(text + at)
            Word.store(word, to: target + at)
            let marks = Word.specials(word) & ~(word & ignored)
            guard marks == 0 else { return at &+ Word.firstMark(marks) }
            at &+= 8
        }
        guard at < count else { return count }
        let word = Word.loadLast(text + at, count &- at)
        Word.store(word, to: target + at)
        let marks = Word.specials(word) & ~(word & ignored)
        return marks == 0 ? count : at &+ Word.firstMark(marks)
    }

    /// The same for ISO-8859-1 with A–Z lowered.
    @inline(never)
    private static func copyLoweredRun(
        _ text: UnsafePointer<UInt8>, _ count: Int, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var at = 0
        while at < count {
            let isWhole = count &- at >= 8
            let word = isWhole ? Word.load(text + at) : Word.loadLast(text + at, count &- at)
            Word.store(Word.lowercased(word), to: target + at)
            let marks = Word.specials(word)
            guard marks == 0 else { return at &+ Word.firstMark(marks) }
            at &+= 8
        }
        return count
    }

    /// Writes one character that cannot be copied: escaped below U+0080, as two bytes of UTF-8 from there on. How many bytes
    /// that took, at most six.
    private static func escape(_ byte: UInt8, into target: UnsafeMutablePointer<UInt8>) -> Int {
        target[0] = UInt8(ascii: "\\")
        switch byte {
        case 0x80...:
            target[0] = 0xc0 | byte >> 6
            target[1] = 0x80 | byte & 0x3f
        case 0x08: target[1] = UInt8(ascii: "b")
        case 0x0c: target[1] = UInt8(ascii: "f")
        case 0x0a: target[1] = UInt8(ascii: "n")
        case 0x0d: target[1] = UInt8(ascii: "r")
        case 0x09: target[1] = UInt8(ascii: "t")
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): target[1] = byte
        default:
            target[1] = UInt8(ascii: "u")
            target[2] = UInt8(ascii: "0")
            target[3] = UInt8(ascii: "0")
            target[4] = HexDigit.lowercase(byte >> 4)
            target[5] = HexDigit.lowercase(byte)
            return 6
        }
        return 2
    }
}

extension Word {
    @inline(__always)
    fileprivate static func store(_ word: UInt64, to pointer: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(pointer).storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    /// The word with A–Z as a–z.
    @inline(__always)
    fileprivate static func lowercased(_ word: UInt64) -> UInt64 {
        let low = word & ~highs
        let capitals = (low &+ ones &* 0x3f) & ~(low &+ ones &* 0x25) & ~word & highs
        return word | capitals >> 2
    }
}
