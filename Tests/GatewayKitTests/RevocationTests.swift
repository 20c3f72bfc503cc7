// New settings: whoever they let in no longer goes at once, and nobody else does.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct RevocationTests {
    private func reconfigure(_ fixture: GatewayFixture, _ change: (inout GatewayConfiguration) -> Void) {
        var configuration = fixture.gateway.configuration
        change(&configuration)
        fixture.tell(.reconfigure(configuration))
    }

    private func access(_ configure: (inout AgentAccess) -> Void) -> AgentAccess {
        var access = AgentAccess()
        configure(&access)
        return access
    }

    private let gone = TunnelEvent.closed(WSCloseCode(rawValue: 4401), reason: "its token is not accepted any more")

    // MARK: Agents

    @Test(arguments: TunnelVersion.allCases) func aTokenThatIsTakenBackTakesItsTunnelsAlong(version: TunnelVersion) throws {
        let fixture = GatewayFixture(loops: 3) { $0.gatewayTokens = ["old", "new"] }
        // As a header, in the URL, and in agent.register; each on another loop.
        let header = fixture.dial(version, query: "agentId=h", "Authorization: Bearer old\r\n")
        header.register(AgentDescription(agentID: "h"))
        let query = fixture.dial(version, query: "agentId=q&token=old", on: 1)
        query.register(AgentDescription(agentID: "q"))
        let inside = fixture.dial(version, query: "", on: 2)
        inside.register(AgentDescription(agentID: "i", token: "old"))
        let other = fixture.dial(version, query: "agentId=n&token=new")
        other.register(AgentDescription(agentID: "n"))
        let visitor = fixture.visit(get("/web/h/"))
        _ = try header.request()
        reconfigure(fixture) { $0.logsRequests = true }
        #expect([header, query, inside, other].allSatisfy { !fixture.connection($0.id).isClosing }, "nothing was taken back")
        // To say more of oneself is no second attempt.
        header.register(AgentDescription(agentID: "h", model: "m", token: "new"))
        reconfigure(fixture) { $0.gatewayTokens = ["new"] }
        for agent in [header, query, inside] {
            #expect(agent.events.last == gone)
            #expect(fixture.connection(agent.id).isClosing)
        }
        #expect(!fixture.connection(other.id).isClosing)
        #expect(try fixture.expectResponse(visitor).errorCode == "agent-lost")
        #expect(fixture.takeLogs("agent.lost").count == 3)
        #expect(fixture.logs.allSatisfy { $0.fields.allSatisfy { !$0.value.contains("old") } })
        fixture.end()
    }

    @Test func aTokenOfItsOwnReplacesTheCommonOne() {
        let fixture = GatewayFixture { $0.gatewayTokens = ["common"] }
        let agents = ["pi", "PI2", "x"].map { id in
            let agent = fixture.dial(query: "agentId=\(id)&token=common")
            agent.register(AgentDescription(agentID: id))
            return agent
        }
        reconfigure(fixture) {
            $0.agents["Pi"] = self.access { $0.tokens = ["own"] }
            $0.agents["pi2"] = self.access { $0.tokens = ["own", "common"] }
        }
        #expect(agents.map { $0.events.last == gone } == [true, false, false])
        fixture.end()
    }

    @Test func whoCameWithoutATokenGoesWhenOneIsNeeded() {
        let fixture = GatewayFixture()
        let (none, some) = (fixture.agent("none"), fixture.dial(query: "agentId=some&token=new"))
        some.register(AgentDescription(agentID: "some"))
        let undecided = fixture.dial(query: "agentId=undecided")
        reconfigure(fixture) { $0.gatewayTokens = ["new"] }
        #expect(none.events.last == gone && !fixture.connection(some.id).isClosing)
        undecided.register(AgentDescription(agentID: "undecided"))
        #expect(undecided.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
        reconfigure(fixture) { $0.gatewayTokens = [] }
        #expect(!fixture.connection(some.id).isClosing)
        fixture.end()
    }

    @Test func aNameThatBecomesReservedAndAnOriginThatIsNotListedAnyMoreEndTheirTunnels() throws {
        let fixture = GatewayFixture { $0.agentOrigins = ["https://page.example"] }
        let named = fixture.agent("Shop")
        let page = fixture.dial(query: "agentId=page", "Origin: https://page.example\r\n")
        page.register(AgentDescription(agentID: "page"))
        reconfigure(fixture) {
            $0.reservedAgents = ["shop"]
            $0.agentOrigins = []
        }
        #expect(
            named.events.last == .closed(WSCloseCode(rawValue: 4408), reason: GatewayError.reservedName("Shop").explanation))
        #expect(page.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "its origin is not allowed any more"))
        fixture.end()
    }

    @Test func whoIsInspectedFollowsTheSettingsAtOnce() throws {
        let fixture = GatewayFixture { $0.statusPage.authTokens = ["t"] }
        let agent = fixture.agent()
        reconfigure(fixture) { $0.agents["A"] = self.access { $0.inspects = true } }
        let id = fixture.visit(get("/web/a/recorded"))
        agent.respond(try agent.request().id)
        _ = try fixture.expectResponse(id)
        #expect(try fixture.get("/api/agents/a/exchanges", "Authorization: Bearer t\r\n").text.contains("/recorded"))
        fixture.end()
    }

    // MARK: Visitors

    private static let ways = [
        "Authorization: Bearer old\r\n", "Authorization: Basic eDpvbGQ=\r\n", "cookie", "query",
    ]

    @Test(arguments: ways) func whatAVisitorHoldsOpenEndsWithItsToken(way: String) throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["old", "new"] }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        if way == "cookie" { _ = try browser.logIn("old") }
        let bearer = way.hasPrefix("Auth") ? way : ""
        let query = way == "query" ? "?token=old" : ""
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://gw.example\r\n"
        let socket = fixture.visit(browser.request("GET", "/web/a/ws\(query)", bearer + upgrade))
        let handshake = try agent.request()
        agent.begin(handshake.id, 101, fields(("Upgrade", "websocket")))
        #expect(try fixture.expectResponse(socket).status == 101)
        let events = fixture.visit("GET /web/a/events\(query) HTTP/1.1\r\nHost: gw.example\r\n\(cookies(browser))\(bearer)\r\n")
        agent.begin(try agent.request().id, 200, fields(("Content-Type", "text/event-stream")))
        let asked = fixture.visit("GET /web/a/x\(query) HTTP/1.1\r\nHost: gw.example\r\n\(cookies(browser))\(bearer)\r\n")
        let staying = fixture.visit(get("/web/a/y", "Authorization: Bearer new\r\n"))
        for _ in 0..<1 { _ = try agent.request() }
        reconfigure(fixture) { $0.logsRequests = true }
        #expect(
            [socket, events, asked, staying].allSatisfy {
                !fixture.connection($0).isClosing && !fixture.connection($0).isAborted
            })
        reconfigure(fixture) { $0.web.authTokens = ["new"] }
        #expect(fixture.connection(socket).isAborted)
        #expect(fixture.connection(events).isClosing || fixture.connection(events).isAborted)
        #expect(try fixture.expectResponse(asked).status == 401)
        #expect(!fixture.connection(staying).isClosing && !fixture.connection(staying).isAborted)
        fixture.end()
    }

    private func cookies(_ browser: Browser) -> String {
        browser.cookies.isEmpty ? "" : "Cookie: \(browser.cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; "))\r\n"
    }

    @Test func aPreflightNeverHadATokenAndStays() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["old", "new"] }
        let agent = fixture.agent()
        let fields = "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n"
        let preflight = fixture.visit("OPTIONS /web/a/api HTTP/1.1\r\nHost: gw.example\r\n\(fields)\r\n")
        let request = try agent.request()
        reconfigure(fixture) { $0.web.authTokens = ["new"] }
        agent.respond(request.id, 204)
        #expect(try fixture.expectResponse(preflight).status == 204)
        let second = fixture.visit("OPTIONS /web/a/api HTTP/1.1\r\nHost: gw.example\r\n\(fields)\r\n")
        _ = try agent.request()
        reconfigure(fixture) { $0.web.passesPreflights = false }
        #expect(try fixture.expectResponse(second).status == 401)
        fixture.end()
    }

    @Test func aListOfAddressesEndsWhatIsOpenToo() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let (near, far) = (fixture.visit(get("/web/a/"), from: "10.0.0.1"), fixture.visit(get("/web/a/"), from: "203.0.113.9"))
        for _ in 0..<2 { agent.begin(try agent.request().id) }
        reconfigure(fixture) { $0.web.allow = ["10.0.0.0/8"].compactMap { AddressRange($0) } }
        #expect(!fixture.connection(near).isClosing && fixture.connection(far).isClosing)
        reconfigure(fixture) { $0.web.isEnabled = false }
        #expect(fixture.connection(near).isClosing)
        fixture.end()
    }

    @Test func whoWatchesThePagesIsAskedAgain() throws {
        let fixture = GatewayFixture { $0.statusPage.authTokens = ["old", "new"] }
        let watcher = fixture.visit(get("/api/events", "Authorization: Bearer old\r\n"))
        reconfigure(fixture) { $0.logsRequests = true }
        #expect(!fixture.connection(watcher).isClosing)
        reconfigure(fixture) { $0.statusPage.authTokens = ["new"] }
        #expect(fixture.connection(watcher).isClosing)
        fixture.end()
    }
}
