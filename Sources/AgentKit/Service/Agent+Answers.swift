// The service's side of an exchange, second half: the answer off the connection and into the tunnel, piece by piece. After a
// 101 the connection carries raw bytes both ways, and each direction has an end of its own.
//
// A stale connection is forgiven once: if the service closed it before the first byte of an answer, and the request can be sent
// again, it is. Whatever else goes wrong before the head is an error that says what to do, and after it a reset, never an
// answer that looks complete.

import HTTPCodec
import MachineCore
import TunnelLink

extension Agent {
    // MARK: Transport events

    mutating func receive(_ bytes: ArraySlice<UInt8>, fromService connection: ConnectionID) {
        guard let local = locals[connection], let exchange = local.owner else {
            return drop(connection, .abort)  // too late, or nobody asked
        }
        if local.isRaw {
            pass(bytes, from: connection, to: exchange)
        } else {
            if !local.sawBytes, TLSRecord.begins(bytes) {
                local.sawBytes = true
                return breakOff(connection, exchange, Self.speaksTLS, isMisfit: true)
            }
            local.sawBytes = true
            local.decoder.receive(bytes)
            readAnswer(from: connection, local, for: exchange)
        }
    }

    mutating func receiveEOF(fromService connection: ConnectionID) {
        guard let local = locals[connection] else { return }
        guard let exchange = local.owner else { return drop(connection, .close) }
        local.sawEnd = true
        if local.isRaw {
            endRaw(connection, for: exchange)
        } else {
            local.decoder.receiveEOF()
            readAnswer(from: connection, local, for: exchange)
        }
    }

    mutating func serviceClosed(_ connection: ConnectionID, _ error: String?) {
        guard let local = locals[connection] else { return }
        local.isGone = true
        guard let exchange = local.owner else { return drop(connection, .close) }
        if let error {
            let hint = local.sawBytes || local.isReused || exchange.wasRetried ? "" : Self.mayBeTLS
            return breakOff(connection, exchange, "broke the connection (\(error))\(hint)")
        }
        if !local.sawEnd { receiveEOF(fromService: connection) }
        // What is left is half of an upgraded connection, and nobody is there to hear it.
        guard locals[connection] === local, local.owner === exchange else { return }
        drop(connection, .close)
        answered(exchange)
    }

    // MARK: HTTP

    /// A piece of the body is held back until it is known whether it is the last, so that the end rides along with it.
    private mutating func readAnswer(from connection: ConnectionID, _ local: LocalConnection, for exchange: LocalExchange) {
        var piece: ArraySlice<UInt8>?
        do throws(HTTPDecodeError) {
            while local.owner === exchange, let event = try local.decoder.next() {
                switch event {
                case .head(let head, let framing): beginAnswer(head, framing, from: connection, local, for: exchange)
                case .body(let next):
                    if let piece { pass(piece, from: connection, to: exchange) }
                    piece = next
                case .end(let trailers): return endAnswer(piece, trailers, from: connection, for: exchange)
                case .closed:
                    let hint = local.isReused || exchange.wasRetried ? "" : Self.mayBeTLS
                    return breakOff(connection, exchange, "closed the connection without an answer\(hint)")
                }
            }
        } catch {
            let (reason, isMisfit) =
                switch error {
                case .unexpectedEOF: ("closed the connection in the middle of its answer", false)
                case .tooLarge(let limit) where exchange.status == nil: (tooLargeHead(limit), false)
                case .badStartLine, .badField, .badVersion, .badFraming, .badChunk, .tooLarge, .unsupportedTransferCoding:
                    ("gave an answer that is not HTTP (\(error))", exchange.status == nil)
                }
            return breakOff(connection, exchange, reason, isMisfit: isMisfit)
        }
        if let piece { pass(piece, from: connection, to: exchange) }
    }

    private mutating func beginAnswer(
        _ head: HTTPResponseHead, _ framing: HTTPBodyFraming, from connection: ConnectionID, _ local: LocalConnection,
        for exchange: LocalExchange
    ) {
        if head.status == 101 { return switchProtocols(head, from: connection, for: exchange) }
        if head.isInformational { return inform(head, for: exchange) }
        guard var response = WebResponse(head, framing: framing) else {
            return breakOff(connection, exchange, "answered with status \(head.status)")
        }
        httpService(of: exchange)?.takeAddresses(in: &response.fields, of: exchange.request)
        guard exchange.tunnel.session?.fits(response) != false else {
            return breakOff(connection, exchange, Self.headDoesNotFit)
        }
        local.keepsAlive = head.keepsAlive && framing != .untilClose
        if local.asksForUpgrade {
            local.asksForUpgrade = false
            let held = exchange.held.count
            exchange.held = []
            consumed(held, by: exchange)
        }
        respond(response, for: exchange)
    }

