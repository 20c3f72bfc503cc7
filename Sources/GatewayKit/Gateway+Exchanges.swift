// A request on its way to an agent, and its answer on its way back: each byte goes on when it is here.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

// MARK: The request

extension Gateway {
    mutating func beginExchange(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ now: Moment, _ outputs: inout Outputs
    ) {
        do throws(GatewayError) {
            let (record, removesAuthorization) = try admit(request, route)
            guard let connection = leastBusyTunnel(of: record) else { throw .agentOffline(route.agentID) }
            try checkBody(of: request, for: connection)
            try open(id, request, route, record, on: connection, removesAuthorization, now)
        } catch {
            return answer(id, error, to: request, now, &outputs)
        }
        visitors[id]?.phase = .exchanging
        setDeadline(of: id, at: now.advanced(by: configuration.web.timeout))
        if request.head.expectsContinue { write(id, Self.continueLine, &outputs) }
    }

    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)[...]

    /// The agent that the route means, if this visitor may speak to it; and whether `Authorization` held our own token.
    /// Who has no token learns nothing of who is here.
    private func admit(_ request: VisitorRequest, _ route: WebRoute) throws(GatewayError) -> (AgentRecord, Bool) {
        guard configuration.web.isEnabled else { throw .webServiceOff }
        let record = registry.record(for: route)
        let own = configuration.agents[record?.description.agentID ?? route.agentID]?.authTokens ?? []
        let tokens = own.isEmpty ? configuration.web.authTokens : own
        if !tokens.isEmpty {
            guard let token = Authorization.bearerToken(request.head.fields), Authorization.accepts(token, among: tokens) else {
                throw .unauthorized
            }
        }
        guard let record else { throw .unknownAgent(route.agentID) }
        guard record.isOnline else { throw .agentOffline(route.agentID) }
        guard record.description.servesWeb else { throw .noWebService(route.agentID) }
        return (record, !tokens.isEmpty)
    }

    private func leastBusyTunnel(of record: AgentRecord) -> ConnectionID? {
        record.connections.min { (agents[$0]?.session.openStreams ?? .max) < (agents[$1]?.session.openStreams ?? .max) }
    }

    private func checkBody(of request: VisitorRequest, for connection: ConnectionID) throws(GatewayError) {
        guard case .length(let count) = request.framing else { return }
        let maximum = maximumBody(through: connection)
        if count > maximum { throw .bodyTooLarge(limit: maximum) }
    }

    private func maximumBody(through connection: ConnectionID) -> UInt64 {
        let configured = configuration.web.maximumBody == 0 ? UInt64.max : configuration.web.maximumBody
        guard let session = agents[connection]?.session, session.version == .v1 else { return configured }
        return min(configured, UInt64(clamping: session.limits.maximumBufferedBody))
    }

    private mutating func open(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ record: AgentRecord, on connection: ConnectionID,
        _ removesAuthorization: Bool, _ now: Moment
    ) throws(GatewayError) {
        let head = request.head
        let peer = visitors[id]?.peer ?? ""
        let context = VisitorContext(
            peer: peer, isTrustedProxy: configuration.trustedProxies.contains(peer), prefix: route.prefix,
            removesAuthorization: removesAuthorization)
        var web = WebRequest(
            method: head.method, path: Array(route.path), query: route.query.map { Array($0) },
            fields: HeaderRules.toService(head, context), hasBody: request.framing != .none)
        // v1 has no way to leave HTTP, and after a body nobody could tell where the other protocol begins. A server may always
        // ignore the wish (RFC 9110 §7.8).
        let hasNoBody = request.framing == .none || request.framing == .length(0)
        let isUpgrade = head.isUpgrade && hasNoBody && agents[connection]?.session.version == .v2
        if isUpgrade {
            web.upgrade = head.fields[.upgrade]
            web.hasBody = true
        }
        guard let backlog = agents[connection]?.session.backlog, backlog < configuration.limits.tunnel.maximumBacklog / 2,
            let stream = agents[connection]?.session.open(web)
        else { throw .tooManyStreams(record.description.agentID) }
        agents[connection]?.visitors[stream] = id
        markDirty(connection)
        visitors[id]?.exchange = WebExchange(
            agentID: record.description.agentID, connection: connection, stream: stream, request: head, prefix: route.prefix,
            started: now, isUpgrade: isUpgrade, keepsAlive: head.keepsAlive)
    }

    /// Passes bytes of the request's body, or of an upgraded stream, on.
    mutating func forwardBody(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, !exchange.requestEnded else { return }
        let total = exchange.requestBytes + UInt64(bytes.count)
        visitors[id]?.exchange?.requestBytes = total
        let maximum = maximumBody(through: exchange.connection)
        guard exchange.isUpgrade || total <= maximum else {
            return failExchange(id, .bodyTooLarge(limit: maximum), .overran, now, &outputs)
        }
        if exchange.status == nil { setDeadline(of: id, at: now.advanced(by: configuration.web.timeout)) }
        markDirty(exchange.connection)
        switch agents[exchange.connection]?.session.send(bytes, on: exchange.stream, end: false) ?? .gone {
        case .sent, .gone: break
        case .full: setReading(id, false, &outputs)
        case .overflow: failExchange(id, .bodyTooLarge(limit: maximum), .overran, now, &outputs)
        }
    }

    /// The request is whole, or the visitor's half of an upgraded stream is over.
    mutating func endRequest(_ id: ConnectionID, _ trailers: HTTPFields, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return }
        // The head of an upgrade is whole, but its bytes begin only after the 101.
        if exchange.isUpgrade, visitors[id]?.phase != .upgraded { return }
        visitors[id]?.exchange?.requestEnded = true
        _ = agents[exchange.connection]?.session.send([], on: exchange.stream, end: true, trailers: trailers)
        markDirty(exchange.connection)
        finishIfOver(id, now, &outputs)
    }
}

