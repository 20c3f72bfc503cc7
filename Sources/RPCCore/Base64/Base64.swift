// Base64 as RFC 4648, section 4, has it: the standard alphabet, padding required. Refused: white space and every other
// byte outside the alphabet (section 3.3), missing or misplaced padding (3.2), and padding bits that are not zero (3.5),
// so that one sequence of bytes has one text only.

/// Base64 with the standard alphabet.
public enum Base64 {
    /// How many characters `n` bytes become. 0 for a negative `n`.
    public static func encodedCount(_ n: Int) -> Int {
        let groups = n > 0 ? (n - 1) / 3 + 1 : 0
        return groups.multipliedReportingOverflow(by: 4).partialValue
    }

    /// The base64 of `bytes`.
    public static func encode(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        encode(bytes, into: &text)
        return text
    }

    /// Appends the base64 of `bytes` to `text`.
    public static func encode(_ bytes: ArraySlice<UInt8>, into text: inout [UInt8]) {
        ByteView.lend(bytes) { source in
            text.append(room: encodedCount(source.count)) { encode(source, into: &$0) }
        }
    }

    /// Appends the bytes that `text` stands for to `bytes`.
    ///
    /// Throws, and appends nothing, if `text` is not base64: the error's offset points at the first character that cannot
    /// stand where it does, or past the end if characters are missing there.
    public static func decode(_ text: ArraySlice<UInt8>, into bytes: inout [UInt8]) throws(Base64Error) {
        try ByteView.lend(text) { source throws(Base64Error) in try decode(source, into: &bytes) }
    }

    /// The same for text that is lent.
    static func decode(_ text: ByteView, into bytes: inout [UInt8]) throws(Base64Error) {
        guard text.count > 0 else { return }
        guard text.count % 4 == 0 else { throw Base64Error(offset: firstBadOffset(text, from: 0)) }
        var goodCount = 0
        bytes.append(room: text.count / 4 * 3) { room in
            goodCount = Base64Tables.decodeGroups(text, upTo: text.count - 4, into: &room)
            if goodCount == text.count - 4, decodeLastGroup(text.part(goodCount..<text.count), into: &room) {
                goodCount = text.count
            } else {
                room.clear()
            }
        }
        guard goodCount == text.count else { throw Base64Error(offset: firstBadOffset(text, from: goodCount)) }
    }

    // MARK: Encoding

    /// Six bytes to eight characters at a time, each twelve bits by one look into the table of pairs.
    private static func encode(_ source: ByteView, into room: inout ByteRoom) {
        let table = Base64Tables.pairs
        let pairs = table.span
        var read = 0
        while source.count &- read >= 8 {
            let word = source.word(at: read).byteSwapped
            let first = Base64Tables.pair(word >> 52, in: pairs) | Base64Tables.pair(word >> 40, in: pairs) << 16
            let second = Base64Tables.pair(word >> 28, in: pairs) | Base64Tables.pair(word >> 16, in: pairs) << 16
            room.put(first | second << 32, length: 8)
            read &+= 6
        }
        while read < source.count {
            encodeGroup(source.part(read..<min(read + 3, source.count)), into: &room)
            read += 3
        }
    }

    /// One to three bytes to four characters.
    private static func encodeGroup(_ source: ByteView, into room: inout ByteRoom) {
        var group: UInt32 = 0
        for index in 0..<3 { group = group << 8 | (index < source.count ? UInt32(source[index]) : 0) }
        for index in 0..<4 {
            let symbol = Base64Tables.symbol(UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * index) & 0x3f))
            room.put(index <= source.count ? symbol : Base64Tables.padding)
        }
    }

    // MARK: Decoding

    /// Decodes the last four characters, which may be padded; false if they are bad.
    private static func decodeLastGroup(_ source: ByteView, into room: inout ByteRoom) -> Bool {
        var count = 3
        if source[3] == Base64Tables.padding { count = source[2] == Base64Tables.padding ? 1 : 2 }
        var group: UInt32 = 0
        for index in 0..<4 {
            var value: UInt8 = 0
            if index <= count {
                guard let known = Base64Tables.value(of: source[index]) else { return false }
                value = known
            }
            group = group << 6 | UInt32(value)
        }
        guard group & (1 << UInt32(8 * (3 - count)) - 1) == 0 else { return false }
        for index in 0..<count { room.put(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * index))) }
        return true
    }

    /// Which character makes `text` bad, given that it is, and that all before `start` is good. Only errors come here.
    private static func firstBadOffset(_ text: ByteView, from start: Int) -> Int {
        let strange = text[start...].firstIndex { Base64Tables.value(of: $0) == nil }
        guard let strange else { return text.count }
        let place = strange % 4
        guard text[strange] == Base64Tables.padding, place >= 2 else { return strange }
        // Padding: it must fill its group, which must be the last, and the bits before it must be zero.
        let end = strange - place + 4
        for index in strange..<end where index >= text.count || text[index] != Base64Tables.padding { return index }
        return text.count > end ? end : strange - 1
    }
}

/// Why a text is not base64.
public struct Base64Error: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where: 0-based, counted in characters of the text. Its length if characters are missing at the end.
    public var offset: Int

    /// An error at this offset.
    public init(offset: Int) {
        self.offset = offset
    }

    /// A sentence for people.
    public var description: String { "malformed base64 at character \(offset)" }
}
