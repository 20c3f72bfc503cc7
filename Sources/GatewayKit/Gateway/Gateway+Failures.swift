// What goes wrong with an exchange, what each side is told of it, and how long either may take.
//
// Before the head of the answer is out, an error is an answer of ours; after it, the connection is cut so that nobody takes a
// part for the whole. Whoever works for an exchange that is over is told at once.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

extension Gateway {
    /// Gives the exchange up and tells the visitor: by an answer if its head is not out, else by cutting the connection, so
    /// that nothing incomplete looks complete.
    mutating func failExchange(
        _ id: ConnectionID, _ error: GatewayError, _ reason: ResetReason, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let exchange = visitors[id]?.exchange else { return }
        let isUpgraded = visitors[id]?.phase == .upgraded
        reset(exchange, reason, &outputs)
        forget(exchange)
        exchangeEnded(id, exchange, outcome: error.code, now, &outputs)
        visitors[id]?.exchange = nil
        if let request = exchange.replay { return answerReplay(id, exchange, request, now, &outputs) }
        if exchange.status == nil {
            let request = VisitorRequest(
                head: exchange.request, framing: .chunked, id: exchange.requestID, received: exchange.received,
                agentID: exchange.agentID, isOver: exchange.requestEnded)
            answer(id, error, to: request, now, &outputs)
            setReading(id, true, &outputs)
            return pumpVisitor(id, now, &outputs)
        }
        statistics.errors[error.code, default: 0] &+= 1
        if isUpgraded || exchange.encoder.framing == .untilClose {
            visitors[id]?.phase = .closing
            outputs.append(.transport(.abort(id)))  // a plain end would look like the end of the body
        } else {
            closeVisitor(id, now, &outputs)
        }
    }

    /// The visitor is gone: whoever works for it stops.
    mutating func abandonExchange(_ id: ConnectionID, _ reason: ResetReason, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return }
        reset(exchange, reason, &outputs)
        forget(exchange)
        exchangeEnded(id, exchange, outcome: "cancelled", now, &outputs)
        visitors[id]?.exchange = nil
    }

    /// Tells the agent that nobody waits for the rest of the exchange, unless it is over there.
    private mutating func reset(_ exchange: WebExchange, _ reason: ResetReason, _ outputs: inout Outputs) {
        guard agents[exchange.connection]?.session.isOpen(exchange.stream) == true else { return }
        agents[exchange.connection]?.session.reset(exchange.stream, reason)
        statistics.resetsByGateway[reason, default: 0] &+= 1
        logReset(exchange, reason, by: "gateway", &outputs)
    }

    func logReset(_ exchange: WebExchange, _ reason: ResetReason, by whom: String, _ outputs: inout Outputs) {
        log(
            .debug, "stream.reset",
            [
                .init("agent", exchange.agentID), .init("stream", "\(exchange.stream.rawValue)"), .init("reason", "\(reason)"),
                .init("by", whom), .init("id", exchange.requestID),
            ], &outputs)
    }

    mutating func exchangeTimedOut(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let exchange = visitors[id]?.exchange else { return closeVisitor(id, now, &outputs) }
        if exchange.replay != nil {
            cutReplay(id, now, &outputs)
        } else if exchange.status != nil, exchange.eventStream != nil, visitors[id]?.queuedBytes == 0 {
            keepEventStreamOpen(id, now, &outputs)
        } else if exchange.status != nil {  // it does not read
            abandonExchange(id, .cancelled, now, &outputs)
            visitors[id]?.phase = .closing
            outputs.append(.transport(.abort(id)))
        } else if exchange.awaitsContinue {
            sayContinue(id, now, &outputs)
        } else if exchange.requestEnded || exchange.isUpgrade {
            let seconds = configuration.web.timeout.wholeMilliseconds / 1_000
            failExchange(id, .serviceTimedOut(seconds: seconds), .timedOut, now, &outputs)
        } else {
            failExchange(id, .requestTimedOut, .cancelled, now, &outputs)
        }
    }

    /// The error that an agent's JSON-RPC failure means to a visitor.
    static func visitorError(_ failure: RPCFailure, agentID: String) -> GatewayError {
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
        guard let visitor = visitors[id] else { return }
        switch visitor.phase {
        case .exchanging where visitor.exchange?.status == nil || visitor.exchange?.replay != nil,
            .receivingHead where visitor.hasBegun, .collecting,
            .discarding, .awaitingAgent:
            break
        case .watching:
            let patience = visitor.queuedBytes == 0 ? Self.watcherQuiet : configuration.limits.writeTimeout
            setDeadline(of: id, at: now.advanced(by: patience))
        case .exchanging, .upgraded:
            let isQuiet = visitor.queuedBytes == 0
            let hasEvents = isQuiet && visitor.exchange?.eventStream != nil
            let quiet = hasEvents ? now.advanced(by: configuration.web.sseKeepAlive) : nil
            setDeadline(of: id, at: isQuiet ? quiet : now.advanced(by: configuration.limits.writeTimeout))
        case .receivingHead: setDeadline(of: id, at: now.advanced(by: idleTimeout))
        case .paused, .closing: setDeadline(of: id, at: now.advanced(by: configuration.limits.writeTimeout))
        }
    }

    mutating func forget(_ exchange: WebExchange) {
        agents[exchange.connection]?.visitors.remove(exchange.stream)
        markDirty(exchange.connection)
    }
}
