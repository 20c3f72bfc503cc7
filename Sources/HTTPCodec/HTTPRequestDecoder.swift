// Requests out of bytes, for servers (RFC 9112). After each request the decoder pauses, so that a pipelined one waits until its
// turn (§9.3.2), and so that after an upgrade or CONNECT nothing of the other protocol is taken for HTTP (RFC 9110 §7.8).
//
// Refused with the head: anything but one clear length of the body (see HTTPBodyFraming), and in HTTP/1.1 anything but exactly
// one Host field with a legal value (§3.2). The form of the target is for `HTTPTarget`.

/// Decodes the requests on one connection.
///
///     decoder.receive(bytes)
///     while let event = try decoder.next() { … }
public struct HTTPRequestDecoder: Sendable {
    /// `head (body)* end`, again and again, and `closed` at last.
    public enum Event: Sendable, Hashable {
        /// A request, and how long its body is; `untilClose` does not occur.
        case head(HTTPRequestHead, HTTPBodyFraming)
        /// Some bytes of the body, at least one. A view of what was given to `receive`, as far as possible.
        case body(ArraySlice<UInt8>)
        /// The request is complete, also if it has no body. Trailers only come with the chunked coding.
        case end(trailers: HTTPFields)
        /// The client ended the connection between two requests.
        case closed
    }

    private var core: MessageDecoder

    /// A decoder that takes no more than `limits` allow.
    public init(limits: HTTPLimits = HTTPLimits()) { core = MessageDecoder(.request, limits) }

    /// Bytes came. They are lent until `next` has returned nil.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) { core.receive(bytes) }

    /// The client will send no more; bytes received after this are ignored.
    public mutating func receiveEOF() { core.receiveEOF() }

    /// The next event; nil if it takes more bytes, or `startNextMessage`. After an error, always that error.
    public mutating func next() throws(HTTPDecodeError) -> Event? {
        switch try core.next() {
        case nil: return nil
        case .body(let bytes)?: return .body(bytes)
        case .end(let trailers)?: return .end(trailers: trailers)
        case .closed?: return .closed
        case .head(let fields)?:
            do {
                let minorVersion = core.minorVersion
                try HTTPHost.check(fields, minorVersion: minorVersion)
                let framing = try HTTPBodyFraming.ofRequest(fields, minorVersion: minorVersion)
                core.beginBody(framing)
                let target = fields.buffer.bytes[core.target]
                let head = HTTPRequestHead(
                    method: core.method, target: target, minorVersion: minorVersion, fields: fields)
                return .head(head, framing)
            } catch {
                throw core.fail(error)
            }
        }
    }

    /// A request has ended, and bytes that follow are held until `startNextMessage` or `takeUnread`.
    public var isPaused: Bool { core.isPaused }

    /// Goes on with the next request; no effect unless paused.
    public mutating func startNextMessage() { core.startNextMessage() }

    /// Hands over the bytes that were not consumed: what follows an upgrade or CONNECT. The decoder is then finished, and only
    /// holds what is still given to it, for a further `takeUnread`.
    public mutating func takeUnread() -> ArraySlice<UInt8> { core.takeUnread() }

    /// Copies what is unread of the bytes that were lent last, so that the loan is over before `next` has returned nil.
    public mutating func keepUnread() { core.keepUnread() }

    /// How many bytes are held. While paused this grows with each `receive`: the caller stops reading.
    public var unreadCount: Int { core.unreadCount }

    /// Between two requests, and nothing of the next has come.
    public var isIdle: Bool { core.isIdle }
}
