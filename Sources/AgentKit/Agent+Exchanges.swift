// The tunnel's side of an exchange: a request begins, its body comes, it ends; and what goes back into the tunnel. Bodies pass
// through; only a v1 body, which comes whole, and one for the in-process handler are collected first.
//
// Credit is never kept from a stream that is still open: what nobody will use is thrown away and counts as consumed.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

extension Agent {
    /// The exchange, unless it is over. Changed in place.
    subscript(key: ExchangeKey) -> LocalExchange? {
        _read {
            if let index = tunnelIndex(key.tunnel) { yield tunnels[index].exchanges[key] } else { yield nil }
        }
        _modify {
            if let index = tunnelIndex(key.tunnel) {
                yield &tunnels[index].exchanges[key]
            } else {
                var nothing: LocalExchange?
                yield &nothing
            }
        }
    }

    /// The exchange of this stream, unless it is over.
    func exchangeKey(_ tunnel: TunnelKey, _ stream: StreamID) -> ExchangeKey? {
        guard let index = tunnelIndex(tunnel), let place = tunnels[index].exchanges.place(of: stream) else { return nil }
        return ExchangeKey(tunnel: tunnel, stream: stream, place: place)
    }

    // MARK: The request

    mutating func begin(_ request: WebRequest, on tunnel: TunnelKey, _ stream: StreamID) {
        guard let index = tunnelIndex(tunnel) else { return }
        if let (failure, message) = refusal {
            tunnels[index].session?.fail(stream, failure.failure(message), reason: .refused)
            return
        }
        let place = tunnels[index].exchanges.insert(LocalExchange(stream, request, at: now))
        watchHeads()
        // A v1 body follows at once, whole, and its length goes into the head; the handler gets whole bodies too.
        if case .http(let service) = configuration.service, tunnels[index].session?.version == .v2 {
            serve(ExchangeKey(tunnel: tunnel, stream: stream, place: place), by: service, wholeBodyCount: nil)
        }
    }

    /// Why no request is taken; nil if it is.
    private var refusal: (TunnelFailure, String)? {
        if phase == .draining { return (.tooManyStreams, "the agent is shutting down") }
        if configuration.service == .none { return (.noWebService, "this agent serves no web service") }
        return nil
    }

    mutating func takeBody(_ bytes: ArraySlice<UInt8>, for key: ExchangeKey) {
        guard let server = self[key]?.server else { return }
        self[key]?.requestBytes += bytes.count
        let now = now
        self[key]?.waitsSince = now
        switch server {
        case .collecting: collect(bytes, for: key)
        case .dialing: self[key]?.held.append(contentsOf: bytes)
        case .connection(let connection): write(bytes, toService: connection, for: key)
        case .handler, .nobody: consumed(bytes.count, by: key)
        }
    }

    private mutating func collect(_ bytes: ArraySlice<UInt8>, for key: ExchangeKey) {
        switch configuration.service {
        case .none: break
        case .http: self[key]?.held.append(contentsOf: bytes)
        case .handler: collectForHandler(bytes, for: key)
        }
    }

    mutating func endRequest(_ key: ExchangeKey, _ trailers: HTTPFields) {
        guard let server = self[key]?.server else { return }
        self[key]?.requestEnded = true
        self[key]?.trailers = trailers
        switch server {
        case .collecting:
            switch configuration.service {
            case .none: break
            case .http(let service): serve(key, by: service, wholeBodyCount: self[key]?.held.count)
            case .handler: callHandler(key)
            }
        case .dialing, .handler: break
        case .connection(let connection): finishRequest(on: connection, for: key)
        case .nobody: finish(key)
        }
    }

    // MARK: The answer

    mutating func respond(_ response: WebResponse, for key: ExchangeKey) {
        guard let index = tunnelIndex(key.tunnel) else { return }
        self[key]?.status = response.status
        self[key]?.responseHasBody = response.hasBody
        tunnels[index].session?.respond(response, on: key.stream)
    }

    /// Sends bytes of the answer's body, or of an upgraded stream. `gone` and `overflow` have ended the exchange.
    mutating func forward(
        _ bytes: ArraySlice<UInt8>, end: Bool, trailers: HTTPFields = HTTPFields(), for key: ExchangeKey
    ) -> SendOutcome {
        guard let index = tunnelIndex(key.tunnel) else { return .gone }
        self[key]?.responseBytes += bytes.count
        let outcome = tunnels[index].session?.send(bytes, on: key.stream, end: end, trailers: trailers) ?? .gone
        switch outcome {
        case .sent, .full: break
        case .overflow:
            let limit = configuration.limits.maximumBufferedBody
            fail(key, .bodyTooLarge, "the answer is larger than \(limit) bytes, and this gateway cannot stream (v1)", .overran)
        case .gone: finish(key, failure: "the gateway gave it up")
        }
        return outcome
    }

    /// The answer is given. What still comes of the request is of no use to anyone, but must not be left to wait for credit.
    mutating func answered(_ key: ExchangeKey) {
        guard let heldCount = self[key]?.held.count else { return }
        self[key]?.server = .nobody
        if heldCount > 0 {
            self[key]?.held = []
            consumed(heldCount, by: key)
        }
        if self[key]?.requestEnded == true { finish(key) }
    }

    /// Bytes of the request's body have left us: the gateway may send as many more.
    mutating func consumed(_ count: Int, by key: ExchangeKey) {
        guard count > 0, let index = tunnelIndex(key.tunnel) else { return }
        tunnels[index].session?.consumed(count, on: key.stream)
    }

    // MARK: The end

    mutating func fail(_ key: ExchangeKey, _ failure: TunnelFailure, _ message: String, _ reason: ResetReason) {
        fail(key, failure.failure(message), reason)
    }

    /// There will be no (whole) answer, and the gateway is told why.
    mutating func fail(_ key: ExchangeKey, _ failure: RPCFailure, _ reason: ResetReason) {
        guard let index = tunnelIndex(key.tunnel) else { return }
        tunnels[index].session?.fail(key.stream, failure, reason: reason)
        finish(key, failure: failure.message)
    }

    /// Takes the exchange away. Whoever still works on it stops at once.
    mutating func finish(_ key: ExchangeKey, failure: String? = nil) {
        guard let index = tunnelIndex(key.tunnel), let exchange = tunnels[index].exchanges.remove(key) else { return }
        switch exchange.server {
        case .collecting, .nobody: break
        case .dialing(let dial): cancelServiceDial(dial)
        case .connection(let connection): drop(connection, .abort)
        case .handler(let call): calls[call] = nil
        }
        emit(.exchange(exchange.record(at: now, failure: failure)))
    }

    // MARK: Time

    /// Sees to it that the oldest exchange that waits for a head is looked at in time. One deadline serves all of them.
    private mutating func watchHeads() {
        guard configuration.responseHeadTimeout > .zero, deadlines[.heads] == nil else { return }
        deadlines.set(.heads, at: now.advanced(by: configuration.responseHeadTimeout))
    }

    mutating func sweepHeads() {
        var next: Moment?
        for tunnel in tunnels {
            for exchange in tunnel.exchanges.all where exchange.status == nil {
                let due = exchange.waitsSince.advanced(by: configuration.responseHeadTimeout)
                if due <= now {
                    let message = "the web service did not answer within \(configuration.responseHeadTimeout)"
                    if let key = exchangeKey(tunnel.key, exchange.stream) { fail(key, .serviceTimedOut, message, .timedOut) }
                } else {
                    next = min(next ?? due, due)
                }
            }
        }
        if let next { deadlines.set(.heads, at: next) }
    }
}
