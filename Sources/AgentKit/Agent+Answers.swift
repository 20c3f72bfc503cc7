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
        guard let key = locals[connection]?.owner else { return drop(connection, .abort) }  // too late, or nobody asked
        if locals[connection]?.isRaw == true {
            pass(bytes, from: connection, to: key)
        } else {
            locals[connection]?.sawBytes = true
            locals[connection]?.decoder.receive(bytes)
            readAnswer(from: connection, for: key)
        }
    }

    mutating func receiveEOF(fromService connection: ConnectionID) {
        guard let local = locals[connection] else { return }
        guard let key = local.owner else { return drop(connection, .close) }
        locals[connection]?.sawEnd = true
        if local.isRaw {
            endRaw(connection, for: key)
        } else {
            locals[connection]?.decoder.receiveEOF()
            readAnswer(from: connection, for: key)
        }
    }

    mutating func serviceClosed(_ connection: ConnectionID, _ error: String?) {
        guard let local = locals[connection] else { return }
        locals[connection]?.isGone = true
        guard let key = local.owner else { return drop(connection, .close) }
        if let error { return breakOff(connection, key, "broke the connection (\(error))") }
        if !local.sawEnd { receiveEOF(fromService: connection) }
        // What is left is half of an upgraded connection, and nobody is there to hear it.
        guard locals[connection]?.owner == key else { return }
        drop(connection, .close)
        answered(key)
    }

    // MARK: HTTP

    /// A piece of the body is held back until it is known whether it is the last, so that the end rides along with it.
    private mutating func readAnswer(from connection: ConnectionID, for key: ExchangeKey) {
        var piece: ArraySlice<UInt8>?
        do throws(HTTPDecodeError) {
            while let event = try locals[connection]?.decoder.next() {
                switch event {
                case .head(let head, let framing): beginAnswer(head, framing, from: connection, for: key)
                case .body(let next):
                    if let piece { pass(piece, from: connection, to: key) }
                    piece = next
                case .end(let trailers): return endAnswer(piece, trailers, from: connection, for: key)
                case .closed: return breakOff(connection, key, "closed the connection without an answer")
                }
            }
        } catch {
            let reason =
                switch error {
                case .unexpectedEOF: "closed the connection in the middle of its answer"
                case .badStartLine, .badField, .badVersion, .badFraming, .badChunk, .tooLarge, .unsupportedTransferCoding:
                    "gave an answer that is not HTTP (\(error))"
                }
            return breakOff(connection, key, reason)
        }
        if let piece { pass(piece, from: connection, to: key) }
    }

    private mutating func beginAnswer(
        _ head: HTTPResponseHead, _ framing: HTTPBodyFraming, from connection: ConnectionID, for key: ExchangeKey
    ) {
        if head.status == 101 { return switchProtocols(head, from: connection, for: key) }
        if head.isInformational { return inform(head, for: key) }
        guard let response = WebResponse(head, framing: framing) else {
            return breakOff(connection, key, "answered with status \(head.status)")
        }
        locals[connection]?.keepsAlive = head.keepsAlive && framing != .untilClose
        if locals[connection]?.asksForUpgrade == true {
            locals[connection]?.asksForUpgrade = false
            let held = self[key]?.held.count ?? 0
            self[key]?.held = []
            consumed(held, by: key)
        }
        respond(response, for: key)
    }

    private mutating func endAnswer(
        _ last: ArraySlice<UInt8>?, _ trailers: HTTPFields, from connection: ConnectionID, for key: ExchangeKey
    ) {
        if self[key]?.responseHasBody == true {
            switch forward(last ?? [], end: true, trailers: trailers, for: key) {
            case .sent, .full: break
            case .overflow, .gone: return
            }
        }
        release(connection, by: key)
        answered(key)
    }

    private mutating func pass(_ bytes: ArraySlice<UInt8>, from connection: ConnectionID, to key: ExchangeKey) {
        guard !bytes.isEmpty else { return }
        switch forward(bytes, end: false, for: key) {
        case .sent, .overflow, .gone: break
        case .full:
            guard locals[connection]?.isReadingPaused == false else { return }
            locals[connection]?.isReadingPaused = true
            emit(.setReading(connection, false))
        }
    }

    // MARK: Upgrade

    private mutating func switchProtocols(_ head: HTTPResponseHead, from connection: ConnectionID, for key: ExchangeKey) {
        guard locals[connection]?.asksForUpgrade == true, let response = WebResponse(head, framing: .none) else {
            return breakOff(connection, key, "switched protocols unasked")
        }
        respond(response, for: key)
        let unread = locals[connection]?.decoder.takeUnread() ?? []
        locals[connection]?.isRaw = true
        let held = self[key]?.held ?? []
        self[key]?.held = []
        write(held[...], toService: connection, for: key)
        if self[key]?.requestEnded == true { finishRequest(on: connection, for: key) }
        pass(unread, from: connection, to: key)
    }

    /// The service's half is over. The other may go on: a half-closed connection is a legal one.
    private mutating func endRaw(_ connection: ConnectionID, for key: ExchangeKey) {
        switch forward([], end: true, for: key) {
        case .sent, .full: break
        case .overflow, .gone: return
        }
        guard self[key]?.requestEnded == true else { return }
        drop(connection, .close)
        answered(key)
    }

    // MARK: Failure

    /// The service cannot, or will not, give a whole answer on this connection.
    private mutating func breakOff(_ connection: ConnectionID, _ key: ExchangeKey, _ what: String) {
        guard let local = locals[connection], let exchange = self[key], let service = httpService(of: key) else { return }
        if local.isReused, !local.sawBytes, exchange.mayBeRetried {
            drop(connection, .abort)
            self[key]?.wasRetried = true
            return dialService(for: key)
        }
        let message = "\(service.name) \(what)"
        log(.debug, "service.broken", .init("reason", message))
        fail(key, .serviceBroken, message, .unreachable)
    }
}
