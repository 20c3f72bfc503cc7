// What loops count and tell loop 0 (Meter, Ledger), and what loop 0 makes of it. A loop reports a second after something has happened
// since its last report; while nothing does, no timer runs.

import MachineCore
import WebConsole

/// The gateway as a whole, at one moment.
struct GatewaySummary: Sendable, Hashable {
    var agentsOnline = 0
    var agentsKnown = 0
    var webServices = 0
    var flow = GatewayStatistics.Flow()
}

extension Gateway {
    /// Five seconds are over.
    mutating func rollMeter(_ now: Moment) {
        if loop == 0 { settleLedger() }
        meter.roll(statistics, now)
    }

    /// Loop 0: puts what was done here beside what others have said.
    private mutating func settleLedger() { ledger.add(meter.takePoints(statistics)) }

    /// Sets the time of the next report, or of the next word to those who watch.
    mutating func scheduleReports(_ now: Moment) {
        if loop == 0 {
            guard let due = registry.news?.due, due != newsAt else { return }
            newsAt = due
            deadlines.set(.news, at: due)
        } else if !meter.isReporting, meter.hasNews(statistics, visitors: visitors.count) {
            meter.isReporting = true
            deadlines.set(.report, at: now.advanced(by: Meter.reportInterval))
        }
    }

    mutating func report(_ outputs: inout Outputs) {
        meter.isReporting = false
        outputs.append(.note(.report(meter.report(statistics, visitors: visitors.count))))
    }

    /// Another loop says what it did.
    mutating func hear(_ report: LoopReport, from sender: Int) {
        ledger.hear(report, from: sender)
        for (id, counts) in report.agents {
            guard let tally = registry.tally(of: id) else { continue }
            tally.counts.add(counts)
            meter.touch(tally)
        }
    }

    // MARK: What loop 0 knows

    /// What all loops did.
    var total: LoopReport {
        ledger.total(LoopReport(statistics: statistics, visitors: visitors.count, openStreams: meter.openStreams))
    }

    /// The last fifteen minutes on all loops.
    mutating func history() -> History {
        settleLedger()
        return ledger.history
    }

    /// How long answers took to begin, since the start.
    mutating func latencies() -> LatencyHistogram {
        settleLedger()
        return ledger.latencies
    }

    var summary: GatewaySummary {
        GatewaySummary(
            agentsOnline: registry.onlineCounts.reduce(0, +), agentsKnown: registry.records.count,
            webServices: registry.webServiceCount, flow: total.statistics.flow)
    }

    /// An agent as pages and programs see it. `address`: where whoever sees it finds the gateway; nil: it is for several, and unless
    /// the configuration says where the gateway is, the address of a web service is a path.
    mutating func view(of id: String, from address: String?) -> AgentView? {
        guard let record = registry.records[id] else { return nil }
        var view = AgentView(id: id)
        view.status = record.description.status
        view.type = record.description.type
        view.host = record.description.host
        view.model = record.description.model
        view.version = record.description.version
        view.remoteAddress = record.remoteAddress
        view.isOnline = record.isOnline
        view.tunnels = record.connections.count
        if record.isOnline, record.description.servesWeb {
            let address = address ?? configuration.publicURL
            view.webURL =
                address == nil && configuration.web.routesByPath
                ? "\(configuration.web.pathPrefix)/\(id)/" : webURL(of: id, from: address ?? "http://localhost")
        }
        view.isInspected = isInspected(record.description)
        view.connectedAt = record.connectedAt
        view.lastSeen = record.lastSeen
        view.roundTripMilliseconds = record.roundTrip.map { Double($0.wholeNanoseconds) / 1_000_000 }
        view.isInspected = isInspected(record.description)
        guard let counts = registry.tally(of: id)?.counts else { return view }
        view.requests = counts.requests
        view.failures = counts.failures
        view.bytesIn = counts.bytesIn
        view.bytesOut = counts.bytesOut
        view.openStreams = counts.openStreams
        return view
    }
}
