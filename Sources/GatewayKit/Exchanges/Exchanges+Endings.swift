// What goes wrong with an exchange, what each side is sent then, and how long either may take.
//
// Before the head of the response is out, an error is a response of ours; after it, the connection is cut so that no client
// takes a part for the whole. Whoever works for an exchange that is over is told at once.
//
// Nothing that may have been processed is sent twice. An agent's refusal (-32014, reset 1) says that it has done nothing about
// the request; what it was sent of a body is not kept here, so a request whose body has begun to flow is not sent again.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

extension Exchanges {
    /// Gives the exchange up and lets the visitor know: by a response if its head is not out, else by cutting the connection,
    /// so that nothing incomplete looks complete.
    func fail(_ exchange: Exchange, _ error: GatewayError, _ reason: ResetReason, _ turn: inout Turn) {
        guard self[exchange.id] != nil else { return }
        let visitor = exchange.visitor
        reset(exchange, reason, &turn)
        ended(exchange, outcome: error.code, &turn)
        remove(exchange)
        if let request = exchange.replay { return respondToReplay(exchange, request, &turn) }
        if exchange.status == nil {
            let request = exchange.request.failed(at: exchange.agentID, isOver: exchange.requestEnded)
            visitor.respond(.error(error, to: request), to: request, &turn)
            return visitor.setReading(true, &turn)
        }
        metrics.failed(error)
        // After these a plain end would look like the end of the body.
        if visitor.phase == .upgraded || visitor.response.framing == .untilClose {
            visitor.abort(&turn)
        } else {
            visitor.close(&turn)
        }
    }

    /// The visitor is gone: whoever works for it stops.
    func abandon(_ exchange: Exchange, _ turn: inout Turn) {
        reset(exchange, .cancelled, &turn)
        ended(exchange, outcome: "cancelled", &turn)
        remove(exchange)
    }

    /// Tells the agent that the rest of the exchange is not waited for, unless it is over there.
    private func reset(_ exchange: Exchange, _ reason: ResetReason, _ turn: inout Turn) {
        guard exchange.agent.session.isOpen(exchange.stream) else { return }
        exchange.agent.session.reset(exchange.stream, reason)
        metrics.resetByGateway(reason)
        logReset(exchange, reason, by: "gateway", &turn)
    }

    private func logReset(_ exchange: Exchange, _ reason: ResetReason, by whom: String, _ turn: inout Turn) {
        turn.log(
            .debug, "stream.reset",
            [
                .init("agent", exchange.agentID), .init("stream", "\(exchange.stream.rawValue)"), .init("reason", "\(reason)"),
                .init("by", whom), .init("id", exchange.request.id),
            ])
    }

    // MARK: From agents

    /// The agent's response is an error.
    func failed(_ exchange: Exchange, _ failure: RPCFailure, _ turn: inout Turn) {
        fail(exchange, Self.error(of: failure, agentID: exchange.agentID), .cancelled, &turn)
    }

    /// The agent gave the stream up.
    func streamReset(_ exchange: Exchange, _ reason: ResetReason, _ turn: inout Turn) {
        let error: GatewayError =
            switch reason {
            case .refused: .tooManyStreams(exchange.agentID)
            case .timedOut: .serviceTimedOut(seconds: 0)
            case .unreachable: .serviceUnreachable("it broke off")
            case .cancelled: .serviceBroken("the agent gave it up")
            case .overran, .protocolError: .serviceBroken("the agent broke the tunnel's rules")
            }
        fail(exchange, error, reason, &turn)
    }

    /// Counts and logs a stream that the agent gave up.
    func recordReset(_ exchange: Exchange, _ reason: ResetReason, _ turn: inout Turn) {
        metrics.resetByAgent(reason)
        logReset(exchange, reason, by: "agent", &turn)
    }

    /// The error that an agent's JSON-RPC failure means to a visitor.
    private static func error(of failure: RPCFailure, agentID: String) -> GatewayError {
        switch TunnelFailure(rawValue: failure.code) {
        case .serviceTimedOut: .serviceTimedOut(seconds: 0)
        case .tooManyStreams: .tooManyStreams(agentID)
        case .noWebService: .noWebService(agentID)
        case .serviceBroken, .bodyTooLarge: .serviceBroken(failure.message)
        case .serviceUnreachable, .unauthorized, .badAgentID, .duplicateAgent, nil: .serviceUnreachable(failure.message)
        }
    }

    /// Takes back a request that its agent refused unprocessed, so that it can go elsewhere; nil: that cannot be.
    func withdraw(_ exchange: Exchange, _ now: Moment) -> PendingRequest? {
        guard exchange.visitor.phase == .exchanging, exchange.status == nil, exchange.replay == nil, let route = exchange.route,
            exchange.requestBytes == 0
        else { return nil }
        let request = exchange.request.over(exchange.requestEnded || exchange.isUpgrade)
        if request.expectsContinue, !exchange.awaitsContinue { return nil }  // it was told to go on: its body is on its way
        refused(exchange, now)
        remove(exchange)
        exchange.agent.refusedAt = exchange.agent.session.openStreams
        exchange.visitor.requestRefused()
        return PendingRequest(
            request: request, route: route, refusedBy: exchange.refusedBy + [exchange.agent.id], waitUntil: exchange.waitUntil)
    }

    // MARK: Time

    /// The visitor's time limit has passed while its exchange is under way.
    func timedOut(_ exchange: Exchange, _ turn: inout Turn) {
        let visitor = exchange.visitor
        if exchange.replay != nil {
            cutReplay(exchange, &turn)
        } else if exchange.status != nil, exchange.eventStream != nil, visitor.queuedBytes == 0 {
            keepEventStreamOpen(exchange, &turn)
        } else if exchange.status != nil {  // it does not read
            abandon(exchange, &turn)
            visitor.abort(&turn)
        } else if exchange.awaitsContinue {
            writeContinue(exchange, &turn)
        } else if exchange.requestEnded || exchange.isUpgrade {
            let seconds = web.timeout.wholeMilliseconds / 1_000
            fail(exchange, .serviceTimedOut(seconds: seconds), .timedOut, &turn)
        } else {
            fail(exchange, .requestTimedOut, .cancelled, &turn)
        }
    }
}
