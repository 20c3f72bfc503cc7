// Exchanges that the host answers piece by piece. The host sees the head at once and each piece of the body as it comes; credit
// for the body returns when the host says that it took it, and the host is told to wait while the tunnel is full.
//
// The host is held to what it says: a body before its head, or one of another length than its head announced, ends the exchange
// with an error that nobody can take for a whole answer.

import HTTPCodec
import MachineCore
import TunnelLink

extension Agent {
    // MARK: The request

    /// Shows the request to the host.
    mutating func openCall(_ exchange: LocalExchange, folder: StaticFolder?) {
        let call = HandlerCall(id: nextNumber())
        calls[call] = exchange
        exchange.server = .stream(call)
        emit(.open(call, HandlerHead(exchange.request, folder: folder)))
        if exchange.request.upgrade != nil { emit(.bodyEnd(call)) }  // what would follow a 101 is no body
    }

    mutating func show(_ bytes: ArraySlice<UInt8>, to call: HandlerCall, for exchange: LocalExchange) {
        if exchange.request.upgrade != nil { return consumed(bytes.count, by: exchange) }
        exchange.untakenBytes += bytes.count
        emit(.body(call, bytes))
    }

    mutating func endBody(of call: HandlerCall, for exchange: LocalExchange) {
        if exchange.request.upgrade == nil { emit(.bodyEnd(call)) }
    }

    /// The host is rid of bytes; never of more than it was shown.
    mutating func took(_ count: Int, of call: HandlerCall) {
        guard let exchange = streamingExchange(of: call) else { return }
        let taken = min(max(0, count), exchange.untakenBytes)
        exchange.untakenBytes -= taken
        consumed(taken, by: exchange)
    }

    // MARK: The answer

    mutating func begin(_ call: HandlerCall, _ head: HandlerResponseHead) {
        guard let exchange = streamingExchange(of: call), exchange.status == nil else { return }
        guard (200...599).contains(head.status) else {
            respond(to: call, HandlerResponse(status: head.status))
            return emit(.cancelled(call))
        }
        let (fields, declared) = head.framedFields
        let mayHaveBody = exchange.request.method != "HEAD" && head.status != 204 && head.status != 304
        let hasBody = mayHaveBody && declared != 0
        exchange.owedBytes = declared
        respond(WebResponse(status: head.status, fields: fields, hasBody: hasBody), for: exchange)
        if hasBody {
            emit(.writable(call))
        } else {
            calls[call] = nil
            answered(exchange)
        }
    }

    mutating func send(_ bytes: [UInt8], end: Bool, of call: HandlerCall) {
        guard let exchange = streamingExchange(of: call) else { return }
        if let problem = exchange.problem(sending: bytes.count, end: end) {
            return fail(exchange, .serviceBroken, problem, .unreachable)
        }
        if end { calls[call] = nil }
        switch forward(bytes[...], end: end, for: exchange) {
        case .sent: if end { answered(exchange) } else { emit(exchange.isHostPaused ? .full(call) : .writable(call)) }
        case .full: if end { answered(exchange) } else { pauseHost(call, exchange) }
        case .overflow, .gone: break
        }
    }

    private mutating func pauseHost(_ call: HandlerCall, _ exchange: LocalExchange) {
        exchange.isHostPaused = true
        emit(.full(call))
    }

    mutating func resumeHost(_ call: HandlerCall, for exchange: LocalExchange) {
        guard exchange.isHostPaused else { return }
        exchange.isHostPaused = false
        emit(.writable(call))
    }

    /// The host has no (whole) answer, in whole values or in pieces.
    mutating func giveUp(_ call: HandlerCall, _ reason: String) {
        guard let exchange = calls.removeValue(forKey: call) else { return }
        fail(exchange, .serviceBroken, Self.printable(reason), .unreachable)
    }

    private func streamingExchange(of call: HandlerCall) -> LocalExchange? {
        guard let exchange = calls[call], exchange.server == .stream(call) else { return nil }
        return exchange
    }
}

extension LocalExchange {
    /// Why these bytes cannot be the next of the answer; nil if they can, and are then counted.
    fileprivate func problem(sending count: Int, end: Bool) -> String? {
        guard status != nil else { return "the handler sent a body before its head" }
        guard let owed = owedBytes else { return nil }
        guard count <= owed else { return "the handler's answer is longer than it said" }
        owedBytes = owed - UInt64(count)
        return end && owedBytes != 0 ? "the handler's answer is shorter than it said" : nil
    }
}

extension HandlerHead {
    fileprivate init(_ request: WebRequest, folder: StaticFolder?) {
        self.init(
            method: request.method, path: latin1Text(request.path), query: request.query.map { latin1Text($0) },
            fields: request.fields, hasBody: request.hasBody && request.upgrade == nil, folder: folder)
    }
}

extension HandlerResponseHead {
    /// The fields that go into the tunnel, and the length among them. A length that is none, and any with 204, is left out.
    fileprivate var framedFields: (HTTPFields, declared: UInt64?) {
        var fields = fields
        fields.removeHopByHop()
        if status != 204, let declared = try? LocalHTTPService.declaredLength(fields) { return (fields, declared) }
        fields.removeAll(.contentLength)
        return (fields, nil)
    }
}
