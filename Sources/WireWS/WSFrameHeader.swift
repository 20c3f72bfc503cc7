// The head of a frame (RFC 6455 §5.2): 2 to 14 bytes.
//
//   byte 0   FIN | RSV1 | RSV2 | RSV3 | opcode (4 bits)
//   byte 1   MASK | length (7 bits); 126: a 16-bit length follows, 127: a 64-bit length follows, big-endian
//   then     the masking key, 4 bytes, if MASK is set
//
// Writing always takes the shortest length; reading is in WSFrameDecoder.

/// What a frame carries (RFC 6455 §11.8).
public enum WSOpcode: UInt8, Sendable, Hashable, CaseIterable {
    /// More of the message that an earlier frame began.
    case continuation = 0
    /// The first frame of a text message.
    case text = 1
    /// The first frame of a binary message.
    case binary = 2
    /// The sender will send nothing more.
    case close = 8
    /// Asks for a pong.
    case ping = 9
    /// The reply to a ping, or an unsolicited keep-alive.
    case pong = 10

    /// Whether the frame is a control frame: short, never fragmented, allowed between the frames of a message (RFC 6455 §5.5).
    public var isControl: Bool { rawValue & 0x8 != 0 }
}

/// The head of one frame, without its payload.
public struct WSFrameHeader: Sendable, Hashable {
    /// FIN: this is the last frame of its message.
    public var isFinal: Bool
    /// What the frame carries.
    public var opcode: WSOpcode
    /// The mask of the payload, at its beginning; nil in what a server sends.
    public var mask: WSMask?
    /// The length of the payload in bytes.
    public var payloadCount: Int

    /// A header for `payloadCount` bytes.
    public init(isFinal: Bool = true, opcode: WSOpcode, mask: WSMask? = nil, payloadCount: Int) {
        self.isFinal = isFinal
        self.opcode = opcode
        self.mask = mask
        self.payloadCount = payloadCount
    }

    /// Appends the header, 2 to 14 bytes. The payload that follows is for the caller to append and to mask. A negative
    /// `payloadCount` is written as 0.
    public func encode(into bytes: inout [UInt8]) {
        bytes.append((isFinal ? 0x80 : 0) | opcode.rawValue)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        let length = UInt64(clamping: payloadCount)
        switch length {
        case 0...125:
            bytes.append(maskBit | UInt8(truncatingIfNeeded: length))
        case 126...0xffff:
            bytes.append(maskBit | 126)
            Self.append(length, byteCount: 2, to: &bytes)
        default:
            bytes.append(maskBit | 127)
            Self.append(length, byteCount: 8, to: &bytes)
        }
        if let mask { Self.append(UInt64(mask.key), byteCount: 4, to: &bytes) }
    }

    /// Appends the low `byteCount` bytes of `value`, most significant first.
    private static func append(_ value: UInt64, byteCount: UInt64, to bytes: inout [UInt8]) {
        var shift = byteCount * 8
        while shift > 0 {
            shift -= 8
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
