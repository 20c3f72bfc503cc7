// Eight bytes at a time: what reading and writing of strings share.

/// Words of eight bytes. The little-endian order makes the lowest byte the first, whatever the machine.
enum Word {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func load(_ pointer: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self))
    }

    /// High bits at the bytes that end a plain run of a string: `"`, `\`, controls, and all of 0x80 and more. Bytes after
    /// the first such may be marked falsely (a borrow), the first never is.
    @inline(__always)
    static func specials(_ word: UInt64) -> UInt64 {
        let quote = (word ^ (ones &* 0x22)) &- ones
        let backslash = (word ^ (ones &* 0x5c)) &- ones
        return ((word &- (ones &* 0x20)) | quote | backslash | word) & highs
    }

    /// Whether the bytes are the same; there are as many of both.
    @inline(__always)
    static func areEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let one = left.baseAddress, let other = right.baseAddress else { return true }
        var at = 0
        while left.count &- at >= 8 {
            if load(one + at) != load(other + at) { return false }
            at &+= 8
        }
        return at == left.count || loadLast(one + at, left.count &- at) == loadLast(other + at, left.count &- at)
    }

    /// The last `count` bytes of a text, fewer than eight, and spaces after them. 0 < count
    @inline(__always)
    static func loadLast(_ pointer: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        let bytes = UnsafeRawPointer(pointer)
        let end = UInt64(truncatingIfNeeded: count &* 8)
        let blanks = (ones &* 0x20) &<< end
        if count >= 4 {
            let last = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)))
            return UInt64(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))) | last &<< (end &- 32) | blanks
        }
        let middle = count &>> 1
        return UInt64(pointer[0]) | UInt64(pointer[middle]) &<< UInt64(truncatingIfNeeded: middle &* 8)
            | UInt64(pointer[count &- 1]) &<< (end &- 8) | blanks
    }

    /// The index of the first marked byte. `marks` is not zero.
    @inline(__always)
    static func firstMark(_ marks: UInt64) -> Int { marks.trailingZeroBitCount >> 3 }
}
