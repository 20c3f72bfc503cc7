// Where a request goes, byte for byte.

import HTTPCodec
import MachineCore
import Testing

@testable import GatewayKit

@Suite struct RouterTests {
    private func route(_ target: String, host: String = "gw.example", _ configure: (inout WebConfiguration) -> Void = { _ in })
        -> Route
    {
        var configuration = GatewayConfiguration()
        configure(&configuration.web)
        let head = HTTPRequestHead(method: "GET", target: latin1(target), fields: fields(("Host", host)))
        return Router(configuration).route(VisitorRequest(head: head, framing: .none, id: "", received: Moment()))
    }

    private func web(_ id: String, _ path: String, _ query: String? = nil, prefix: String? = nil, byHost: Bool = false) -> Route
    {
        .web(
            WebRoute(
                WebAddress(agentID: id, prefix: prefix ?? "/web/\(id)", isByHost: byHost), path: latin1(path)[...],
                query: query.map { latin1($0)[...] }))
    }

    @Test func anAgentsOwnPathsNameIt() {
        #expect(route("/.miagent/inspect/pi") == .own(.inspectorPage("pi")))
        #expect(route("/.miagent/agents/pi/exchanges?limit=5") == .own(.exchanges("pi")))
        #expect(route("/.miagent/agents/pi/exchanges/7") == .own(.exchange("pi", 7)))
        #expect(route("/.miagent/agents/pi/events") == .own(.exchangeEvents("pi")))
        #expect(route("/.miagent/agents/pi/replay") == .own(.replay("pi")))
        for target in [
            "/.miagent", "/.miagent/", "/.miagent/inspect", "/.miagent/inspect/", "/.miagent/inspect/.x",
            "/.miagent/inspect/pi/", "/.miagent/agents/", "/.miagent/agents/pi", "/.miagent/agents/pi/",
            "/.miagent/agents//events", "/.miagent/agents/pi/exchanges/", "/.miagent/agents/pi/exchanges/x",
            "/.miagent/agents/pi/exchanges/-1", "/.miagent/agents/pi/exchanges/99999999999999999999",
            "/.miagent/agents/pi/exchanges/7/", "/.miagent/agents/pi/exchanges/7/8/9", "/.miagent/other/pi/events",
        ] {
            #expect(route(target) == .notFound, "\(target)")
        }
    }

    @Test func whatWasOursIsOursUntilAServiceClaimsIt() {
        for (former, now) in [
            ("/api/agents", "/.miagent/agents"), ("/api/events", "/.miagent/events"), ("/api/series", "/.miagent/series"),
            ("/api/openapi.json", "/.miagent/openapi.json"), ("/help", "/.miagent/help"), ("/logout", "/.miagent/logout"),
            ("/inspect/pi", "/.miagent/inspect/pi"), ("/api/agents/pi/exchanges", "/.miagent/agents/pi/exchanges"),
            ("/api/agents/pi/exchanges/7", "/.miagent/agents/pi/exchanges/7"),
            ("/api/agents/pi/events", "/.miagent/agents/pi/events"), ("/api/agents/pi/replay", "/.miagent/agents/pi/replay"),
        ] {
            guard case .own(let own) = route(now) else {
                Issue.record("\(now)")
                continue
            }
            #expect(route(former) == .formerlyOwn(own), "\(former)")
        }
        // Nothing else of those names ever was.
        for target in [
            "/api", "/api/", "/api/help", "/api/logout", "/api/inspect/pi", "/api/login", "/agents", "/events", "/inspect",
            "/inspect/", "/inspect/.x", "/inspect/pi/", "/agents/pi/events", "/api/agents/pi", "/api/agents/pi/exchanges/x",
        ] {
            #expect(route(target) == .notFound, "\(target)")
        }
    }

    @Test func theGatewaysOwnPathsAreExact() {
        #expect(route("/") == .own(.statusPage))
        #expect(route("/?a=b") == .own(.statusPage))
        #expect(route("/healthz") == .own(.health))
        #expect(route("/readyz") == .own(.readiness))
        #expect(route("/.miagent/agents") == .own(.agents))
        #expect(route("/agent?agentId=a") == .tunnel)
        for target in [
            "/Healthz", "/healthz/", "//", "/agent/", "/%61gent", "/web", "/web/", "/web//", "/webx/a/", "/WEB/a/", "*",
        ] {
            #expect(route(target) == .notFound, "\(target)")
        }
    }

