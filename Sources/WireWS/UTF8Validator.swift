// UTF-8 as it comes (RFC 3629 §4), across the frames of a message and the reads of a socket (RFC 6455 §8.1).
//
// Refuses overlong forms, surrogates and anything above U+10FFFF, at the first byte that cannot continue a character: the
// peer is told at once, not when the message ends. Runs of ASCII pass sixteen bytes at a time and other characters whole;
// only a character that is cut or wrong is looked at byte by byte.
//
//   UTF8-2 = C2-DF tail                  UTF8-4 = F0 90-BF 2(tail) / F1-F3 3(tail) / F4 80-8F 2(tail)
//   UTF8-3 = E0 A0-BF tail / E1-EC 2(tail) / ED 80-9F tail / EE-EF 2(tail)           tail = 80-BF

/// Checks that a sequence of pieces is UTF-8.
public struct UTF8Validator: Sendable {
    /// Bytes that the character under way still needs: 0 <= missing <= 3.
    private var missing = 0
    /// The range of the next of them.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xbf
    private var hasFailed = false

    /// A validator at the beginning of a text.
    public init() {}

    /// Whether all pieces so far are UTF-8 and end between two characters.
    public var isComplete: Bool { missing == 0 && !hasFailed }

    /// Whether the text may still become UTF-8 after this piece. Once false, always false.
    public mutating func validate(_ piece: ArraySlice<UInt8>) -> Bool {
        if hasFailed { return false }
        hasFailed = !piece.withUnsafeBytes { scan($0) }
        return !hasFailed
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        var index = 0
        guard finish(base, bytes.count, &index) else { return false }
        while index < bytes.count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            if byte < 0x80 {
                index = Self.skipASCII(base, from: index &+ 1, to: bytes.count)
                continue
            }
            let length = Self.wholeCharacter(base, at: index, end: bytes.count)
            index &+= max(length, 1)
            if length > 0 { continue }
            guard begin(byte), finish(base, bytes.count, &index) else { return false }
        }
        return true
    }

    /// The length of the character of two bytes or more at `index`; 0 if it is wrong, or within four bytes of the end.
    @inline(__always)
    private static func wholeCharacter(_ base: UnsafeRawPointer, at index: Int, end: Int) -> Int {
        guard end &- index >= 4 else { return 0 }
        // The first byte is the lowest. One comparison tests the fixed bits of all bytes; the bits of `range` then tell
        // overlong forms (all clear) and surrogates (ED with A0-BF) or what lies above U+10FFFF.
        let four = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt32.self))
        if four & 0x00c0_c0f0 == 0x0080_80e0 {
            let range = four & 0x200f
            return range != 0 && range != 0x200d ? 3 : 0
        }
        if four & 0xc0e0 == 0x80c0 { return four & 0x1e != 0 ? 2 : 0 }
        if four & 0xc0c0_c0f8 == 0x8080_80f0 {
            let range = four & 0x3007
            return range != 0 && (range & 4 == 0 || range == 4) ? 4 : 0
        }
        return 0
    }

    /// Takes the first byte of a character of two bytes or more.
    @inline(__always)
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xc2...0xdf: missing = 1
        case 0xe0...0xef: missing = 2
        case 0xf0...0xf4: missing = 3
        default: return false
        }
        lowest = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80
        highest = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf
        return true
    }

    /// Takes the rest of the character under way, as far as it is here.
    @inline(__always)
    private mutating func finish(_ base: UnsafeRawPointer, _ count: Int, _ index: inout Int) -> Bool {
        while missing > 0, index < count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            if byte < lowest || byte > highest { return false }
            (lowest, highest) = (0x80, 0xbf)
            missing &-= 1
            index &+= 1
        }
        return true
    }

    /// The index of the first byte from `start` that is not ASCII, or a few before it.
    @inline(__always)
    private static func skipASCII(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 16 <= end {
            let first = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let second = base.loadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self)
            if (first | second) & 0x8080_8080_8080_8080 != 0 { break }
            index &+= 16
        }
        return index
    }
}
