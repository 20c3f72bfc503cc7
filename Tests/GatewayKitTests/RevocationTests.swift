// New settings: whoever they let in no longer goes at once, and nobody else does.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct RevocationTests {
    private func reconfigure(_ world: World, _ change: (inout GatewayConfiguration) -> Void) {
        var configuration = world.gateway.configuration
        change(&configuration)
        world.tell(.reconfigure(configuration))
    }

    private func access(_ configure: (inout AgentAccess) -> Void) -> AgentAccess {
        var access = AgentAccess()
        configure(&access)
        return access
    }

    private let gone = TunnelEvent.closed(WSCloseCode(rawValue: 4401), reason: "its token is not accepted any more")

    // MARK: Agents

    @Test(arguments: TunnelVersion.allCases) func aTokenThatIsTakenBackTakesItsTunnelsAlong(version: TunnelVersion) throws {
        let world = World(loops: 3) { $0.gatewayTokens = ["old", "new"] }
        // As a header, in the URL, and in agent.register; each on another loop.
        let header = world.dial(version, query: "agentId=h", "Authorization: Bearer old\r\n")
        header.register(AgentDescription(agentID: "h"))
        let query = world.dial(version, query: "agentId=q&token=old", on: 1)
        query.register(AgentDescription(agentID: "q"))
        let inside = world.dial(version, query: "", on: 2)
        inside.register(AgentDescription(agentID: "i", token: "old"))
        let other = world.dial(version, query: "agentId=n&token=new")
        other.register(AgentDescription(agentID: "n"))
        let visitor = world.visit(get("/web/h/"))
        _ = try header.request()
        reconfigure(world) { $0.logsRequests = true }
        #expect([header, query, inside, other].allSatisfy { !world.wire($0.id).isClosing }, "nothing was taken back")
        // To say more of oneself is no second attempt.
        header.register(AgentDescription(agentID: "h", model: "m", token: "new"))
        reconfigure(world) { $0.gatewayTokens = ["new"] }
        for agent in [header, query, inside] {
            #expect(agent.events.last == gone)
            #expect(world.wire(agent.id).isClosing)
        }
        #expect(!world.wire(other.id).isClosing)
        #expect(try world.expectAnswer(visitor).errorCode == "agent-lost")
        #expect(world.takeLogs("agent.lost").count == 3)
        #expect(world.logs.allSatisfy { $0.fields.allSatisfy { !$0.value.contains("old") } })
        world.end()
    }

    @Test func aTokenOfItsOwnReplacesTheCommonOne() {
        let world = World { $0.gatewayTokens = ["common"] }
        let agents = ["pi", "PI2", "x"].map { id in
            let agent = world.dial(query: "agentId=\(id)&token=common")
            agent.register(AgentDescription(agentID: id))
            return agent
        }
        reconfigure(world) {
            $0.agents["Pi"] = self.access { $0.tokens = ["own"] }
            $0.agents["pi2"] = self.access { $0.tokens = ["own", "common"] }
        }
        #expect(agents.map { $0.events.last == gone } == [true, false, false])
        world.end()
    }

    @Test func whoCameWithoutATokenGoesWhenOneIsNeeded() {
        let world = World()
        let (none, some) = (world.agent("none"), world.dial(query: "agentId=some&token=new"))
        some.register(AgentDescription(agentID: "some"))
        let undecided = world.dial(query: "agentId=undecided")
        reconfigure(world) { $0.gatewayTokens = ["new"] }
        #expect(none.events.last == gone && !world.wire(some.id).isClosing)
        undecided.register(AgentDescription(agentID: "undecided"))
        #expect(undecided.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
        reconfigure(world) { $0.gatewayTokens = [] }
        #expect(!world.wire(some.id).isClosing)
        world.end()
    }

    @Test func aNameThatBecomesReservedAndAnOriginThatIsNotListedAnyMoreEndTheirTunnels() throws {
        let world = World { $0.agentOrigins = ["https://page.example"] }
        let named = world.agent("Shop")
        let page = world.dial(query: "agentId=page", "Origin: https://page.example\r\n")
        page.register(AgentDescription(agentID: "page"))
        reconfigure(world) {
            $0.reservedAgents = ["shop"]
            $0.agentOrigins = []
        }
        #expect(
            named.events.last == .closed(WSCloseCode(rawValue: 4408), reason: GatewayError.reservedName("Shop").explanation))
        #expect(page.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "its origin is not allowed any more"))
        world.end()
    }

    @Test func whoIsInspectedFollowsTheSettingsAtOnce() throws {
        let world = World { $0.statusPage.authTokens = ["t"] }
        let agent = world.agent()
        reconfigure(world) { $0.agents["A"] = self.access { $0.inspects = true } }
        let id = world.visit(get("/web/a/recorded"))
        agent.answer(try agent.request().id)
        _ = try world.expectAnswer(id)
        #expect(try world.get("/api/agents/a/exchanges", "Authorization: Bearer t\r\n").text.contains("/recorded"))
        world.end()
    }

    // MARK: Visitors

    private static let ways = [
        "Authorization: Bearer old\r\n", "Authorization: Basic eDpvbGQ=\r\n", "cookie", "query",
    ]

    @Test(arguments: ways) func whatAVisitorHoldsOpenEndsWithItsToken(way: String) throws {
        let world = World { $0.web.authTokens = ["old", "new"] }
        let agent = world.agent()
        let browser = Browser(world)
        if way == "cookie" { _ = try browser.logIn("old") }
        let bearer = way.hasPrefix("Auth") ? way : ""
        let query = way == "query" ? "?token=old" : ""
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://gw.example\r\n"
        let socket = world.visit(browser.request("GET", "/web/a/ws\(query)", bearer + upgrade))
        let handshake = try agent.request()
        agent.begin(handshake.id, 101, fields(("Upgrade", "websocket")))
        #expect(try world.expectAnswer(socket).status == 101)
        let events = world.visit("GET /web/a/events\(query) HTTP/1.1\r\nHost: gw.example\r\n\(cookies(browser))\(bearer)\r\n")
        agent.begin(try agent.request().id, 200, fields(("Content-Type", "text/event-stream")))
        let asked = world.visit("GET /web/a/x\(query) HTTP/1.1\r\nHost: gw.example\r\n\(cookies(browser))\(bearer)\r\n")
        let staying = world.visit(get("/web/a/y", "Authorization: Bearer new\r\n"))
        for _ in 0..<1 { _ = try agent.request() }
        reconfigure(world) { $0.logsRequests = true }
        #expect([socket, events, asked, staying].allSatisfy { !world.wire($0).isClosing && !world.wire($0).isAborted })
        reconfigure(world) { $0.web.authTokens = ["new"] }
        #expect(world.wire(socket).isAborted)
        #expect(world.wire(events).isClosing || world.wire(events).isAborted)
        #expect(try world.expectAnswer(asked).status == 401)
        #expect(!world.wire(staying).isClosing && !world.wire(staying).isAborted)
        world.end()
    }

    private func cookies(_ browser: Browser) -> String {
        browser.cookies.isEmpty ? "" : "Cookie: \(browser.cookies.map { "\($0.key)=\($0.value)" }.joined(separator: "; "))\r\n"
    }

    @Test func aPreflightNeverHadATokenAndStays() throws {
        let world = World { $0.web.authTokens = ["old", "new"] }
        let agent = world.agent()
        let fields = "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n"
        let preflight = world.visit("OPTIONS /web/a/api HTTP/1.1\r\nHost: gw.example\r\n\(fields)\r\n")
        let request = try agent.request()
        reconfigure(world) { $0.web.authTokens = ["new"] }
        agent.answer(request.id, 204)
        #expect(try world.expectAnswer(preflight).status == 204)
        let second = world.visit("OPTIONS /web/a/api HTTP/1.1\r\nHost: gw.example\r\n\(fields)\r\n")
        _ = try agent.request()
        reconfigure(world) { $0.web.passesPreflights = false }
        #expect(try world.expectAnswer(second).status == 401)
        world.end()
    }

    @Test func aListOfAddressesEndsWhatIsOpenToo() throws {
        let world = World()
        let agent = world.agent()
        let (near, far) = (world.visit(get("/web/a/"), from: "10.0.0.1"), world.visit(get("/web/a/"), from: "203.0.113.9"))
        for _ in 0..<2 { agent.begin(try agent.request().id) }
        reconfigure(world) { $0.web.allow = ["10.0.0.0/8"].compactMap { AddressRange($0) } }
        #expect(!world.wire(near).isClosing && world.wire(far).isClosing)
        reconfigure(world) { $0.web.isEnabled = false }
        #expect(world.wire(near).isClosing)
        world.end()
    }

    @Test func whoWatchesThePagesIsAskedAgain() throws {
        let world = World { $0.statusPage.authTokens = ["old", "new"] }
        let watcher = world.visit(get("/api/events", "Authorization: Bearer old\r\n"))
        reconfigure(world) { $0.logsRequests = true }
        #expect(!world.wire(watcher).isClosing)
        reconfigure(world) { $0.statusPage.authTokens = ["new"] }
        #expect(world.wire(watcher).isClosing)
        world.end()
    }
}
