// Logging in and out with a browser: what the form and the cookie do, how long, for what, and what another site cannot do with
// them.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct LoginTests {
    private func fixture(loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.web.authTokens = ["t0ken"]
            $0.statusPage.authTokens = ["operator"]
            var own = AgentAccess()
            own.authTokens = ["own-token"]
            $0.agents["own"] = own
            configure(&$0)
        }
    }

    // MARK: The way in

    @Test func aBrowserIsShownAFormAndComesBackToWhereItWantedToBe() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        let form = try browser.ask("/web/a/x?y=1&token=wrong&z=2")
        #expect(form.status == 401 && form.errorCode == "unauthorized")
        #expect(form.fields[.wwwAuthenticate] == "Bearer realm=\"miagent\"" && form.fields[.cacheControl] == "no-store")
        #expect(form.text.contains("name=\"scope\" value=\"a\"") && form.text.contains("value=\"/web/a/x?y=1&amp;z=2\""))
        #expect(form.fields["content-security-policy"]?.contains("form-action 'self'") == true)
        let response = try browser.logIn("t0ken", next: "%2Fweb%2Fa%2Fx%3Fy%3D1%26z%3D2")
        #expect(response.status == 303 && response.fields[.location] == "/web/a/x?y=1&z=2")
        let cookie = try #require(response.fields[.setCookie])
        #expect(cookie.hasPrefix("miagent.*=1.") && cookie.hasSuffix("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"))
        let reached = try #require(try browser.reach(agent, "/web/a/x?y=1&z=2"))
        #expect(reached.head.query.map { String(decoding: $0, as: UTF8.self) } == "y=1&z=2")
        #expect(!reached.head.fields.contains(.cookie))
        fixture.end()
    }

    @Test func programsGetNoForm() throws {
        let fixture = fixture()
        let plain = try fixture.get("/web/a/")
        #expect(plain.status == 401 && plain.fields[.contentType]?.hasPrefix("text/plain") == true)
        let json = try fixture.get("/web/a/", "Accept: application/json\r\n")
        #expect(json.status == 401 && json.fields[.contentType] == "application/json" && json.text.contains("\"unauthorized\""))
        fixture.end()
    }

    @Test func aWrongTokenIsToldAndGivesNoCookie() throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        for token in ["n0-t0ken", "", "operator", "own-token", "T0KEN"] {
            let response = try browser.logIn(token)
            #expect(response.status == 401 && response.fields[.setCookie] == nil && response.text.contains("role=\"alert\""))
            #expect(!response.text.contains("n0-t0ken"))
        }
        fixture.end()
    }

    @Test func theFormIsThereOnItsOwnAndInBothLanguages() throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        let english = try browser.ask("/login?scope=own&next=/web/own/x")
        #expect(english.status == 200 && english.text.contains("value=\"/web/own/x\"") && english.text.contains("lang=\"en\""))
        let chinese = try browser.ask("/login?lang=zh")
        #expect(chinese.status == 200 && chinese.text.contains("lang=\"zh-CN\"") && browser.cookies["miagent-lang"] == "zh")
        #expect(try browser.ask("/login").text.contains("lang=\"zh-CN\""))
        #expect(try browser.ask("/login?scope=a%20b").status == 404)
        #expect(try browser.logIn("operator", scope: "", next: "").fields[.location] == "/")
        #expect(try browser.ask("/login").status == 303)  // it is logged in
        #expect(try browser.ask("/").status == 200)
        fixture.end()
    }

    @Test func whereNoTokenIsAskedForThereIsNothingToLogInTo() throws {
        let fixture = GatewayFixture()
        let response = try Browser(fixture).logIn("x")
        #expect(response.status == 303 && response.fields[.setCookie] == nil && response.fields[.location] == "/web/a/")
        fixture.end()
    }

    @Test(arguments: [
        "//evil.example", "%2F%2Fevil.example", "/%5Cevil.example", "http://evil.example/", "/%0d%0aSet-Cookie:x=y",
        "/%09/evil.example",
        "javascript:alert(1)", "/login?next=/", "/.miagent/logout", "", "evil",
    ]) func aLoginLeadsNowhereElse(next: String) throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken", next: next).fields[.location] == "/web/a/")
        #expect(try browser.ask("/.miagent/logout", method: "POST", body: "scope=a&next=\(next)").fields[.location] == "/")
        fixture.end()
    }

    // MARK: What the cookie opens

    @Test func eachCookieOpensItsOwnDoorAlone() throws {
        let fixture = fixture()
        let (agent, own, other) = (fixture.agent(), fixture.agent("own"), fixture.agent("b"))
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        #expect(try browser.reach(agent, "/web/a/") != nil)
        #expect(try browser.reach(other, "/web/b/") != nil)  // the same common token
        #expect(try browser.ask("/web/own/").status == 401)
        #expect(try browser.ask("/").status == 401)
        #expect(try browser.logIn("own-token", scope: "own").status == 303)
        #expect(try browser.reach(own, "/web/own/") != nil)
        // One cookie's value under another's name opens nothing.
        let values = browser.cookies
        browser.cookies = [
            "miagent": values["miagent.*"] ?? "", "miagent.own": values["miagent.*"] ?? "",
            "miagent.*": values["miagent.own"] ?? "",
        ]
        for path in ["/", "/web/own/", "/web/a/"] { #expect(try browser.ask(path).status == 401) }
        fixture.end()
    }

    @Test func aLoginEndsByItself() throws {
        let fixture = fixture { $0.login.session = .seconds(3_600) }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").fields[.setCookie]?.contains("Max-Age=3600;") == true)
        fixture.wait(.seconds(3_599))
        #expect(try browser.reach(agent, "/web/a/") != nil)
        fixture.wait(.seconds(1))
        #expect(try browser.ask("/web/a/").status == 401)
        fixture.end()
    }

    @Test func aTokenThatIsTakenBackTakesItsLoginsAlong() throws {
        let fixture = fixture { $0.web.authTokens = ["old", "new"] }
        let agent = fixture.agent()
        let (old, new) = (Browser(fixture), Browser(fixture))
        #expect(try old.logIn("old").status == 303)
        #expect(try new.logIn("new").status == 303)
        #expect(try old.reach(agent, "/web/a/") != nil)
        var configuration = fixture.gateway.configuration
        configuration.web.authTokens = ["new", "newer"]
        fixture.tell(.reconfigure(configuration))
        let ended = try old.ask("/web/a/")
        #expect(ended.status == 401 && ended.text.contains("session has ended"))
        #expect(try new.reach(agent, "/web/a/") != nil)
        var access = AgentAccess()
        access.authTokens = ["new"]
        configuration.agents["a"] = access  // the same token, but now it is this agent's alone
        fixture.tell(.reconfigure(configuration))
        #expect(try new.ask("/web/a/").status == 401)
        fixture.end()
    }

    @Test func aForgedCookieOpensNothing() throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        let real = try #require(browser.cookies["miagent.*"])
        let later = "1.99999999999." + real.suffix(64)
        for value in ["", "1", later, String(real.dropLast()), real + "0", real.uppercased(), "t0ken", "1.99999999999."] {
            browser.cookies["miagent.*"] = value
            #expect(try browser.ask("/web/a/").status == 401, "\(value)")
        }
        fixture.end()
    }

    @Test func rubbishUnderTheSameNameDoesNotLockAnybodyOut() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        // A script of a service adds a cookie for its own path; the browser sends that one first.
        browser.extra = "Cookie: miagent.*=rubbish\r\n"
        #expect(try browser.reach(agent, "/web/a/") != nil)
        fixture.end()
    }

    @Test func itWorksOnEveryLoop() throws {
        let fixture = fixture(loops: 3)
        let agent = fixture.agent("a", on: 1)
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken", on: 2).status == 303)
        for loop in 0..<3 { #expect(try browser.reach(agent, "/web/a/", on: loop) != nil) }
        #expect(try browser.logIn("operator", scope: "", next: "/", on: 1).status == 303)
        for loop in 0..<3 { #expect(try browser.ask("/", on: loop).status == 200) }
        fixture.end()
    }

    // MARK: The way out

    @Test func aLogoutTakesTheCookieBack() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        #expect(try browser.reach(agent, "/web/a/") != nil)
        let response = try browser.ask("/.miagent/logout", method: "POST", body: "scope=a&next=/web/a/")
        #expect(response.status == 303 && response.fields[.location] == "/web/a/")
        #expect(response.fields[.setCookie] == "miagent.*=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        #expect(browser.cookies["miagent.*"] == nil)
        #expect(try browser.ask("/web/a/").status == 401)
        #expect(try browser.ask("/.miagent/logout").status == 405)
        fixture.end()
    }

    // MARK: Other sites

    @Test func nobodyIsLoggedInOrOutByAnotherSite() throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        for origin in ["http://evil.example", "null", "http://gw.example.evil.example", "http://gw.example:81"] {
            browser.origin = origin
            let response = try browser.logIn("t0ken")
            #expect(response.status == 403 && response.errorCode == "cross-site" && response.fields[.setCookie] == nil)
            #expect(response.text.contains("<form"))
            #expect(try browser.ask("/.miagent/logout", method: "POST", body: "scope=a").errorCode == "cross-site")
        }
        browser.origin = nil
        browser.extra = "Sec-Fetch-Site: cross-site\r\n"
        #expect(try browser.logIn("t0ken").errorCode == "cross-site")
        browser.extra = ""
        #expect(try browser.logIn("t0ken").status == 303)  // no browser at all
        fixture.end()
    }

    @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "X"]) func whatACookieAuthorisesMustComeFromHere(method: String) throws
    {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        #expect(try browser.reach(agent, "/web/a/", method: method) != nil)
        browser.origin = "http://evil.example"
        #expect(try browser.ask("/web/a/", method: method).errorCode == "cross-site")
        // Whoever knows the token needs no origin: no other site can make a browser say it.
        browser.cookies = [:]
        #expect(try browser.reach(agent, "/web/a/", method: method, "Authorization: Bearer t0ken\r\n") != nil)
        #expect(try browser.reach(agent, "/web/a/?token=t0ken", method: method) != nil)
        fixture.end()
    }

    @Test func anUpgradeFromAnotherSiteIsRefused() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        #expect(try browser.logIn("t0ken").status == 303)
        let refused = try browser.ask("/web/a/ws", upgrade + "Origin: http://evil.example\r\n")
        #expect(refused.status == 403 && refused.errorCode == "cross-site")
        #expect(try browser.ask("/web/a/ws", upgrade + "Sec-Fetch-Site: same-site\r\n").errorCode == "cross-site")
        #expect(try browser.reach(agent, "/web/a/ws", upgrade + "Origin: http://gw.example\r\n")?.head.upgrade == "websocket")
        #expect(try browser.reach(agent, "/web/a/ws", upgrade) != nil)
        browser.cookies = [:]
        let program = "Authorization: Bearer t0ken\r\nOrigin: http://evil.example\r\n"
        #expect(try browser.reach(agent, "/web/a/ws", upgrade + program) != nil)
        fixture.end()
    }

    @Test func theConsoleIsGuardedInTheSameWay() throws {
        let fixture = fixture()
        let browser = Browser(fixture)
        #expect(try browser.logIn("operator", scope: "", next: "/").status == 303)
        #expect(try browser.ask("/.miagent/agents").status == 200)
        browser.origin = "http://evil.example"
        #expect(try browser.ask("/.miagent/agents/a/replay", method: "POST", body: "{}").errorCode == "cross-site")
        fixture.end()
    }

    // MARK: Services

    @Test func noServiceSeesOrSetsACookieOfOurs() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        #expect(try browser.logIn("operator", scope: "", next: "/").status == 303)
        browser.cookies["theirs"] = "1"
        let reached = try #require(try browser.reach(agent, "/web/a/"))
        #expect(reached.head.fields.all(.cookie).map { String(decoding: $0, as: UTF8.self) } == ["theirs=1"])
        agent.respond(
            reached.id, 200,
            fields(
                ("Set-Cookie", "miagent.*=x; Path=/"), ("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "=miagent=x"),
                ("Set-Cookie", "__Host-miagent=x; Secure; Path=/"), ("Service-Worker-Allowed", "/")))
        let response = try fixture.expectResponse(reached.connection)
        #expect(response.fields.all(.setCookie).map { String(decoding: $0, as: UTF8.self) } == ["a=b; Path=/"])
        #expect(!response.fields.contains("Service-Worker-Allowed"))
        fixture.end()
    }

    @Test func theServicesOwnAuthorizationPassesBesideACookie() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        for value in ["Bearer theirs", "Basic eDp5"] {
            let reached = try browser.reach(agent, "/web/a/", "Authorization: \(value)\r\n")
            #expect(reached?.head.fields[.authorization] == value)
        }
        #expect(
            try browser.reach(agent, "/web/a/", "Authorization: Bearer t0ken\r\n")?.head.fields.contains(.authorization)
                == false)
        fixture.end()
    }
}
