// The response's side of an exchange: its head, its framing (RFC 9112 §6.3), its body byte by byte, its end.
//
// Refuses, and then cuts what has begun: a length that is no number, a body that is longer or shorter than declared, a 101 that
// was not asked for. Nothing incomplete is ever made to look complete.

import HTTPCodec
import MachineCore
import TunnelLink

extension Exchanges {
    /// Passes an interim response on, to who can understand it (RFC 9110 §15.2: never to HTTP/1.0), and `100 Continue` once at
    /// most. Each is a sign that the service works, so the wait for its response begins anew. A visitor that does not read gets
    /// none.
    func inform(_ exchange: Exchange, _ interim: WebInformational, _ turn: inout Turn) {
        guard exchange.status == nil, exchange.replay == nil else { return }
        if interim.status == 100 { return writeContinue(exchange, &turn) }
        let visitor = exchange.visitor
        if !exchange.awaitsContinue { visitor.setDeadline(turn.now.advanced(by: web.timeout)) }
        guard exchange.request.head.minorVersion >= 1, visitor.queuedBytes <= Self.maximumQueuedInterimBytes else { return }
        var (fields, dropped) = fieldsToVisitor(interim.fields, exchange)
        dropped.insert(.contentLength, of: fields)  // RFC 9110 §8.6
        visitor.writeInterim(HTTPResponseHead(status: interim.status, fields: fields.without(dropped)), &turn)
    }

    /// What may wait for a visitor before interim responses are left out: nothing else limits them.
    private static let maximumQueuedInterimBytes = 16 * 1024

    private func fieldsToVisitor(_ fields: HTTPFields, _ exchange: Exchange) -> (fields: HTTPFields, dropped: HTTPFieldMask) {
        HeaderRules.toVisitor(
            fields, prefix: exchange.prefix, host: exchange.request.head.fields[.host],
            rescuedPath: exchange.isRescuable && web.rescues ? exchange.route?.path : nil)
    }

    /// The head of the response came.
    func respond(_ exchange: Exchange, _ response: WebResponse, _ turn: inout Turn) {
        guard exchange.status == nil else { return }
        if response.status == 101, !UpgradeRules.grants(response.fields, exchange.upgrade) {
            let reason = exchange.isUpgrade ? "it switched to another protocol than asked for" : "it switched protocols unasked"
            return fail(exchange, .serviceBroken(reason), .protocolError, &turn)
        }
        if exchange.replay != nil { return beginReplayedResponse(exchange, response, turn.now) }
        let (fields, dropped) = fieldsToVisitor(response.fields, exchange)
        var head = ForwardedResponse(status: response.status, fields: fields, without: dropped)
        guard Self.frame(&head, response, to: exchange.request.head) else {
            return fail(exchange, .serviceBroken("its Content-Length is not one number"), .protocolError, &turn)
        }
        // Who was not told to send its body must be told that it is not waited for any more (RFC 9110 §10.1.1).
        let keepsAlive = exchange.keepsAlive && head.framing != .untilClose && !visitors.isDraining && !exchange.awaitsContinue
        complete(&head, exchange, keepsAlive: keepsAlive)
        guard exchange.visitor.beginResponse(head, &turn) else {
            return fail(exchange, .serviceBroken("its status is none"), .protocolError, &turn)
        }
        exchange.keepsAlive = keepsAlive
        responseBegan(exchange, head, turn.now)
        keepOpen(exchange, head)
        exchange.visitor.watchWriting(turn.now)
        if exchange.isUpgrade { settleUpgrade(exchange, isGranted: response.status == 101, &turn) }
    }

    /// What the gateway says beside the service's fields.
    private func complete(_ head: inout ForwardedResponse, _ exchange: Exchange, keepsAlive: Bool) {
        head.requestID = exchange.request.id
        PrefixRescue(environment).addFields(to: &head, of: exchange)
        if exchange.request.security != nil, head.first(.strictTransportSecurity) == nil {
            head.strictTransport = environment.configuration.strictTransport
        }
        if head.status == 101 {
            head.connection = "Upgrade"
            head.upgrade = exchange.upgrade
        } else if !keepsAlive {
            head.connection = "close"
        } else if exchange.request.head.minorVersion == 0 {
            head.connection = "keep-alive"
        }
    }

    /// Settles how the response's body is framed towards this visitor (RFC 9112 §6.3), with the fields that say so. False: its
    /// length is no number.
    private static func frame(_ head: inout ForwardedResponse, _ response: WebResponse, to request: HTTPRequestHead) -> Bool {
        // RFC 9110 §8.6: neither may have a length.
        if response.status == 101 || response.status == 204 { head.dropped.insert(.contentLength, of: head.fields) }
        if response.status == 101 {
            head.framing = .untilClose
            return true
        }
        let isBodyless = request.method == "HEAD" || response.status == 204 || response.status == 304
        let declared = head.first(.contentLength)
        let isSilent = declared == nil && !response.hasBody && !isBodyless
        if let count = isBodyless ? nil : response.wholeBodyCount ?? (isSilent ? 0 : nil) {
            head.dropped.insert(.contentLength, of: head.fields)
            head.framing = .length(UInt64(count))
            head.saysFraming = true
        } else if let declared {
            guard head.fields.count(of: .contentLength) == 1, let count = HTTPBodyFraming.decimal(declared) else {
                return false
            }
            head.framing = isBodyless ? .none : .length(count)
        } else if !isBodyless {
            head.framing = request.minorVersion >= 1 ? .chunked : .untilClose
            head.saysFraming = head.framing == .chunked
        }
        return true
    }

