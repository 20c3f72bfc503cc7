// Requests on one connection, one at a time: the decoder, and the body of a request to the gateway itself, which is small and
// held whole.

import HTTPCodec

struct RequestReader {
    /// What came.
    enum Item {
        case head(HTTPRequestHead, HTTPBodyFraming)
        /// Of a request that is given to an agent.
        case body(ArraySlice<UInt8>)
        case end(HTTPFields)
        /// A request to the gateway itself is whole, or its body is larger than the route takes.
        case collected(CollectedRequest)
        case tooLarge(CollectedRequest)
        /// The end of a request whose rest is of no interest.
        case discarded
        /// The peer's last request was here.
        case closed
    }

    private var decoder: HTTPRequestDecoder
    private var collected: CollectedRequest?

    init(limits: HTTPLimits) { decoder = HTTPRequestDecoder(limits: limits) }

    /// Goes on where another loop left off.
    init(_ decoder: HTTPRequestDecoder) { self.decoder = decoder }

    mutating func receive(_ bytes: ArraySlice<UInt8>) { decoder.receive(bytes) }

    /// What came next; nil: nothing further is here.
    mutating func next(_ phase: VisitorPhase) throws(HTTPDecodeError) -> Item? {
        while true {
            switch try decoder.next() {
            case nil: return nil
            case .head(let head, let framing)?: return .head(head, framing)
            case .body(let bytes)?:
                if phase == .exchanging { return .body(bytes) }
                if let request = append(bytes) { return .tooLarge(request) }
            case .end(let trailers)?:
                if phase == .exchanging { return .end(trailers) }
                return takeCollected().map { .collected($0) } ?? .discarded
            case .closed?: return .closed
            }
        }
    }

    // MARK: Between requests

    /// The next request may be read. Whether something of it is here.
    mutating func startNextRequest() -> Bool {
        decoder.startNextMessage()
        return !decoder.isIdle
    }

    /// Makes what was read beyond the request outlive the bytes that the transport lent.
    mutating func keepUnread() { decoder.keepUnread() }

    /// What is here beyond the request; it is forgotten here.
    mutating func takeUnread() -> ArraySlice<UInt8> { decoder.takeUnread() }

    /// How much of a later request is here.
    var unreadCount: Int { decoder.unreadCount }

    /// How much of it is here while it cannot be read yet. (Mutating, so that the decoder is asked where it is, and not a copy
    /// of it.)
    mutating func waitingCount() -> Int { decoder.isPaused ? decoder.unreadCount : 0 }

    /// For another loop, between two requests.
    mutating func handOver() -> HTTPRequestDecoder {
        decoder.keepUnread()
        return decoder
    }

    // MARK: Requests to the gateway itself

    /// From now on the body of `request` is collected.
    mutating func collect(_ request: VisitorRequest, for route: OwnRoute) {
        collected = CollectedRequest(request: request, route: route)
    }

    /// What was collected is not wanted any more.
    mutating func stopCollecting() { collected = nil }

    private mutating func append(_ bytes: ArraySlice<UInt8>) -> CollectedRequest? {
        guard let request = collected else { return nil }
        guard request.body.count + bytes.count <= request.route.maximumBody else {
            collected = nil
            return request
        }
        collected?.body.append(contentsOf: bytes)
        return nil
    }

    private mutating func takeCollected() -> CollectedRequest? {
        guard var request = collected else { return nil }
        collected = nil
        request.request = request.request.over(true)
        return request
    }
}
