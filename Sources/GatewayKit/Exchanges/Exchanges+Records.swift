// What is kept of exchanges, in the moments that each has: it was given to an agent, its response began, it is over. Whatever
// counts, records or logs exchanges is told here.

import HTTPCodec
import Inspection
import MachineCore
import TunnelLink

extension Exchanges {
    /// An agent was asked for it as `web`. Called once for each exchange.
    func began(_ exchange: Exchange, _ web: ForwardedRequest, replayOf original: UInt64? = nil, _ now: Moment) {
        metrics.exchangeBegan(exchange.agent.counters)
        if exchange.agent.isInspected { capture(exchange, web.whole, replayOf: original, now) }
    }

    private func capture(_ exchange: Exchange, _ web: WebRequest, replayOf original: UInt64?, _ now: Moment) {
        let request = exchange.request
        var record = CapturedExchange(
            agentID: exchange.agentID, method: web.method, path: web.path, query: web.query, fields: web.fields,
            startedAtMilliseconds: environment.clock.unixMilliseconds(at: request.received))
        record.peer = environment.forwarding.clientText(exchange.visitor.peer, request.head.fields)
        record.requestID = request.id
        record.queueMicroseconds = exchange.microseconds(until: now)
        record.replayOf = original
        exchange.capture = inspector.requestBegan(record, now)
    }

    /// The head of the response goes to the visitor as `head`. Called at most once for each exchange.
    func responseBegan(_ exchange: Exchange, _ head: ForwardedResponse, _ now: Moment) {
        exchange.status = head.status
        exchange.respondedAt = now
        metrics.responseBegan(head.status, after: now.nanoseconds &- exchange.started.nanoseconds)
        if let number = exchange.capture {
            inspector.responseBegan(number, head.whole, afterMicroseconds: exchange.microseconds(until: now))
        }
    }

    /// It is over: `done`, `cancelled` (the visitor has gone), or the code of an error. Called once for each exchange.
    func ended(_ exchange: Exchange, outcome: String, _ turn: inout Turn) {
        let hasFailed = outcome != "done" && outcome != "cancelled"
        let waited = hasFailed && exchange.status == nil ? turn.now.nanoseconds &- exchange.started.nanoseconds : nil
        metrics.exchangeEnded(exchange.agent.counters, hasFailed: hasFailed, failedAfter: waited)
        captureEnd(exchange, outcome, turn.now)
        if environment.configuration.logsRequests { log(exchange, outcome, &turn) }
        if environment.configuration.accessLog != .off { writeAccessLog(exchange, outcome, &turn) }
    }

    /// The agent refused it unprocessed, and another is asked: to be counted again, and not logged yet.
    func refused(_ exchange: Exchange, _ now: Moment) {
        metrics.exchangeEnded(exchange.agent.counters, hasFailed: false, failedAfter: nil)
        captureEnd(exchange, GatewayError.tooManyStreams(exchange.agentID).code, now)
    }

    private func captureEnd(_ exchange: Exchange, _ outcome: String, _ now: Moment) {
        guard let number = exchange.capture else { return }
        let microseconds = exchange.microseconds(until: now)
        inspector.ended(number, of: exchange.agentID, outcome: outcome, afterMicroseconds: microseconds, now)
    }

    private func log(_ exchange: Exchange, _ outcome: String, _ turn: inout Turn) {
        let request = exchange.request
        let path = request.head.target.prefix { $0 != UInt8(ascii: "?") }  // a query may hold secrets
        var record = LogRecord(
            .info, "web.request",
            [
                .init("id", request.id), .init("agent", exchange.agentID), .init("peer", exchange.visitor.peer),
                .init("method", request.head.method), .init("path", String(decoding: path, as: UTF8.self)),
                .init("status", exchange.status.map { "\($0)" } ?? "-"), .init("outcome", outcome),
                .init("in", "\(exchange.requestBytes)"), .init("out", "\(exchange.responseBytes)"),
                .init("ms", "\(turn.now.since(exchange.started).wholeMilliseconds)"),
            ])
        record.isAskedFor = true
        turn.emit(.log(record))
    }

    /// Writes the line of an exchange that has a response, or that its visitor gave up. What fails before becomes a response of
    /// ours.
    private func writeAccessLog(_ exchange: Exchange, _ outcome: String, _ turn: inout Turn) {
        guard exchange.status != nil || outcome == "cancelled" else { return }
        let request = exchange.request
        turn.emit(
            .access(
                AccessRecord(
                    requestID: request.id, time: environment.clock.unixSeconds(at: request.received),
                    peer: environment.forwarding.clientText(exchange.visitor.peer, request.head.fields), request: request.head,
                    agentID: exchange.agentID, status: exchange.status, requestBytes: exchange.requestBytes,
                    responseBytes: exchange.responseBytes,
                    untilResponse: exchange.respondedAt.map { $0.since(request.received) },
                    duration: turn.now.since(request.received), tlsVersion: request.security?.version, outcome: outcome)))
    }
}