    /// After a 101 the bytes that came beside it begin the other protocol; after anything else the request was an ordinary one.
    private func settleUpgrade(_ exchange: Exchange, isGranted: Bool, _ turn: inout Turn) {
        guard isGranted else {
            exchange.upgrade = nil
            return endRequest(exchange, HTTPFields(), &turn)
        }
        metrics.upgraded()
        let unread = exchange.visitor.upgrade(&turn)
        if !unread.isEmpty { forward(unread, exchange, &turn) }
    }

    /// Bytes of the body came.
    func deliver(_ exchange: Exchange, _ bytes: ArraySlice<UInt8>, _ turn: inout Turn) {
        let visitor = exchange.visitor
        guard exchange.status != nil, visitor.phase != .closing else { return }
        let queuedBefore = visitor.queuedBytes
        if exchange.replay == nil, !visitor.writeBody(bytes, &turn) {
            return fail(exchange, .serviceBroken("its body is longer than it said"), .protocolError, &turn)
        }
        exchange.responseBytes += UInt64(bytes.count)
        metrics.bodyCameOut(bytes.count, exchange.agent.counters)
        if let number = exchange.capture { inspector.responseBody(bytes, of: number) }
        if exchange.replay != nil, isReplayTooLarge(exchange) { return cutReplay(exchange, &turn) }
        exchange.eventStream?.append(bytes)
        if visitor.queuedBytes == queuedBefore {
            // Of no use to anyone (HEAD).
            exchange.agent.session.consumed(bytes.count, on: exchange.stream, now: turn.now)
        } else {
            exchange.heldBytes += bytes.count
            bodies.visitorHolds(bytes.count, visitor.id, of: exchange.agent)
            visitor.watchWriting(turn.now)
        }
    }

    /// The visitor's socket took bytes: credit for whatever of them was a body.
    func visitorRead(_ exchange: Exchange, _ now: Moment) {
        let released = exchange.heldBytes - min(exchange.heldBytes, exchange.visitor.queuedBytes)
        guard released > 0 else { return }
        exchange.heldBytes -= released
        exchange.agent.session.consumed(released, on: exchange.stream, now: now)
        agents.markDirty(exchange.agent)
    }

    /// The response is whole.
    func endResponse(_ exchange: Exchange, _ trailers: HTTPFields, _ turn: inout Turn) {
        guard exchange.status != nil else { return }
        exchange.responseEnded = true
        let visitor = exchange.visitor
        if visitor.phase == .upgraded {
            visitor.finishWriting(&turn)
        } else if exchange.replay == nil {
            // Only the chunked coding can carry trailers; elsewhere they may be dropped (RFC 9110 §6.5.1).
            let trailers = visitor.response.framing == .chunked ? HeaderRules.trailersToVisitor(trailers) : HTTPFields()
            guard visitor.finishBody(trailers, &turn) else {
                return fail(exchange, .serviceBroken("its body is shorter than it said"), .protocolError, &turn)
            }
        }
        finishIfOver(exchange, &turn)
    }

    /// After the response's last byte the connection takes the next request. If the request is still coming, its rest is not
    /// wanted.
    func finishIfOver(_ exchange: Exchange, _ turn: inout Turn) {
        guard exchange.responseEnded else { return }
        let visitor = exchange.visitor
        if !exchange.requestEnded {
            if visitor.phase == .upgraded { return }
            abandon(exchange, &turn)
            return visitor.close(&turn)
        }
        ended(exchange, outcome: "done", &turn)
        remove(exchange)
        if let request = exchange.replay { return respondToReplay(exchange, request, &turn) }
        guard exchange.keepsAlive, visitor.phase == .exchanging else {
            let hasParted = !exchange.request.head.keepsAlive && visitor.phase == .exchanging && visitor.hasNothingUnread
            return visitor.close(lingers: !hasParted, &turn)
        }
        visitor.startNextRequest(&turn)
        visitor.setReading(true, &turn)
    }

    // MARK: Event streams

    private func keepOpen(_ exchange: Exchange, _ head: ForwardedResponse) {
        guard web.sseKeepAlive > .zero else { return }
        exchange.eventStream = EventStreamTail(head, method: exchange.request.head.method)
        if exchange.eventStream != nil { exchange.visitor.response.quietLimit = web.sseKeepAlive }
    }

    /// Nothing was sent of a stream of events for a while: a comment, if it stands between two of them.
    func keepEventStreamOpen(_ exchange: Exchange, _ turn: inout Turn) {
        guard let tail = exchange.eventStream else { return }
        guard web.sseKeepAlive > .zero else {
            exchange.eventStream = nil  // switched off meanwhile
            exchange.visitor.response.quietLimit = nil
            return
        }
        if tail.isBetweenEvents { _ = exchange.visitor.writeBody(EventStreamTail.comment, &turn) }
        exchange.visitor.watchWriting(turn.now)
    }
}
