// One end of an established WebSocket (RFC 6455 §5.4–§5.5, §7): messages out of frames, pongs to pings, the closing handshake.
//
// Refuses what only the sequence of frames can show to be wrong: a continuation of nothing, a message within a message, a
// message over the limit, text that is not UTF-8, a Close payload without a valid code. Sending is in WSConnection+Sending.
//
// Copies: an unmasked message that lies whole in the received bytes, or one whose key is zero, is emitted as a slice of them; a
// masked one is copied once, by the pass that unmasks it. A message in several pieces is collected in an array that grows with
// what has come, unless it is binary and the owner takes pieces: then nothing is collected.

/// What the peer did.
public enum WSEvent: Sendable, Hashable {
    /// A whole text message; its bytes are valid UTF-8.
    case text(ArraySlice<UInt8>)
    /// A whole binary message.
    case binary(ArraySlice<UInt8>)
    /// The next piece of a binary message, empty only if it is the last. Instead of `binary`, if the connection splits.
    case binaryPiece(ArraySlice<UInt8>, isLast: Bool)
    /// A ping. Its pong is made by the connection; see `WSConnection.next(replies:)`.
    case ping
    /// A pong and its payload, at most 125 bytes.
    case pong(ArraySlice<UInt8>)
    /// The peer's Close frame, nil if it has no code; nothing follows. Our echo, if due, is in the replies.
    case closed(WSCloseCode?, reason: String)
}

/// One end of a WebSocket after its handshake: bytes in, events out; messages in, bytes out.
///
///     connection.receive(bytes)
///     while let event = try connection.next(replies: &outgoing) { … }
///
/// After an error of `next(replies:)` call `close(error.closeCode, reason: "\(error)", into: &outgoing)`;
/// the transport is closed once `outgoing` has been written.
public struct WSConnection: Sendable {
    private var maximumMessageBytes: Int
    /// Binary messages are told in pieces, as they come.
    private let splitsBinary: Bool
    private var decoder: WSFrameDecoder
    /// The frame whose payload is being read.
    private var frame: WSFrameHeader?
    /// The mask of that frame, moved on to the next byte of its payload.
    private var mask: WSMask?
    /// `text` or `binary` from the first frame of a message to its last.
    private var messageKind: WSOpcode?
    /// The unmasked payload of the unfinished message, unless it is told in pieces.
    private var message: [UInt8] = []
    /// Bytes of the unfinished message that have come: `<= maximumMessageBytes`.
    private var messageCount = 0
    /// Of the unfinished text message; between messages it stands between two characters, so one serves them all.
    private var validator = UTF8Validator()
    /// The unmasked payload of the unfinished control frame: count <= 125.
    private var control: [UInt8] = []
    /// The payload of the latest ping that has had no pong.
    private var owedPong: ArraySlice<UInt8>?

    /// Where masking keys come from; nil at a server.
    var keys: KeyStream?
    /// At a client: whether the binary messages that it sends from now on have the masking key zero, so that they are not
    /// changed. Text and control frames keep keys that nobody can predict. RFC 6455 §5.3 asks for such keys everywhere, because
    /// scripts in browsers choose what is sent and must not choose what a proxy on the way sees (§10.3): so only for a client
    /// that runs no one else's scripts, and for a server that has said that it takes them. At a server it means nothing.
    public var masksBinaryWithZero = false
    var hasSentClose = false
    private(set) var hasReceivedClose = false
    private(set) var hasFailed = false

    /// An end of a connection whose handshake is done. Bytes that came with the handshake are the first to `receive`. With
    /// `splitsBinary` a binary message is told as `binaryPiece`s while it comes, and costs no memory, instead of as `binary`.
    public init(_ role: WSRole, limits: WSLimits = .init(), splitsBinary: Bool = false) {
        maximumMessageBytes = limits.maximumMessageBytes
        self.splitsBinary = splitsBinary
        switch role {
        case .server:
            decoder = WSFrameDecoder(expectingMask: true, limits: limits)
        case .client(let seed):
            decoder = WSFrameDecoder(expectingMask: false, limits: limits)
            keys = KeyStream(seed: seed)
        }
    }

    /// From the next frame on these limits hold.
    public mutating func setLimits(_ limits: WSLimits) {
        maximumMessageBytes = limits.maximumMessageBytes
        decoder.maximumFrameBytes = limits.maximumFrameBytes
    }

    /// Bytes that are kept of a message that is not whole yet.
    public var unfinishedBytes: Int { message.count }

    /// Whether this end has sent its Close frame: it sends nothing more.
    public var isClosing: Bool { hasSentClose }

    /// Whether nothing is left to do but to close the transport: both ends have sent their Close frame, or this end has and
    /// no longer listens, because the peer broke the protocol. The server closes first (RFC 6455 §7.1.1).
    public var isClosed: Bool { hasSentClose && (hasReceivedClose || hasFailed) }

