// The pages: what must be on them, that untrusted text is harmless, that only their own style and script can run, and that both
// languages have all texts.

import Primitives
import RPCCore
import Testing

@testable import WebConsole

@Suite struct PageTests {
    private static let hostile =
        "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{t.skip}}\u{202e}\u{0}"
        + String(repeating: "长", count: 10_000)

    private func text(_ page: Page) -> String { String(decoding: page.body, as: UTF8.self) }

    /// An agent that says `said` of itself.
    private func agent(_ id: String, saying said: String = "idle") -> AgentView {
        var agent = AgentView(id: id)
        (agent.status, agent.type, agent.host, agent.model, agent.version) = (said, said, said, said, said)
        (agent.isOnline, agent.isInspected, agent.connectedAt) = (true, true, 1_775_798_482)
        agent.webURL = "http://gateway.example.com/web/\(id)/"
        return agent
    }

    private func status(_ agents: [AgentView]) -> StatusView {
        var view = StatusView(address: "http://gateway.example.com")
        (view.agents, view.agentsKnown, view.agentsOnline, view.matching) = (agents, agents.count, agents.count, agents.count)
        view.series.requestsPerSecond = (0..<180).map { Double($0 * 37 % 90) }
        view.series.p50Milliseconds = (0..<180).map { Double($0 * 17 % 40) }
        view.series.p99Milliseconds = (0..<180).map { Double($0 * 29 % 300) }
        view.series.bytesInPerSecond = (0..<180).map { Double($0 * 1_009 % 9_000) }
        view.series.bytesOutPerSecond = (0..<180).map { Double($0 * 10_007 % 90_000) }
        return view
    }

    private var help: HelpView {
        var view = HelpView(
            address: "http://gateway.example.com", agentURL: "ws://gateway.example.com/agent", pathPrefix: "/web",
            exampleURL: "http://gateway.example.com/web/my-agent/")
        (view.agentID, view.agentWebURL) = ("pi", "http://gateway.example.com/web/pi/")
        return view
    }

    /// Every page with a value for all that it can show.
    private func pages(_ language: Language) -> [(name: String, page: Page)] {
        [
            ("status", StatusPage.render(status([agent("pi")]), language)), ("help", HelpPage.render(help, language)),
            ("login", LoginPage.render(LoginView(agentID: "pi", next: "/", problem: .wrongToken), language)),
            ("error", ErrorPage.render(ErrorView(status: 404, code: "not-found", explanation: ""), language)),
            ("inspector", InspectorPage.render(InspectorView(title: "pi", api: "/api"), language)),
        ]
    }

    // MARK: Texts and templates

    @Test func bothLanguagesHaveTheSameTextsWithTheSameValues() throws {
        let english = Texts.of(.english).entries
        let chinese = Texts.of(.chinese).entries
        #expect(english.count > 150)
        #expect(Set(english.keys).symmetricDifference(chinese.keys).isEmpty)
        for (key, text) in english {
            #expect(Set(values(in: text)) == Set(values(in: chinese[key] ?? "")), "\(key)")
        }
    }

    private func values(in text: String) -> [Template.Piece] {
        Template.pieces(of: text).filter { if case .value = $0 { true } else { false } }
    }

    @Test(arguments: Language.allCases) func templatesAreWithoutMistakeAndAllTheirNamesHaveValues(_ language: Language) {
        let login = LoginView(agentID: "pi", next: "/", problem: .wrongToken)
        let error = ErrorView(status: 404, code: "not-found", explanation: "")
        let inspector = InspectorView(title: "pi", api: "/api")
        var page = status([agent("pi")])
        page.certificateTroubles = [CertificateTrouble(name: "gw.example.com", reason: "the CA is down")]
        for (template, values) in [
            (StatusPage.pages[language], StatusPage.values(page, language)),
            (HelpPage.pages[language], HelpPage.values(help, language)),
            (LoginPage.pages[language], LoginPage.values(login, language)),
            (ErrorPage.pages[language], ErrorPage.values(error, language)),
            (InspectorPage.pages[language], InspectorPage.values(inspector, language)),
        ] {
            #expect(template.template.problems == [])
            // What the frame of all pages asks for need not be on each.
            let frame: Set = ["home", "nav", "onStatus", "onHelp", "wide", "canLogOut", "script", "texts"]
            let missing = Set(template.template.names).subtracting(values.adding(template.common).names).subtracting(frame)
            #expect(missing.isEmpty, "\(missing)")
        }
    }

