// Who may pass where: tokens of agents, openness that was said aloud, addresses, tokens in addresses, TLS, and how guessing is
// slowed.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WebConsole

@testable import GatewayKit

@Suite struct AccessTests {
    private func agent(_ configure: (inout AgentAccess) -> Void) -> AgentAccess {
        var access = AgentAccess()
        configure(&access)
        return access
    }

    private func ranges(_ texts: String...) -> [AddressRange] { texts.compactMap { AddressRange($0) } }

    private let bearer = "Authorization: Bearer t0ken\r\n"

    // MARK: Tokens and openness

    @Test func anAgentMayBeOpenAmongOthersThatAreNot() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.agents["open"] = agent { $0.isPublic = true }
            $0.agents["both"] = agent {
                $0.isPublic = true
                $0.authTokens = ["own"]
            }
        }
        let open = fixture.agent("open")
        #expect(try Browser(fixture).reach(open, "/web/open/", bearer)?.head.fields[.authorization] == "Bearer t0ken")
        #expect(try fixture.get("/web/a/").status == 401)
        #expect(try fixture.get("/web/both/").status == 401)
        fixture.end()
    }

    @Test(arguments: [
        (true, false, false, false, false, [StatusWarning.openToAgents, .openToVisitors]),
        (false, false, false, false, false, []),
        (true, true, false, false, false, [.openToVisitors]), (true, false, true, false, false, [.openToAgents]),
        (true, true, false, true, false, [.openStatusPage]), (true, true, false, false, true, []),
    ]) func whatIsOpenWithoutAWordIsWarnedOf(
        isReachable: Bool, hasGatewayToken: Bool, hasToken: Bool, isPublic: Bool, hasList: Bool, expected: [StatusWarning]
    ) {
        var configuration = GatewayConfiguration()
        configuration.isReachableFromOutside = isReachable
        if hasGatewayToken { configuration.gatewayTokens = ["g"] }
        if hasToken { configuration.web.authTokens = ["t"] }
        if hasList { configuration.web.allow = ranges("10.0.0.0/8") }
        configuration.web.isPublic = isPublic
        #expect(configuration.warnings == expected)
    }

    @Test func withoutASecretThereIsNoFormAndBearersCount() throws {
        var configuration = GatewayConfiguration()
        configuration.statusPage.authTokens = ["t"]
        var gateway = Gateway(configuration, clock: WallClock(unixNanosecondsAtZero: 0))
        let id = ConnectionID(slot: 1, generation: 1)
        var outputs: Gateway.Outputs = []
        gateway.handle(.transport(.accepted(id, peer: "192.0.2.1", listener: 0)), now: Moment(), into: &outputs)
        let text = "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nCookie: miagent=1.9999999999.\r\n\r\n"
        gateway.handle(.transport(.received(id, Array(text.utf8)[...])), now: Moment(), into: &outputs)
        let written = outputs.map { output -> String in
            if case .transport(.write(_, let bytes)) = output { String(decoding: bytes, as: UTF8.self) } else { "" }
        }.joined()
        #expect(written.hasPrefix("HTTP/1.1 401") && !written.contains("<form"))
    }

    // MARK: A token in the address

    @Test func aBrowserIsSentToTheAddressWithoutTheToken() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["t0ken"] }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        let response = try browser.ask("/web/a/x?a=1&token=t0ken&b=2")
        #expect(response.status == 303 && response.fields[.location] == "/web/a/x?a=1&b=2")
        #expect(response.fields["referrer-policy"] == "same-origin" && response.fields[.cacheControl] == "no-store")
        #expect(try browser.reach(agent, "/web/a/x?a=1&b=2") != nil)
        // Again, beside the cookie: clean again.
        #expect(try browser.ask("/web/a/x?token=t0ken").fields[.location] == "/web/a/x")
        // A token of the service's own is nothing of ours.
        let reached = try browser.reach(agent, "/web/a/lab?token=jupyter")
        #expect(reached?.head.query.map { String(decoding: $0, as: UTF8.self) } == "token=jupyter")
        fixture.end()
    }

    @Test func ofAProgramsRequestTheTokenIsTakenOut() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["t0ken"] }
        let agent = fixture.agent()
        for (target, expected) in [("/web/a/?token=t0ken", nil), ("/web/a/?x=1&token=t0ken", "x=1")] {
            let id = fixture.visit(get(target))
            let request = try agent.request()
            #expect(request.head.query.map { String(decoding: $0, as: UTF8.self) } == expected)
            agent.respond(request.id)
            #expect(try fixture.expectResponse(id).status == 200)
        }
        // Beside a bearer that is ours as well; and a service's own token beside it.
        _ = fixture.visit(get("/web/a/?token=t0ken", bearer))
        #expect(try agent.request().head.query == nil)
        _ = fixture.visit(get("/web/a/?token=theirs", bearer))
        #expect(try agent.request().head.query.map { String(decoding: $0, as: UTF8.self) } == "token=theirs")
        #expect(try fixture.get("/web/a/?token=theirs").status == 401)
        #expect(try fixture.get("/web/a/?token=theirs&token=t0ken").status == 401)
        fixture.end()
    }

    @Test func theCleanAddressIsAtThisHost() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.web.subdomainHost = "gw.example"
        }
        let agent = fixture.agent()
        let browser = Browser(fixture, host: "a.gw.example")
        // `Location: //evil.example/` would lead there: then nobody is sent anywhere.
        #expect(try browser.reach(agent, "//evil.example/?token=t0ken")?.head.query == nil)
        #expect(browser.cookies.isEmpty)
        #expect(try browser.ask("/x?token=t0ken").fields[.location] == "/x")
        fixture.end()
    }

    // MARK: Agents' own host names

    @Test func atAnAgentsHostNameOnlyTwoPathsAreOurs() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.web.subdomainHost = "gw.example"
            $0.publicURL = "http://gw.example"
        }
        let agent = fixture.agent("Pi")
        let browser = Browser(fixture, host: "pi.gw.example")
        let form = try browser.ask("/some/where?x")
        #expect(
            form.status == 401 && form.text.contains("action=\"/.miagent/login\"")
                && form.text.contains("value=\"/some/where?x\""))
        #expect(try browser.logIn("t0ken", scope: "Pi", next: "").status == 401)  // `/login` is the service's
        #expect(try browser.logIn("t0ken", scope: "Pi", next: "", to: "/.miagent/login").fields[.location] == "/")
        #expect(try browser.reach(agent, "/login", method: "POST") != nil)
        #expect(try browser.ask("/.miagent/other").status == 404)
        // A page of the gateway's own address may be another agent's.
        browser.origin = "http://gw.example"
        #expect(try browser.ask("/x", method: "POST").errorCode == "cross-site")
        browser.origin = "http://pi.gw.example"
        #expect(try browser.ask("/.miagent/logout", method: "POST", body: "scope=Pi").status == 303)
        #expect(try browser.ask("/").status == 401)
        fixture.end()
    }

    @Test func pathsNeedNotLeadToAgents() throws {
        let fixture = GatewayFixture {
            $0.web.subdomainHost = "gw.example"
            $0.web.routesByPath = false
            $0.web.rescuesAbsolutePaths = true
        }
        let agent = fixture.agent()
        #expect(try fixture.get("/web/a/").errorCode == "not-found")
        #expect(try fixture.get("/web/a").errorCode == "not-found")
        #expect(try fixture.get("/x", "Referer: http://gw.example/web/a/\r\n").errorCode == "not-found")
        #expect(try Browser(fixture, host: "a.gw.example").reach(agent, "/web/a/") != nil)
        fixture.end()
    }

    // MARK: TLS

    @Test func behindTLSTheCookieIsBoundToTheHost() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.publicURL = "https://gw.example"
        }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        browser.origin = "https://gw.example"
        let cookie = try #require(try browser.logIn("t0ken").fields[.setCookie])
        #expect(
            cookie.hasPrefix("__Host-miagent.*=") && cookie.hasSuffix("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure")
        )
        #expect(try browser.reach(agent, "/web/a/", method: "POST") != nil)
        // A cookie that anybody on the way could have set is not looked at.
        browser.cookies = ["miagent.*": browser.cookies["__Host-miagent.*"] ?? ""]
        #expect(try browser.ask("/web/a/").status == 401)
        browser.origin = "http://gw.example"
        #expect(try browser.logIn("t0ken").errorCode == "cross-site")
        fixture.end()
    }

    @Test func aBelievedProxyTellsHowAndUnderWhichNameTheVisitorCame() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.trustedProxies = ranges("10.0.0.0/8")
        }
        let browser = Browser(fixture, host: "upstream", from: "10.1.2.3")
        browser.extra = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: gw.example\r\n"
        browser.origin = "https://gw.example"
        #expect(try browser.logIn("t0ken").fields[.setCookie]?.hasPrefix("__Host-") == true)
        browser.peer = "203.0.113.9"  // not believed
        #expect(try browser.logIn("t0ken").errorCode == "cross-site")
        fixture.end()
    }

    // MARK: Addresses

    @Test func visitorsComeFromWhereTheyMay() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.web.allow = ranges("203.0.113.0/24", "2001:db8::/32")
            $0.agents["six"] = agent { $0.allow = ranges("2001:db8:6::/48") }
            $0.web.subdomainHost = "gw.example"
        }
        let (a, six) = (fixture.agent(), fixture.agent("six"))
        for (peer, id, isIn) in [
            ("203.0.113.9", "a", true), ("203.0.114.9", "a", false), ("2001:db8::9", "a", true), ("2001:db9::9", "a", false),
            ("203.0.113.9", "six", false), ("2001:db8:6::1", "six", true), ("2001:db8:7::1", "six", false),
            ("unix", "a", false),
            ("?", "a", false), ("", "a", false),
        ] {
            let agent = id == "a" ? a : six
            for browser in [Browser(fixture, from: peer), Browser(fixture, host: "\(id).gw.example", from: peer)] {
                let path = browser.host == "gw.example" ? "/web/\(id)/" : "/"
                if isIn {
                    #expect(try browser.reach(agent, path, bearer) != nil, "\(peer) \(id)")
                } else {
                    let response = try browser.ask(path, bearer)
                    #expect(response.status == 403 && response.errorCode == "forbidden" && !response.text.contains("<form"))
                    #expect(try browser.logIn("t0ken", scope: id).errorCode == "forbidden" || browser.host != "gw.example")
                }
            }
        }
        #expect(try fixture.get("/web/nobody/", from: "198.51.100.1").errorCode == "forbidden")  // before anything is said
        fixture.end()
    }

    @Test func nobodySaysHimselfWhereHeIsFrom() throws {
        let fixture = GatewayFixture {
            $0.web.allow = ranges("10.0.0.0/8")
            $0.trustedProxies = ranges("192.0.2.1")
        }
        let agent = fixture.agent()
        func ask(_ peer: String, _ forwarded: String) throws -> String? {
            let browser = Browser(fixture, from: peer)
            let fields = "X-Forwarded-For: \(forwarded)\r\n"
            if try browser.reach(agent, "/web/a/", fields) != nil { return nil }
            return try browser.ask("/web/a/", fields).errorCode
        }
        #expect(try ask("203.0.113.9", "10.0.0.1") == "forbidden")
        #expect(try ask("192.0.2.1", "10.0.0.1, 203.0.113.9") == "forbidden")
        #expect(try ask("192.0.2.1", "garbage") == "forbidden")
        #expect(try ask("192.0.2.1", "203.0.113.9, 10.0.0.1") == nil)
        #expect(try ask("10.9.9.9", "203.0.113.9") == nil)
        fixture.end()
    }

    // MARK: Guessing

    @Test(arguments: ["bearer", "form", "query", "console"]) func guessingIsSlowed(way: String) throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.statusPage.authTokens = ["t0ken"]
        }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        func attempt(_ token: String) throws -> ReceivedResponse {
            switch way {
            case "bearer": try browser.ask("/web/a/", "Authorization: Bearer \(token)\r\n")
            case "form": try browser.logIn(token)
            case "query": try browser.ask("/web/a/?token=\(token)")
            default: try browser.ask("/.miagent/agents", "Authorization: Bearer \(token)\r\n")
            }
        }
        for index in 0..<10 { #expect(try attempt("guess\(index)").status == 401) }
        for token in ["another", "t0ken"] {  // the right one is not looked at either
            let response = try attempt(token)
            #expect(response.status == 429 && response.errorCode == "too-many-attempts" && response.fields[.retryAfter] == "6")
            #expect(response.fields[.setCookie] == nil)
        }
        browser.peer = "203.0.113.10"
        #expect(try browser.reach(agent, "/web/a/", bearer) != nil)
        browser.peer = "203.0.113.9"
        fixture.wait(.seconds(6))
        #expect(try browser.reach(agent, "/web/a/", bearer) != nil)
        fixture.end()
    }

    @Test func whoIsLoggedInIsNotSlowedByOthersAtTheSameAddress() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["t0ken"] }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        #expect(try browser.logIn("t0ken").status == 303)
        for index in 0..<12 { _ = try Browser(fixture).logIn("guess\(index)") }
        #expect(try Browser(fixture).logIn("t0ken").status == 429)
        #expect(try Browser(fixture).ask("/web/a/").status == 401)  // no token, no attempt
        #expect(try browser.reach(agent, "/web/a/", method: "POST") != nil)
        let reached = try browser.reach(agent, "/web/a/", bearer)
        #expect(reached?.head.fields.contains(.authorization) == false)
        fixture.end()
    }

    @Test func rightTokensAreNoAttempts() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.statusPage.authTokens = ["t0ken"]
        }
        for _ in 0..<50 { #expect(try fixture.get("/.miagent/agents", bearer).status == 200) }
        for _ in 0..<50 { #expect(try fixture.get("/web/a/").status == 401) }
        #expect(try Browser(fixture).logIn("t0ken").status == 303)
        fixture.end()
    }

    @Test func attemptsMayBeUnlimited() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.login.attemptsPerMinute = 0
        }
        for index in 0..<50 { #expect(try Browser(fixture).logIn("guess\(index)").status == 401) }
        fixture.end()
    }

    @Test func theAddressBehindABelievedProxyIsSlowedAndNoOther() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.trustedProxies = ranges("127.0.0.1")
        }
        func logIn(_ forwarded: String, _ token: String) throws -> Int {
            let browser = Browser(fixture, from: "127.0.0.1")
            browser.extra = "X-Forwarded-For: \(forwarded)\r\n"
            return try browser.logIn(token).status
        }
        // What it writes before the proxy's word makes no other address of it.
        for index in 0..<10 { #expect(try logIn("10.0.0.\(index), 203.0.113.9", "guess\(index)") == 401) }
        #expect(try logIn("1.2.3.4, 203.0.113.9", "t0ken") == 429)
        #expect(try logIn("203.0.113.10", "t0ken") == 303)
        fixture.end()
    }

    @Test func agentsTokensAreGuessedNoFaster() throws {
        let fixture = GatewayFixture { $0.gatewayTokens = ["s3cret"] }
        func dial(_ token: String, from peer: String = "203.0.113.9") throws -> ReceivedResponse {
            let id = fixture.visit(GatewayFixture.handshake("agentId=a", "Authorization: Bearer \(token)\r\n"), from: peer)
            defer { fixture.leave(id) }
            return try fixture.expectResponse(id)
        }
        for index in 0..<9 { #expect(try dial("guess\(index)").status == 401) }
        // A wrong token in `agent.register` counts too.
        let agent = fixture.dial(query: "agentId=b", from: "203.0.113.9")
        agent.register(AgentDescription(agentID: "b", token: "wrong"))
        #expect(fixture.connection(agent.id).isClosing)
        #expect(try dial("s3cret").errorCode == "too-many-attempts")
        let late = fixture.dial(query: "agentId=b", from: "203.0.113.9")
        late.register(AgentDescription(agentID: "b", token: "s3cret"))
        #expect(fixture.connection(late.id).isClosing)
        #expect(try dial("s3cret", from: "203.0.113.10").status == 101)
        fixture.end()
    }

    @Test func theRescueOfPathsIsNoOracle() throws {
        let fixture = GatewayFixture {
            $0.web.rescuesAbsolutePaths = true
            $0.web.authTokens = ["t0ken"]
        }
        _ = fixture.agent()
        let referer = "Referer: http://gw.example/web/a/\r\n"
        for index in 0..<10 {
            #expect(try fixture.get("/x", referer + "Authorization: Bearer guess\(index)\r\n").status == 401)
        }
        #expect(try fixture.get("/x", referer + bearer).status == 429)
        #expect(try fixture.get("/web/a/", bearer).status == 429)
        fixture.end()
    }
}
