// Exchanges that the host responds to, in whole values or piece by piece.
//
// Whole: a request is collected up to its limit and handed to the host as a note; the response comes back as a message, at any
// time, or never. Piece by piece: the host sees the head at once and each piece of the body as it comes; credit for the body
// returns when the host says that it took it, and the host is told to wait while the tunnel is full.
//
// The host is held to what it says: a status that is none, a body before its head, or one of another length than its head
// announced never becomes something that could be taken for a whole response. Framing is decided here, whatever fields it
// gives.

import HTTPCodec
import MachineCore
import TunnelLink

struct HandlerCalls {
    private struct Call {
        let exchange: Exchange
        /// What a streaming host still owes of the length that it gave; nil if it gave none.
        var owedBytes: UInt64?
        /// A streaming host was told to wait.
        var isPaused = false
    }

    /// Calls whose responses the host has not completed.
    private var calls: [HandlerCall: Call] = [:]
    private var lastCall: UInt64 = 0
    private var maximumBodyBytes: Int

    init(maximumBodyBytes: Int) { self.maximumBodyBytes = maximumBodyBytes }

    var count: Int { calls.count }

    /// The largest body that is collected from now on.
    mutating func use(maximumBodyBytes: Int) { self.maximumBodyBytes = maximumBodyBytes }

    private mutating func newCall(_ exchange: Exchange) -> HandlerCall {
        lastCall += 1
        let call = HandlerCall(id: lastCall)
        calls[call] = Call(exchange: exchange)
        return call
    }

    private func exchange(streamedBy call: HandlerCall) -> Exchange? {
        guard let exchange = calls[call]?.exchange, exchange.responder == .stream(call) else { return nil }
        return exchange
    }

    // MARK: Whole values

    /// What is collected counts as gone from the tunnel: it is bounded by a limit of its own.
    func collect(_ bytes: ArraySlice<UInt8>, for exchange: Exchange, _ now: Moment) -> Progress {
        exchange.consumed(bytes.count, now)
        if exchange.heldCount + bytes.count <= maximumBodyBytes {
            exchange.hold(bytes)
            return .open
        }
        _ = exchange.takeHeld()
        return give(.text("The request body is larger than \(maximumBodyBytes) bytes.\n", status: 413), to: exchange, now)
    }

    /// Hands the host a whole request.
    mutating func call(_ exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        let call = newCall(exchange)
        exchange.move(.call(call))
        turn.emit(.call(call, HandlerRequest(exchange.request, body: exchange.takeHeld())))
    }

    /// The host's whole response; nil if it is not awaited.
    mutating func respond(to call: HandlerCall, _ response: HandlerResponse, _ now: Moment) -> Step? {
        // A streaming host may have sent a head.
        guard let exchange = calls[call]?.exchange, exchange.status == nil else { return nil }
        calls[call] = nil
        return (exchange, give(response, to: exchange, now))
    }

    private func give(_ response: HandlerResponse, to exchange: Exchange, _ now: Moment) -> Progress {
        let method = exchange.request.method
        let isLegal = (200...599).contains(response.status)
        let response = isLegal ? response : .text("The handler responded with \(response.status).\n", status: 500)
        let hasBody = method != "HEAD" && response.status != 204 && response.status != 304 && !response.body.isEmpty
        let fields = response.framedFields(respondingTo: method)
        exchange.respond(WebResponse(status: response.status, fields: fields, hasBody: hasBody), now)
        guard hasBody else { return .responded }
        let progress = exchange.forward(response.body[...], end: true)
        return progress.goesOn ? .responded : progress
    }

    // MARK: Piece by piece: the request

    /// Shows the request to the host.
    mutating func open(_ exchange: Exchange, folder: StaticFolder?, _ turn: inout Turn<AgentNote>) {
        let call = newCall(exchange)
        exchange.move(.open(call))
        turn.emit(.open(call, HandlerHead(exchange.request, folder: folder)))
        if exchange.request.upgrade != nil { turn.emit(.bodyEnd(call)) }  // what would follow a 101 is no body
    }

    /// Shows a piece of the body to the host.
    func show(_ bytes: ArraySlice<UInt8>, to call: HandlerCall, for exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        if exchange.request.upgrade != nil { return exchange.consumed(bytes.count, turn.now) }
        exchange.shown(bytes.count)
        turn.emit(.body(call, bytes))
    }

