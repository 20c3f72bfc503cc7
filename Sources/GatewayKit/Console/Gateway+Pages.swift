// The pages for people: the status page and the help page, in the language that the person chose or the browser asks for.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

extension Gateway {
    mutating func statusPage(_ id: ConnectionID, _ head: HTTPRequestHead, _ now: Moment) -> OwnAnswer {
        let query = AgentQuery(Router.pathAndQuery(of: head.target)?.query)
        let (page, summary, address) = (registry.page(query), summary, address(id, head))
        var view = StatusView(address: address)
        view.agentsOnline = summary.agentsOnline
        view.agentsKnown = summary.agentsKnown
        view.webServices = summary.webServices
        view.agents = page.ids.compactMap { self.view(of: $0, from: address) }
        view.matching = page.matching
        view.offset = query.offset
        view.limit = query.limit
        view.filter = query.filter
        view.onlyOnline = query.onlyOnline
        view.now = clock.unixSeconds(at: now)
        view.series = history().series(at: view.now)
        view.version = GatewayConfiguration.programVersion
        view.startedAt = startedAt
        view.warnings = configuration.warnings
        view.canLogOut = canLogOut(id, head, now)
        return .page(StatusPage.render(view, language(of: head)), for: head)
    }

    /// How to set things up with this gateway; `?agent=` shows the address of that agent as a QR code.
    func helpPage(_ id: ConnectionID, _ head: HTTPRequestHead, _ now: Moment) -> OwnAnswer {
        let address = address(id, head)
        let agentURL = "ws\(address.dropFirst("http".utf8.count))/agent"
        let example = webURL(of: "my-agent", from: address)
        var view = HelpView(
            address: address, agentURL: agentURL, pathPrefix: configuration.web.pathPrefix, exampleURL: example)
        if let id = Authorization.queryValue("agent", in: Router.pathAndQuery(of: head.target)?.query),
            AgentDescription.isValidID(id)
        {
            view.agentID = id
            view.agentWebURL = webURL(of: id, from: address)
        }
        view.needsGatewayToken = !configuration.gatewayTokens.isEmpty
        view.needsVisitorToken = !configuration.web.authTokens.isEmpty
        view.subdomainHost = configuration.web.subdomainHost
        view.canLogOut = canLogOut(id, head, now)
        return .page(HelpPage.render(view, language(of: head)), for: head)
    }

    /// Where whoever sent `head` finds the gateway: at `publicUrl`, else at what it asked for, by way of a trusted proxy perhaps.
    func address(_ id: ConnectionID, _ head: HTTPRequestHead) -> String {
        if let publicURL = configuration.publicURL { return publicURL }
        let visitor = provenance(id, head)
        let host = (visitor.isByTrustedProxy ? head.fields[.xForwardedHost] : nil) ?? head.fields[.host] ?? "localhost"
        let prefix = visits.outerPrefix.of(head.fields, isByTrustedProxy: visitor.isByTrustedProxy)
        return "\(isSecure(visitor) ? "https" : "http")://\(host)\(prefix)"
    }

    /// The language of pages for this request: what its address says, else its cookie, else what the browser asks for.
    func language(of head: HTTPRequestHead) -> Language {
        let chosen =
            OwnAnswer.chosenLanguage(head)?.rawValue
            ?? OwnCookies.values(named: OwnAnswer.languageCookie, in: head.fields).first.map {
                String(decoding: $0, as: UTF8.self)
            }
        return Language(chosen: chosen, accept: head.fields[.acceptLanguage])
    }
}

extension OwnAnswer {
    static let languageCookie = "miagent-lang"

    /// What `?lang=` says.
    static func chosenLanguage(_ head: HTTPRequestHead) -> Language? {
        Authorization.queryValue("lang", in: Router.pathAndQuery(of: head.target)?.query).flatMap(Language.init(rawValue:))
    }

    /// A page for people; a language chosen by its address is kept in a cookie.
    static func page(_ page: Page, for head: HTTPRequestHead) -> OwnAnswer {
        var answer = OwnAnswer(200, type: "text/html; charset=utf-8", body: page.body)
        try? answer.fields.append(.contentSecurityPolicy, page.contentSecurityPolicy)
        try? answer.fields.append(.vary, "Accept-Language, Cookie")
        if let language = chosenLanguage(head) {
            let cookie = "\(languageCookie)=\(language.rawValue); Path=/; Max-Age=31536000; SameSite=Lax"
            try? answer.fields.append(.setCookie, cookie)
        }
        return answer
    }
}
