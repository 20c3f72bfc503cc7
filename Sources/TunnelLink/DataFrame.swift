// The data plane of v2: binary messages of an eight-byte header and a payload (Docs/Protocol.md).
//
//      0               1               2               3
//     +---------------+---------------+---------------+---------------+
//     |     kind      |     flags     |          reserved (0)         |
//     +---------------+---------------+---------------+---------------+
//     |                          stream (u32)                         |
//     +---------------------------------------------------------------+
//     |                          payload …                            |
//
// All integers are big-endian. Reserved bytes and unknown flags are ignored, so that they can mean something one day; an
// unknown kind is an error, because a frame that was not understood might have been data.

/// One binary message of the tunnel.
enum DataFrame: Equatable {
    case data(StreamID, ArraySlice<UInt8>, end: Bool)
    case credit(StreamID, Int)
    case reset(StreamID, ResetReason)

    static let headerCount = 8
    /// The most payload in one data frame, so that no frame holds the tunnel for long.
    static let maximumPayloadCount = 64 * 1024

    /// The frame in `message`, or nil if it is none.
    init?(_ message: ArraySlice<UInt8>) {
        guard message.count >= Self.headerCount else { return nil }
        let start = message.startIndex
        let stream = StreamID(rawValue: Self.integer(message[(start + 4)..<(start + 8)]))
        let payload = message[(start + Self.headerCount)...]
        switch message[start] {
        case 0 where payload.count <= Self.maximumPayloadCount:
            self = .data(stream, payload, end: message[start + 1] & 1 != 0)
        case 1 where payload.count == 4:
            self = .credit(stream, Int(Self.integer(payload)))
        case 2 where payload.count == 2:
            // A reason from the future still means that the stream is over.
            self = .reset(stream, ResetReason(rawValue: UInt16(truncatingIfNeeded: Self.integer(payload))) ?? .cancelled)
        default: return nil
        }
    }

    /// The header of a data frame; its payload follows.
    static func dataHeader(_ stream: StreamID, end: Bool) -> [UInt8] {
        header(kind: 0, flags: end ? 1 : 0, stream)
    }

    /// A whole credit frame. `count` beyond 32 bits is cut.
    static func credit(_ stream: StreamID, _ count: Int) -> [UInt8] {
        let count = UInt32(clamping: count)
        return header(kind: 1, flags: 0, stream) + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
    }

    /// A whole reset frame.
    static func reset(_ stream: StreamID, _ reason: ResetReason) -> [UInt8] {
        let code = reason.rawValue
        return header(kind: 2, flags: 0, stream) + [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]
    }

    private static func header(kind: UInt8, flags: UInt8, _ stream: StreamID) -> [UInt8] {
        let number = stream.rawValue
        return [
            kind, flags, 0, 0, UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
            UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number),
        ]
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}