    private mutating func endAnswer(
        _ last: ArraySlice<UInt8>?, _ trailers: HTTPFields, from connection: ConnectionID, for exchange: LocalExchange
    ) {
        if exchange.responseHasBody {
            switch forward(last ?? [], end: true, trailers: trailers, for: exchange) {
            case .sent, .full: break
            case .overflow, .gone: return
            }
        }
        release(connection, by: exchange)
        answered(exchange)
    }

    private mutating func pass(_ bytes: ArraySlice<UInt8>, from connection: ConnectionID, to exchange: LocalExchange) {
        guard !bytes.isEmpty else { return }
        switch forward(bytes, end: false, for: exchange) {
        case .sent, .overflow, .gone: break
        case .full:
            if exchange.tunnel.session?.isFull == true { holdServices(of: exchange.tunnel.key) }
            guard let local = locals[connection], !local.isReadingPaused else { return }
            local.isReadingPaused = true
            emit(.setReading(connection, false))
        }
    }

    private static let headDoesNotFit = "answered with a head that is too large for the tunnel"

    // MARK: Upgrade

    private mutating func switchProtocols(_ head: HTTPResponseHead, from connection: ConnectionID, for exchange: LocalExchange)
    {
        guard let local = locals[connection], local.asksForUpgrade, let response = WebResponse(head, framing: .none) else {
            return breakOff(connection, exchange, "switched protocols unasked")
        }
        guard head.fields.tokens(.upgrade) == [exchange.request.upgrade?.lowercased()] else {
            return breakOff(connection, exchange, "switched to another protocol than asked for")
        }
        guard exchange.tunnel.session?.fits(response) != false else {
            return breakOff(connection, exchange, Self.headDoesNotFit)
        }
        respond(response, for: exchange)
        let unread = local.decoder.takeUnread()
        local.isRaw = true
        let held = exchange.held
        exchange.held = []
        write(held[...], toService: connection, for: exchange)
        if exchange.requestEnded { finishRequest(on: connection, for: exchange) }
        pass(unread, from: connection, to: exchange)
    }

    /// The service's half is over. The other may go on: a half-closed connection is a legal one.
    private mutating func endRaw(_ connection: ConnectionID, for exchange: LocalExchange) {
        switch forward([], end: true, for: exchange) {
        case .sent, .full: break
        case .overflow, .gone: return
        }
        guard exchange.requestEnded else { return }
        drop(connection, .close)
        answered(exchange)
    }

    // MARK: Failure

    /// Of a head that is too large: which limit it breaks, and the setting that raises it.
    private func tooLargeHead(_ limit: HTTPLimitName) -> String {
        let http = configuration.http
        switch limit {
        case .fieldCount: return "answered with more than \(http.maximumFieldCount) header fields: raise maxFields of agentd"
        case .fieldSection:
            return
                "answered with header fields of more than \(http.maximumFieldSectionBytes) bytes: raise maxHeadBytes of agentd"
        case .startLine:
            return "answered with a status line of more than \(http.maximumStartLineBytes) bytes: raise maxHeadBytes of agentd"
        case .chunkLine, .trailers: return "gave an answer that is not HTTP (limit exceeded: \(limit))"
        }
    }

    private static let speaksTLS = "speaks TLS (https), and agentd speaks plain HTTP to it: name a port where it does too"
    /// Most servers that expect TLS answer plain HTTP with nothing at all.
    private static let mayBeTLS = "; if it speaks TLS (https) there, name a port where it speaks plain HTTP"

    /// The service cannot, or will not, give a whole answer on this connection. `isMisfit`: it is no service for us at all, most
    /// likely, which is said aloud once.
    private mutating func breakOff(
        _ connection: ConnectionID, _ exchange: LocalExchange, _ what: String, isMisfit: Bool = false
    ) {
        guard let local = locals[connection], !exchange.isOver, let service = httpService(of: exchange) else { return }
        if local.isReused, !local.sawBytes, exchange.mayBeRetried {
            drop(connection, .abort)
            exchange.wasRetried = true
            return dialService(for: exchange)
        }
        let message = "\(service.name) \(what)"
        let isNews = isMisfit && misfits.insert(exchange.service).inserted
        log(isNews ? .warning : .debug, "service.broken", .init("reason", message))
        fail(exchange, .serviceBroken, message, .unreachable)
    }
}