// MARK: The answer

extension Gateway {
    mutating func respond(_ id: ConnectionID, _ response: WebResponse, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.status == nil else { return }
        if response.status == 101, !exchange.isUpgrade {
            return failExchange(id, .serviceBroken("it switched protocols unasked"), .protocolError, now, &outputs)
        }
        var fields = HeaderRules.toVisitor(response.fields, prefix: exchange.prefix, host: exchange.request.fields[.host])
        guard let framing = frame(response, answering: exchange.request, &fields) else {
            return failExchange(id, .serviceBroken("its Content-Length is not one number"), .protocolError, now, &outputs)
        }
        let keepsAlive = exchange.keepsAlive && framing != .untilClose && !isDraining
        var head = HTTPResponseHead(status: response.status, fields: fields)
        if response.status == 101 {
            try? head.fields.append(.connection, "Upgrade")
            try? head.fields.append(.upgrade, response.fields[.upgrade] ?? exchange.request.fields[.upgrade] ?? "")
        } else {
            head.setConnection(keepsAlive: keepsAlive, minorVersion: exchange.request.minorVersion)
        }
        if !head.fields.contains(.date) { try? head.fields.append(.date, date.text(clock.unixSeconds(at: now))) }
        var bytes: [UInt8] = []
        do { try head.encode(into: &bytes) } catch {
            return failExchange(id, .serviceBroken("its head holds an illegal field"), .protocolError, now, &outputs)
        }
        write(id, bytes[...], &outputs)
        visitors[id]?.exchange?.status = response.status
        visitors[id]?.exchange?.keepsAlive = keepsAlive
        visitors[id]?.exchange?.encoder = HTTPBodyEncoder(framing)
        watchWriting(id, now)
        if exchange.isUpgrade { settleUpgrade(id, isGranted: response.status == 101, now, &outputs) }
    }

    /// How the answer's body is framed towards this visitor (RFC 9112 §6.3), with the fields that say so. Nil: its length is no number.
    private func frame(_ response: WebResponse, answering request: HTTPRequestHead, _ fields: inout HTTPFields)
        -> HTTPBodyFraming?
    {
        // RFC 9110 §8.6: neither may have a length.
        if response.status == 101 || response.status == 204 { fields.removeAll(.contentLength) }
        if response.status == 101 { return .untilClose }
        let isBodyless = request.method == "HEAD" || response.status == 204 || response.status == 304
        let declared = fields.all(.contentLength)
        let isSilent = declared.isEmpty && !response.hasBody && !isBodyless
        if let count = isBodyless ? nil : response.wholeBodyCount ?? (isSilent ? 0 : nil) {
            fields.removeAll(.contentLength)
            try? fields.append(.contentLength, "\(count)")
            return .length(UInt64(count))
        }
        if let text = declared.first {
            guard declared.count == 1, let count = Self.decimal(text) else { return nil }
            return isBodyless ? HTTPBodyFraming.none : .length(count)
        }
        if isBodyless { return HTTPBodyFraming.none }
        guard request.minorVersion >= 1 else { return .untilClose }
        try? fields.append(.transferEncoding, "chunked")
        return .chunked
    }

