// One request and its response, whoever gives it, until both directions are over: what has come, what has gone, and what goes
// into the tunnel. All transitions of who responds to it are here, in `Responder.after`.
//
// It decides whether a request may be sent twice (RFC 9110 §9.2.2). Credit is never kept from a stream that is still open: what
// will not be used is discarded and counts as consumed.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

/// What one step of an exchange's responder has come to. (Indirect where it is rare, so that it stays small.)
enum Progress: Sendable {
    /// The exchange goes on.
    case open
    /// It goes on, but its tunnel takes no more for the moment.
    case full
    /// The response is given, whole.
    case responded
    /// There will be no (whole) response; the gateway gets the reason.
    indirect case failed(RPCFailure, ResetReason)
    /// The gateway has given it up, or no more of it is wanted. `outcome` is for an inspector.
    indirect case cut(reason: String, outcome: String)

    /// The step after it may be taken.
    var goesOn: Bool {
        switch self {
        case .open, .full: true
        case .responded, .failed, .cut: false
        }
    }

    static func failed(_ failure: TunnelFailure, _ message: String, _ reason: ResetReason) -> Progress {
        .failed(failure.failure(message), reason)
    }
}

/// An exchange, and what a step of it came to.
typealias Step = (exchange: Exchange, progress: Progress)

/// Who responds to the request of an exchange.
enum Responder: Sendable, Hashable {
    /// None yet: the body is being collected, for a v1 service or for the handler.
    case collecting
    /// A connection to the service is being made.
    case dialing(DialID)
    /// The service.
    case connection(ConnectionID)
    /// The host, which has the whole request.
    case handler(HandlerCall)
    /// The host, piece by piece.
    case stream(HandlerCall)
    /// The response is given; what still comes of the request is discarded.
    case discarding

    enum Event: Sendable, Hashable {
        /// A connection is asked for; once more if the first was stale.
        case dial(DialID)
        /// There is one, new or kept from an earlier exchange.
        case connect(ConnectionID)
        /// The host gets the whole request.
        case call(HandlerCall)
        /// The host gets the head.
        case open(HandlerCall)
        /// The dial failed: none responds for now.
        case leave
        /// The response is given.
        case respond
    }

    /// The responder after `event`; nil if the event means nothing now.
    func after(_ event: Event) -> Responder? {
        switch (self, event) {
        case (.collecting, .dial(let dial)), (.connection, .dial(let dial)): .dialing(dial)
        case (.collecting, .connect(let connection)), (.dialing, .connect(let connection)): .connection(connection)
        case (.collecting, .call(let call)): .handler(call)
        case (.collecting, .open(let call)): .stream(call)
        case (.dialing, .leave): .collecting
        case (.collecting, .respond), (.connection, .respond), (.handler, .respond), (.stream, .respond): .discarding

        case (.dialing, .dial), (.handler, .dial), (.stream, .dial), (.discarding, .dial): nil
        case (.connection, .connect), (.handler, .connect), (.stream, .connect), (.discarding, .connect): nil
        case (.dialing, .call), (.connection, .call), (.handler, .call), (.stream, .call), (.discarding, .call): nil
        case (.dialing, .open), (.connection, .open), (.handler, .open), (.stream, .open), (.discarding, .open): nil
        case (.collecting, .leave), (.connection, .leave), (.handler, .leave), (.stream, .leave), (.discarding, .leave): nil
        case (.dialing, .respond), (.discarding, .respond): nil
        }
    }
}

/// An exchange. The object of one that is over serves another, once nobody holds it any more. (Unchecked against overlapping
/// access: it is changed between calls of others, never during one.)
final class Exchange {
    /// The tunnel that it came through; nil for a request that a person sends again, whose response goes nowhere.
    @exclusivity(unchecked) private(set) var tunnel: Tunnel?
    @exclusivity(unchecked) private(set) var stream: StreamID
    @exclusivity(unchecked) private(set) var request: WebRequest
    /// Who is to respond.
    @exclusivity(unchecked) private(set) var service: LocalService
    /// The service's place in the table, by which its connections are kept.
    @exclusivity(unchecked) private(set) var place: Int
    @exclusivity(unchecked) private(set) var startedAt: Moment

    @exclusivity(unchecked) private(set) var responder = Responder.collecting
    /// Both sides know of its end, or no side is left to be told: whatever happens later does not concern it.
    @exclusivity(unchecked) private(set) var isOver = false

    /// When the head or the last byte of the request came: what the wait for a response is counted from.
    @exclusivity(unchecked) private(set) var waitsSince: Moment
    /// Bytes of the request's body that were not taken yet: at most the stream's window in v2, the whole body in v1.
    @exclusivity(unchecked) private var held: [UInt8] = []
    /// Bytes of the request's body that a streaming host was shown and has not yet taken: at most the stream's window in v2.
    @exclusivity(unchecked) private var untakenBytes = 0
    @exclusivity(unchecked) private(set) var trailers = HTTPFields()
    /// The tunnel said that the request is whole.
    @exclusivity(unchecked) private(set) var requestEnded = false
    @exclusivity(unchecked) private var requestBytes = 0

    /// The status of the head that went into the tunnel.
    @exclusivity(unchecked) private(set) var status: Int?
    /// The response has a body, so its end must be sent.
    @exclusivity(unchecked) private(set) var responseHasBody = false
    @exclusivity(unchecked) private var responseBytes = 0
    /// The record for an inspector; nil if there is none.
    @exclusivity(unchecked) private(set) var capture: Capture?
    /// How much of a response that goes nowhere is taken.
    @exclusivity(unchecked) private var replayLimit: Int

