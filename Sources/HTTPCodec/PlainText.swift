// Text that HTTP and JSON write alike: ASCII without control characters, DEL, quotation marks and backslashes. Nearly every
// name, value and path is such a text, and goes from one form to the other by a copy, eight bytes at a time.
//
// Nothing is read beyond the count that is given. What is written may be followed by up to eight bytes that mean nothing, so a
// target has `slack` bytes more than the text.

/// Runs of plain text.
package enum PlainText {
    /// How much more room a target has than the text that is copied there.
    package static let slack = 8

    /// Copies bytes up to the first that is not plain, of `count` at most; how many.
    package static func copy(_ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer) -> Int {
        var at = 0
        while count &- at >= 8 {
            let word = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            target.storeBytes(of: word.littleEndian, toByteOffset: at, as: UInt64.self)
            let marks = specials(word)
            guard marks == 0 else { return at &+ marks.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < count {
            let byte = source.load(fromByteOffset: at, as: UInt8.self)
            guard isPlain(byte) else { return at }
            target.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
            at &+= 1
        }
        return count
    }

    /// How many bytes there are up to the first that is not plain, of `count` at most.
    package static func run(_ source: UnsafeRawPointer, _ count: Int) -> Int {
        var at = 0
        while count &- at >= 8 {
            let marks = specials(UInt64(littleEndian: source.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            guard marks == 0 else { return at &+ marks.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < count, isPlain(source.load(fromByteOffset: at, as: UInt8.self)) { at &+= 1 }
        return at
    }

    /// Copies `count` bytes, A–Z as a–z.
    static func copyLowered(_ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer) {
        var at = 0
        while count &- at >= 8 {
            let word = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            target.storeBytes(of: lowered(word).littleEndian, toByteOffset: at, as: UInt64.self)
            at &+= 8
        }
        while at < count {
            let byte = Octet.lowercased(source.load(fromByteOffset: at, as: UInt8.self))
            target.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
            at &+= 1
        }
    }

    @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= Octet.space && byte < Octet.delete && byte != Octet.quote && byte != Octet.backslash
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// High bits at the bytes that are not plain. The lowest mark is exact: a borrow only marks bytes above one rightly marked.
    @inline(__always)
    private static func specials(_ word: UInt64) -> UInt64 {
        let quote = (word ^ (ones &* 0x22)) &- ones
        let backslash = (word ^ (ones &* 0x5c)) &- ones
        let deleted = (word ^ (ones &* 0x7f)) &- ones
        return ((word &- (ones &* 0x20)) | quote | backslash | deleted | word) & highs
    }

    @inline(__always)
    private static func lowered(_ word: UInt64) -> UInt64 {
        let low = word & ~highs
        let capitals = (low &+ ones &* 0x3f) & ~(low &+ ones &* 0x25) & ~word & highs
        return word | capitals >> 2
    }
}