    @Test func aWebServiceIsBeneathThePrefix() {
        #expect(route("/web/my-agent/") == web("my-agent", "/"))
        #expect(route("/web/a/api/x?y=1&z=%2F") == web("a", "/api/x", "y=1&z=%2F"))
        #expect(route("/web/a/?") == web("a", "/", ""))
        #expect(route("/web/a/p?q?r") == web("a", "/p", "q?r"))
        #expect(route("/web/A/") == web("A", "/"))
        #expect(route("/x/y/a/z") { $0.pathPrefix = "/x/y" } == web("a", "/z", prefix: "/x/y/a"))
    }

    @Test func nothingIsDecodedOrNormalised() {
        for path in ["/../b", "/./", "//", "/%2e%2e/", "/a%2Fb", "/%", "/\u{e9}\u{ff}", "/a;b=c", "/a\\b"] {
            #expect(route("/web/a" + path) == web("a", path), "\(path)")
        }
    }

    @Test func withoutASlashAfterTheIdOneIsAdded() {
        let route = route("/web/a?x=1")
        let expected = WebRoute(
            WebAddress(agentID: "a", prefix: "/web/a", isByHost: false), path: [], query: latin1("x=1")[...])
        #expect(route == .addSlash(expected))
    }

    @Test func whatCannotBeAnIdLeadsNowhere() {
        let tooLong = String(repeating: "a", count: 65)
        for id in ["", ".", "..", ".a", "a%2fb", "a%20b", "a b", "\u{e9}", tooLong, "a\\b", "a:b", "a@b"] {
            #expect(route("/web/\(id)/x") == .notFound, "\(id)")
        }
        for id in ["a.b", "a..b", "-", "_", String(repeating: "a", count: 64)] {
            #expect(route("/web/\(id)/x") == web(id, "/x"), "\(id)")
        }
    }

    @Test func absoluteFormLeadsToTheSamePlace() {
        #expect(route("http://gw.example/web/a/x?y") == web("a", "/x", "y"))
        #expect(route("HTTPS://other.example:8/web/a/x") == web("a", "/x"))
        #expect(route("http://gw.example") == .own(.statusPage))
        #expect(route("http://gw.example?x=1") == .own(.statusPage))
        #expect(route("http://gw.example?next=/healthz") == .own(.statusPage))
        for target in ["ftp://gw.example/", "gw.example:443", "http:/healthz", "httpx://a/healthz"] {
            #expect(route(target) == .notFound, "\(target)")
        }
    }

    @Test func anAbsoluteFormWithoutAPathKeepsItsQuery() {
        let route = route("http://gw.example?x=/1", host: "a.gw.example") { $0.subdomainHost = "gw.example" }
        #expect(route == web("a", "/", "x=/1", prefix: "", byHost: true))
    }

    // MARK: Host names

    @Test func aHostNameMayChooseTheAgent() {
        for host in ["a.gw.example", "A.GW.Example", "a.gw.example:3000", "a.gw.example.", "a.gw.example.:80", "a.gw.example:"]
        {
            let route = route("/x?y", host: host) { $0.subdomainHost = "gw.example" }
            #expect(route == web("a", "/x", "y", prefix: "", byHost: true), "\(host)")
        }
        let dotted = route("/", host: "a.b.gw.example") { $0.subdomainHost = "GW.example" }
        #expect(dotted == web("a.b", "/", prefix: "", byHost: true))
    }

    @Test func beneathAHostNameEveryPathIsTheServices() {
        for path in ["/", "/agent", "/healthz", "/api/agents", "/web/b/"] {
            let route = route(path, host: "a.gw.example") { $0.subdomainHost = "gw.example" }
            #expect(route == web("a", path, prefix: "", byHost: true), "\(path)")
        }
    }

    @Test func otherHostsDoNotChoose() {
        for host in [
            "gw.example", "gw.example:3000", "xgw.example", "a.gw.example.evil", "a.gw.examplex", "[::1]:3000", "", "example",
        ] {
            #expect(route("/healthz", host: host) { $0.subdomainHost = "gw.example" } == .own(.health), "\(host)")
        }
        #expect(route("/healthz", host: "a.gw.example") == .own(.health))
    }
}
