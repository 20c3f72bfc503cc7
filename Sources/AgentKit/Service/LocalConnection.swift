// One connection to the service, busy with an exchange or idle in the pool: the request onto it, and the response off it and
// into the tunnel, piece by piece. After a 101 it carries raw bytes both ways, and each direction has an end of its own.
//
// Decides whether another exchange may use it (RFC 9112 §9.3). Credit for the request's body goes back to the gateway when the
// service's socket has taken the bytes, not before. Whatever goes wrong before the head is an error that says what to do, and
// after it a reset, never a response that looks complete.

import HTTPCodec
import MachineCore
import TunnelLink

final class LocalConnection {
    /// What one step on a connection has come to.
    enum Outcome {
        /// The connection goes on; or the exchange does not, for a reason that is not the service's.
        case progress(Progress)
        /// The response is whole.
        case whole
        /// Both directions of an upgraded connection are over.
        case over
        /// The service cannot, or will not, give a whole response on it. `isMisfit`: it is no HTTP service at all, most likely.
        indirect case broken(String, isMisfit: Bool)
    }

    let id: ConnectionID
    /// Whose it is: a place in the agent's table of services.
    let place: Int
    /// It was made because an exchange's first connection was stale.
    private var isRetry: Bool
    private let limits: HTTPLimits
    /// Nil: idle in the pool.
    @exclusivity(unchecked) private(set) var owner: Exchange?
    /// What the owner asks; kept for the case that it must be sent again.
    @exclusivity(unchecked) private(set) var request: ServiceRequest?

    // Unchecked: the codecs, which are all that runs during an access, know of no connection.
    @exclusivity(unchecked) private var decoder: HTTPResponseDecoder
    @exclusivity(unchecked) private var encoder = HTTPBodyEncoder(.none)
    @exclusivity(unchecked) private var unwritten = WriteCredit()
    private var asksForUpgrade = false
    /// After a 101: raw bytes both ways.
    private var isRaw = false
    /// It served an exchange before, so the service may be closing it at this moment.
    private var isReused = false
    /// Something of the present response came.
    private var sawBytes = false
    /// The service sends no more.
    private var sawEnd = false
    /// The transport reported it closed: there is nothing left to command.
    var isGone = false
    /// The response's head lets the connection persist.
    private var keepsAlive = false
    /// Bytes of the body went to the service: the request cannot be sent again.
    private var bodyWasWritten = false
    /// The request was given to the transport whole.
    private var requestFinished = false
    private var isReadingPaused = false

    init(_ id: ConnectionID, place: Int, isRetry: Bool, _ limits: HTTPLimits) {
        self.id = id
        self.place = place
        self.isRetry = isRetry
        self.limits = limits
        decoder = HTTPResponseDecoder(limits: limits)
    }

    // MARK: Whose it is

    /// Takes up an exchange: writes the head, and what has come of the body.
    func begin(_ request: ServiceRequest, for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        owner = exchange
        self.request = request
        decoder.expectResponse(to: exchange.request.method)
        encoder = HTTPBodyEncoder(request.framing)
        asksForUpgrade = request.asksForUpgrade
        sawBytes = false
        keepsAlive = false
        bodyWasWritten = false
        requestFinished = false
        unwritten.write(request.head.count)
        if exchange.tunnel?.holdsServices == true { pause(&turn) }
        turn.emit(.write(id, request.head[...]))
        if asksForUpgrade {
            requestFinished = true  // the head is all of it; what follows is for after the 101
            return .progress(.open)
        }
        if exchange.heldCount > 0 {
            let progress = write(exchange.takeHeld()[...], &turn)
            guard progress.goesOn else { return .progress(progress) }
        }
        return exchange.requestEnded ? finishRequest(&turn) : .progress(.open)
    }

    /// Goes to the pool, if both sides allow it: both messages are over, the service wants to go on, and nothing came unasked.
    func rest(_ turn: inout Turn<AgentNote>) -> Bool {
        let isReusable =
            keepsAlive && requestFinished && !sawEnd && !isRaw && unwritten.wireBytes == 0 && decoder.unreadCount == 0
            && !decoder.isRepaired
        guard isReusable else { return false }
        resume(&turn)
        owner = nil
        request = nil
        (isReused, isRetry) = (true, false)
        return true
    }

    /// Is of no use any more. Returns how many bytes of the request's body it has not written: no credit comes for them.
    func abandon() -> Int {
        owner = nil
        return unwritten.bodyBytes
    }

    /// Whether the service may have closed it before it saw the request, which may then go over another one (RFC 9110 §9.2.2).
    var mayBeStale: Bool { isReused && !sawBytes && !bodyWasWritten && !isRetry && owner?.isRepeatable == true }

    // MARK: The request

