// The request's side of an exchange: its body, byte by byte, its end, and `Expect: 100-continue` (RFC 9110 §10.1.1).

import HTTPCodec
import MachineCore
import TunnelLink

extension Exchanges {
    /// The visitor sends no body until it is told to. The service says so (v2), or time does; in v1 the request is on its way
    /// only when its body is here, so it is told at once.
    func settleExpectation(_ exchange: Exchange, _ turn: inout Turn) {
        exchange.awaitsContinue = true
        guard exchange.agent.session.version == .v2, !exchange.isUpgrade else { return writeContinue(exchange, &turn) }
        exchange.visitor.setDeadline(turn.now.advanced(by: environment.configuration.limits.continueTimeout))
    }

    /// Tells a visitor that waits for it to go on with its body.
    func writeContinue(_ exchange: Exchange, _ turn: inout Turn) {
        guard exchange.awaitsContinue else { return }
        exchange.awaitsContinue = false
        exchange.visitor.setDeadline(turn.now.advanced(by: web.timeout))
        exchange.visitor.writeContinue(&turn)
    }

    /// Passes bytes of the request's body, or of an upgraded connection, on.
    func forward(_ bytes: ArraySlice<UInt8>, _ exchange: Exchange, _ turn: inout Turn) {
        guard !exchange.requestEnded else { return }
        let agent = exchange.agent
        exchange.requestBytes += UInt64(bytes.count)
        metrics.bodyWentIn(bytes.count, agent.counters)
        if let number = exchange.capture { inspector.requestBody(bytes, of: number) }
        let maximum = agents.maximumBody(through: agent)
        guard exchange.isUpgrade || exchange.requestBytes <= maximum else {
            return fail(exchange, .bodyTooLarge(limit: maximum), .overran, &turn)
        }
        guard bodies.hasRoom(for: bytes.count, through: agent) else {
            fail(exchange, .buffersFull(exchange.agentID), .cancelled, &turn)
            return bodies.settle(agent)
        }
        if exchange.awaitsContinue, exchange.status == nil { writeContinue(exchange, &turn) }
        if exchange.status == nil { exchange.visitor.setDeadline(turn.now.advanced(by: web.timeout)) }
        agents.markDirty(agent)
        let outcome = agent.session.send(bytes, on: exchange.stream, end: false)
        bodies.settle(agent)
        switch outcome {
        case .sent, .gone: break
        case .full: exchange.visitor.setReading(false, &turn)
        case .overflow: fail(exchange, .bodyTooLarge(limit: maximum), .overran, &turn)
        }
    }

    /// The request is whole, or the visitor's half of an upgraded connection is over.
    func endRequest(_ exchange: Exchange, _ trailers: HTTPFields, _ turn: inout Turn) {
        // The head of an upgrade is whole, but its bytes begin only after the 101.
        if exchange.isUpgrade, exchange.visitor.phase != .upgraded { return }
        exchange.requestEnded = true
        exchange.awaitsContinue = false
        let trailers = HeaderRules.trailersToService(trailers)
        _ = exchange.agent.session.send([], on: exchange.stream, end: true, trailers: trailers)
        agents.markDirty(exchange.agent)
        finishIfOver(exchange, &turn)
    }

    /// The visitor will send no more. On an upgraded connection that is half of the conversation; otherwise it is gone, as a
    /// browser is whose tab was closed, and whoever still works for it must stop.
    func visitorFinished(_ exchange: Exchange, _ turn: inout Turn) {
        if exchange.visitor.phase == .upgraded {
            if !exchange.requestEnded { endRequest(exchange, HTTPFields(), &turn) }
        } else {
            abandon(exchange, &turn)
            exchange.visitor.close(&turn)
        }
    }
}