    /// The request is whole.
    func endBody(of call: HandlerCall, for exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        if exchange.request.upgrade == nil { turn.emit(.bodyEnd(call)) }
    }

    /// The host is rid of bytes.
    func took(_ count: Int, of call: HandlerCall, _ now: Moment) { exchange(streamedBy: call)?.took(count, now) }

    // MARK: Piece by piece: the response

    /// The host's head; nil if it is not awaited.
    mutating func begin(_ call: HandlerCall, _ head: HandlerResponseHead, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let exchange = exchange(streamedBy: call), exchange.status == nil else { return nil }
        guard (200...599).contains(head.status) else {
            let step = respond(to: call, HandlerResponse(status: head.status), turn.now)
            turn.emit(.cancelled(call))
            return step
        }
        let (fields, declared) = head.framedFields
        let mayHaveBody = exchange.request.method != "HEAD" && head.status != 204 && head.status != 304
        let hasBody = mayHaveBody && declared != 0
        calls[call]?.owedBytes = declared
        exchange.respond(WebResponse(status: head.status, fields: fields, hasBody: hasBody), turn.now)
        if hasBody {
            turn.emit(.writable(call))
            return nil
        }
        calls[call] = nil
        return (exchange, .responded)
    }

    /// The next piece of the host's body; nil if it is not awaited.
    mutating func send(_ bytes: [UInt8], end: Bool, of call: HandlerCall, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let exchange = exchange(streamedBy: call) else { return nil }
        if let problem = problem(sending: bytes.count, end: end, of: call, for: exchange) {
            return (exchange, .failed(.serviceBroken, problem, .unreachable))
        }
        let progress = exchange.forward(bytes[...], end: end)
        guard progress.goesOn else {
            if end { calls[call] = nil }
            return (exchange, progress)
        }
        if end {
            calls[call] = nil
            return (exchange, .responded)
        }
        if case .full = progress { calls[call]?.isPaused = true }
        turn.emit(calls[call]?.isPaused == true ? .full(call) : .writable(call))
        return (exchange, progress)
    }

    /// Why these bytes cannot be the next of the response; nil if they can, and are then counted.
    private mutating func problem(sending count: Int, end: Bool, of call: HandlerCall, for exchange: Exchange) -> String? {
        guard exchange.status != nil else { return "the handler sent a body before its head" }
        guard let owed = calls[call]?.owedBytes else { return nil }
        guard count <= owed else { return "the handler's response is longer than it said" }
        calls[call]?.owedBytes = owed - UInt64(count)
        return end && UInt64(count) < owed ? "the handler's response is shorter than it said" : nil
    }

    /// The tunnel has room again.
    mutating func resume(_ call: HandlerCall, _ turn: inout Turn<AgentNote>) {
        guard calls[call]?.isPaused == true else { return }
        calls[call]?.isPaused = false
        turn.emit(.writable(call))
    }

    // MARK: The end

    /// The host has no (whole) response, in whole values or in pieces.
    mutating func giveUp(_ call: HandlerCall, _ reason: String) -> Step? {
        guard let exchange = calls.removeValue(forKey: call)?.exchange else { return nil }
        return (exchange, .failed(.serviceBroken, Refusal.printable(reason), .unreachable))
    }

    /// The host's response is not wanted any more.
    mutating func cancel(_ call: HandlerCall, _ turn: inout Turn<AgentNote>) {
        if calls.removeValue(forKey: call) != nil { turn.emit(.cancelled(call)) }
    }
}

extension HandlerRequest {
    fileprivate init(_ request: WebRequest, body: [UInt8]) {
        self.init(
            method: request.method, path: Latin1.string(request.path), query: request.query.map { Latin1.string($0) },
            fields: request.fields, body: body)
    }
}

extension HandlerHead {
    fileprivate init(_ request: WebRequest, folder: StaticFolder?) {
        self.init(
            method: request.method, path: Latin1.string(request.path), query: request.query.map { Latin1.string($0) },
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

extension HandlerResponse {
    /// The fields with the length that the body has (RFC 9110 §8.6): none with 204, the host's own for HEAD and 304, where it
    /// may describe a body that is not there.
    fileprivate func framedFields(respondingTo method: String) -> HTTPFields {
        var fields = self.fields
        fields.removeHopByHop()
        if status == 204 {
            fields.removeAll(.contentLength)
        } else if status != 304, method != "HEAD" || !fields.contains(.contentLength) {
            try? fields.set(.contentLength, "\(body.count)")  // digits are legal
        }
        return fields
    }
}
