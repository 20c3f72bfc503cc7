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
        if phase == .draining { return refuse(stream, on: index, .tooManyStreams, "the agent is shutting down") }
        guard let service = services.place(for: request.path) else {
            return refuse(stream, on: index, .noWebService, "this agent serves nothing at this path")
        }
        if services[service] == .none {
            return refuse(stream, on: index, .noWebService, "this agent serves no web service")
        }
        let place = tunnels[index].exchanges.insert(LocalExchange(stream, request, service: service, at: now))
        watchHeads()
        start(ExchangeKey(tunnel: tunnel, stream: stream, place: place), tunnels[index].session?.version ?? .v2)
    }

    private mutating func refuse(_ stream: StreamID, on index: Int, _ failure: TunnelFailure, _ message: String) {
        tunnels[index].session?.fail(stream, failure.failure(message), reason: .refused)
    }

    /// What can be done about the request before its body.
    private mutating func start(_ key: ExchangeKey, _ version: TunnelVersion) {
        switch service(of: key) {
        case .http(let service):
            // A v1 body follows at once, whole, and its length goes into the head.
            if version == .v2 { serve(key, by: service, wholeBodyCount: nil) } else { askForBody(key) }
        case .handler:
            // The wish to leave HTTP is ignored (RFC 9110 §7.8), and what would follow a 101 is no body.
            if self[key]?.request.upgrade != nil { callHandler(key) } else { askForBody(key) }
        case .streamingHandler:
            askForBody(key)
            openCall(key, folder: nil)
        case .folder(let folder): openCall(key, folder: folder)
        case .routes, .none: break
        }
    }

    /// Answers `Expect: 100-continue` for those who want every body (RFC 9110 §10.1.1). A folder wants none.
    private mutating func askForBody(_ key: ExchangeKey) {
        guard let index = tunnelIndex(key.tunnel), let request = self[key]?.request else { return }
        guard request.hasBody, request.fields.contains(.expect) else { return }
        tunnels[index].session?.inform(WebInformational(status: 100), on: key.stream)
    }

    /// Who is to answer.
    private func service(of key: ExchangeKey) -> LocalService { self[key].map { services[$0.service] } ?? .none }

    mutating func takeBody(_ bytes: ArraySlice<UInt8>, for key: ExchangeKey) {
        guard let server = self[key]?.server else { return }
        self[key]?.requestBytes += bytes.count
        let now = now
        self[key]?.waitsSince = now
        switch server {
        case .collecting: collect(bytes, for: key)
        case .dialing: self[key]?.held.append(contentsOf: bytes)
        case .connection(let connection): write(bytes, toService: connection, for: key)
        case .stream(let call): show(bytes, to: call, for: key)
        case .handler, .nobody: consumed(bytes.count, by: key)
        }
    }

    private mutating func collect(_ bytes: ArraySlice<UInt8>, for key: ExchangeKey) {
        switch service(of: key) {
        case .http: self[key]?.held.append(contentsOf: bytes)
        case .handler: collectForHandler(bytes, for: key)
        case .streamingHandler, .folder, .routes, .none: break
        }
    }

    mutating func endRequest(_ key: ExchangeKey, _ trailers: HTTPFields) {
        guard let server = self[key]?.server else { return }
        self[key]?.requestEnded = true
        self[key]?.trailers = trailers
        switch server {
        case .collecting:
            switch service(of: key) {
            case .http(let service): serve(key, by: service, wholeBodyCount: self[key]?.held.count)
            case .handler: callHandler(key)
            case .streamingHandler, .folder, .routes, .none: break
            }
        case .stream(let call): endBody(of: call, for: key)
        case .dialing, .handler: break
        case .connection(let connection): finishRequest(on: connection, for: key)
        case .nobody: finish(key)
        }
    }

    // MARK: The answer

    /// Passes an answer before the answer on: 100, 102 and 103 (RFC 9110 §15.2). It shows that the service works, so the wait
    /// for its head begins anew.
    mutating func inform(_ head: HTTPResponseHead, for key: ExchangeKey) {
        guard let index = tunnelIndex(key.tunnel) else { return }
        let now = now
        self[key]?.waitsSince = now
        var fields = head.fields
        fields.removeHopByHop()
        fields.removeAll(.contentLength)
        tunnels[index].session?.inform(WebInformational(status: head.status, fields: fields), on: key.stream)
    }

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
        guard let exchange = self[key] else { return }
        exchange.server = .nobody
        let unusedCount = exchange.held.count + exchange.untakenBytes
        if unusedCount > 0 {
            exchange.held = []
            exchange.untakenBytes = 0
            consumed(unusedCount, by: key)
        }
        if exchange.requestEnded { finish(key) }
    }

    /// Bytes of the request's body have left us: the gateway may send as many more.
    mutating func consumed(_ count: Int, by key: ExchangeKey) {
        guard count > 0, let index = tunnelIndex(key.tunnel) else { return }
        tunnels[index].session?.consumed(count, on: key.stream, now: now)
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
        case .handler(let call), .stream(let call):
            if calls.removeValue(forKey: call) != nil { emit(.cancelled(call)) }
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
