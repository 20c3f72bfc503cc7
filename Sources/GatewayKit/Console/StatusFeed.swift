// Which events the watchers of the status page get, and when: loop 0 alone has them. JSON that goes to several is made once.

import HTTPCodec
import MachineCore
import RPCCore

final class StatusFeed {
    private let views: AgentViews
    private let registry: Registry
    private let metrics: Metrics
    /// What they were last sent of the gateway as a whole.
    private var toldSummary: GatewaySummary?

    init(_ views: AgentViews, _ registry: Registry, _ metrics: Metrics) {
        self.views = views
        self.registry = registry
        self.metrics = metrics
    }

    /// A watcher begins: the first event. What happened before it has to be looked up when it is heard.
    func firstEvent(visitors: Int, _ now: Moment) -> [UInt8] {
        if registry.beginNotingChanges(now) {
            metrics.wantChanges(true)
            toldSummary = views.summary(visitors: visitors)
        }
        return statusEvent(views.summary(visitors: visitors), now)
    }

    /// When an event is due; nil: there are no watchers.
    var due: Moment? { registry.changesDue }

    /// The events that are due now. Without `isWatched` nothing more is noted down.
    func nextEvent(isWatched: Bool, visitors: Int, _ now: Moment) -> [UInt8]? {
        guard isWatched else {
            registry.stopNotingChanges()
            metrics.wantChanges(false)
            return nil
        }
        for agent in metrics.takeChangedAgents() { registry.noteCounts(of: agent.agentID) }
        let summary = views.summary(visitors: visitors)
        switch registry.nextChange(hasChanged: summary != toldSummary, now) {
        case .status:
            toldSummary = summary
            return statusEvent(summary, now)
        case .agents(let ids): return agentsEvent(ids)
        case nil: return nil
        }
    }

    private func statusEvent(_ summary: GatewaySummary, _ now: Moment) -> [UInt8] {
        let unixSeconds = views.environment.clock.unixSeconds(at: now)
        let (point, seconds) = metrics.history().latest(at: unixSeconds)
        var writer = JSONWriter()
        writer.beginObject()
        summary.write(to: &writer)
        writer.name("at")
        writer.integer(unixSeconds)
        writer.name("point")
        writer.beginObject()
        let values: [(StaticString, Double?)] = [
            ("rps", Double(point.requests) / seconds), ("p50", point.latencies.quantile(0.5).map { $0 * 1_000 }),
            ("p99", point.latencies.quantile(0.99).map { $0 * 1_000 }), ("in", Double(point.bytesIn) / seconds),
            ("out", Double(point.bytesOut) / seconds),
        ]
        for (name, value) in values {
            writer.name(name)
            writer.thousandths(value)
        }
        writer.endObject()
        writer.endObject()
        return ServerSentEvent.bytes("status", writer.finish())
    }

    private func agentsEvent(_ ids: [String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("agents")
        views.write(ids, from: nil, to: &writer)
        writer.name("forgotten")
        writer.beginArray()
        for id in ids where registry[id] == nil { writer.string(id) }
        writer.endArray()
        writer.endObject()
        return ServerSentEvent.bytes("agents", writer.finish())
    }
}
