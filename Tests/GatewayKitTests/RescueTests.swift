// What pages of a service ask for outside the prefix, and whose it is: by `Referer`, by the cookie that pages set, by what
// browsers say of where a request comes from. The browser of these tests sends what Chromium does.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

/// What a browser says beside the rest.
private enum From {
    static let page = "Referer: http://gw.example/web/a/page\r\n"
    static let cookie = "Cookie: miagent.~=a\r\n"
    static let script = "Accept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
    static let link = "Accept: text/html\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n"
    static let addressBar = "Accept: text/html\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n"
    static let otherSite = "Accept: text/html\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
    static let here = "Origin: http://gw.example\r\n"
    static let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
}

extension GatewayFixture {
    /// What an agent gets of a request; nil if it gets none.
    fileprivate func reach(
        _ agent: AgentPeer, _ target: String, _ fields: String, method: String = "GET", body: String = "", on loop: Int = 0
    ) throws -> (id: StreamID, head: WebRequest, visitor: ConnectionID)? {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        let visitor = visit("\(method) \(target) HTTP/1.1\r\nHost: gw.example\r\n\(fields)\(length)\r\n\(body)", on: loop)
        guard agent.waitingRequests > 0 else { return nil }
        let request = try agent.request()
        return (request.id, request.head, visitor)
    }
}

@Suite struct RescueTests {
    @Test(
        arguments: ["GET", "HEAD"],
        [From.page + "Accept: text/html\r\n", From.page + From.link, From.cookie + From.addressBar])
    func aPageIsSentToItsAddressBeneathThePrefix(method: String, fields: String) throws {
        let fixture = GatewayFixture()
        _ = fixture.agent()
        let response = try fixture.get("/lab?v=1&\u{e9}", method: method, fields)
        #expect(response.status == 307)
        #expect(response.fields.first(.location).map { Array($0) } == latin1("/web/a/lab?v=1&\u{e9}"))
        #expect(response.fields[.vary] == "Referer, Cookie" && response.fields[.cacheControl] == "no-store")
        #expect(response.errorCode == nil)
        fixture.end()
    }

    /// Methods, and fields that say which page asks.
    private static let otherRequests: [(String, String)] = [
        ("GET", From.page), ("GET", "\(From.page)\(From.script)"), ("PUT", "\(From.page)\(From.here)"), ("DELETE", From.page),
        ("POST", "\(From.page)\(From.here)Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"), ("GET", From.cookie),
        ("POST", "\(From.cookie)\(From.here)"), ("GET", "\(From.cookie)\(From.script)"),
        ("GET", "\(From.cookie)\(From.here)\(From.upgrade)"),
        ("GET", "\(From.cookie)Referer: http://gw.example/static/a.css\r\n"), ("OPTIONS", From.page),
    ]

    @Test(arguments: otherRequests)
    func everythingElseGoesOnInside(method: String, fields: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let reached = try #require(
            try fixture.reach(agent, "/api/x?y=%20", fields, method: method, body: method == "POST" ? "data" : ""))
        #expect(reached.head.method == method)
        #expect(String(decoding: reached.head.path, as: UTF8.self) == "/api/x")
        #expect(reached.head.query.map { String(decoding: $0, as: UTF8.self) } == "y=%20")
        #expect(reached.head.fields["x-forwarded-prefix"] == "/web/a")
        #expect(reached.head.fields[.cookie] == nil, "the page's cookie is ours alone")
        if method == "POST" { #expect(agent.body(reached.id) == "data") }
        guard !fields.contains("Upgrade") else {
            agent.begin(reached.id, 101)
            agent.send(reached.id, "hello")
            #expect(try fixture.expectResponse(reached.visitor).status == 101)
            return fixture.end()
        }
        agent.respond(reached.id, 200, fieldsOf(("Location", "/home"), ("Cache-Control", "max-age=60")), "ok")
        let response = try fixture.expectResponse(reached.visitor, to: method)
        #expect(response.fields[.location] == "/web/a/home")
        #expect(response.fields[.vary] == "Referer, Cookie, Service-Worker", "to another page it is another service's")
        fixture.end()
    }

