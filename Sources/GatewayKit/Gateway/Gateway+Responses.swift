// An answer on its way back to the visitor: its head, its framing (RFC 9112 §6.3), its body byte by byte, its end.
//
// Refuses, and then cuts what has begun: a length that is no number, a body that is longer or shorter than declared, a 101 that
// nobody asked for. Nothing incomplete is ever made to look complete.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

extension Gateway {
    /// Passes an answer before the answer on, to who can understand it (RFC 9110 §15.2: never to HTTP/1.0), and `100 Continue`
    /// once at most. Each is a sign that the service works, so the wait for its answer begins anew. A visitor that does not
    /// read gets none.
    mutating func inform(_ id: ConnectionID, _ interim: WebInformational, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.status == nil, exchange.replay == nil else { return }
        if interim.status == 100 { return sayContinue(id, now, &outputs) }
        if !exchange.awaitsContinue { setDeadline(of: id, at: now.advanced(by: configuration.web.timeout)) }
        guard exchange.request.minorVersion >= 1, visitors[id]?.queuedBytes ?? 0 <= Self.maximumQueuedInterimBytes else {
            return
        }
        var fields = HeaderRules.toVisitor(
            interim.fields, prefix: exchange.prefix, host: exchange.host, rescuedPath: rescuedPath(exchange))
        fields.removeAll(.contentLength)  // RFC 9110 §8.6
        var bytes: [UInt8] = []
        // Fields that came through the tunnel are legal ones, and the status was checked there.
        try? HTTPResponseHead(status: interim.status, fields: fields).encode(into: &bytes)
        write(id, bytes[...], &outputs)
    }

    /// What may wait for a visitor before interim answers are left out: nothing else limits them.
    private static let maximumQueuedInterimBytes = 16 * 1024

    mutating func respond(_ id: ConnectionID, _ response: WebResponse, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.status == nil else { return }
        if response.status == 101, !UpgradeRules.grants(response.fields, exchange.upgrade) {
            let reason = exchange.isUpgrade ? "it switched to another protocol than asked for" : "it switched protocols unasked"
            return failExchange(id, .serviceBroken(reason), .protocolError, now, &outputs)
        }
        if exchange.replay != nil { return beginReplayedAnswer(exchange, response, now) }
        var fields = HeaderRules.toVisitor(
            response.fields, prefix: exchange.prefix, host: exchange.host, rescuedPath: rescuedPath(exchange))
        guard let framing = frame(response, answering: exchange.request, &fields) else {
            return failExchange(id, .serviceBroken("its Content-Length is not one number"), .protocolError, now, &outputs)
        }
        // Who was not told to send its body must be told that nobody waits for it any more (RFC 9110 §10.1.1).
        let keepsAlive = exchange.keepsAlive && framing != .untilClose && !isDraining && !exchange.awaitsContinue
        try? fields.append(.xRequestID, exchange.requestID)  // an id is a legal value
        addRescueFields(id, exchange, response.status, to: &fields)
        var head = HTTPResponseHead(status: response.status, fields: fields)
        if response.status == 101 {
            try? head.fields.append(.connection, "Upgrade")
            try? head.fields.append(.upgrade, exchange.upgrade ?? "")
        } else {
            head.setConnection(keepsAlive: keepsAlive, minorVersion: exchange.request.minorVersion)
        }
        let dated = head.fields.contains(.date) ? HTTPFields() : date.field(clock.unixSeconds(at: now))
        var bytes: [UInt8] = []
        do { try head.encode(into: &bytes, adding: dated) } catch {
            return failExchange(id, .serviceBroken("its head holds an illegal field"), .protocolError, now, &outputs)
        }
        write(id, bytes[...], &outputs)
        exchange.status = response.status
        answerBegan(exchange, head, now)
        exchange.keepsAlive = keepsAlive
        exchange.encoder = HTTPBodyEncoder(framing)
        if configuration.web.sseKeepAlive > .zero {
            exchange.eventStream = EventStreamTail(response.status, fields, framing, method: exchange.request.method)
        }
        watchWriting(id, now)
        if exchange.isUpgrade { settleUpgrade(id, isGranted: response.status == 101, now, &outputs) }
    }

    /// How the answer's body is framed towards this visitor (RFC 9112 §6.3), with the fields that say so. Nil: its length is no
    /// number.
    private func frame(_ response: WebResponse, answering request: HTTPRequestHead, _ fields: inout HTTPFields)
        -> HTTPBodyFraming?
    {
        // RFC 9110 §8.6: neither may have a length.
        if response.status == 101 || response.status == 204 { fields.removeAll(.contentLength) }
        if response.status == 101 { return .untilClose }
        let isBodyless = request.method == "HEAD" || response.status == 204 || response.status == 304
        let declared = fields.first(.contentLength)
        let isSilent = declared == nil && !response.hasBody && !isBodyless
        if let count = isBodyless ? nil : response.wholeBodyCount ?? (isSilent ? 0 : nil) {
            fields.removeAll(.contentLength)
            try? fields.append(.contentLength, "\(count)")
            return .length(UInt64(count))
        }
        if let declared {
            guard fields.count(of: .contentLength) == 1, let count = HTTPBodyFraming.decimal(declared) else { return nil }
            return isBodyless ? HTTPBodyFraming.none : .length(count)
        }
        if isBodyless { return HTTPBodyFraming.none }
        guard request.minorVersion >= 1 else { return .untilClose }
        try? fields.append(.transferEncoding, "chunked")
        return .chunked
    }

