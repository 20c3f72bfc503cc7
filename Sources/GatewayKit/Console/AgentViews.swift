// Agents as pages and programs see them.

import MachineCore
import RPCCore
import TunnelLink
import WebConsole

final class AgentViews {
    private(set) var environment: Environment
    private let registry: Registry
    private let metrics: Metrics

    init(_ environment: Environment, _ registry: Registry, _ metrics: Metrics) {
        self.environment = environment
        self.registry = registry
        self.metrics = metrics
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    /// The gateway as a whole. `visitors`: how many this loop has.
    func summary(visitors: Int) -> GatewaySummary {
        GatewaySummary(
            agentsOnline: registry.onlineCounts.reduce(0, +), agentsKnown: registry.count,
            webServices: registry.webServiceCount, flow: metrics.total(visitors: visitors).statistics.flow)
    }

    /// One agent. `address`: where whoever sees it finds the gateway; nil: it is for several, and unless the configuration says
    /// where the gateway is, the address of a web service is a path.
    func view(of id: String, from address: String?) -> AgentView? {
        guard let record = registry[id] else { return nil }
        var view = AgentView(id: id)
        view.status = record.description.status
        view.type = record.description.type
        view.host = record.description.host
        view.model = record.description.model
        view.version = record.description.version
        view.remoteAddress = record.remoteAddress
        view.isOnline = record.isOnline
        view.tunnels = record.connections.count
        if record.isOnline, record.description.servesWeb { view.webURL = webURL(of: id, from: address) }
        view.isInspected = environment.inspects(record.description)
        view.connectedAt = record.connectedAt
        view.lastSeen = record.lastSeen
        view.roundTripMilliseconds = record.roundTrip.map { Double($0.wholeNanoseconds) / 1_000_000 }
        guard let counts = registry.counters(of: id)?.counts else { return view }
        view.requests = counts.requests
        view.failures = counts.failures
        view.bytesIn = counts.bytesIn
        view.bytesOut = counts.bytesOut
        view.openStreams = counts.openStreams
        return view
    }

    private func webURL(of id: String, from address: String?) -> String {
        let configuration = environment.configuration
        let address = address ?? configuration.publicURL
        if address == nil, configuration.web.routesByPath { return "\(configuration.web.pathPrefix)/\(id)/" }
        let scheme = configuration.servesTLS ? "https" : "http"
        return environment.forwarding.webURL(of: id, from: address ?? "\(scheme)://localhost")
    }

    /// A list of agents; those that are not known are left out.
    func write(_ ids: [String], from address: String?, to writer: inout JSONWriter) {
        let web = environment.configuration.web
        writer.beginArray()
        for id in ids { view(of: id, from: address)?.write(to: &writer, pathPrefix: web.routesByPath ? web.pathPrefix : nil) }
        writer.endArray()
    }
}
