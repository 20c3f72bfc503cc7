// `/metrics`: what all loops did and hold, in the formats of Prometheus. Docs/Operations.md lists the metrics.

import HTTPCodec
import MachineCore
import TunnelLink

extension Console {
    func prometheus(_ request: VisitorRequest, _ context: ConsoleContext) -> OwnResponse {
        let format = MetricsWriter.Format(accept: request.head.fields[.accept] ?? "")
        var writer = MetricsWriter(format)
        let total = metrics.total(visitors: context.visitors)
        writeGateway(total, context, to: &writer)
        writeAgents(total.statistics, views.summary(visitors: context.visitors), to: &writer)
        writeTraffic(total.statistics, to: &writer)
        writeTrouble(total.statistics, to: &writer)
        writer.family(
            "miagent_answer_latency_seconds", .histogram, unit: "seconds",
            "From the head of a request to the head of its response, or to an error of the gateway's own.")
        writer.histogram(metrics.latencies())
        writeCertificates(to: &writer)
        writeEachAgent(to: &writer)
        return OwnResponse(200, type: format.contentType, body: writer.finish())
    }

    private func writeGateway(_ total: LoopReport, _ context: ConsoleContext, to writer: inout MetricsWriter) {
        writer.family("miagent_build", .info, "The version of the gateway.")
        writer.sample([("version", GatewayConfiguration.programVersion)], 1)
        writer.family("miagent_start_time_seconds", .gauge, unit: "seconds", "When the gateway started, since 1970.")
        writer.sample(UInt64(clamping: environment.startedAt))
        writer.family("miagent_loops", .gauge, "Threads that serve.")
        writer.sample(UInt64(clamping: metrics.loopCount))
        writer.family("miagent_visitors", .gauge, "Connections that are no agent's.")
        writer.sample(UInt64(clamping: total.visitors))
        writer.family("miagent_open_streams", .gauge, "Requests on their way, streams and upgraded connections among them.")
        writer.sample(UInt64(clamping: total.openStreams))
        writer.family("miagent_draining", .gauge, "1 while the gateway drains.")
        writer.sample(context.isDraining ? 1 : 0)
    }

    private func writeAgents(_ statistics: GatewayStatistics, _ summary: GatewaySummary, to writer: inout MetricsWriter) {
        writer.family("miagent_agents_online", .gauge, "Agents whose tunnel stands.")
        writer.sample(UInt64(clamping: summary.agentsOnline))
        writer.family("miagent_agents_known", .gauge, "Those, and agents that are remembered while offline.")
        writer.sample(UInt64(clamping: summary.agentsKnown))
        writer.family("miagent_web_services", .gauge, "Agents online that serve the web.")
        writer.sample(UInt64(clamping: summary.webServices))
        writer.family("miagent_agents_registered", .counter, "Registrations; an agent that comes back counts again.")
        writer.sample(statistics.agentsRegistered)
        writer.family("miagent_agents_lost", .counter, "Registered agents that left, were lost or were replaced.")
        writer.sample(statistics.agentsLost)
    }

    private func writeTraffic(_ statistics: GatewayStatistics, to writer: inout MetricsWriter) {
        writer.family("miagent_requests", .counter, "Responses, by who made them and by the first digit of their status.")
        for (name, classes) in [("agent", statistics.agentResponses), ("gateway", statistics.ownResponses)] {
            for (status, count) in classes.byName { writer.sample([("by", name), ("status", status)], count) }
        }
        writer.family("miagent_request_heads", .counter, "Request heads of visitors and agents, whatever became of them.")
        writer.sample(statistics.requests)
        writer.family("miagent_exchanges", .counter, "Requests that were given to an agent.")
        writer.sample(statistics.exchanges)
        writer.family("miagent_upgrades", .counter, "Exchanges that left HTTP with a 101.")
        writer.sample(statistics.upgrades)
        writer.family("miagent_tls_handshakes", .counter, "TLS handshakes of clients that came to their end.")
        writer.sample(statistics.tlsHandshakes)
        writer.family("miagent_tls_handshake_failures", .counter, "TLS handshakes of clients that failed.")
        writer.sample(statistics.tlsHandshakeFailures)
        writer.family(
            "miagent_visitor_bytes", .counter, unit: "bytes", "Bytes from and to visitors, heads and framing included.")
        writer.sample([("direction", "in")], statistics.bytesIn)
        writer.sample([("direction", "out")], statistics.bytesOut)
        writer.family(
            "miagent_body_bytes", .counter, unit: "bytes", "Bytes of bodies and upgraded connections to and from agents.")
        writer.sample([("direction", "in")], statistics.bodyBytesIn)
        writer.sample([("direction", "out")], statistics.bodyBytesOut)
    }

