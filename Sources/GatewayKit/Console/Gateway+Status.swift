// The status page's data: the list of agents, the plots, and what happens, for programs and for those who watch. JSON that goes to
// several is made once.

import HTTPCodec
import MachineCore
import RPCCore
import WebConsole

extension Gateway {
    mutating func agentList(_ id: ConnectionID, _ head: HTTPRequestHead) -> OwnAnswer {
        let query = AgentQuery(Router.pathAndQuery(of: head.target)?.query)
        let page = registry.page(query)
        var writer = JSONWriter()
        writer.beginObject()
        summary.write(to: &writer)
        writer.name("matching")
        writer.integer(page.matching)
        writer.name("offset")
        writer.integer(query.offset)
        writer.name("agents")
        writeAgents(page.ids, from: address(id, head), to: &writer)
        writer.name("next")
        let (next, overflow) = query.offset.addingReportingOverflow(page.ids.count)
        if !page.ids.isEmpty, !overflow, next < page.matching { writer.integer(next) } else { writer.null() }
        writer.endObject()
        return .json(200, writer.finish())
    }

    private mutating func writeAgents(_ ids: [String], from address: String?, to writer: inout JSONWriter) {
        writer.beginArray()
        for id in ids {
            view(of: id, from: address)?.write(
                to: &writer, pathPrefix: configuration.web.routesByPath ? configuration.web.pathPrefix : nil)
        }
        writer.endArray()
    }

    mutating func seriesList(_ now: Moment) -> OwnAnswer {
        .json(200, history().series(at: clock.unixSeconds(at: now)).json)
    }

    // MARK: Events

    /// Begins to tell a visitor what happens. What happened before it has to look up when it hears the first event.
    mutating func beginEvents(_ id: ConnectionID, _ request: VisitorRequest, _ now: Moment, _ outputs: inout Outputs) {
        if registry.news == nil {
            registry.news = AgentNews(now: now)
            meter.wantsChanges = true
            toldSummary = summary
        }
        beginWatching(id, request, .status, first: statusEvent(now), now, &outputs)
    }

    /// Tells those who watch what there is to tell now; when nobody does any more, nothing more is noted down.
    mutating func tellNews(_ now: Moment, _ outputs: inout Outputs) {
        newsAt = nil
        guard isWatched(.status) else {
            registry.news = nil
            meter.wantsChanges = loop != 0
            _ = meter.takeChanged(.max)
            return
        }
        for tally in meter.takeChanged(.max) { registry.news?.note(tally.agentID, isUrgent: false) }
        let summary = summary
        switch registry.news?.next(hasChanged: summary != toldSummary, now) {
        case .status:
            toldSummary = summary
            tell(.status, statusEvent(now), now, &outputs)
        case .agents(let ids): tell(.status, agentsEvent(ids), now, &outputs)
        case nil: break
        }
    }

    private mutating func statusEvent(_ now: Moment) -> [UInt8] {
        let unixSeconds = clock.unixSeconds(at: now)
        let (point, seconds) = history().latest(at: unixSeconds)
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

    private mutating func agentsEvent(_ ids: [String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("agents")
        writeAgents(ids, from: nil, to: &writer)
        writer.name("forgotten")
        writer.beginArray()
        for id in ids where registry.records[id] == nil { writer.string(id) }
        writer.endArray()
        writer.endObject()
        return ServerSentEvent.bytes("agents", writer.finish())
    }
}
