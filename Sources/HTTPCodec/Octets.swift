// The characters of HTTP (RFC 9110 §5.6.2, RFC 5234 appendix B) and the scans that run over every byte of a head.
//
// A scan looks at eight bytes at once (a word with arithmetic on all lanes) and never beyond the end that it is given. Names
// are compared without regard to the case of ASCII letters, and of nothing else.

/// Characters with a meaning in the grammar, and classes of them.
enum Octet {
    static let horizontalTab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let quote: UInt8 = 0x22
    static let comma: UInt8 = 0x2c
    static let hyphen: UInt8 = 0x2d
    static let period: UInt8 = 0x2e
    static let slash: UInt8 = 0x2f
    static let zero: UInt8 = 0x30
    static let colon: UInt8 = 0x3a
    static let semicolon: UInt8 = 0x3b
    static let equals: UInt8 = 0x3d
    static let backslash: UInt8 = 0x5c
    static let underscore: UInt8 = 0x5f
    static let closingBrace: UInt8 = 0x7d
    static let delete: UInt8 = 0x7f

    /// `tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA`
    @inline(__always)
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    }

    /// `reg-name = *( unreserved / pct-encoded / sub-delims )` (RFC 3986 §3.2.2), without a check of what follows `%`.
    @inline(__always)
    static func isHostCharacter(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x2bff_7ff2_0000_0000, high: 0x47ff_fffe_87ff_fffe)
    }

    /// `VCHAR / obs-text / SP / HTAB`: what a field value may contain (RFC 9110 §5.5).
    @inline(__always)
    static func isValueCharacter(_ byte: UInt8) -> Bool {
        byte >= space && byte != delete || byte == horizontalTab
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- zero < 10 }

    /// `OWS = *( SP / HTAB )`
    @inline(__always)
    static func isWhitespace(_ byte: UInt8) -> Bool { byte == space || byte == horizontalTab }

    /// An ASCII capital as its small letter, anything else as it is.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// A set of ASCII characters as 128 bits.
    @inline(__always)
    private static func isMember(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        byte < 128 && ((byte < 64 ? low : high) >> UInt64(byte & 63)) & 1 == 1
    }
}

/// Scans over raw bytes. `0 <= start <= end`, and `end` is within what `base` points to.
enum Scan {
    /// The first index in `start..<end` of a control character other than HTAB, or `end`.
    static func firstControl(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let marks = controls(UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            if marks == 0 {
                index &+= 8
                continue
            }
            index &+= marks.trailingZeroBitCount >> 3
            if base.load(fromByteOffset: index, as: UInt8.self) != Octet.horizontalTab { return index }
            index &+= 1
        }
        while index < end, Octet.isValueCharacter(base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
        return index
    }

    /// Marks lanes below 0x20 and lanes of 0x7f. The lowest mark is exact: a borrow only marks lanes above one rightly marked.
    @inline(__always)
    private static func controls(_ word: UInt64) -> UInt64 {
        let deleted = word ^ 0x7f7f_7f7f_7f7f_7f7f
        return ((word &- 0x2020_2020_2020_2020) & ~word | (deleted &- 0x0101_0101_0101_0101) & ~deleted) & 0x8080_8080_8080_8080
    }

    /// The first index in `start..<end` of SP, HTAB or another control character but DEL, or `end`.
    static func firstSpaceOrControl(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let marks = (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
            if marks != 0 { return index &+ marks.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        while index < end, base.load(fromByteOffset: index, as: UInt8.self) > Octet.space { index &+= 1 }
        return index
    }

    /// Whether one of `count` bytes is `_`.
    static func hasUnderscore(_ base: UnsafeRawPointer, _ count: Int) -> Bool {
        var index = 0
        while index &+ 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ 0x5f5f_5f5f_5f5f_5f5f
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
            index &+= 8
        }
        while index < count {
            if base.load(fromByteOffset: index, as: UInt8.self) == Octet.underscore { return true }
            index &+= 1
        }
        return false
    }

    /// The first index in `start..<end` of something that is no token character, or `end`.
    static func endOfToken(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, Octet.isTokenCharacter(base.load(fromByteOffset: index, as: UInt8.self)) { index &+= 1 }
        return index
    }

    /// The token from `start` on: where it ends, and its `nameHash`. At `end` stands something that is no token character, and
    /// `count` bytes may be read, `end < count`.
    @inline(__always)
    static func token(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ count: Int) -> (end: Int, hash: UInt32) {
        var index = start
        var state = hashSeed
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let folded = word | 0x2020_2020_2020_2020
            // Marks every lane that is neither a letter nor "-": nearly all names consist of these. No lane carries into
            // another.
            let low = folded & 0x7f7f_7f7f_7f7f_7f7f
            let letters = (low &+ 0x1f1f_1f1f_1f1f_1f1f) & ~(low &+ 0x0505_0505_0505_0505) & ~word
            let dashes = word ^ 0x2d2d_2d2d_2d2d_2d2d
            let others = ((dashes & 0x7f7f_7f7f_7f7f_7f7f) &+ 0x7f7f_7f7f_7f7f_7f7f) | dashes
            let marks = ~letters & others & 0x8080_8080_8080_8080
            if marks == 0 {
                state = mixed(state, folded)
                index &+= 8
                continue
            }
            let bits = UInt64(marks.trailingZeroBitCount) & ~7
            let stop = index &+ Int(bits >> 3)
            guard !Octet.isTokenCharacter(base.load(fromByteOffset: stop, as: UInt8.self)) else { break }
            if bits > 0 { state = mixed(state, folded & (1 << bits &- 1)) }
            return (stop, UInt32(truncatingIfNeeded: state >> 32))
        }
        let stop = endOfToken(base, index, end)
        return (stop, nameHash(base + start, stop &- start))
    }

    /// Whether no byte is a space or a control character: what a request target may contain. RFC 3986 allows less; browsers
    /// send less, other clients do not.
    static func isTarget(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = UnsafeRawPointer(bytes.baseAddress) else { return true }
            return firstSpaceOrControl(base, 0, bytes.count) == bytes.count && firstControl(base, 0, bytes.count) == bytes.count
        }
    }

