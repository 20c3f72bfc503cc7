// One request that came through a tunnel, until both of its directions are over. No transitions here: those of the tunnel's
// side are in Agent+Exchanges, those of the service's side in Agent+Service, those of the host's in Agent+Handler and
// Agent+Streaming. It decides one thing: whether a request may be sent twice (RFC 9110 §9.2.2).

import HTTPCodec
import MachineCore
import TunnelLink

final class LocalExchange {
    /// Who deals with it.
    enum Server: Sendable, Hashable {
        /// Nobody yet: the body is being collected, for a v1 service or for the handler. Next: dialing, connection, handler,
        /// stream.
        case collecting
        /// A connection to the service is being made. Next: connection.
        case dialing(DialID)
        /// The service. Next: nobody; dialing once, if the connection was stale.
        case connection(ConnectionID)
        /// The host, which has the whole request. Next: nobody.
        case handler(HandlerCall)
        /// The host, piece by piece. Next: nobody.
        case stream(HandlerCall)
        /// The answer is given; what still comes of the request is thrown away.
        case nobody
    }

    /// The tunnel that it came through.
    let tunnel: Tunnel
    let stream: StreamID
    /// Both sides know of its end, or nobody is left to be told: whatever happens later does not concern it.
    var isOver = false
    let request: WebRequest
    /// Who is to answer: a place in the agent's table.
    let service: Int
    let startedAt: Moment
    /// When the head or the last byte of the request came: what the wait for an answer is counted from.
    var waitsSince: Moment
    var server = Server.collecting
    /// The request in the service's form; kept for the case that it must be sent again.
    var prepared: ServiceRequest?
    /// Bytes of the request's body that nobody took yet: at most the stream's window in v2, the whole body in v1.
    var held: [UInt8] = []
    /// Bytes of the request's body that a streaming host was shown and has not yet taken: at most the stream's window in v2.
    var untakenBytes = 0
    var trailers = HTTPFields()
    /// The tunnel said that the request is whole.
    var requestEnded = false
    /// Bytes of the body went to a service: the request cannot be sent again.
    var bodyWasWritten = false
    var wasRetried = false

    /// The status of the head that went into the tunnel.
    var status: Int?
    /// The answer has a body, so its end must be said.
    var responseHasBody = false
    /// What a streaming host still owes of the length that it gave; nil if it gave none.
    var owedBytes: UInt64?
    /// A streaming host was told to wait.
    var isHostPaused = false
    /// What an inspector is told of it; nil if there is none.
    var capture: ExchangeCapture?
    var requestBytes = 0
    var responseBytes = 0

    init(_ stream: StreamID, of tunnel: Tunnel, _ request: WebRequest, service: Int, at now: Moment) {
        self.tunnel = tunnel
        self.stream = stream
        self.request = request
        self.service = service
        startedAt = now
        waitsSince = now
    }

    /// What is told of it when it is over.
    func record(at now: Moment, failure: String?) -> ExchangeRecord {
        ExchangeRecord(
            method: request.method, path: request.path, query: request.query, status: status, requestBytes: requestBytes,
            responseBytes: responseBytes, duration: now.since(startedAt), failure: failure)
    }

    /// Whether it may be sent twice: a proxy must not repeat a request that might have an effect each time (RFC 9110 §9.2.2),
    /// nor one of whose body something is gone.
    var mayBeRetried: Bool {
        switch request.method {
        case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE": !wasRetried && !bodyWasWritten && status == nil
        default: false
        }
    }
}
