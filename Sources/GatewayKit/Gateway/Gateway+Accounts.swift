// What is kept of exchanges, in the three moments that each has: it was given to an agent, its answer began, it is over. Whoever
// counts, records or logs exchanges does it here; the bytes of bodies are counted by the exchange itself.

import HTTPCodec
import MachineCore

extension Gateway {
    /// An agent was asked. Called once for each exchange.
    mutating func exchangeBegan(_ id: ConnectionID, _ now: Moment) {}

    /// The head of the answer goes to the visitor as `head`. Called at most once for each exchange.
    mutating func answerBegan(_ exchange: WebExchange, _ head: HTTPResponseHead, _ now: Moment) {
        exchange.answeredAt = now
    }

    /// It is over: `done`, `cancelled` (the visitor has gone), or the code of an error. Called once for each exchange.
    mutating func exchangeEnded(
        _ id: ConnectionID, _ exchange: WebExchange, outcome: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        logExchange(id, exchange, outcome: outcome, now, &outputs)
        record(id, exchange, outcome: outcome, now, &outputs)
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
                .init("id", exchange.requestID), .init("agent", exchange.agentID), .init("peer", visitors[id]?.peer ?? ""),
                .init("method", exchange.request.method), .init("path", String(decoding: path, as: UTF8.self)),
                .init("status", exchange.status.map { "\($0)" } ?? "-"), .init("outcome", outcome),
                .init("in", "\(exchange.requestBytes)"), .init("out", "\(exchange.responseBytes)"),
                .init("ms", "\(milliseconds)"),
            ], &outputs)
    }
}
