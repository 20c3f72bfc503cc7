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
// All integers are big-endian. Reserved bytes and unknown flags are ignored, so that later versions can use them; an
// unknown kind is an error, because a frame that was not understood might have been data.

/// One binary message of the tunnel.
enum DataFrame: Equatable {
    case data(StreamID, ArraySlice<UInt8>, end: Bool)
    case credit(StreamID, Int)
    case reset(StreamID, ResetReason)

    static let headerCount = 8
    /// The most payload in one data frame, so that no frame holds the tunnel for long.
    static let maximumPayloadCount = 64 * 1024

    /// The frame in a whole `message`, or nil if it is none.
    init?(_ message: ArraySlice<UInt8>) {
        var reader = DataFrameReader()
        guard let frame = try? reader.read(message, isLast: true) else { return nil }
        self = frame
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
}

/// A binary message that is no frame of ours.
struct NotADataFrame: Error {}

/// Frames out of messages that come in pieces. Data goes on as it comes: flow control counts bytes, so no reader needs it
/// whole.
struct DataFrameReader: Sendable {
    /// The header, as far as it is here.
    private var header: UInt64 = 0
    private var headerCount = 0
    private var payloadCount = 0
    /// The payload of a credit or reset frame, as far as it is here.
    private var number: UInt32 = 0

    /// The next piece of a message. Data: what came of it, `end` with the last piece only. Others: the frame, with the last
    /// piece.
    mutating func read(_ piece: ArraySlice<UInt8>, isLast: Bool) throws(NotADataFrame) -> DataFrame? {
        var payload = piece
        while headerCount < DataFrame.headerCount, let byte = payload.popFirst() {
            header = header << 8 | UInt64(byte)
            headerCount += 1
        }
        guard headerCount == DataFrame.headerCount else {
            if isLast { throw NotADataFrame() }
            return nil
        }
        payloadCount += payload.count
        defer { if isLast { self = DataFrameReader() } }
        return header >> 56 == 0 ? try readData(payload, isLast: isLast) : try readNumber(payload, isLast: isLast)
    }

    private var stream: StreamID { StreamID(rawValue: UInt32(truncatingIfNeeded: header)) }

    private func readData(_ payload: ArraySlice<UInt8>, isLast: Bool) throws(NotADataFrame) -> DataFrame? {
        guard payloadCount <= DataFrame.maximumPayloadCount else { throw NotADataFrame() }
        if payload.isEmpty, !isLast { return nil }
        return .data(stream, payload, end: isLast && header >> 48 & 1 != 0)
    }

    private mutating func readNumber(_ payload: ArraySlice<UInt8>, isLast: Bool) throws(NotADataFrame) -> DataFrame? {
        let isCredit = header >> 56 == 1
        let expectedCount = isCredit ? 4 : 2
        guard isCredit || header >> 56 == 2, payloadCount <= expectedCount else { throw NotADataFrame() }
        for byte in payload { number = number << 8 | UInt32(byte) }
        guard isLast else { return nil }
        guard payloadCount == expectedCount else { throw NotADataFrame() }
        if isCredit { return .credit(stream, Int(number)) }
        // A reason of a later version still means that the stream is over.
        return .reset(stream, ResetReason(rawValue: UInt16(truncatingIfNeeded: number)) ?? .cancelled)
    }
}