    /// After a 101 the bytes that came beside it begin the stream; after anything else the request was an ordinary one.
    private mutating func settleUpgrade(_ id: ConnectionID, isGranted: Bool, _ now: Moment, _ outputs: inout Outputs) {
        if isGranted {
            statistics.upgrades &+= 1
            visitors[id]?.phase = .upgraded
            setReading(id, true, &outputs)  // it may have been stopped for what it sent ahead
            if let unread = visitors[id]?.decoder.takeUnread(), !unread.isEmpty { forwardBody(id, unread, now, &outputs) }
        } else {
            visitors[id]?.exchange?.upgrade = nil
            endRequest(id, HTTPFields(), now, &outputs)
        }
    }

    mutating func deliver(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id], let exchange = visitor.exchange, exchange.status != nil, visitor.phase != .closing
        else { return }
        let queuedBefore = visitor.queuedBytes
        guard writeBody(id, exchange, bytes, &outputs) else {
            return failExchange(id, .serviceBroken("its body is longer than it said"), .protocolError, now, &outputs)
        }
        exchange.responseBytes += UInt64(bytes.count)
        receivedBody(exchange, bytes.count)
        if let number = exchange.capture { inspector.store.appendResponseBody(bytes, to: number) }
        if exchange.replay != nil, exchange.responseBytes > UInt64(ReplayRequest.maximumAnswerBytes) {
            return cutReplay(id, now, &outputs)
        }
        exchange.eventStream?.append(bytes)
        if visitor.queuedBytes == queuedBefore {
            // Of no use to anyone (HEAD).
            agents[exchange.connection]?.session.consumed(bytes.count, on: exchange.stream, now: now)
        } else {
            exchange.heldBytes += bytes.count
            if let link = agents[exchange.connection] { visitorHolds(visitor, bytes.count, of: link) }
            watchWriting(id, now)
        }
    }

    /// Nothing was sent of a stream of events for a while: a comment, if it stands between two of them.
    mutating func keepEventStreamOpen(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, let tail = exchange.eventStream else { return }
        guard configuration.web.sseKeepAlive > .zero else {
            exchange.eventStream = nil  // switched off meanwhile
            return
        }
        if tail.isBetweenEvents { _ = writeBody(id, exchange, EventStreamTail.comment, &outputs) }
        watchWriting(id, now)
    }

    /// False: more than was declared. A body to a HEAD, or with a 304, is dropped.
    private mutating func writeBody(
        _ id: ConnectionID, _ exchange: WebExchange, _ bytes: ArraySlice<UInt8>, _ outputs: inout Outputs
    ) -> Bool {
        if exchange.encoder.framing == .none { return true }
        var prefix: [UInt8] = []
        var suffix: [UInt8] = []
        do {
            try exchange.encoder.encodePrefix(bytes.count, into: &prefix)
        } catch {
            return false
        }
        exchange.encoder.encodeSuffix(into: &suffix)
        write(id, prefix[...], &outputs)
        write(id, bytes, &outputs)
        write(id, suffix[...], &outputs)
        return true
    }

    mutating func endResponse(_ id: ConnectionID, _ trailers: HTTPFields, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id], let exchange = visitor.exchange, exchange.status != nil else { return }
        exchange.responseEnded = true
        if visitor.phase == .upgraded {
            outputs.append(.transport(.finishWriting(id)))
        } else {
            var bytes: [UInt8] = []
            // Only the chunked coding can carry trailers; elsewhere they may be dropped (RFC 9110 §6.5.1).
            let trailers = exchange.encoder.framing == .chunked ? HeaderRules.trailersToVisitor(trailers) : HTTPFields()
            do {
                try exchange.encoder.finish(trailers: trailers, into: &bytes)
            } catch {
                return failExchange(id, .serviceBroken("its body is shorter than it said"), .protocolError, now, &outputs)
            }
            write(id, bytes[...], &outputs)
        }
        finishIfOver(id, now, &outputs)
    }

    /// After the answer's last byte the connection takes the next request. If the request is still coming, nobody wants the
    /// rest.
    mutating func finishIfOver(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id], let exchange = visitor.exchange, exchange.responseEnded else { return }
        if !exchange.requestEnded {
            if visitor.phase == .upgraded { return }
            abandonExchange(id, .cancelled, now, &outputs)
            return closeVisitor(id, now, &outputs)
        }
        forget(exchange)
        exchangeEnded(id, exchange, outcome: "done", now, &outputs)
        visitor.exchange = nil
        if let request = exchange.replay { return answerReplay(id, exchange, request, now, &outputs) }
        guard exchange.keepsAlive, visitor.phase == .exchanging else {
            let hasParted = !exchange.request.keepsAlive && visitor.phase == .exchanging && visitor.decoder.unreadCount == 0
            return closeVisitor(id, lingers: !hasParted, now, &outputs)
        }
        beginNextRequest(id, now, &outputs)
        setReading(id, true, &outputs)
        pumpVisitor(id, now, &outputs)
    }
}