    init(
        _ stream: StreamID, of tunnel: Tunnel?, _ request: WebRequest, service: LocalService, place: Int, _ capture: Capture?,
        replayLimit: Int = .max, at now: Moment
    ) {
        self.tunnel = tunnel
        self.stream = stream
        self.request = request
        self.service = service
        self.place = place
        self.capture = capture
        self.replayLimit = replayLimit
        startedAt = now
        waitsSince = now
    }

    /// Begins another exchange in the memory of one that is over.
    func begin(
        _ stream: StreamID, of tunnel: Tunnel, _ request: WebRequest, service: LocalService, place: Int, _ capture: Capture?,
        at now: Moment
    ) {
        if self.tunnel !== tunnel { self.tunnel = tunnel }
        self.stream = stream
        self.request = request
        self.service = service
        self.place = place
        self.capture = capture
        replayLimit = .max
        (startedAt, waitsSince) = (now, now)
        (responder, isOver) = (.collecting, false)
        if !held.isEmpty { held = [] }
        if !trailers.isEmpty { trailers = HTTPFields() }
        (untakenBytes, requestBytes, responseBytes) = (0, 0, 0)
        (requestEnded, status, responseHasBody) = (false, nil, false)
    }

    /// Lets go of its request: it is over, and whoever came to know of it has returned.
    func clear() {
        request = Self.noRequest
        if capture != nil { capture = nil }
    }

    private static let noRequest = WebRequest(method: "", path: [UInt8]())

    /// The web service that responds; nil if none does.
    var httpService: LocalHTTPService? {
        if case .http(let service) = service { service } else { nil }
    }

    /// Moves on to the responder after `event`; false, and nothing happens, if the event means nothing now.
    @discardableResult
    func move(_ event: Responder.Event) -> Bool {
        guard let next = responder.after(event) else { return false }
        responder = next
        return true
    }

    // MARK: The request

    /// Bytes of the request's body came.
    func received(_ bytes: ArraySlice<UInt8>, _ now: Moment) {
        requestBytes += bytes.count
        waitsSince = now
        capture?.keepRequest(bytes)
    }

    /// The request is whole.
    func end(_ trailers: HTTPFields) {
        requestEnded = true
        self.trailers = trailers
    }

    var heldCount: Int { held.count }

    /// Keeps bytes of the body until somebody takes them.
    func hold(_ bytes: ArraySlice<UInt8>) { held.append(contentsOf: bytes) }

    /// What was held, once.
    func takeHeld() -> [UInt8] {
        let bytes = held
        held = []
        return bytes
    }

    /// A streaming host was shown so many bytes.
    func shown(_ count: Int) { untakenBytes += count }

    /// A streaming host took so many bytes, never more than it was shown.
    func took(_ count: Int, _ now: Moment) {
        let taken = min(max(0, count), untakenBytes)
        untakenBytes -= taken
        consumed(taken, now)
    }

    /// Bytes of the request's body have left us: the gateway may send as many more.
    func consumed(_ count: Int, _ now: Moment) {
        if count > 0 { tunnel?.session?.consumed(count, on: stream, now: now) }
    }

    // MARK: The response

    /// Whether the tunnel takes a head of this size.
    func fits(_ response: WebResponse) -> Bool { tunnel?.session?.limits.fits(response) != false }

    /// Passes an interim response on: 100, 102 and 103 (RFC 9110 §15.2). It shows that the service works, so the wait for its
    /// head begins anew.
    func inform(_ interim: WebInformational, _ now: Moment) {
        waitsSince = now
        tunnel?.session?.inform(interim, on: stream)
    }

    func respond(_ response: WebResponse, _ now: Moment) {
        status = response.status
        responseHasBody = response.hasBody
        capture?.keep(response, after: now.since(startedAt))
        tunnel?.session?.respond(response, on: stream)
    }

    /// Sends bytes of the response's body, or of an upgraded stream.
    func forward(_ bytes: ArraySlice<UInt8>, end: Bool, trailers: HTTPFields = HTTPFields()) -> Progress {
        responseBytes += bytes.count
        capture?.keepResponse(bytes)
        switch tunnel?.session?.send(bytes, on: stream, end: end, trailers: trailers) {
        case .sent: return .open
        case .full: return .full
        case .overflow:
            let limit = tunnel?.session?.limits.maximumBufferedBody ?? 0
            let message = "the response is larger than \(limit) bytes, and this gateway cannot stream (v1)"
            return .failed(.bodyTooLarge, message, .overran)
        case .gone: return .cut(reason: "the gateway gave it up", outcome: "cancelled")
        case nil:
            // A replay: the bytes were captured, and that is all.
            guard responseBytes > replayLimit else { return .open }
            return .cut(reason: "cut after \(replayLimit) bytes of the response", outcome: "replay-cut")
        }
    }

    /// The response is given. What still comes of the request is of no use to anyone, but must not be left to wait for credit.
    func discardRest(_ now: Moment) {
        move(.respond)
        let unusedCount = held.count + untakenBytes
        held = []
        untakenBytes = 0
        consumed(unusedCount, now)
    }

    // MARK: The end

    /// Whether it may be sent twice: a proxy must not repeat a request that might have an effect each time (RFC 9110 §9.2.2).
    var isRepeatable: Bool {
        switch request.method {
        case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE": status == nil
        default: false
        }
    }

    /// Whoever still works on it stops at once.
    func finish() { isOver = true }

    /// Its record when it is over.
    func record(at now: Moment, failure: String?) -> ExchangeRecord {
        ExchangeRecord(
            method: request.method, path: request.path, query: request.query, status: status, requestBytes: requestBytes,
            responseBytes: responseBytes, duration: now.since(startedAt), failure: failure)
    }
}
