// Frames out of bytes (RFC 6455 §5.2): header, payload in pieces as it comes, end.
//
// Decides where frames begin and end, and refuses everything that one header alone can show to be wrong: reserved bits and
// opcodes, a mask where none may be, lengths not in shortest form or over the limit, fragmented or long control frames. How
// frames follow one another (§5.4) is checked by WSConnection. A declared length costs nothing: payload passes
// through, and of a header that is cut at most 13 bytes are kept.

/// Cuts a stream of bytes into frames.
public struct WSFrameDecoder: Sendable {
    /// What `next()` found.
    public enum Event: Sendable, Hashable {
        /// A frame begins. Followed by any number of `payload` and one `end`.
        case header(WSFrameHeader)
        /// The next piece of the payload, unmasked, never empty. Pieces add up to `payloadCount`.
        case payload(ArraySlice<UInt8>)
        /// The frame ends. Followed by `header`.
        case end
    }

    private let expectingMask: Bool
    var maximumFrameBytes: Int
    /// What was received and not yet read; the caller's own storage until `next()` has returned nil.
    private var input: ArraySlice<UInt8> = []
    /// The beginning of a header that is not complete yet: 0 <= count <= 13.
    private var partialHeader: [UInt8] = []
    /// Payload bytes of the current frame that have not been read: 0 <= remaining <= payloadCount.
    private(set) var remaining = 0
    private var mask: WSMask?
    private var isInFrame = false
    private var hasFailed = false

    /// A decoder at the beginning of a stream. A server expects a mask on each frame, a client on none (RFC 6455 §5.1).
    public init(expectingMask: Bool, limits: WSLimits = .init()) {
        self.expectingMask = expectingMask
        maximumFrameBytes = limits.maximumFrameBytes
    }

    /// Takes the next bytes of the stream. They are not copied as long as `next()` is called until it returns nil.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if hasFailed { return }
        if input.isEmpty { input = bytes } else { input.append(contentsOf: bytes) }
    }

    /// The next event, or nil: needs more bytes. After an error every further call returns nil and input is discarded.
    public mutating func next() throws(WSError) -> Event? {
        guard isInFrame else {
            guard let header = try readHeader() else { return nil }
            isInFrame = true
            return .header(header)
        }
        if remaining == 0 {
            isInFrame = false
            return .end
        }
        let piece = readPiece()
        if piece.isEmpty { return nil }
        guard var mask, !mask.isIdentity else { return .payload(piece) }
        var unmasked: [UInt8] = []
        mask.append(piece, to: &unmasked)
        self.mask = mask
        return .payload(unmasked[...])
    }

    // MARK: The same in two steps, for WSConnection, which unmasks into storage of its own.

    /// Reads one header. The caller must have read the payload of the frame before.
    mutating func readHeader() throws(WSError) -> WSFrameHeader? {
        do throws(WSError) {
            guard let header = try completeHeader() else {
                input = []
                return nil
            }
            remaining = header.payloadCount
            mask = header.mask
            return header
        } catch {
            discard()
            throw error
        }
    }

    /// Reads what is here of the current payload, still masked; empty at its end or if more bytes are needed.
    mutating func readPiece() -> ArraySlice<UInt8> {
        let piece = input.prefix(remaining)
        remaining -= piece.count
        // An empty slice would still keep the caller's storage alive.
        if piece.count == input.count { input = [] } else { input = input[piece.endIndex...] }
        return piece
    }

    /// Drops what has been received and refuses all that follows.
    mutating func discard() {
        hasFailed = true
        input = []
        partialHeader = []
    }

    // MARK: Headers

    private mutating func completeHeader() throws(WSError) -> WSFrameHeader? {
        if partialHeader.isEmpty {
            if let (header, count) = try parse(input) {
                input = input[(input.startIndex + count)...]
                return header
            }
            partialHeader.append(contentsOf: input)
            return nil
        }
        while let byte = input.popFirst() {
            partialHeader.append(byte)
            if let (header, _) = try parse(partialHeader[...]) {
                partialHeader.removeAll(keepingCapacity: true)
                return header
            }
        }
        return nil
    }

    /// The header at the beginning of `bytes` and its length in bytes, or nil if it is cut.
    private func parse(_ bytes: ArraySlice<UInt8>) throws(WSError) -> (WSFrameHeader, count: Int)? {
        guard bytes.count >= 2 else { return nil }
        let start = bytes.startIndex
        let opcode = try Self.opcode(bytes[start])
        let shortLength = bytes[start + 1] & 0x7f
        guard (bytes[start + 1] & 0x80 != 0) == expectingMask else { throw .wrongMask }
        if opcode.isControl, shortLength > 125 { throw .oversizedControl }
        let lengthBytes = shortLength < 126 ? 0 : shortLength == 126 ? 2 : 8
        let maskStart = start + 2 + lengthBytes
        let end = maskStart + (expectingMask ? 4 : 0)
        guard end <= bytes.endIndex else { return nil }
        let length = lengthBytes == 0 ? UInt64(shortLength) : Self.number(bytes[(start + 2)..<maskStart])
        try check(length, lengthBytes: lengthBytes, isControl: opcode.isControl)
        let mask = expectingMask ? WSMask(key: UInt32(truncatingIfNeeded: Self.number(bytes[maskStart..<end]))) : nil
        let isFinal = bytes[start] & 0x80 != 0
        let header = WSFrameHeader(
            isFinal: isFinal, opcode: opcode, mask: mask, payloadCount: Int(truncatingIfNeeded: length))
        return (header, end - start)
    }

    private static func opcode(_ byte: UInt8) throws(WSError) -> WSOpcode {
        if byte & 0x70 != 0 { throw .reservedBits }
        guard let opcode = WSOpcode(rawValue: byte & 0x0f) else { throw .unknownOpcode(byte & 0x0f) }
        if opcode.isControl, byte & 0x80 == 0 { throw .fragmentedControl }
        return opcode
    }

    private func check(_ length: UInt64, lengthBytes: Int, isControl: Bool) throws(WSError) {
        if length >> 63 != 0 { throw .lengthOutOfRange }
        if lengthBytes == 2, length < 126 { throw .overlongLength }
        if lengthBytes == 8, length <= 0xffff { throw .overlongLength }
        if !isControl, length > UInt64(clamping: maximumFrameBytes) {
            throw .frameTooLarge(length, limit: maximumFrameBytes)
        }
    }

    /// The number in `bytes`, most significant first, at most 8 of them.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        for byte in bytes { value = value << 8 | UInt64(byte) }
        return value
    }
}