    /// Whether every byte is below 0x80.
    static func isASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(bytes)
        var index = 0
        while index &+ 8 <= raw.count {
            if raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
            index &+= 8
        }
        while index < raw.count {
            if raw[index] >= 0x80 { return false }
            index &+= 1
        }
        return true
    }

    /// A hash of `count` bytes that does not see the case of letters. (Some other characters collide too; equality is exact.)
    static func nameHash(_ name: UnsafeRawPointer, _ count: Int) -> UInt32 {
        var state = hashSeed
        var index = 0
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: name.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            state = mixed(state, word | 0x2020_2020_2020_2020)
            index &+= 8
        }
        var tail: UInt64 = 0
        var shift: UInt64 = 0
        while index < count {
            tail |= UInt64(name.load(fromByteOffset: index, as: UInt8.self) | 0x20) << shift
            shift &+= 8
            index &+= 1
        }
        if shift > 0 { state = mixed(state, tail) }
        return UInt32(truncatingIfNeeded: state >> 32)
    }

    /// Whether two runs of `count` bytes are equal but for the case of ASCII letters.
    @inline(__always)
    static func equalIgnoringCase(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        var index = 0
        guard count >= 8 else { return equalIgnoringCaseByByte(a, b, count) }
        while index < count {
            // The last word overlaps the one before, so that no byte is left over.
            index = min(index, count &- 8)
            let left = a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let right = b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if left != right {
                guard (left ^ right) & ~0x2020_2020_2020_2020 == 0 else { return false }
                guard equalIgnoringCaseByByte(a + index, b + index, 8) else { return false }
            }
            index &+= 8
        }
        return true
    }

    private static func equalIgnoringCaseByByte(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        for index in 0..<count {
            let left = Octet.lowercased(a.load(fromByteOffset: index, as: UInt8.self))
            if left != Octet.lowercased(b.load(fromByteOffset: index, as: UInt8.self)) { return false }
        }
        return true
    }

    private static let hashSeed: UInt64 = 0x9e37_79b9_7f4a_7c15

    @inline(__always)
    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* 0xff51_afd7_ed55_8ccd
        return product ^ product >> 32
    }
}

extension [UInt8] {
    /// Appends the text of a literal.
    @inline(__always)
    mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { append(contentsOf: $0) }
    }
}
