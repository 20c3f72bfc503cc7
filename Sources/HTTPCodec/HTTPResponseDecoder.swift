// Responses out of bytes, for clients (RFC 9112). Which request a response belongs to decides about its framing (§6.3), so that
// is told before each. After each response the decoder pauses: bytes that follow unasked must not be taken for the response to
// a request that has not been sent.

/// Decodes the responses on one connection.
public struct HTTPResponseDecoder: Sendable {
    /// `(informational head)* head (body)* end`, again and again, and `closed` at last.
    public enum Event: Sendable, Hashable {
        /// A response, and how long its body is. Informational heads (1xx) have no `end`: the next head follows. After 101, and
        /// after 2xx to CONNECT, nothing follows: the decoder pauses, and `takeUnread` has what comes next.
        case head(HTTPResponseHead, HTTPBodyFraming)
        /// Some bytes of the body, at least one. A view of what was given to `receive`, as far as possible.
        case body(ArraySlice<UInt8>)
        /// The response is complete, also if it has no body. Trailers only come with the chunked coding.
        case end(trailers: HTTPFields)
        /// The server ended the connection, and not within a response.
        case closed
    }

    private var core: MessageDecoder
    private var method = "GET"

    /// The present response, or one before it, said of its length more than one thing, of which one was taken (RFC 9112 §6.3)
    /// and the others are gone from its head. What follows on the connection is not to be trusted.
    public private(set) var isRepaired = false

    /// A decoder that takes no more than `limits` allow.
    public init(limits: HTTPLimits = HTTPLimits()) { core = MessageDecoder(.response, limits) }

    /// The next response is to a request with this method; goes on if paused. To be called before each response (a first one
    /// without it is decoded as one to GET); without effect once its head, or an informational one, was returned.
    public mutating func expectResponse(to method: String) {
        core.startNextMessage()
        if core.isBeforeHead { self.method = method }
    }

    /// Bytes came. They are lent until `next` has returned nil.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) { core.receive(bytes) }

    /// The server will send no more; bytes received after this are ignored. Ends a body whose framing is `untilClose`.
    public mutating func receiveEOF() { core.receiveEOF() }

    /// The next event; nil if it takes more bytes, or `expectResponse`. After an error, always that error.
    public mutating func next() throws(HTTPDecodeError) -> Event? {
        switch try core.next() {
        case nil: return nil
        case .body(let bytes)?: return .body(bytes)
        case .end(let trailers)?: return .end(trailers: trailers)
        case .closed?: return .closed
        case .head(var fields)?:
            do {
                let (status, minorVersion) = (core.status, core.minorVersion)
                if status >= 200, HTTPBodyFraming.repairResponse(&fields, status: status) { isRepaired = true }
                let (framing, isTunnel) = try HTTPBodyFraming.ofResponse(
                    fields, minorVersion: minorVersion, status: status, to: method)
                let head = HTTPResponseHead(
                    status: status, reason: core.reason, minorVersion: minorVersion, fields: fields)
                if isTunnel {
                    core.leaveHTTP()
                } else if head.isInformational {
                    core.continueAfterInterim()
                } else {
                    core.beginBody(framing)
                }
                return .head(head, framing)
            } catch {
                throw core.fail(error)
            }
        }
    }

    /// A response has ended, or HTTP has; bytes that follow are held until `expectResponse` or `takeUnread`.
    public var isPaused: Bool { core.isPaused }

    /// Hands over the bytes that were not consumed: what follows 101, or 2xx to CONNECT. The decoder is then finished, and only
    /// holds what is still given to it, for a further `takeUnread`.
    public mutating func takeUnread() -> ArraySlice<UInt8> { core.takeUnread() }

    /// How many bytes are held. Bytes held while paused after an ordinary response were sent unasked: close the connection.
    public var unreadCount: Int { core.unreadCount }

    /// Between two responses, and nothing of the next has come.
    public var isIdle: Bool { core.isIdle }
}
