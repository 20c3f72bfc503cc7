// Everything that a peer can do wrong on an established WebSocket, each with the rule that it breaks.
//
// There is no recovery: after any of these the connection must be failed (RFC 6455 §7.1.7), which means one Close frame with
// `closeCode` and then the end of the transport. Bytes after a Close frame are no error; they are discarded (§1.4).

/// How the peer broke the protocol or exceeded a limit.
public enum WSError: Error, Sendable, Hashable {
    /// RSV1, RSV2 or RSV3 set though no extension was negotiated (RFC 6455 §5.2).
    case reservedBits
    /// An opcode reserved for later versions: 3–7 or 11–15 (RFC 6455 §5.2).
    case unknownOpcode(UInt8)
    /// An unmasked frame from a client, or a masked one from a server (RFC 6455 §5.1).
    case wrongMask
    /// A length not written in the fewest bytes (RFC 6455 §5.2).
    case overlongLength
    /// A 64-bit length with its top bit set (RFC 6455 §5.2).
    case lengthOutOfRange
    /// A control frame without FIN (RFC 6455 §5.5).
    case fragmentedControl
    /// A control frame with more than 125 bytes of payload (RFC 6455 §5.5).
    case oversizedControl
    /// A continuation frame with no message to continue (RFC 6455 §5.4).
    case unexpectedContinuation
    /// A text or binary frame inside a fragmented message (RFC 6455 §5.4).
    case expectedContinuation
    /// A data frame that declares more bytes than `WSLimits.maximumFrameBytes`.
    case frameTooLarge(UInt64, limit: Int)
    /// A message longer than `WSLimits.maximumMessageBytes` over all its frames.
    case messageTooLarge(limit: Int)
    /// A text message or a close reason that is not UTF-8 (RFC 6455 §8.1).
    case invalidUTF8
    /// A Close payload of one byte, or with a code that may not be sent (RFC 6455 §5.5.1, §7.4).
    case badClosePayload

    /// The code for the Close frame that fails the connection (RFC 6455 §7.4.1).
    public var closeCode: WSCloseCode {
        switch self {
        case .reservedBits, .unknownOpcode, .wrongMask, .overlongLength, .lengthOutOfRange, .fragmentedControl,
            .oversizedControl, .unexpectedContinuation, .expectedContinuation, .badClosePayload:
            .protocolError
        case .frameTooLarge, .messageTooLarge: .messageTooBig
        case .invalidUTF8: .invalidPayload
        }
    }
}

extension WSError: CustomStringConvertible {
    /// One short sentence, fit for a log line or the reason of a Close frame.
    public var description: String {
        switch self {
        case .reservedBits: "reserved bits are set without an extension"
        case .unknownOpcode(let opcode): "opcode \(opcode) is reserved"
        case .wrongMask: "clients must mask their frames and servers must not"
        case .overlongLength: "the payload length is not in its shortest form"
        case .lengthOutOfRange: "the payload length has its top bit set"
        case .fragmentedControl: "a control frame is fragmented"
        case .oversizedControl: "a control frame has more than 125 bytes"
        case .unexpectedContinuation: "a continuation frame has no message to continue"
        case .expectedContinuation: "a new message began inside a fragmented one"
        case .frameTooLarge(let count, let limit): "a frame of \(count) bytes exceeds the limit of \(limit)"
        case .messageTooLarge(let limit): "a message exceeds the limit of \(limit) bytes"
        case .invalidUTF8: "text is not UTF-8"
        case .badClosePayload: "the close frame has no valid code"
        }
    }
}