    /// Takes the next bytes from the peer. They are not copied as long as `next(replies:)` is called until it returns nil.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if hasReceivedClose || hasFailed { return }
        decoder.receive(bytes)
    }

    /// The next event, or nil: needs more bytes. After an error or `closed` every further call returns nil and input is
    /// discarded.
    ///
    /// The replies that the protocol demands are appended to `replies`. Of several pings only the latest gets a pong, when the
    /// received bytes are used up (RFC 6455 §5.5.3 allows it): however many come at once, `replies` grows by one pong. A
    /// Close frame is echoed at once with its code. After our own Close frame pings get no pong, since many peers treat
    /// any frame after it as an error.
    public mutating func next(replies: inout [UInt8]) throws(WSError) -> WSEvent? {
        if hasReceivedClose || hasFailed { return nil }
        do throws(WSError) {
            let event = try nextEvent()
            switch event {
            case nil:
                payPong(into: &replies)
            case .closed(let code, _):
                payPong(into: &replies)
                close(code, reason: "", into: &replies)
                hasReceivedClose = true
                stop()
            case .text, .binary, .binaryPiece, .ping, .pong:
                break
            }
            return event
        } catch {
            payPong(into: &replies)
            hasFailed = true
            stop()
            throw error
        }
    }

    // MARK: Frames

    private mutating func nextEvent() throws(WSError) -> WSEvent? {
        while true {
            if frame == nil {
                guard let header = try decoder.readHeader() else { return nil }
                try admit(header)
                frame = header
                mask = header.mask
            }
            guard let header = frame else { return nil }
            let piece = decoder.readPiece()
            let isLast = decoder.remaining == 0
            if piece.isEmpty, !isLast { return nil }
            if isLast { frame = nil }
            let event =
                header.opcode.isControl
                ? try readControl(piece, header.opcode, isLast: isLast)
                : try readData(piece, isLast: isLast && header.isFinal)
            if let event { return event }
        }
    }

    /// Whether the frame may stand here (RFC 6455 §5.4), and whether its message may become this long.
    private mutating func admit(_ header: WSFrameHeader) throws(WSError) {
        switch header.opcode {
        case .close, .ping, .pong: return
        case .continuation:
            if messageKind == nil { throw .unexpectedContinuation }
        case .text, .binary:
            if messageKind != nil { throw .expectedContinuation }
            messageKind = header.opcode
        }
        if header.payloadCount > maximumMessageBytes - messageCount { throw .messageTooLarge(limit: maximumMessageBytes) }
    }

    /// Takes a piece of a message; `isLast`: nothing of the message follows.
    private mutating func readData(_ piece: ArraySlice<UInt8>, isLast: Bool) throws(WSError) -> WSEvent? {
        let isText = messageKind == .text
        messageCount = isLast ? 0 : messageCount + piece.count
        if splitsBinary, !isText {
            if isLast { messageKind = nil }
            return piece.isEmpty && !isLast ? nil : .binaryPiece(unmasked(piece), isLast: isLast)
        }
        var whole: ArraySlice<UInt8>
        if isLast, message.isEmpty {
            whole = unmasked(piece)
            if isText, !validator.validate(whole) { throw .invalidUTF8 }
        } else {
            let start = message.count
            collect(piece)
            if isText, !validator.validate(message[start...]) { throw .invalidUTF8 }
            guard isLast else { return nil }
            whole = message[...]
            message = []
        }
        messageKind = nil
        if isText, !validator.isComplete { throw .invalidUTF8 }
        return isText ? .text(whole) : .binary(whole)
    }

    /// Takes a piece of a control frame; `isLast`: nothing of the frame follows.
    private mutating func readControl(
        _ piece: ArraySlice<UInt8>, _ opcode: WSOpcode, isLast: Bool
    ) throws(WSError) -> WSEvent? {
        var whole = unmasked(piece)
        if !isLast || !control.isEmpty {
            control.append(contentsOf: whole)
            guard isLast else { return nil }
            whole = control[...]
            control = []
        }
        switch opcode {
        case .close: return try readClose(whole)
        case .ping:
            owedPong = whole
            return .ping
        case .pong: return .pong(whole)
        case .continuation, .text, .binary: return nil
        }
    }

    /// The payload of a Close frame: empty, or a code that may be sent and a reason in UTF-8 (RFC 6455 §5.5.1).
    private func readClose(_ payload: ArraySlice<UInt8>) throws(WSError) -> WSEvent {
        guard let high = payload.first else { return .closed(nil, reason: "") }
        guard let low = payload.dropFirst().first else { throw .badClosePayload }
        let code = WSCloseCode(rawValue: UInt16(high) << 8 | UInt16(low))
        guard code.mayBeSent else { throw .badClosePayload }
        guard let reason = String(validating: payload.dropFirst(2), as: UTF8.self) else { throw .invalidUTF8 }
        return .closed(code, reason: reason)
    }

    // MARK: Storage

    /// The piece without its mask: itself if it has none or the key is zero, else a copy.
    private mutating func unmasked(_ piece: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard var mask, !mask.isIdentity else { return piece }
        var plain: [UInt8] = []
        mask.append(piece, to: &plain)
        self.mask = mask
        return plain[...]
    }

    /// Appends the piece to the unfinished message and takes its mask off there.
    private mutating func collect(_ piece: ArraySlice<UInt8>) {
        if message.isEmpty {
            // Room for what is announced, but never for more than twice of what is here.
            message.reserveCapacity(piece.count + min(decoder.remaining, piece.count))
        }
        guard var mask else { return message.append(contentsOf: piece) }
        mask.append(piece, to: &message)
        self.mask = mask
    }

    private mutating func payPong(into replies: inout [UInt8]) {
        guard let payload = owedPong else { return }
        owedPong = nil
        if !hasSentClose { append(.pong, [], payload, to: &replies) }
    }

    /// Frees everything held for a peer that is not read any more.
    private mutating func stop() {
        decoder.discard()
        frame = nil
        message = []
        control = []
    }
}