    private static func decimal(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard !text.isEmpty, text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return UInt64(String(decoding: text, as: UTF8.self))
    }

    /// After a 101 the bytes that came beside it begin the stream; after anything else the request was an ordinary one.
    private mutating func settleUpgrade(_ id: ConnectionID, isGranted: Bool, _ now: Moment, _ outputs: inout Outputs) {
        if isGranted {
            visitors[id]?.phase = .upgraded
            setReading(id, true, &outputs)  // it may have been stopped for what it sent ahead
            if let unread = visitors[id]?.decoder.takeUnread(), !unread.isEmpty { forwardBody(id, unread, now, &outputs) }
        } else {
            visitors[id]?.exchange?.isUpgrade = false
            endRequest(id, HTTPFields(), now, &outputs)
        }
    }

    mutating func deliver(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.status != nil, visitors[id]?.phase != .closing else { return }
        let queuedBefore = visitors[id]?.queuedBytes ?? 0
        guard writeBody(id, bytes, exchange.encoder.framing, &outputs) else {
            return failExchange(id, .serviceBroken("its body is longer than it said"), .protocolError, now, &outputs)
        }
        visitors[id]?.exchange?.responseBytes += UInt64(bytes.count)
        if visitors[id]?.queuedBytes == queuedBefore {
            agents[exchange.connection]?.session.consumed(bytes.count, on: exchange.stream)  // of no use to anyone (HEAD)
        } else {
            visitors[id]?.exchange?.heldBytes += bytes.count
            watchWriting(id, now)
        }
    }

    /// False: more than was declared. A body to a HEAD, or with a 304, is dropped.
    private mutating func writeBody(
        _ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ framing: HTTPBodyFraming, _ outputs: inout Outputs
    ) -> Bool {
        if framing == .none { return true }
        var prefix: [UInt8] = []
        var suffix: [UInt8] = []
        do {
            try visitors[id]?.exchange?.encoder.encodePrefix(bytes.count, into: &prefix)
        } catch {
            return false
        }
        visitors[id]?.exchange?.encoder.encodeSuffix(into: &suffix)
        write(id, prefix[...], &outputs)
        write(id, bytes, &outputs)
        write(id, suffix[...], &outputs)
        return true
    }

    mutating func endResponse(_ id: ConnectionID, _ trailers: HTTPFields, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.status != nil else { return }
        visitors[id]?.exchange?.responseEnded = true
        if visitors[id]?.phase == .upgraded {
            outputs.append(.transport(.finishWriting(id)))
        } else {
            var bytes: [UInt8] = []
            // Only the chunked coding can carry trailers; elsewhere they may be dropped (RFC 9110 §6.5.1).
            let trailers = exchange.encoder.framing == .chunked ? trailers : HTTPFields()
            do {
                try visitors[id]?.exchange?.encoder.finish(trailers: trailers, into: &bytes)
            } catch {
                return failExchange(id, .serviceBroken("its body is shorter than it said"), .protocolError, now, &outputs)
            }
            write(id, bytes[...], &outputs)
        }
        finishIfOver(id, now, &outputs)
    }

    /// After the answer's last byte the connection takes the next request. If the request is still coming, nobody wants the rest.
    private mutating func finishIfOver(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange, exchange.responseEnded else { return }
        if !exchange.requestEnded {
            if visitors[id]?.phase == .upgraded { return }
            abandonExchange(id, .cancelled, now, &outputs)
            return closeVisitor(id, now, &outputs)
        }
        forget(exchange)
        logExchange(id, exchange, outcome: "done", now, &outputs)
        visitors[id]?.exchange = nil
        guard exchange.keepsAlive, visitors[id]?.phase == .exchanging else { return closeVisitor(id, now, &outputs) }
        beginNextRequest(id, now, &outputs)
        setReading(id, true, &outputs)
        pumpVisitor(id, now, &outputs)
    }
}

// MARK: What goes wrong

