// A visitor's connection: requests are decoded one at a time (RFC 9112 §9.3.2: pipelined ones wait), routed, and answered here
// or handed to an exchange.

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    mutating func accept(_ id: ConnectionID, peer: String, _ now: Moment, _ outputs: inout Outputs) {
        if configuration.proxyProtocol != .off, awaitsProxyHeader(id, peer: peer, now, &outputs) { return }
        acceptVisitor(id, peer: peer, now, &outputs)
    }

    /// The connection is that of a client at `peer`.
    mutating func acceptVisitor(_ id: ConnectionID, peer: String, _ now: Moment, _ outputs: inout Outputs) {
        let visitor = Visitor(peer: peer, limits: configuration.limits.http)
        visitors[id] = visitor
        setDeadline(of: id, at: now.advanced(by: configuration.limits.headTimeout))
        countConnection(id, visitor, now, &outputs)
        if neighbours.connections(beside: loop, census) > configuration.limits.maximumConnections {
            answer(id, .overloaded, to: nil, now, &outputs)
        }
    }

    mutating func receiveFromVisitor(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        statistics.bytesIn &+= UInt64(bytes.count)
        switch visitor.phase {
        case .closing, .watching: break
        case .upgraded: forwardBody(id, bytes, now, &outputs)
        case .receivingHead, .paused, .awaitingAgent, .exchanging, .collecting, .discarding:
            visitor.decoder.receive(bytes)
            visitor.ownResponses = 0
            if visitor.phase == .receivingHead, !visitor.hasBegun {
                visitor.hasBegun = true
                if pausesBeforeNext(id, visitor, now, &outputs) { return }
                setDeadline(of: id, at: now.advanced(by: configuration.limits.headTimeout))
            }
            pumpVisitor(id, now, &outputs)
        }
    }

    /// The visitor will send no more. On an upgraded stream that is half of the conversation; otherwise it is gone, as a
    /// browser is whose tab was closed, and whoever still works for it must stop.
    mutating func visitorFinished(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        switch visitor.phase {
        case .upgraded:
            if let exchange = visitor.exchange, !exchange.requestEnded { endRequest(id, HTTPFields(), now, &outputs) }
        case .exchanging, .discarding:
            abandonExchange(id, .cancelled, now, &outputs)
            closeVisitor(id, now, &outputs)
        case .receivingHead, .paused, .collecting, .watching: closeVisitor(id, now, &outputs)
        case .awaitingAgent:
            forgetWaiting(id)
            closeVisitor(id, now, &outputs)
        case .closing: break
        }
    }

    /// The connection is gone.
    mutating func loseVisitor(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        abandonExchange(id, .cancelled, now, &outputs)
        forgetWaiting(id)
        forgetWatcher(id)
        inspector.forgetReplayer(id)
        if let visitor = visitors[id] { releaseBody(visitor, leaving: 0) }
        uncountConnection(visitors[id])
        visitors[id] = nil
        deadlines.cancel(.visitor(id))
    }

    /// Handles all that the decoder has. Also called when an answer is complete, for a pipelined request.
    mutating func pumpVisitor(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        do {
            while visitor.takesRequests, let event = try visitor.decoder.next() {
                switch event {
                case .head(let head, let framing): route(id, head, framing, now, &outputs)
                case .body(let bytes):
                    if visitor.phase == .collecting {
                        collect(id, bytes, now, &outputs)
                    } else {
                        forwardBody(id, bytes, now, &outputs)
                    }
                case .end(let trailers): requestEnded(id, trailers, now, &outputs)
                case .closed: closeVisitor(id, now, &outputs)
                }
            }
            boundUnread(id, visitor, &outputs)
        } catch {
            refuse(id, error, now, &outputs)
        }
    }

    /// Of a later request, before the response is out.
    private static let maximumUnreadBytes = 8 * 1024

    /// Bytes of a later request wait in the kernel, not here. Where there will be none, what came is forgotten.
    private mutating func boundUnread(_ id: ConnectionID, _ visitor: Visitor, _ outputs: inout Outputs) {
        switch visitor.phase {
        case .exchanging:
            guard visitor.decoder.isPaused,
                visitor.decoder.unreadCount > Self.maximumUnreadBytes
            else { return }
            setReading(id, false, &outputs)
        case .watching, .closing: _ = visitor.decoder.takeUnread()
        case .receivingHead, .paused, .awaitingAgent, .collecting, .discarding, .upgraded: break
        }
    }

    private mutating func refuse(_ id: ConnectionID, _ error: HTTPDecodeError, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else {
            return answer(id, .malformed(error), to: nil, now, &outputs)
        }
        let hasAnswer = exchange.status != nil
        abandonExchange(id, .cancelled, now, &outputs)
        if hasAnswer {
            closeVisitor(id, now, &outputs)
        } else {
            answer(id, .malformed(error), to: nil, now, &outputs)
        }
    }

    // MARK: Routing

    private mutating func route(
        _ id: ConnectionID, _ head: HTTPRequestHead, _ framing: HTTPBodyFraming, _ now: Moment, _ outputs: inout Outputs
    ) {
        let request = VisitorRequest(head: head, framing: framing, id: requestIDs.id(for: head.fields), received: now)
        statistics.requests &+= 1
        if UpgradeRules.isNobodys(head.method) { return refuseMethod(id, request, now, &outputs) }
        let destination = router.route(head)
        if configuration.limits.perAddress.requestsPerSecond > 0, destination != .tunnel,
            let wait = chargeRequest(id, head, now, &outputs)
        {
            return answer(id, .tooManyRequests(wait), to: request, now, &outputs)
        }
        switch destination {
        case .web(let route): beginExchange(id, request, route, now, &outputs)
        case .tunnel: upgradeAgent(id, request, isAtHome: neighbours.isEmpty, now, &outputs)
        case .addSlash(let route): redirectToSlash(id, request, route, now, &outputs)
        case .own(let route): console(id, request, route, now, &outputs)
        case .formerlyOwn(let route):
            if !rescue(id, request, isFormerlyOwn: true, now, &outputs) { console(id, request, route, now, &outputs) }
        case .notFound:
            if !rescue(id, request, now, &outputs) { answer(id, .notFound, to: request, now, &outputs) }
        }
    }

    /// No tunnels, and no echo of what proxies have added (RFC 9110 §9.3.6, §9.3.8), wherever the request was to go. The connection
    /// ends: what follows a CONNECT may be anything.
    private mutating func refuseMethod(
        _ id: ConnectionID, _ request: VisitorRequest, _ now: Moment, _ outputs: inout Outputs
    ) {
        var request = request
        try? request.head.fields.set(.connection, "close")
        answer(id, .methodNotAllowed(allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"), to: request, now, &outputs)
    }

    /// `/web/{id}` means `/web/{id}/`, and only there do the service's relative links lead to the service.
    private mutating func redirectToSlash(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: WebRoute, _ now: Moment, _ outputs: inout Outputs
    ) {
        var location = Array("\(route.prefix)/".utf8)
        if let query = route.query { location += [UInt8(ascii: "?")] + query }
        var page = OwnAnswer.text(308, "The web service is at \(route.prefix)/\n")
        try? page.fields.append(.location, bytes: location[...])
        answer(id, page, to: request, now, &outputs)
    }

    // MARK: Answers of our own

    /// `page`: what is said of it, if not what is said to everybody.
    mutating func answer(
        _ id: ConnectionID, _ error: GatewayError, as page: OwnAnswer? = nil, to request: VisitorRequest?, _ now: Moment,
        _ outputs: inout Outputs
    ) {
        statistics.errors[error.code, default: 0] &+= 1
        let page = page ?? .error(error, to: request, language(of:))
        log(
            .debug, "visitor.refused",
            [
                .init("peer", visitors[id]?.peer ?? ""), .init("status", "\(error.status)"), .init("code", error.code),
                .init("id", request?.id ?? "-"),
            ], &outputs)
        answer(id, page, to: request, now, &outputs)
    }

    /// Sends a whole answer. Without a request, or when its body is too long to be read and thrown away, the connection ends
    /// with it.
    mutating func answer(
        _ id: ConnectionID, _ page: OwnAnswer, to request: VisitorRequest?, _ now: Moment, _ outputs: inout Outputs
    ) {
        inspector.forgetReplayer(id)
        guard let visitor = visitors[id], visitor.phase != .closing else { return }
        visitor.ownResponses += 1
        var page = page
        if let request { bring(&page, underPrefixOf: visitor.peer, request.head) }
        let mayStay =
            request.map { $0.head.keepsAlive && $0.canDiscard(upTo: configuration.limits.maximumDiscardedBody) } ?? false
        let keepsAlive = mayStay && !isDraining
        statistics.ownAnswers.count(page.status)
        var head = HTTPResponseHead(status: page.status, fields: page.fields)
        try? head.fields.append(.server, "miagent")
        try? head.fields.append(.contentLength, "\(page.body.count)")
        if let request {
            try? head.fields.append(.xRequestID, request.id)
            recordOwnAnswer(id, request, page, now, &outputs)
        }
        head.setConnection(keepsAlive: keepsAlive, minorVersion: request?.head.minorVersion ?? 1)
        var bytes: [UInt8] = []
        // Every field was made here, of checked parts.
        try? head.encode(into: &bytes, adding: date.field(clock.unixSeconds(at: now)))
        if request?.head.method != "HEAD" { bytes.append(contentsOf: page.body) }
        write(id, bytes[...], &outputs)
        visitor.exchange = nil
        if !keepsAlive {
            closeVisitor(id, now, &outputs)
        } else if request?.isOver == true {
            beginNextRequest(id, now, &outputs)
        } else {
            visitor.phase = .discarding
            setDeadline(of: id, at: now.advanced(by: configuration.limits.headTimeout))
        }
    }

    /// The request's last byte came.
    private mutating func requestEnded(_ id: ConnectionID, _ trailers: HTTPFields, _ now: Moment, _ outputs: inout Outputs) {
        switch visitors[id]?.phase {
        case .discarding: beginNextRequest(id, now, &outputs)
        case .collecting: finishCollecting(id, now, &outputs)
        default: endRequest(id, trailers, now, &outputs)
        }
    }

    /// The connection is ready for another request, of which something may be here already.
    mutating func beginNextRequest(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        visitor.exchange = nil
        if !visitor.refusedBy.isEmpty { visitor.refusedBy = [] }
        visitor.phase = .receivingHead
        visitor.decoder.startNextMessage()
        let hasBegun = !visitor.decoder.isIdle
        visitor.hasBegun = hasBegun
        if hasBegun, pausesBeforeNext(id, visitor, now, &outputs) { return }
        setDeadline(of: id, at: now.advanced(by: hasBegun ? configuration.limits.headTimeout : idleTimeout))
    }

    // MARK: The transport's side

    mutating func write(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ outputs: inout Outputs) {
        guard !bytes.isEmpty else { return }
        visitors[id]?.queuedBytes += bytes.count
        statistics.bytesOut &+= UInt64(bytes.count)
        outputs.append(.transport(.write(id, bytes)))
    }

    mutating func setReading(_ id: ConnectionID, _ isOn: Bool, _ outputs: inout Outputs) {
        guard let visitor = visitors[id], visitor.isReading != isOn, visitor.phase != .closing, visitor.phase != .paused
        else { return }
        visitors[id]?.isReading = isOn
        outputs.append(.transport(.setReading(id, isOn)))
    }

    /// `lingers` is false for a visitor that asked for the end (RFC 9112 §9.6) and has sent nothing after its request.
    mutating func closeVisitor(
        _ id: ConnectionID, lingers: Bool = true, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let phase = visitors[id]?.phase, phase != .closing else { return }
        visitors[id]?.phase = .closing
        setDeadline(of: id, at: now.advanced(by: configuration.limits.writeTimeout))
        outputs.append(.transport(lingers ? .close(id) : .closeAtOnce(id)))
    }

    /// The visitor's socket took `count` bytes: credit for whatever of them was an answer's body.
    mutating func visitorTook(_ id: ConnectionID, _ count: Int, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        visitor.queuedBytes = max(0, visitor.queuedBytes - count)
        if visitor.bodyBytes > visitor.queuedBytes { releaseBody(visitor, leaving: visitor.queuedBytes) }
        watchWriting(id, now)
        guard let exchange = visitor.exchange else {
            if visitor.phase == .paused { return pausedVisitorRead(id, visitor) }
            return watcherCaughtUp(id, visitor, now, &outputs)
        }
        let released = exchange.heldBytes - min(exchange.heldBytes, visitor.queuedBytes)
        if released > 0 {
            exchange.heldBytes -= released
            agents[exchange.connection]?.session.consumed(released, on: exchange.stream, now: now)
            markDirty(exchange.connection)
        }
    }

    // MARK: Time

    mutating func setDeadline(of id: ConnectionID, at moment: Moment?) {
        guard let visitor = visitors[id] else { return }
        visitor.deadline = moment
        guard let moment else { return }
        if let armed = visitor.armed, armed <= moment { return }
        visitor.armed = moment
        deadlines.set(.visitor(id), at: moment)
    }

    mutating func visitorDeadlinePassed(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id] else { return }
        visitors[id]?.armed = nil
        guard let deadline = visitor.deadline else { return }
        guard deadline <= now else { return setDeadline(of: id, at: deadline) }
        visitors[id]?.deadline = nil
        switch visitor.phase {
        case .receivingHead where visitor.hasBegun, .collecting: answer(id, .requestTimedOut, to: nil, now, &outputs)
        case .receivingHead, .discarding: closeVisitor(id, now, &outputs)
        case .awaitingAgent: waitIsOver(id, now, &outputs)
        case .exchanging: exchangeTimedOut(id, now, &outputs)
        case .watching: watcherDeadlinePassed(id, now, &outputs)
        case .paused, .upgraded, .closing: outputs.append(.transport(.abort(id)))
        }
    }
}

extension HTTPResponseHead {
    /// Says whether the connection stays, where the version does not say so by itself (RFC 9112 §9.3).
    mutating func setConnection(keepsAlive: Bool, minorVersion: Int) {
        if !keepsAlive {
            try? fields.append(.connection, "close")
        } else if minorVersion == 0 {
            try? fields.append(.connection, "keep-alive")
        }
    }
}
