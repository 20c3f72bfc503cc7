// What passes a guarded agent without a token: a CORS preflight, and nothing that only looks like one.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct PreflightTests {
    private let asking = "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n"

    private func fixture(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
        GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            configure(&$0)
        }
    }

    private func ask(
        _ fixture: GatewayFixture, _ fields: String, method: String = "OPTIONS", host: String = "gw.example", on loop: Int = 0
    )
        -> ConnectionID
    {
        let target = host == "gw.example" ? "/web/a/api?x=1&token=t0ken" : "/api?x=1&token=t0ken"
        return fixture.visit("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n", on: loop)
    }

    @Test(arguments: TunnelVersion.allCases, ["gw.example", "a.sub.example"])
    func itReachesTheServiceWithoutWhatItCannotHave(version: TunnelVersion, host: String) throws {
        let fixture = fixture { $0.web.subdomainHost = "sub.example" }
        let agent = fixture.agent("a", version)
        let visitor = ask(
            fixture,
            asking + "Access-Control-Request-Headers: authorization, x-a\r\nUser-Agent: Mozilla/5.0\r\nSec-Fetch-Mode: cors\r\n"
                + "Cookie: s=1; miagent.*=x\r\nX-HTTP-Method-Override: DELETE\r\nX-Forwarded-For: 10.0.0.1\r\nX-Api-Key: k\r\n",
            host: host)
        let request = try agent.request()
        #expect(request.head.method == "OPTIONS" && String(decoding: request.head.path, as: UTF8.self) == "/api")
        #expect(request.head.query.map { String(decoding: $0, as: UTF8.self) } == "x=1", "the token stays here")
        let names = Set(request.head.fields.map { $0.nameString.lowercased() })
        #expect(
            names.subtracting(["x-forwarded-prefix"]) == [
                "origin", "access-control-request-method", "access-control-request-headers", "user-agent", "sec-fetch-mode",
                "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
            ])
        #expect(request.head.fields["x-forwarded-for"] == "203.0.113.9")
        var allowed = HTTPFields()
        try allowed.append("Access-Control-Allow-Origin", "*")
        agent.respond(request.id, 204, allowed)
        let response = try fixture.expectResponse(visitor, to: "OPTIONS")
        #expect(response.status == 204 && response.fields["access-control-allow-origin"] == "*")
        fixture.end()
    }

    @Test func nothingElsePasses() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let method = "Access-Control-Request-Method: PUT\r\n"
        let origin = "Origin: https://app.example\r\n"
        for (verb, fields) in [
            ("GET", asking), ("POST", asking), ("options", asking), ("HEAD", asking), ("OPTIONS", origin), ("OPTIONS", method),
            ("OPTIONS", asking + origin), ("OPTIONS", asking + method), ("OPTIONS", asking + "Content-Length: 2\r\n"),
            ("OPTIONS", asking + "Transfer-Encoding: chunked\r\n"),
            ("OPTIONS", asking + "Connection: upgrade\r\nUpgrade: websocket\r\n"),
            ("OPTIONS", asking + "Authorization: Bearer wrong\r\n"), ("OPTIONS", asking + "Authorization: Basic eDp5\r\n"),
        ] {
            let visitor = fixture.visit("\(verb) /web/a/api HTTP/1.1\r\nHost: gw.example\r\n\(fields)\r\n")
            #expect(try fixture.expectResponse(visitor, to: verb).status == 401, "\(verb) \(fields)")
        }
        #expect(agent.waitingRequests == 0)
        fixture.end()
    }

    @Test func whoHasATokenIsAVisitorAsEver() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        _ = ask(fixture, asking + "Authorization: Bearer t0ken\r\nX-Api-Key: k\r\nCookie: s=1\r\n")
        let request = try agent.request()
        #expect(request.head.fields["x-api-key"] == "k" && request.head.fields[.cookie] == "s=1")
        #expect(request.head.fields[.authorization] == nil)
        fixture.end()
    }

    @Test func itCanBeSwitchedOffAndListsOfAddressesHold() throws {
        let off = fixture { $0.web.passesPreflights = false }
        _ = off.agent()
        #expect(try off.get("/web/a/", method: "OPTIONS", asking).status == 401)
        off.end()
        let listed = fixture { $0.web.allow = [AddressRange("10.0.0.0/8")].compactMap { $0 } }
        _ = listed.agent()
        #expect(try listed.get("/web/a/", method: "OPTIONS", asking).errorCode == "forbidden")
        listed.end()
    }

    @Test func theGatewaysOwnPagesHaveNone() throws {
        let fixture = GatewayFixture { $0.statusPage.authTokens = ["t"] }
        #expect(try fixture.get("/.miagent/agents", method: "OPTIONS", asking).status == 405)
        fixture.end()
    }

    @Test func itMovesToItsAgentsLoop() throws {
        let fixture = GatewayFixture(loops: 2) { $0.web.authTokens = ["t0ken"] }
        let agents = ["x", "a"].map { fixture.agent($0) }
        let visitor = ask(fixture, asking, on: 0)
        #expect(fixture.loop(of: visitor) == 1)
        #expect(try agents[1].request().head.method == "OPTIONS")
        fixture.end()
    }
}