extension Gateway {
    /// Gives the exchange up and tells the visitor: by an answer if its head is not out, else by cutting the connection, so that
    /// nothing incomplete looks complete.
    mutating func failExchange(
        _ id: ConnectionID, _ error: GatewayError, _ reason: ResetReason, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let exchange = visitors[id]?.exchange else { return }
        let isUpgraded = visitors[id]?.phase == .upgraded
        agents[exchange.connection]?.session.reset(exchange.stream, reason)
        forget(exchange)
        logExchange(id, exchange, outcome: error.code, now, &outputs)
        visitors[id]?.exchange = nil
        if exchange.status == nil {
            let request = VisitorRequest(head: exchange.request, framing: .chunked, isOver: exchange.requestEnded)
            answer(id, error, to: request, now, &outputs)
            setReading(id, true, &outputs)
            pumpVisitor(id, now, &outputs)
        } else if isUpgraded || exchange.encoder.framing == .untilClose {
            visitors[id]?.phase = .closing
            outputs.append(.transport(.abort(id)))  // a plain end would look like the end of the body
        } else {
            closeVisitor(id, now, &outputs)
        }
    }

    /// The visitor is gone: whoever works for it stops.
    mutating func abandonExchange(_ id: ConnectionID, _ reason: ResetReason, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return }
        agents[exchange.connection]?.session.reset(exchange.stream, reason)
        forget(exchange)
        logExchange(id, exchange, outcome: "cancelled", now, &outputs)
        visitors[id]?.exchange = nil
    }

    mutating func exchangeTimedOut(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return closeVisitor(id, now, &outputs) }
        if exchange.status != nil {  // it does not read
            abandonExchange(id, .cancelled, now, &outputs)
            visitors[id]?.phase = .closing
            outputs.append(.transport(.abort(id)))
        } else if exchange.requestEnded || exchange.isUpgrade {
            let seconds = configuration.web.timeout.wholeMilliseconds / 1_000
            failExchange(id, .serviceTimedOut(seconds: seconds), .timedOut, now, &outputs)
        } else {
            failExchange(id, .requestTimedOut, .cancelled, now, &outputs)
        }
    }

    /// The error that an agent's JSON-RPC failure means to a visitor.
    static func visitorError(_ failure: RPCFailure, agentID: String, limit: UInt64) -> GatewayError {
        switch TunnelFailure(rawValue: failure.code) {
        case .serviceTimedOut: .serviceTimedOut(seconds: 0)
        case .tooManyStreams: .tooManyStreams(agentID)
        case .noWebService: .noWebService(agentID)
        case .serviceBroken, .bodyTooLarge: .serviceBroken(failure.message)
        case .serviceUnreachable, .unauthorized, .badAgentID, .duplicateAgent, nil: .serviceUnreachable(failure.message)
        }
    }

    /// An upgraded or streaming visitor may be quiet for as long as it likes, but what is sent to it must be read. Any progress
    /// counts, also after the answer's end: a slow visitor gets the whole of it.
    mutating func watchWriting(_ id: ConnectionID, _ now: Moment) {
        guard let phase = visitors[id]?.phase else { return }
        let limits = configuration.limits
        switch phase {
        case .exchanging where visitors[id]?.exchange?.status == nil, .receivingHead where visitors[id]?.hasBegun == true,
            .discarding:
            break
        case .exchanging, .upgraded:
            setDeadline(of: id, at: visitors[id]?.queuedBytes == 0 ? nil : now.advanced(by: limits.writeTimeout))
        case .receivingHead: setDeadline(of: id, at: now.advanced(by: limits.idleTimeout))
        case .closing: setDeadline(of: id, at: now.advanced(by: limits.writeTimeout))
        }
    }

    private mutating func forget(_ exchange: WebExchange) {
        agents[exchange.connection]?.visitors[exchange.stream] = nil
        markDirty(exchange.connection)
    }

    private func logExchange(
        _ id: ConnectionID, _ exchange: WebExchange, outcome: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard configuration.logsRequests else { return }
        let milliseconds = now.since(exchange.started).wholeMilliseconds
        let path = exchange.request.target.prefix { $0 != UInt8(ascii: "?") }  // a query may hold secrets
        log(
            .info, "web.request",
            [
                .init("agent", exchange.agentID), .init("peer", visitors[id]?.peer ?? ""),
                .init("method", exchange.request.method), .init("path", String(decoding: path, as: UTF8.self)),
                .init("status", exchange.status.map { "\($0)" } ?? "-"), .init("outcome", outcome),
                .init("in", "\(exchange.requestBytes)"), .init("out", "\(exchange.responseBytes)"),
                .init("ms", "\(milliseconds)"),
            ], &outputs)
    }
}

extension HTTPRequestHead {
    /// Whether the client asks to leave HTTP (RFC 9110 §7.8).
    var isUpgrade: Bool {
        minorVersion >= 1 && fields.contains(.upgrade) && fields.containsToken("upgrade", in: .connection)
    }
}
