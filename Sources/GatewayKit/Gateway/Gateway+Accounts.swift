// What is kept of exchanges, in the three moments that each has: it was given to an agent, its answer began, it is over. Whoever
// counts, records or logs exchanges does it here, and the bytes of their bodies as they pass.

import HTTPCodec
import MachineCore

extension Gateway {
    /// An agent was asked. Called once for each exchange.
    mutating func exchangeBegan(_ id: ConnectionID, _ now: Moment) {
        guard let exchange = visitors[id]?.exchange else { return }
        meter.openStreams += 1
        guard let tally = agents[exchange.connection]?.tally else { return }
        exchange.tally = tally
        tally.counts.requests &+= 1
        tally.counts.openStreams += 1
        meter.touch(tally)
    }

    /// Bytes of its body, or of an upgraded connection, go to the agent.
    @inline(__always) mutating func sentBody(_ exchange: WebExchange, _ count: Int) {
        statistics.bodyBytesIn &+= UInt64(count)
        guard let tally = exchange.tally else { return }
        tally.counts.bytesIn &+= UInt64(count)
        meter.touch(tally)
    }

    /// Bytes of the answer's body came from the agent.
    @inline(__always) mutating func receivedBody(_ exchange: WebExchange, _ count: Int) {
        statistics.bodyBytesOut &+= UInt64(count)
        guard let tally = exchange.tally else { return }
        tally.counts.bytesOut &+= UInt64(count)
        meter.touch(tally)
    }

    /// The head of the answer goes to the visitor as `head`. Called at most once for each exchange.
    mutating func answerBegan(_ exchange: WebExchange, _ head: HTTPResponseHead, _ now: Moment) {
        exchange.answeredAt = now
        statistics.answersOfAgents.count(head.status)
        meter.answered(after: now.nanoseconds &- exchange.started.nanoseconds)
        captureAnswer(exchange, head, now)
    }

    /// It is over: `done`, `cancelled` (the visitor has gone), or the code of an error. Called once for each exchange.
    mutating func exchangeEnded(
        _ id: ConnectionID, _ exchange: WebExchange, outcome: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        meter.openStreams -= 1
        let hasFailed = outcome != "done" && outcome != "cancelled"
        // Whoever got an error of ours instead of an answer has waited for it too.
        if hasFailed, exchange.status == nil { meter.answered(after: now.nanoseconds &- exchange.started.nanoseconds) }
        if let tally = exchange.tally {
            tally.counts.openStreams -= 1
            if hasFailed { tally.counts.failures &+= 1 }
            meter.touch(tally)
        }
        captureEnd(exchange, outcome: outcome, now)
        logExchange(id, exchange, outcome: outcome, now, &outputs)
        record(id, exchange, outcome: outcome, now, &outputs)
    }

    /// The agent refused it unprocessed, and another is asked: to be counted again, and not logged yet.
    mutating func exchangeRefused(_ exchange: WebExchange, _ now: Moment) {
        meter.openStreams -= 1
        if let tally = exchange.tally {
            tally.counts.openStreams -= 1
            meter.touch(tally)
        }
        captureEnd(exchange, outcome: GatewayError.tooManyStreams(exchange.agentID).code, now)
    }

    private func logExchange(
        _ id: ConnectionID, _ exchange: WebExchange, outcome: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard configuration.logsRequests else { return }
        let milliseconds = now.since(exchange.started).wholeMilliseconds
        let path = exchange.request.target.prefix { $0 != UInt8(ascii: "?") }  // a query may hold secrets
        var record = LogRecord(
            .info, "web.request",
            [
                .init("id", exchange.requestID), .init("agent", exchange.agentID), .init("peer", visitors[id]?.peer ?? ""),
                .init("method", exchange.request.method), .init("path", String(decoding: path, as: UTF8.self)),
                .init("status", exchange.status.map { "\($0)" } ?? "-"), .init("outcome", outcome),
                .init("in", "\(exchange.requestBytes)"), .init("out", "\(exchange.responseBytes)"),
                .init("ms", "\(milliseconds)"),
            ])
        record.isAskedFor = true
        outputs.append(.note(.log(record)))
    }
}