/// Basic: the visitor's token as the password, for programs that know nothing else.
@Suite struct BasicTests {
    /// `any:t0ken`, `any:wrong`, `:t0ken`, `a:b:t0ken`.
    private let good = "YW55OnQwa2Vu"
    private let wrong = "YW55Ondyb25n"
    private let bare = "OnQwa2Vu"
    private let odd = "YTpiOnQwa2Vu"

    private func basic(_ text: String) -> String { "Authorization: Basic \(text)\r\n" }

    @Test func theTokenIsThePassword() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.statusPage.authTokens = ["t0ken"]
        }
        let agent = fixture.agent()
        for fields in [basic(good), basic(bare), "Authorization: bAsIc  \(good)\r\n"] {
            let visitor = fixture.visit(get("/web/a/", fields))
            let request = try agent.request()
            #expect(request.head.fields[.authorization] == nil, "it goes no further")
            agent.respond(request.id)
            #expect(try fixture.expectResponse(visitor).status == 200)
        }
        #expect(try fixture.get("/metrics", basic(good)).status == 200)
        for text in [wrong, odd, "", "!", "YW55", "dDBrZW4="] {
            #expect(try fixture.get("/web/a/", basic(text)).status == 401, "\(text)")
        }
        fixture.end()
    }

    @Test func wrongOnesAreCountedAndThenNoneIsLookedAt() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.login.attemptsPerMinute = 3
        }
        _ = fixture.agent()
        for _ in 0..<3 { #expect(try fixture.get("/web/a/", basic(wrong)).status == 401) }
        #expect(try fixture.get("/web/a/", basic(good)).errorCode == "too-many-attempts")
        fixture.end()
    }

    @Test func aServicesOwnPasses() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["t0ken"] }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        _ = try browser.logIn("t0ken")
        for fields in [basic(wrong), "User-Agent: Mozilla/5.0\r\n" + basic(wrong)] {
            #expect(try browser.reach(agent, "/web/a/", fields)?.head.fields[.authorization] == "Basic \(wrong)")
        }
        // One that is ours goes no further, though it opens nothing.
        #expect(
            try browser.reach(agent, "/web/a/", "User-Agent: Mozilla/5.0\r\n" + basic(good))?.head.fields[.authorization] == nil
        )
        _ = fixture.visit(get("/web/a/?token=t0ken", basic(wrong)))
        #expect(try agent.request().head.fields[.authorization] == "Basic \(wrong)")
        fixture.end()
        let open = GatewayFixture()
        let other = open.agent()
        _ = open.visit(get("/web/a/", basic(good)))
        #expect(try other.request().head.fields[.authorization] == "Basic \(good)")
        open.end()
    }

    /// What a browser remembers for a service it sends unasked: it is no attempt, and never opens anything.
    @Test(arguments: ["User-Agent: Mozilla/5.0 (X11)\r\n", "Sec-Fetch-Site: same-origin\r\n"])
    func aBrowsersIsTheServices(fields: String) throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.login.attemptsPerMinute = 3
        }
        _ = fixture.agent()
        for _ in 0..<5 { #expect(try fixture.get("/web/a/", fields + basic(good)).errorCode == "unauthorized") }
        #expect(try Browser(fixture).logIn("t0ken").status == 303)
        fixture.end()
    }

    @Test(
        arguments: [
            ("/web/a/", "User-Agent: git/2.39\r\n", ["Bearer", "Basic"]), ("/web/a/", "", ["Bearer", "Basic"]),
            ("/v2/", "User-Agent: docker/27\r\n", ["Basic"]), ("/web/a/", "Accept: text/html\r\n", ["Bearer"]),
            ("/web/a/", "User-Agent: Mozilla/5.0\r\nAccept: */*\r\n", ["Bearer"]),
            ("/web/a/", "Sec-Fetch-Site: same-origin\r\nAccept: */*\r\n", ["Bearer"]),
            ("/metrics", "User-Agent: Prometheus/3\r\n", ["Bearer", "Basic"]),
        ] as [(String, String, [String])])
    func itIsAskedForOfPrograms(target: String, fields: String, expected: [String]) throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["t0ken"]
            $0.statusPage.authTokens = ["t0ken"]
            $0.web.subdomainHost = "sub.example"
        }
        let response = try fixture.get(target, host: target == "/v2/" ? "a.sub.example" : "gw.example", fields)
        #expect(response.status == 401)
        let schemes = response.fields.all(.wwwAuthenticate).map { String(decoding: $0.prefix { $0 != 0x20 }, as: UTF8.self) }
        #expect(schemes == expected)
        fixture.end()
    }

    @Test func anAgentIsNotAskedForIt() throws {
        let fixture = GatewayFixture { $0.gatewayTokens = ["g"] }
        let visitor = fixture.visit(
            GatewayFixture.handshake("agentId=a", protocols: "miagent.v2", "Authorization: Bearer wrong\r\n"))
        let response = try fixture.expectResponse(visitor)
        #expect(response.status == 401 && response.fields.all(.wwwAuthenticate).count == 1)
        fixture.end()
    }
}