    private func writeTrouble(_ statistics: GatewayStatistics, to writer: inout MetricsWriter) {
        writer.family("miagent_errors", .counter, "Errors of the gateway's own, by x-miagent-error.")
        for (code, count) in statistics.errors.sorted(by: { $0.key < $1.key }) { writer.sample([("code", code)], count) }
        writer.family("miagent_stream_resets", .counter, "Exchanges that were given up in a tunnel, by whom and why.")
        for (name, resets) in [("agent", statistics.resetsByAgents), ("gateway", statistics.resetsByGateway)] {
            for (reason, count) in resets.map({ ("\($0.key)", $0.value) }).sorted(by: { $0.0 < $1.0 }) {
                writer.sample([("by", name), ("reason", reason)], count)
            }
        }
    }

    /// The names that the gateway has certificates for, and those for which it has none.
    private func writeCertificates(to writer: inout MetricsWriter) {
        if certificates.isEmpty { return }
        writer.family(
            "miagent_certificate_expiry_seconds", .gauge, unit: "seconds",
            "When the certificate of a name expires, since 1970; 0: there is none.")
        for certificate in certificates {
            writer.sample([("name", certificate.name)], UInt64(clamping: certificate.notAfter ?? 0))
        }
        writer.family("miagent_certificate_failing", .gauge, "1 if the last attempt at a certificate of the name failed.")
        for certificate in certificates { writer.sample([("name", certificate.name)], certificate.failure == nil ? 0 : 1) }
    }

    /// The first agents by id, as many as the configuration allows.
    private func writeEachAgent(to writer: inout MetricsWriter) {
        let ids = registry.sortedIDs().prefix(environment.configuration.metrics.maximumAgents)
        writer.family("miagent_agents_left_out", .gauge, "Agents beyond metrics.perAgent, which have no samples of their own.")
        writer.sample(UInt64(clamping: registry.count - ids.count))
        let agents = ids.map { (id: $0, counts: registry.counters(of: $0)?.counts ?? AgentCounts()) }
        writer.family("miagent_agent_online", .gauge, "1 while the agent's tunnel stands.")
        for id in ids { writer.sample([("agent", id)], registry[id]?.isOnline == true ? 1 : 0) }
        writer.family("miagent_agent_requests", .counter, "Requests that were given to the agent.")
        for agent in agents { writer.sample([("agent", agent.id)], agent.counts.requests) }
        writer.family("miagent_agent_failures", .counter, "Of those, the ones that ended with an error of the gateway's own.")
        for agent in agents { writer.sample([("agent", agent.id)], agent.counts.failures) }
        writer.family("miagent_agent_open_streams", .gauge, "Requests on their way to and from the agent.")
        for agent in agents { writer.sample([("agent", agent.id)], UInt64(clamping: agent.counts.openStreams)) }
        writer.family("miagent_agent_body_bytes", .counter, unit: "bytes", "Bytes of bodies to and from the agent.")
        for agent in agents {
            writer.sample([("agent", agent.id), ("direction", "in")], agent.counts.bytesIn)
            writer.sample([("agent", agent.id), ("direction", "out")], agent.counts.bytesOut)
        }
    }
}
