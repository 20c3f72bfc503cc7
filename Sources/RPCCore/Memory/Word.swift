// Eight bytes at a time: what reading and writing of strings share.

/// Words of eight bytes. The little-endian order makes the lowest byte the first, whatever the machine.
enum Word {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    /// High bits at the bytes that end a plain run of a string: `"`, `\`, controls, and all of 0x80 and more. Bytes after
    /// the first such may be marked falsely (a borrow), the first never is.
    @inline(__always)
    static func specials(_ word: UInt64) -> UInt64 {
        let quote = (word ^ (ones &* 0x22)) &- ones
        let backslash = (word ^ (ones &* 0x5c)) &- ones
        return ((word &- (ones &* 0x20)) | quote | backslash | word) & highs
    }

    /// The word with A–Z as a–z.
    @inline(__always)
    static func lowercased(_ word: UInt64) -> UInt64 {
        let low = word & ~highs
        let capitals = (low &+ ones &* 0x3f) & ~(low &+ ones &* 0x25) & ~word & highs
        return word | capitals >> 2
    }

    /// High bits at backslashes. Bytes after the first may be marked falsely.
    @inline(__always)
    static func backslashes(_ word: UInt64) -> UInt64 {
        let others = word ^ (ones &* 0x5c)
        return (others &- ones) & ~others & highs
    }

    /// The index of the first marked byte. `marks` is not zero.
    @inline(__always)
    static func firstMark(_ marks: UInt64) -> Int { marks.trailingZeroBitCount >> 3 }
}

extension ByteView {
    /// Whether the bytes are the same.
    @inline(__always)
    func isSame(as other: ByteView) -> Bool {
        guard count == other.count else { return false }
        var at = 0
        while count &- at >= 8 {
            if word(at: at) != other.word(at: at) { return false }
            at &+= 8
        }
        return at == count || lastWord(at: at) == other.lastWord(at: at)
    }
}
