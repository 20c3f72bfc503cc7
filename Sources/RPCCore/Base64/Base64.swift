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
        bytes.withUnsafeBufferPointer { source in
            text.append(addingCapacity: encodedCount(source.count)) { output in
                output.withUnsafeMutableBufferPointer { buffer, count in
                    guard let source = UnsafeRawBufferPointer(source).baseAddress, let target = buffer.baseAddress else {
                        return
                    }
                    encode(source, count: bytes.count, into: UnsafeMutableRawPointer(target))
                    count = encodedCount(bytes.count)
                }
            }
        }
    }

    /// Appends the bytes that `text` stands for to `bytes`.
    ///
    /// Throws, and appends nothing, if `text` is not base64: the error's offset points at the first character that cannot
    /// stand where it does, or past the end if characters are missing there.
    public static func decode(_ text: ArraySlice<UInt8>, into bytes: inout [UInt8]) throws(Base64Error) {
        try text.withUnsafeBufferPointer { source throws(Base64Error) in try decode(source, into: &bytes) }
    }

    /// The same, for text that is in memory already.
    static func decode(_ text: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8]) throws(Base64Error) {
        guard let source = text.baseAddress, text.count > 0 else { return }
        guard text.count % 4 == 0 else { throw Base64Error(offset: firstBadOffset(text, from: 0)) }
        var goodCount = 0
        bytes.append(addingCapacity: text.count / 4 * 3) { output in
            output.withUnsafeMutableBufferPointer { buffer, count in
                guard let target = buffer.baseAddress else { return }
                goodCount = decodeGroups(source, count: text.count - 4, into: UnsafeMutableRawPointer(target))
                guard goodCount == text.count - 4 else { return }
                guard let last = decodeLastGroup(source + goodCount, into: target + goodCount / 4 * 3) else { return }
                count = goodCount / 4 * 3 + last
                goodCount = text.count
            }
        }
        guard goodCount == text.count else { throw Base64Error(offset: firstBadOffset(text, from: goodCount)) }
    }

    // MARK: Encoding

    /// Six bytes to eight characters at a time, each twelve bits by one look into the table of pairs.
    private static func encode(_ source: UnsafeRawPointer, count: Int, into target: UnsafeMutableRawPointer) {
        Base64Tables.pairs.withUnsafeBufferPointer { pairs in
            var read = 0
            var write = 0
            while read + 8 <= count {
                let word = UInt64(bigEndian: (source + read).loadUnaligned(as: UInt64.self))
                let first = UInt64(pairs[Int(word >> 52)]) | UInt64(pairs[Int(word >> 40 & 0xfff)]) << 16
                let second = UInt64(pairs[Int(word >> 28 & 0xfff)]) | UInt64(pairs[Int(word >> 16 & 0xfff)]) << 16
                (target + write).storeBytes(of: (first | second << 32).littleEndian, as: UInt64.self)
                read += 6
                write += 8
            }
            while read < count {
                encodeGroup(UnsafeRawBufferPointer(start: source + read, count: min(3, count - read)), target + write)
                read += 3
                write += 4
            }
        }
    }

    /// One to three bytes to four characters.
    private static func encodeGroup(_ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawPointer) {
        var group: UInt32 = 0
        for index in 0..<3 { group = group << 8 | (index < source.count ? UInt32(source[index]) : 0) }
        for index in 0..<4 {
            let symbol = Base64Tables.symbol(UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * index) & 0x3f))
            target.storeBytes(of: index <= source.count ? symbol : Base64Tables.padding, toByteOffset: index, as: UInt8.self)
        }
    }

    // MARK: Decoding

    /// Decodes groups without padding until one is bad; how many characters were good. `count` is a multiple of 4, and
    /// `target` has room for one byte more than they yield.
    private static func decodeGroups(
        _ source: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer
    ) -> Int {
        Base64Tables.groups.withUnsafeBufferPointer { table in
            var read = 0
            var write = 0
            while read < count {
                let group =
                    table[Int(source[read])] | table[256 + Int(source[read + 1])]
                    | table[512 + Int(source[read + 2])] | table[768 + Int(source[read + 3])]
                if group & Base64Tables.invalid != 0 { break }
                (target + write).storeBytes(of: group.littleEndian, as: UInt32.self)
                read += 4
                write += 3
            }
            return read
        }
    }

    /// Decodes the last four characters, which may be padded; how many bytes they yield, or nil if they are bad.
    private static func decodeLastGroup(_ source: UnsafePointer<UInt8>, into target: UnsafeMutablePointer<UInt8>) -> Int? {
        var count = 3
        if source[3] == Base64Tables.padding { count = source[2] == Base64Tables.padding ? 1 : 2 }
        var group: UInt32 = 0
        for index in 0..<4 {
            var value: UInt8 = 0
            if index <= count {
                guard let known = Base64Tables.value(of: source[index]) else { return nil }
                value = known
            }
            group = group << 6 | UInt32(value)
        }
        guard group & (1 << UInt32(8 * (3 - count)) - 1) == 0 else { return nil }
        for index in 0..<count { target[index] = UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * index)) }
        return count
    }

    /// Which character makes `text` bad, given that it is, and that all before `start` is good. Only errors come here.
    private static func firstBadOffset(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
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