    /// More of the request's body, or of an upgraded stream.
    func write(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn<AgentNote>) -> Progress {
        guard !bytes.isEmpty, let exchange = owner else { return .open }
        if isRaw {
            unwritten.write(bytes.count, body: bytes.count)
            turn.emit(.write(id, bytes))
        } else if asksForUpgrade {
            exchange.hold(bytes)
        } else if requestFinished {
            exchange.consumed(bytes.count, turn.now)  // for an upgrade that was not granted
        } else {
            return writeFramed(bytes, &turn)
        }
        return .open
    }

    private func writeFramed(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn<AgentNote>) -> Progress {
        bodyWasWritten = true
        var framing: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try encoder.encodePrefix(bytes.count, into: &framing)
        } catch {
            return .failed(.serviceBroken, "the request's body is longer than it said", .protocolError)
        }
        if !framing.isEmpty { turn.emit(.write(id, framing[...])) }
        turn.emit(.write(id, bytes))
        let prefixCount = framing.count
        framing = []
        encoder.encodeSuffix(into: &framing)
        if !framing.isEmpty { turn.emit(.write(id, framing[...])) }
        unwritten.write(prefixCount + bytes.count + framing.count, body: bytes.count)
        return .open
    }

    /// The tunnel's direction is over: the body's end, or, after a 101, the end of our half of the connection.
    func finishRequest(_ turn: inout Turn<AgentNote>) -> Outcome {
        if isRaw {
            if sawEnd { return .over }
            turn.emit(.finishWriting(id))
            return .progress(.open)
        }
        guard !requestFinished, let exchange = owner else { return .progress(.open) }
        let trailers = encoder.framing == .chunked ? exchange.trailers : HTTPFields()
        var end: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try encoder.finish(trailers: trailers, into: &end)
        } catch {
            let message = "the request's body is shorter than it said, or its trailers are illegal"
            return .progress(.failed(.serviceBroken, message, .protocolError))
        }
        requestFinished = true
        unwritten.write(end.count)
        if !end.isEmpty { turn.emit(.write(id, end[...])) }
        return .progress(.open)
    }

    /// The transport took `count` bytes.
    func wrote(_ count: Int, _ now: Moment) {
        let released = unwritten.wrote(count)
        if released > 0 { owner?.consumed(released, now) }
    }

    // MARK: Reading

    /// Reads no further while the tunnel is full.
    func pause(_ turn: inout Turn<AgentNote>) {
        guard !isReadingPaused else { return }
        isReadingPaused = true
        turn.emit(.setReading(id, false))
    }

    /// Reads on.
    func resume(_ turn: inout Turn<AgentNote>) {
        guard isReadingPaused else { return }
        isReadingPaused = false
        turn.emit(.setReading(id, true))
    }

    func receive(_ bytes: ArraySlice<UInt8>, for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        if isRaw { return .progress(pass(bytes, to: exchange, &turn)) }
        let isFirst = !sawBytes
        sawBytes = true
        if isFirst, TLSRecord.begins(bytes) { return .broken(speaksTLS, isMisfit: true) }
        decoder.receive(bytes)
        return read(for: exchange, &turn)
    }

    func receiveEOF(for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        sawEnd = true
        if isRaw { return endRaw(for: exchange) }
        decoder.receiveEOF()
        return read(for: exchange, &turn)
    }

    /// The connection is gone.
    func closed(_ error: String?, for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        if let error { return .broken("broke the connection (\(error))\(sawBytes ? "" : adviceOnTLS)", isMisfit: false) }
        let outcome = sawEnd ? .progress(.open) : receiveEOF(for: exchange, &turn)
        // What is left is half of an upgraded connection without a reader.
        if case .progress(let progress) = outcome, progress.goesOn { return .over }
        return outcome
    }

    /// A piece of the body is held back until it is known whether it is the last, so that the end rides along with it.
    private func read(for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        var piece: ArraySlice<UInt8>?
        do throws(HTTPDecodeError) {
            while let event = try decoder.next() {
                switch event {
                case .head(let head, let framing):
                    let outcome = begin(head, framing, for: exchange, &turn)
                    guard case .progress(.open) = outcome else { return outcome }
                case .body(let next):
                    if let piece {
                        let progress = pass(piece, to: exchange, &turn)
                        guard progress.goesOn else { return .progress(progress) }
                    }
                    piece = next
                case .end(let trailers): return end(piece, trailers, for: exchange)
                case .closed: return .broken("closed the connection without a response\(adviceOnTLS)", isMisfit: false)
                }
            }
        } catch {
            return broken(error, for: exchange)
        }
        guard let piece else { return .progress(.open) }
        return .progress(pass(piece, to: exchange, &turn))
    }

    private func begin(
        _ head: HTTPResponseHead, _ framing: HTTPBodyFraming, for exchange: Exchange, _ turn: inout Turn<AgentNote>
    ) -> Outcome {
        if head.status == 101 { return switchProtocols(head, for: exchange, &turn) }
        if head.isInformational {
            exchange.inform(head, turn.now)
            return .progress(.open)
        }
        guard var response = WebResponse(head, framing: framing) else {
            return .broken("responded with status \(head.status)", isMisfit: false)
        }
        exchange.httpService?.takeAddresses(in: &response, of: exchange.request)
        guard exchange.fits(response) else { return .broken(Self.headDoesNotFit, isMisfit: false) }
        keepsAlive = head.keepsAlive && framing != .untilClose
        if asksForUpgrade {
            asksForUpgrade = false
            exchange.consumed(exchange.takeHeld().count, turn.now)
        }
        exchange.respond(response, turn.now)
        return .progress(.open)
    }

    private func end(_ last: ArraySlice<UInt8>?, _ trailers: HTTPFields, for exchange: Exchange) -> Outcome {
        guard exchange.responseHasBody else { return .whole }
        let progress = exchange.forward(last ?? [], end: true, trailers: trailers)
        return progress.goesOn ? .whole : .progress(progress)
    }

    private func pass(_ bytes: ArraySlice<UInt8>, to exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Progress {
        guard !bytes.isEmpty else { return .open }
        let progress = exchange.forward(bytes, end: false)
        if case .full = progress { pause(&turn) }
        return progress
    }

    // MARK: Upgrade

    private func switchProtocols(_ head: HTTPResponseHead, for exchange: Exchange, _ turn: inout Turn<AgentNote>) -> Outcome {
        guard asksForUpgrade, let response = WebResponse(head, framing: .none) else {
            return .broken("switched protocols unasked", isMisfit: false)
        }
        guard head.fields.tokens(.upgrade) == [exchange.request.upgrade?.lowercased()] else {
            return .broken("switched to another protocol than asked for", isMisfit: false)
        }
        guard exchange.fits(response) else { return .broken(Self.headDoesNotFit, isMisfit: false) }
        exchange.respond(response, turn.now)
        let unread = decoder.takeUnread()
        isRaw = true
        _ = write(exchange.takeHeld()[...], &turn)
        if exchange.requestEnded {
            let outcome = finishRequest(&turn)
            guard case .progress(.open) = outcome else { return outcome }
        }
        return .progress(pass(unread, to: exchange, &turn))
    }

    /// The service's half is over. The other may go on: a half-closed connection is a legal one.
    private func endRaw(for exchange: Exchange) -> Outcome {
        let progress = exchange.forward([], end: true)
        return progress.goesOn && exchange.requestEnded ? .over : .progress(progress)
    }

    // MARK: What is wrong with a response

    private func broken(_ error: HTTPDecodeError, for exchange: Exchange) -> Outcome {
        switch error {
        case .unexpectedEOF: .broken("closed the connection in the middle of its response", isMisfit: false)
        case .tooLarge(let limit) where exchange.status == nil: .broken(tooLargeHead(limit), isMisfit: false)
        case .badStartLine, .badField, .badVersion, .badFraming, .badChunk, .tooLarge, .unsupportedTransferCoding:
            .broken("gave a response that is not HTTP (\(error))", isMisfit: exchange.status == nil)
        }
    }

    /// Of a head that is too large: which limit it breaks, and the setting that raises it.
    private func tooLargeHead(_ limit: HTTPLimitName) -> String {
        switch limit {
        case .fieldCount: "responded with more than \(limits.maximumFieldCount) header fields: raise maxFields of agentd"
        case .fieldSection:
            "responded with header fields of more than \(limits.maximumFieldSectionBytes) bytes: raise maxHeadBytes of agentd"
        case .startLine:
            "responded with a status line of more than \(limits.maximumStartLineBytes) bytes: raise maxHeadBytes of agentd"
        case .chunkLine, .trailers: "gave a response that is not HTTP (limit exceeded: \(limit))"
        }
    }

    private static let headDoesNotFit = "responded with a head that is too large for the tunnel"
    private var speaksTLS: String { "speaks TLS: write its address as \(owner?.httpService?.secureAddress ?? "https://…")" }
    /// Most servers that expect TLS send nothing at all in response to plain HTTP.
    private var adviceOnTLS: String {
        guard !isReused, !isRetry, let service = owner?.httpService, service.tls == nil else { return "" }
        return "; if it speaks TLS there, write its address as \(service.secureAddress)"
    }
}

extension Exchange {
    /// Passes an interim response of the service on.
    fileprivate func inform(_ head: HTTPResponseHead, _ now: Moment) {
        var fields = head.fields
        fields.removeHopByHop()
        fields.removeAll(.contentLength)
        httpService?.takeAddresses(in: &fields, of: request)
        inform(WebInformational(status: head.status, fields: fields), now)
    }
}
