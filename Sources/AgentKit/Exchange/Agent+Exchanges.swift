// The tunnel's side of an exchange: a request begins, its body comes, it ends; and what goes back into the tunnel. Bodies pass
// through; only a v1 body, which comes whole, and one for the in-process handler are collected first.
//
// Credit is never kept from a stream that is still open: what nobody will use is thrown away and counts as consumed.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WebConsole

extension Agent {
    /// The exchange of this stream, unless it is over.
    func exchange(_ tunnel: TunnelKey, _ stream: StreamID) -> LocalExchange? {
        tunnelIndex(tunnel).flatMap { tunnels[$0].exchanges[stream] }
    }

    // MARK: The request

    mutating func begin(_ request: WebRequest, on tunnel: TunnelKey, _ stream: StreamID) {
        guard let index = tunnelIndex(tunnel) else { return }
        if phase == .draining, tunnels[index].hasLeft {
            return refuse(stream, on: index, .tooManyStreams, "the agent is shutting down")
        }
        guard let service = services.place(for: request.path) else {
            return refuse(stream, on: index, .noWebService, "this agent serves nothing at this path")
        }
        if services.isLeft(by: request.path) {
            return refuse(stream, on: index, .noWebService, "this path leads out of what this agent serves")
        }
        if services[service] == .none {
            return refuse(stream, on: index, .noWebService, "this agent serves no web service")
        }
        let exchange = LocalExchange(stream, of: tunnels[index], request, service: service, at: now)
        tunnels[index].exchanges.insert(exchange)
        if configuration.captures != nil { beginCapture(exchange) }
        watchHeads()
        start(exchange, tunnels[index].session?.version ?? .v2)
    }

    private mutating func refuse(_ stream: StreamID, on index: Int, _ failure: TunnelFailure, _ message: String) {
        tunnels[index].session?.fail(stream, failure.failure(message), reason: .refused)
    }

    /// What can be done about the request before its body.
    mutating func start(_ exchange: LocalExchange, _ version: TunnelVersion) {
        switch service(of: exchange) {
        case .http(let service):
            // A v1 body follows at once, whole, and its length goes into the head.
            if version == .v2 { serve(exchange, by: service, wholeBodyCount: nil) } else { askForBody(exchange) }
        case .handler:
            // The wish to leave HTTP is ignored (RFC 9110 §7.8), and what would follow a 101 is no body.
            if exchange.request.upgrade != nil { callHandler(exchange) } else { askForBody(exchange) }
        case .streamingHandler:
            askForBody(exchange)
            openCall(exchange, folder: nil)
        case .folder(let folder): openCall(exchange, folder: folder)
        case .routes, .none: break
        }
    }

    /// Answers `Expect: 100-continue` for those who want every body (RFC 9110 §10.1.1). A folder wants none.
    private mutating func askForBody(_ exchange: LocalExchange) {
        guard exchange.request.hasBody, exchange.request.fields.contains(.expect) else { return }
        exchange.tunnel.session?.inform(WebInformational(status: 100), on: exchange.stream)
    }

    /// Who is to answer.
    private func service(of exchange: LocalExchange) -> LocalService { services[exchange.service] }

    mutating func takeBody(_ bytes: ArraySlice<UInt8>, for exchange: LocalExchange) {
        exchange.requestBytes += bytes.count
        exchange.waitsSince = now
        if let capture = exchange.capture { keep(bytes, as: \.requestBody, in: capture) }
        switch exchange.server {
        case .collecting: collect(bytes, for: exchange)
        case .dialing: exchange.held.append(contentsOf: bytes)
        case .connection(let connection): write(bytes, toService: connection, for: exchange)
        case .stream(let call): show(bytes, to: call, for: exchange)
        case .handler, .nobody: consumed(bytes.count, by: exchange)
        }
    }

    private mutating func collect(_ bytes: ArraySlice<UInt8>, for exchange: LocalExchange) {
        switch service(of: exchange) {
        case .http: exchange.held.append(contentsOf: bytes)
        case .handler: collectForHandler(bytes, for: exchange)
        case .streamingHandler, .folder, .routes, .none: break
        }
    }

    mutating func endRequest(_ exchange: LocalExchange, _ trailers: HTTPFields) {
        exchange.requestEnded = true
        exchange.trailers = trailers
        switch exchange.server {
        case .collecting:
            switch service(of: exchange) {
            case .http(let service): serve(exchange, by: service, wholeBodyCount: exchange.held.count)
            case .handler: callHandler(exchange)
            case .streamingHandler, .folder, .routes, .none: break
            }
        case .stream(let call): endBody(of: call, for: exchange)
        case .dialing, .handler: break
        case .connection(let connection): finishRequest(on: connection, for: exchange)
        case .nobody: finish(exchange)
        }
    }