    /// The codes that have a title; GatewayKitTests/DocumentedTests has those that there are.
    static let codes = Texts.of(.english).entries.keys.filter { $0.hasPrefix("error.") && $0.hasSuffix(".title") }
        .map { String($0.dropFirst(6).dropLast(6)) }.sorted()

    @Test(arguments: codes)
    func everyErrorIsExplained(code: String) {
        #expect(ErrorPage.explains(code))
        var view = ErrorView(status: 500, code: code, explanation: "fallback")
        view.values = ["agent": "pi-7", "reason": "<no>", "seconds": "31", "limit": "65536", "allow": "GET"]
        view.requestID = "r-1"
        for language in Language.allCases {
            let page = text(ErrorPage.render(view, language))
            #expect(page.contains(code) && page.contains("r-1") && !page.contains("fallback") && !page.contains("<no>"))
            for value in values(in: Texts.of(language)["error.\(code).what"] ?? "") {
                if case .value(let name) = value { #expect(page.contains(HTML.escaped(view.values[name] ?? "missing"))) }
            }
        }
    }

    @Test func anUnknownErrorIsShownInEnglish() {
        let page = text(ErrorPage.render(ErrorView(status: 418, code: "teapot", explanation: "I am a <teapot>."), .chinese))
        #expect(page.contains("I am a &lt;teapot&gt;."))
        #expect(!ErrorPage.explains("teapot"))
    }

    // MARK: Safety

    @Test(arguments: Language.allCases) func onlyAPagesOwnStyleAndScriptMayRun(_ language: Language) throws {
        for (name, page) in pages(language) {
            let text = text(page)
            for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
                let parts = text.components(between: "<\(tag)>", and: "</\(tag)>")
                let hash = parts.map { String(decoding: Base64.encode(SHA256.digest(Array($0.utf8))[...]), as: UTF8.self) }
                #expect(
                    page.contentSecurityPolicy.contains(
                        hash.first.map { "\(directive) 'sha256-\($0)';" } ?? "\(directive) 'none';"))
                #expect(parts.count == (tag == "style" || !["login", "error"].contains(name) ? 1 : 0), "\(name)")
            }
            #expect(!page.contentSecurityPolicy.contains("unsafe"))
            let markup = text.components(between: "</style>", and: "<script").joined()
            #expect(!markup.contains(" style=") && !markup.contains("javascript:"), "\(name)")
            #expect(!markup.contains(" onclick") && !markup.contains(" onload") && !markup.contains(" onsubmit"), "\(name)")
        }
    }

    @Test func scriptsNeverMakeMarkupOrStyleOfText() {
        let ours = [
            PackageResources.status_js, PackageResources.help_js, PackageResources.inspector_js,
            PackageResources.inspector_body_js, PackageResources.events_js,
        ]
        for script in ours {
            let text = String(decoding: script, as: UTF8.self)
            for word in [
                "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "'style'", "\"style\"",
                "</script",
            ] {
                #expect(!text.contains(word), "\(word)")
            }
        }
    }

    @Test(arguments: Language.allCases) func untrustedTextIsHarmless(_ language: Language) {
        var evil = agent(Self.hostile, saying: Self.hostile)
        evil.webURL = "http://gateway.example.com/web/" + Self.hostile
        (evil.requests, evil.failures, evil.bytesIn, evil.openStreams, evil.tunnels) = (.max, .max, .max, .max, .max)
        (evil.connectedAt, evil.roundTripMilliseconds) = (.min, .infinity)
        var view = status([evil])
        (view.filter, view.offset, view.limit, view.startedAt, view.now) = (Self.hostile, .max, .max, .min, .max)
        view.series.p99Milliseconds = [.nan, .infinity, nil, -1, 1e300]
        var error = ErrorView(status: 404, code: "unknown-agent", explanation: Self.hostile)
        (error.values, error.requestID) = (["agent": Self.hostile], Self.hostile)
        let pages = [
            StatusPage.render(view, language), ErrorPage.render(error, language),
            LoginPage.render(LoginView(agentID: Self.hostile, next: Self.hostile), language),
            InspectorPage.render(InspectorView(title: Self.hostile, api: Self.hostile), language),
        ]
        for page in pages {
            let text = text(page)
            #expect(!text.contains("<script>alert") && !text.contains("<img") && !text.contains("\u{202e}"))
            #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img"))
        }
    }

    @Test func longTextsOfAgentsAreShortened() {
        let page = StatusPage.render(status([agent("pi", saying: String(repeating: "长", count: 10_000))]), .english)
        #expect(page.body.count < 60_000)
        #expect(AgentRow.shortened(String(repeating: "é", count: 200)).count == 200)
        #expect(AgentRow.shortened(String(repeating: "é", count: 201)) == String(repeating: "é", count: 200) + "…")
    }

    @Test(arguments: Language.allCases) func everyPageIsSmall(_ language: Language) {
        for (name, page) in pages(language) { #expect(page.body.count < 64 * 1024, "\(name)") }
        let agents = (0..<100).map { agent("agent-\($0)", saying: "opencode-\($0)") }
        #expect(StatusPage.render(status(agents), language).body.count < 100 * 1024)
    }

    // MARK: What is on them

    @Test func pagesNameTheirLanguageAndLeadToTheOther() {
        for (_, page) in pages(.english) {
            #expect(text(page).contains("<html lang=\"en\">"))
            #expect(text(page).contains("<a href=\"?lang=zh\" lang=\"zh-CN\" hreflang=\"zh-CN\">中文</a>"))
        }
        for (_, page) in pages(.chinese) { #expect(text(page).contains("<html lang=\"zh-CN\">")) }
    }

    @Test func anAgentIsARowOfTheTable() throws {
        var pi = agent("pi")
        (pi.tunnels, pi.failures, pi.requests, pi.roundTripMilliseconds) = (2, 3, 12_345, 41.6)
        var gone = agent("gone")
        (gone.isOnline, gone.lastSeen, gone.webURL, gone.isInspected) = (false, 1_775_798_500, nil, false)
        let page = text(StatusPage.render(status([gone, pi]), .english))
        let rows = try #require(page.components(between: "<tbody id=\"rows\">", and: "</tbody>").first).components(
            between: "<tr", and: "</tr>")
        try #require(rows.count == 2)
        #expect(
            rows[0].hasPrefix(" class=\"off\">") && rows[0].contains("last seen</span><time datetime=\"2026-04-10T05:21:40Z\">")
        )
        #expect(rows[0].contains("href=\"/.miagent/inspect/gone\" hidden>"))
        #expect(rows[1].contains("<a href=\"/web/pi/\">/web/pi/</a>") && rows[1].contains("<a href=\"/.miagent/inspect/pi\">"))
        for part in ["× 2", "12,345", "3 failed", "42 ms", "2026-04-10 05:21:22"] { #expect(rows[1].contains(part), "\(part)") }
    }

    @Test func anAgentOfAnotherOriginIsNamedWithItsHost() {
        var pi = agent("pi")
        pi.webURL = "http://pi.gateway.example.com/"
        #expect(
            text(StatusPage.render(status([pi]), .english)).contains(
                "href=\"http://pi.gateway.example.com/\">pi.gateway.example.com/</a>"))
        pi.webURL = "http://gateway.example.com.evil.example/"
        #expect(text(StatusPage.render(status([pi]), .english)).contains(">gateway.example.com.evil.example/</a>"))
    }

    @Test func pagesOfAgentsLeadToTheNext() {
        var view = status((0..<10).map { agent("a\($0)") })
        (view.matching, view.offset, view.limit, view.filter, view.onlyOnline) = (35, 10, 10, "a&b=中", true)
        let page = text(StatusPage.render(view, .english))
        #expect(page.contains("href=\"/?offset=0&amp;limit=10&amp;filter=a%26b%3D%E4%B8%AD&amp;online=true\""))
        #expect(page.contains("href=\"/?offset=20&amp;limit=10&amp;filter=a%26b%3D%E4%B8%AD&amp;online=true\""))
        #expect(page.contains("11–20 of 35"))
        #expect(text(StatusPage.render(status([]), .english)).contains("aria-label=\"Pages of agents\" hidden>"))
    }

    @Test func anEmptyGatewaySaysHowToBegin() {
        let page = text(StatusPage.render(StatusView(address: "https://gateway.example.com"), .english))
        #expect(page.contains("agentd 4173 --gateway wss://gateway.example.com/agent --id my-agent"))
        #expect(
            page.contains("id=\"none\">") && page.contains("id=\"agents-card\" data-limit=\"100\" data-matching=\"0\" hidden>"))
    }

    @Test(arguments: StatusWarning.allCases) func warningsAreShownWhenThereAreSome(_ warning: StatusWarning) {
        var view = status([])
        #expect(!text(StatusPage.render(view, .english)).contains("<aside"))
        view.warnings = [warning]
        let page = text(StatusPage.render(view, .english))
        #expect(page.components(between: "<aside", and: "</aside>").count == 1)
        #expect(page.contains(HTML.escaped(Texts.of(.english).text("status.\(warning.rawValue)"))))
    }

    @Test func theHelpPageIsForThisGateway() {
        var view = help
        let open = text(HelpPage.render(view, .english))
        #expect(open.contains("<code>agentd 4173 --gateway ws://gateway.example.com/agent --id my-agent</code>"))
        #expect(open.contains("curl http://gateway.example.com/web/my-agent/api/hello"))
        #expect(open.contains(QRCode(text: "http://gateway.example.com/web/pi/")?.svg() ?? "none"))
        (view.needsGatewayToken, view.needsVisitorToken, view.subdomainHost, view.agentID) = (true, true, "gw.example.com", nil)
        let closed = text(HelpPage.render(view, .english))
        #expect(closed.contains("<code>MIAGENT_GATEWAY_TOKEN=your-secret-token agentd 4173"))
        #expect(
            closed.contains("curl -H &quot;Authorization: Bearer your-token&quot;")
                || closed.contains("curl -H \"Authorization: Bearer your-token\""))
        #expect(closed.contains("my-agent.gw.example.com") && !closed.contains("<svg xmlns"))
    }

    @Test func theLoginFormLeadsBackAndSaysWhatWentWrong() {
        let plain = text(LoginPage.render(LoginView(next: "/.miagent/help?a=1&b=2"), .english))
        #expect(plain.contains("name=\"next\" value=\"/.miagent/help?a=1&amp;b=2\""))
        #expect(plain.contains("name=\"scope\" value=\"\""))
        #expect(plain.contains("autocomplete=\"current-password\"") && !plain.contains("role=\"alert\""))
        for problem in [.wrongToken, .tooManyAttempts(seconds: 42), .expired, .crossSite] as [LoginProblem] {
            let page = text(LoginPage.render(LoginView(agentID: "pi", next: "/", problem: problem), .english))
            #expect(page.contains("role=\"alert\"") && page.contains("name=\"scope\" value=\"pi\""))
            if case .tooManyAttempts = problem { #expect(page.contains("42 seconds")) }
        }
    }

    @Test func whoeverIsLoggedInCanLogOut() {
        var view = status([])
        #expect(!text(StatusPage.render(view, .english)).contains("/.miagent/logout"))
        view.canLogOut = true
        #expect(text(StatusPage.render(view, .english)).contains("<form method=\"post\" action=\"/.miagent/logout\">"))
    }
}

extension String {
    /// What stands between each `start` and the `end` after it.
    fileprivate func components(between start: String, and end: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let from = rest.firstRange(of: start), let to = rest[from.upperBound...].firstRange(of: end) {
            parts.append(String(rest[from.upperBound..<to.lowerBound]))
            rest = rest[to.upperBound...]
        }
        return parts
    }
}
