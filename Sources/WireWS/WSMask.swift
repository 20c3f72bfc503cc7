// Masking (RFC 6455 §5.3): octet i of the payload is XORed with octet i mod 4 of the key.
//
// A payload comes in pieces, so the mask remembers how far into the key it is. The work is done eight bytes at a time, a
// loop that the compiler turns into vector code; one kernel serves both ends, since masking twice gives the payload back. The
// key zero changes nothing, and costs nothing.

/// A masking key and the position in it.
public struct WSMask: Sendable, Hashable {
    /// The key; its most significant byte is the first on the wire.
    public let key: UInt32
    /// The octet of the key that belongs to the next byte: 0 <= phase <= 3.
    private var phase: UInt32 = 0

    /// The mask at the beginning of a payload.
    public init(key: UInt32) { self.key = key }

    /// Whether the key is zero: what is masked with it is as it was.
    public var isIdentity: Bool { key == 0 }

    /// Appends the next piece of the payload, masked or unmasked: one pass, one copy.
    public mutating func append(_ piece: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        if isIdentity { return bytes.append(contentsOf: piece) }
        let word = advance(by: piece.count)
        piece.withUnsafeBytes { source in
            bytes.append(addingCapacity: source.count) { span in
                span.withUnsafeMutableBufferPointer { target, count in
                    guard let from = source.baseAddress, let to = target.baseAddress else { return }
                    Self.combine(from, with: word, into: UnsafeMutableRawPointer(to), count: source.count)
                    count += source.count
                }
            }
        }
    }

    /// The key turned so that its first octet belongs to the next byte; then moves on by `count` bytes.
    private mutating func advance(by count: Int) -> UInt32 {
        let turned = phase == 0 ? key : key << (8 * phase) | key >> (32 - 8 * phase)
        phase = (phase &+ UInt32(truncatingIfNeeded: count)) & 3
        return turned
    }

    /// XORs `count` bytes with the octets of `word`, most significant first.
    @inline(__always)
    private static func combine(
        _ source: UnsafeRawPointer, with word: UInt32, into target: UnsafeMutableRawPointer, count: Int
    ) {
        let octets = UInt64(word.bigEndian)
        let pattern = octets << 32 | octets
        let wordsEnd = count & ~7
        var offset = 0
        while offset < wordsEnd {
            let plain = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            target.storeBytes(of: plain ^ pattern, toByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < count {
            let octet = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * (offset & 3)))
            let plain = source.load(fromByteOffset: offset, as: UInt8.self)
            target.storeBytes(of: plain ^ octet, toByteOffset: offset, as: UInt8.self)
            offset &+= 1
        }
    }
}