    // MARK: The answer

    /// Passes an answer before the answer on: 100, 102 and 103 (RFC 9110 §15.2). It shows that the service works, so the wait
    /// for its head begins anew.
    mutating func inform(_ head: HTTPResponseHead, for exchange: LocalExchange) {
        exchange.waitsSince = now
        var fields = head.fields
        fields.removeHopByHop()
        fields.removeAll(.contentLength)
        httpService(of: exchange)?.takeAddresses(in: &fields, of: exchange.request)
        exchange.tunnel.session?.inform(WebInformational(status: head.status, fields: fields), on: exchange.stream)
    }

    mutating func respond(_ response: WebResponse, for exchange: LocalExchange) {
        exchange.status = response.status
        exchange.responseHasBody = response.hasBody
        if let capture = exchange.capture { keep(response, of: exchange, in: capture) }
        exchange.tunnel.session?.respond(response, on: exchange.stream)
    }

    /// Sends bytes of the answer's body, or of an upgraded stream. `gone` and `overflow` have ended the exchange.
    mutating func forward(
        _ bytes: ArraySlice<UInt8>, end: Bool, trailers: HTTPFields = HTTPFields(), for exchange: LocalExchange
    ) -> SendOutcome {
        exchange.responseBytes += bytes.count
        if let capture = exchange.capture { keep(bytes, as: \.responseBody, in: capture) }
        guard let outcome = exchange.tunnel.session?.send(bytes, on: exchange.stream, end: end, trailers: trailers) else {
            return forwardNowhere(for: exchange)
        }
        switch outcome {
        case .sent, .full: break
        case .overflow:
            let limit = configuration.limits.maximumBufferedBody
            let message = "the answer is larger than \(limit) bytes, and this gateway cannot stream (v1)"
            fail(exchange, .bodyTooLarge, message, .overran)
        case .gone: finish(exchange, failure: "the gateway gave it up", outcome: "cancelled")
        }
        return outcome
    }

    /// The answer is given. What still comes of the request is of no use to anyone, but must not be left to wait for credit.
    mutating func answered(_ exchange: LocalExchange) {
        exchange.server = .nobody
        let unusedCount = exchange.held.count + exchange.untakenBytes
        if unusedCount > 0 {
            exchange.held = []
            exchange.untakenBytes = 0
            consumed(unusedCount, by: exchange)
        }
        if exchange.requestEnded { finish(exchange) }
    }

    /// Bytes of the request's body have left us: the gateway may send as many more.
    mutating func consumed(_ count: Int, by exchange: LocalExchange) {
        if count > 0 { exchange.tunnel.session?.consumed(count, on: exchange.stream, now: now) }
    }

    // MARK: The end

    mutating func fail(_ exchange: LocalExchange, _ failure: TunnelFailure, _ message: String, _ reason: ResetReason) {
        fail(exchange, failure.failure(message), reason)
    }

    /// There will be no (whole) answer, and the gateway is told why.
    mutating func fail(_ exchange: LocalExchange, _ failure: RPCFailure, _ reason: ResetReason) {
        guard !exchange.isOver else { return }
        exchange.tunnel.session?.fail(exchange.stream, failure, reason: reason)
        finish(exchange, failure: failure.message, outcome: Self.outcome(of: failure))
    }

    /// Takes the exchange away. Whoever still works on it stops at once. `outcome` is for an inspector.
    mutating func finish(_ exchange: LocalExchange, failure: String? = nil, outcome: String = CapturedExchange.done) {
        guard !exchange.isOver else { return }
        exchange.isOver = true
        exchange.tunnel.exchanges.remove(exchange)
        switch exchange.server {
        case .collecting, .nobody: break
        case .dialing(let dial): cancelServiceDial(dial)
        case .connection(let connection): drop(connection, .abort)
        case .handler(let call), .stream(let call):
            if calls.removeValue(forKey: call) != nil { emit(.cancelled(call)) }
        }
        if let capture = exchange.capture { endCapture(capture, of: exchange, outcome: outcome) }
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
                    fail(exchange, .serviceTimedOut, message, .timedOut)
                } else {
                    next = min(next ?? due, due)
                }
            }
        }
        if let next { deadlines.set(.heads, at: next) }
    }
}
