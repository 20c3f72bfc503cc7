// The pages for people, and the list of agents for programs.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WebConsole

extension Console {
    func statusPage(_ request: VisitorRequest, _ context: ConsoleContext, _ now: Moment) -> OwnResponse {
        let query = AgentQuery(request.query)
        let (page, summary) = (registry.page(query), views.summary(visitors: context.visitors))
        let address = address(request, context)
        var view = StatusView(address: address)
        view.agentsOnline = summary.agentsOnline
        view.agentsKnown = summary.agentsKnown
        view.webServices = summary.webServices
        view.agents = page.ids.compactMap { views.view(of: $0, from: address) }
        view.matching = page.matching
        view.offset = query.offset
        view.limit = query.limit
        view.filter = query.filter
        view.onlyOnline = query.onlyOnline
        view.now = environment.clock.unixSeconds(at: now)
        view.series = metrics.history().series(at: view.now)
        view.version = GatewayConfiguration.programVersion
        view.startedAt = environment.startedAt
        view.warnings = environment.configuration.warnings
        view.certificateTroubles = certificateTroubles
        view.canLogOut = access.canLogOut(request, from: context.peer, now)
        return .page(StatusPage.render(view, .of(request)), for: request)
    }

    /// The first of the certificates that cannot be had.
    private var certificateTroubles: [CertificateTrouble] {
        let failing = certificates.lazy.compactMap { status in
            status.failure.map { CertificateTrouble(name: status.name, reason: $0) }
        }
        return Array(failing.prefix(20))
    }

    /// How to set things up with this gateway; `?agent=` shows the address of that agent as a QR code.
    func helpPage(_ request: VisitorRequest, _ context: ConsoleContext, _ now: Moment) -> OwnResponse {
        let (configuration, address) = (environment.configuration, address(request, context))
        let agentURL = "ws\(address.dropFirst("http".utf8.count))/agent"
        let example = environment.forwarding.webURL(of: "my-agent", from: address)
        var view = HelpView(
            address: address, agentURL: agentURL, pathPrefix: configuration.web.pathPrefix, exampleURL: example)
        if let id = Authorization.queryValue("agent", in: request.query), AgentDescription.isValidID(id) {
            view.agentID = id
            view.agentWebURL = environment.forwarding.webURL(of: id, from: address)
        }
        view.needsGatewayToken = !configuration.gatewayTokens.isEmpty
        view.needsVisitorToken = !configuration.web.authTokens.isEmpty
        view.subdomainHost = configuration.web.subdomainHost
        view.canLogOut = access.canLogOut(request, from: context.peer, now)
        return .page(HelpPage.render(view, .of(request)), for: request)
    }

    func agentList(_ request: VisitorRequest, _ context: ConsoleContext) -> OwnResponse {
        let query = AgentQuery(request.query)
        let page = registry.page(query)
        var writer = JSONWriter()
        writer.beginObject()
        views.summary(visitors: context.visitors).write(to: &writer)
        writer.name("matching")
        writer.integer(page.matching)
        writer.name("offset")
        writer.integer(query.offset)
        writer.name("agents")
        views.write(page.ids, from: address(request, context), to: &writer)
        writer.name("next")
        let (next, overflow) = query.offset.addingReportingOverflow(page.ids.count)
        if !page.ids.isEmpty, !overflow, next < page.matching { writer.integer(next) } else { writer.null() }
        writer.endObject()
        return .json(200, writer.finish())
    }

    private func address(_ request: VisitorRequest, _ context: ConsoleContext) -> String {
        environment.forwarding.address(environment.forwarding.provenance(context.peer, of: request))
    }
}