    private func fieldsOf(_ pairs: (String, String)...) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs { try? fields.append(HTTPFieldName(name), value) }
        return fields
    }

    @Test(arguments: [
        "", "Referer: http://gw.example/\r\n", "Referer: http://gw.example/web/a\r\n", "Referer: http://gw.example/web/\r\n",
        "Referer: http://other.example/web/a/\r\n", "Referer: /web/a/\r\n", "Referer: http://gw.example:81/web/a/\r\n",
        "Referer: http://gw.example@evil.example/web/a/\r\n", "Referer: ftp://gw.example/web/a/\r\n",
        "Referer: http:///web/a/\r\n", "Referer: http://gw.example/web/%61/\r\n", "Referer: http://gw.example/x?/web/a/\r\n",
        "Referer: http://gw.example/web/a?/\r\n", From.page + From.page, From.page + "Sec-Fetch-Site: cross-site\r\n",
        From.page + "Sec-Fetch-Site: same-site\r\n", From.page + "Sec-Fetch-Site: none\r\n",
        From.page + "Origin: http://evil.example\r\n", From.page + "Origin: null\r\n",
        // The cookie alone is not enough where something speaks against it.
        From.cookie + From.otherSite, From.cookie + "Referer: http://evil.example/\r\n", From.cookie + "Referer: nonsense\r\n",
        From.cookie + "Referer: http://gw.example/\r\n", From.cookie + "Referer: http://gw.example/.miagent/help\r\n",
        From.cookie + "Referer: http://gw.example/login?next=/\r\n", From.cookie + "Referer: http://gw.example/inspect/a\r\n",
        From.cookie + "Origin: http://evil.example\r\n" + From.upgrade, From.cookie + "Origin: null\r\n",
        From.cookie + "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: cors\r\n", "Cookie: miagent.~=../b\r\n",
        "Cookie: miagent.~=\r\n",
        "Cookie: miagent.~=a; miagent.~=b\r\n", "Cookie: miagent.a=a\r\n", "Cookie: __Host-miagent.~=a\r\n",
    ]) func whoIsNoPageOfAServiceFindsNothing(fields: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        #expect(try fixture.get("/style.css", fields).errorCode == "not-found")
        #expect(agent.waitingRequests == 0)
        fixture.end()
    }

    @Test func theReferersAgentComesBeforeTheCookies() throws {
        let fixture = GatewayFixture()
        let (a, b) = (fixture.agent("a"), fixture.agent("b"))
        #expect(try fixture.reach(a, "/x", From.page + "Cookie: miagent.~=b\r\n") != nil)
        #expect(b.waitingRequests == 0)
        #expect(try fixture.reach(b, "/x", "Cookie: miagent.~=b\r\n") != nil)
        fixture.end()
    }

    @Test func theSchemeAndTheHostsCaseDoNotMatter() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent()
        let response = try fixture.get("/x", "Accept: text/html\r\nReferer: HTTPS://GW.Example/web/a/b?c\r\n")
        #expect(response.fields[.location] == "/web/a/x")
        fixture.end()
    }

    @Test(arguments: [
        "/.miagent", "/.miagent/", "/.miagent/x", "/.miagent/agents/", "/web", "/web/", "/web/.x/", "*",
    ]) func whatIsOursOrCouldBeIsNobodys(target: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for fields in [From.page + From.link, From.page, From.cookie] {
            #expect(try fixture.get(target, fields).errorCode == "not-found")
        }
        #expect(agent.waitingRequests == 0)
        fixture.end()
    }

    @Test func ourOwnPagesStayOurs() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for target in ["/", "/login", "/healthz", "/readyz", "/metrics", "/.miagent/agents", "/.miagent/help"] {
            #expect(try fixture.get(target, From.page + From.cookie + From.script).errorCode == nil)
        }
        #expect(try fixture.get("/agent", From.page + From.cookie).errorCode == "upgrade-required")
        #expect(agent.waitingRequests == 0)
        fixture.end()
    }

    @Test(arguments: ["/apix", "/agents", "/agent/x", "/healthz.css", "/webpack.js", "//static/x", "/login/callback"])
    func whatOnlyLooksLikeOursIsNot(target: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        #expect(try fixture.get(target, From.page + From.link).fields[.location] == "/web/a\(target)")
        let reached = try fixture.reach(agent, target, From.page)
        #expect(reached.map { String(decoding: $0.head.path, as: UTF8.self) } == target)
        fixture.end()
    }

    // MARK: Addresses that once were ours

    @Test func whatWasOursIsAServicesWhosePageAsksForIt() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for target in ["/api/agents", "/api/events", "/help", "/logout", "/inspect/a", "/api/agents/a/exchanges"] {
            for fields in [
                From.page, From.cookie + From.script, From.cookie + From.here,
                From.cookie + "Referer: http://gw.example/x.js\r\n",
            ] {
                #expect(try fixture.reach(agent, target, fields) != nil, "\(target) \(fields)")
            }
        }
        #expect(try fixture.get("/help", From.page + From.link).fields[.location] == "/web/a/help")
        fixture.end()
    }

    @Test func whatWasOursIsOursForPeopleAndPrograms() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for fields in [
            "", From.cookie, From.cookie + From.addressBar, From.cookie + "Referer: http://gw.example/\r\n",
            From.page + "Sec-Fetch-Site: cross-site\r\n",
        ] {
            #expect(try fixture.get("/api/agents", fields).text.contains("\"connected\":1"), "\(fields)")
        }
        #expect(agent.waitingRequests == 0)
        fixture.end()
    }

    // MARK: The cookie

    @Test func aPageSaysWhoseItIs() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for (fields, status, type, isSet) in [
            ("", 200, "text/html; charset=utf-8", true), (From.link, 404, "TEXT/HTML", true),
            ("", 200, "application/xhtml+xml", true),
            ("Accept: text/html\r\n", 304, nil, true), ("", 304, nil, false), ("", 200, "text/htm", false),
            ("", 200, "application/json", false), ("", 200, nil, false), (From.script, 200, "text/html", false),
            (From.cookie, 200, "text/html", false), ("Cookie: miagent.~=b\r\n", 200, "text/html", true),
        ] as [(String, Int, String?, Bool)] {
            let reached = try #require(try fixture.reach(agent, "/web/a/", fields))
            agent.respond(reached.id, status, type.map { fieldsOf(("Content-Type", $0)) } ?? HTTPFields())
            let cookie = try fixture.expectResponse(reached.visitor).fields[.setCookie]
            #expect(
                cookie == (isSet ? "miagent.~=a; Path=/; HttpOnly; SameSite=Lax" : nil), "\(fields) \(status) \(type ?? "-")")
        }
        fixture.end()
    }

    @Test func behindTLSItIsThisHostsAlone() throws {
        let fixture = GatewayFixture { $0.publicURL = "https://gw.example" }
        let agent = fixture.agent()
        let reached = try #require(try fixture.reach(agent, "/web/a/", ""))
        agent.respond(reached.id, 200, fieldsOf(("Content-Type", "text/html")))
        let cookie = "__Host-miagent.~=a; Path=/; HttpOnly; SameSite=Lax; Secure"
        #expect(try fixture.expectResponse(reached.visitor).fields[.setCookie] == cookie)
        #expect(try fixture.reach(agent, "/x", "Cookie: __Host-miagent.~=a\r\n") != nil)
        #expect(try fixture.get("/x", From.cookie).errorCode == "not-found")
        fixture.end()
    }

    @Test func aServiceNeitherSetsNorSeesIt() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let reached = try #require(try fixture.reach(agent, "/web/a/x", "Cookie: miagent.~=a; s=1; __Host-miagent.~=b\r\n"))
        #expect(reached.head.fields[.cookie] == "s=1")
        agent.respond(
            reached.id, 200,
            fieldsOf(("Set-Cookie", "miagent.~=b; Path=/"), ("Set-Cookie", "=miagent.~=b"), ("Set-Cookie", "s=2; Path=/")))
        let response = try fixture.expectResponse(reached.visitor)
        #expect(response.fields.all(.setCookie).map { String(decoding: $0, as: UTF8.self) } == ["s=2; Path=/"])
        fixture.end()
    }

    @Test(arguments: ["/web/a/", "/"]) func atItsOwnHostNameAnAgentNeedsNone(target: String) throws {
        let fixture = GatewayFixture { $0.web.subdomainHost = "gw.example" }
        let agent = fixture.agent()
        let visitor = fixture.visit("GET \(target) HTTP/1.1\r\nHost: a.gw.example\r\n\r\n")
        agent.respond(try agent.request().id, 200, fieldsOf(("Content-Type", "text/html"), ("Set-Cookie", "s=1; Path=/x")))
        #expect(try fixture.expectResponse(visitor).fields.all(.setCookie).count == 1)
        let reserved = try fixture.get("/.miagent/x", host: "a.gw.example", From.cookie)
        #expect(reserved.errorCode == "not-found")
        fixture.end()
    }

    // MARK: Cookies of services

    @Test(
        arguments: [
            ("/", "s=1; Path=/", ["s=1; Path=/"]),
            ("/", "s=1; HttpOnly;\tpath = / ; Secure", ["s=1; HttpOnly;\tpath = / ; Secure"]),
            ("/x", "s=1; HttpOnly", ["s=1; HttpOnly; Path=/"]), ("/login", "s=1; Path=x; Secure", ["s=1; Secure; Path=/"]),
            ("/", "s=1; Path=/lab; Secure", ["s=1; Secure; Path=/lab", "s=1; Secure; Path=/web/a/lab"]),
            ("/lab/login", "s=1", ["s=1"]), ("/", "s=1; Path=/web/a", ["s=1; Path=/web/a"]),
            ("/", "s=1; Path=/x; Path=/", ["s=1; Path=/x; Path=/"]), ("/", "path=/x; Path=/", ["path=/x; Path=/"]),
            ("", "s", ["s; Path=/"]),
        ] as [(String, String, [String])])
    func cookiesHoldBeneathThePrefixAndWithout(path: String, cookie: String, expected: [String]) {
        let extended = CookiePaths.extended(latin1(cookie)[...], prefix: "/web/a", requestPath: latin1(path)[...])
        #expect(extended.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test func offPathsAreAsBefore() throws {
        let fixture = GatewayFixture { $0.web.rescuesAbsolutePaths = false }
        let agent = fixture.agent()
        #expect(try fixture.get("/style.css", From.page + From.cookie).errorCode == "not-found")
        let reached = try #require(try fixture.reach(agent, "/web/a/", ""))
        agent.respond(reached.id, 200, fieldsOf(("Content-Type", "text/html"), ("Set-Cookie", "s=1; Path=/")))
        #expect(try fixture.expectResponse(reached.visitor).fields[.setCookie] == "s=1; Path=/web/a/")
        fixture.end()
    }

    // MARK: The same as a visit

    @Test func itIsAskedForATokenAsAVisitIs() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["t0ken"] }
        let agent = fixture.agent()
        let response = try fixture.get("/api/x", From.page)
        #expect(response.status == 401 && response.errorCode == "unauthorized")
        #expect(try fixture.get("/api/x", From.cookie + From.script).status == 401)
        let reached = try fixture.reach(agent, "/api/x", From.page + "Authorization: Bearer t0ken\r\n")
        #expect(reached?.head.fields[.authorization] == nil && reached != nil)
        // What a login's cookie authorises must come from a page of this host, here too.
        let browser = Browser(fixture)
        _ = try browser.logIn("t0ken")
        #expect(try browser.reach(agent, "/api/x", method: "DELETE", From.page) != nil)
        browser.origin = "http://evil.example"
        #expect(try browser.ask("/api/x", method: "DELETE", From.page).errorCode == "not-found")
        fixture.end()
    }

    @Test func itMovesToItsAgentsLoop() throws {
        let fixture = GatewayFixture(loops: 3)
        let agents = ["x", "a", "y"].map { fixture.agent($0) }
        let reached = try #require(try fixture.reach(agents[1], "/api/x", From.page, on: 2))
        #expect(fixture.loop(of: reached.visitor) == 1)
        agents[1].respond(reached.id, 200, HTTPFields(), "ok")
        #expect(try fixture.expectResponse(reached.visitor).text == "ok")
        fixture.end()
    }

    @Test func itWaitsForItsAgentAndIsToldOfOneThatIsAway() throws {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(3) }
        fixture.agent().close()
        let visitor = fixture.visit("GET /api/x HTTP/1.1\r\nHost: gw.example\r\n\(From.cookie)\r\n")
        fixture.wait(.seconds(1))
        let agent = fixture.agent()
        let request = try agent.request()
        #expect(String(decoding: request.head.path, as: UTF8.self) == "/api/x")
        agent.respond(request.id)
        #expect(try fixture.expectResponse(visitor).status == 200)
        agent.close()
        for (cookie, code) in [("a", "agent-offline"), ("nobody", "unknown-agent")] {
            let visitor = fixture.visit("GET /api/x HTTP/1.1\r\nHost: gw.example\r\nCookie: miagent.~=\(cookie)\r\n\r\n")
            fixture.wait(.seconds(3))
            #expect(try fixture.expectResponse(visitor).errorCode == code)
        }
        fixture.end()
    }

    @Test(arguments: ["Service-Worker: script\r\n", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: serviceworker\r\n"])
    func noServiceWorkerStandsBeforeTheWholeHost(fields: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for target in ["/sw.js", "/help"] {
            let visitor = fixture.visit(get(target, From.page + From.cookie + fields))
            #expect(agent.waitingRequests == 0, "\(target)")
            fixture.leave(visitor)
        }
        fixture.end()
    }
}
