// Whoever may not visit an agent may neither see nor replay its exchanges, whatever opens the inspector.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct InspectorAccessTests {
    private static let paths = ["inspect/a", "agents/a/exchanges", "agents/a/exchanges/1", "agents/a/events"].map {
        "/.miagent/\($0)"
    }

    /// What guards agent `a`, and who may visit it nevertheless.
    enum Guard: CaseIterable {
        case ownToken, commonToken, list
    }

    private func fixture(_ kind: Guard, loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in })
        -> GatewayFixture
    {
        GatewayFixture(loops: loops) {
            $0.inspector.mode = .all
            $0.inspector.isPublic = true
            $0.statusPage.isPublic = true  // what guards the agent would guard the pages else, and with them the inspector
            switch kind {
            case .ownToken:
                var access = AgentAccess()
                access.authTokens = ["v"]
                $0.agents["a"] = access
            case .commonToken: $0.web.authTokens = ["v"]
            case .list: $0.web.allow = [AddressRange("198.51.100.0/24")].compactMap(\.self)
            }
            configure(&$0)
        }
    }

    private static let friend = "198.51.100.7"
    private static let visitorToken = "Authorization: Bearer v\r\n"

    private func replay(_ json: String = "{\"number\":1}", _ extra: String = "", query: String = "", agent: String = "a")
        -> String
    {
        "POST /api/agents/\(agent)/replay\(query) HTTP/1.1\r\nHost: gw.example\r\nContent-Type: application/json\r\n\(extra)"
            + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
    }

    /// One exchange, done, by whoever may visit.
    private func record(
        _ fixture: GatewayFixture, _ agent: AgentPeer, _ extra: String = visitorToken, from peer: String = friend
    ) throws {
        let id = fixture.visit(
            "POST /web/a/form HTTP/1.1\r\nHost: h.example\r\nContent-Length: 5\r\nX-Keep: yes\r\n\(extra)\r\nhello", from: peer)
        agent.respond(try agent.request().id, 200, HTTPFields(), "first")
        #expect(try fixture.expectResponse(id, to: "POST").status == 200)
        fixture.leave(id)
    }

    // MARK: Who sees

    @Test(arguments: Guard.allCases, [1, 3]) func whoHasNoTokenSeesAndReplaysNothing(kind: Guard, loops: Int) throws {
        let fixture = fixture(kind, loops: loops)
        _ = fixture.agent("x")
        let agent = fixture.agent("a")
        try record(fixture, agent)
        for loop in 0..<loops {
            for path in Self.paths {
                let response = try fixture.get(path, on: loop)
                #expect(response.status == (kind == .list ? 403 : 401) && !response.text.contains("form"), "\(path)")
                #expect(response.errorCode == (kind == .list ? "forbidden" : "unauthorized"))
            }
            let id = fixture.visit(replay("{\"number\":1,\"method\":\"DELETE\"}"), on: loop)
            #expect(try fixture.expectResponse(id, to: "POST").status == (kind == .list ? 403 : 401))
            #expect(agent.waitingRequests == 0)
            fixture.leave(id)
        }
        // Whoever may visit sees them.
        for path in Self.paths.dropLast() {
            #expect(try fixture.get(path, Self.visitorToken, from: Self.friend).status == 200, "\(path)")
        }
        let id = fixture.visit(replay("{\"number\":1}", Self.visitorToken), from: Self.friend, on: loops - 1)
        let request = try agent.request()
        #expect(request.head.fields[.authorization] == nil)
        agent.respond(request.id, 200)
        #expect(try fixture.expectResponse(id, to: "POST").status == 200)
        fixture.leave(id)
        fixture.end()
    }

    @Test func aPublicAgentAmongGuardedOnesIsShown() throws {
        let fixture = fixture(.commonToken) {
            var access = AgentAccess()
            access.isPublic = true
            $0.agents["open"] = access
        }
        _ = fixture.agent("open")
        _ = fixture.agent("a")
        #expect(try fixture.get("/.miagent/agents/open/exchanges").status == 200)
        #expect(try fixture.get("/.miagent/agents/a/exchanges").status == 401)
        #expect(try fixture.get("/.miagent/agents/nobody/exchanges").status == 401, "nothing is said about who is here")
        fixture.end()
    }

    @Test func theStatusPagesTokenAloneIsNotEnough() throws {
        let fixture = fixture(.ownToken) {
            $0.statusPage.authTokens = ["t"]
            $0.inspector.isPublic = false
        }
        let agent = fixture.agent("a")
        try record(fixture, agent)
        for path in Self.paths {
            #expect(try fixture.get(path, operatorToken).status == 401, "\(path)")
            #expect(try fixture.get(path, Self.visitorToken).status == 401, "\(path)")
        }
        for path in Self.paths.dropLast() {
            #expect(try fixture.get("\(path)?token=v", operatorToken).status == 200, "\(path)")
        }
        let refused = fixture.visit(replay("{\"number\":1}", operatorToken))
        #expect(try fixture.expectResponse(refused, to: "POST").errorCode == "unauthorized" && agent.waitingRequests == 0)
        let id = fixture.visit(replay("{\"number\":1}", operatorToken, query: "?token=v"))
        agent.respond(try agent.request().id, 200)
        #expect(try fixture.expectResponse(id, to: "POST").status == 200)
        for id in [refused, id] { fixture.leave(id) }
        // A right token at the wrong place is no guess.
        for _ in 0..<20 { #expect(try fixture.get("/.miagent/agents/a/exchanges", operatorToken).errorCode == "unauthorized") }
        #expect(try fixture.get("/.miagent/agents/a/exchanges?token=v", operatorToken).status == 200)
        for _ in 0..<10 { _ = try fixture.get("/.miagent/agents/a/exchanges?token=w", operatorToken) }
        #expect(try fixture.get("/.miagent/agents/a/exchanges?token=v", operatorToken).errorCode == "too-many-attempts")
        fixture.end()
    }

    @Test func aBrowserLogsInAtBothAndComesBack() throws {
        let fixture = fixture(.ownToken) { $0.statusPage.authTokens = ["t"] }
        let agent = fixture.agent("a")
        try record(fixture, agent)
        let browser = Browser(fixture)
        #expect(try browser.ask("/.miagent/inspect/a").status == 401)
        _ = try browser.logIn("t", scope: "", next: "/.miagent/inspect/a")
        let form = try browser.ask("/.miagent/inspect/a")
        #expect(
            form.status == 401 && form.text.contains("/.miagent/inspect/a") && form.text.contains("name=\"scope\" value=\"a\""))
        #expect(try browser.logIn("v", next: "/.miagent/inspect/a").fields[.location] == "/.miagent/inspect/a")
        #expect(try browser.ask("/.miagent/inspect/a").status == 200)
        #expect(try browser.ask("/.miagent/agents/a/exchanges").text.contains("/form"))
        fixture.end()
    }

    @Test func whoWatchesIsAskedAgainWhenTheRulesChange() throws {
        let fixture = fixture(.ownToken) { $0.agents = [:] }
        let agent = fixture.agent("a")
        let watcher = fixture.visit(get("/.miagent/agents/a/events"))
        #expect(fixture.read(watcher).contains("text/event-stream"))
        var configuration = fixture.gateway.configuration
        fixture.tell(.reconfigure(configuration))
        #expect(!fixture.connection(watcher).isClosing, "nothing has changed")
        var access = AgentAccess()
        access.authTokens = ["v"]
        configuration.agents["a"] = access
        fixture.tell(.reconfigure(configuration))
        #expect(fixture.connection(watcher).isClosing)
        try record(fixture, agent)
        #expect(!fixture.read(watcher).contains("/form"))
        fixture.end()
    }

    // MARK: What a replay may say

    @Test func aReplayObeysTheHeaderRulesOfAVisit() throws {
        let fixture = fixture(.ownToken) {
            $0.inspector.isPublic = true
            $0.statusPage.authTokens = ["t"]
        }
        let agent = fixture.agent("a")
        try record(fixture, agent)
        let names = [
            "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-User",
            "x-forwarded-email",
            "Forwarded", "X-Real-IP", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Upgrade", "Host", "Expect",
            "X-Request-ID", "X_Forwarded_For", "True-Client-IP", "CF-Connecting-IP",
        ]
        let list = names.map { "[\"\($0)\",\"evil\"]" } + ["[\"X-Good\",\"1\"]", "[\"Cookie\",\"a=1; miagent.a=1.2.3; b=2\"]"]
        let json =
            "{\"number\":1,\"method\":\"DELETE\",\"target\":\"/x?token=v&b=1\",\"fields\":[\(list.joined(separator: ",")),"
            + "[\"Authorization\",\"Bearer v\"]]}"
        let id = fixture.visit(replay(json, operatorToken, query: "?token=v"), from: "203.0.113.77")
        let request = try agent.request()
        let sent = request.head.fields.map { "\($0.nameString.lowercased()): \($0.valueString)" }
        #expect(!sent.contains { $0.contains("evil") }, "\(sent)")
        #expect(sent.contains("x-forwarded-for: 203.0.113.77") && sent.contains("x-forwarded-prefix: /web/a"))
        #expect(sent.contains("x-forwarded-host: h.example") && sent.contains("x-forwarded-proto: http"))
        #expect(sent.contains("x-good: 1") && sent.contains("cookie: a=1; b=2"))
        #expect(
            request.head.fields[.authorization] == nil && request.head.query == latin1("b=1")[...],
            "what opens us goes no further")
        agent.respond(request.id, 200)
        fixture.leave(id)
        fixture.end()
    }

    @Test func aReplayThroughATrustedProxySaysWhoAsked() throws {
        let fixture = fixture(.ownToken) {
            $0.trustedProxies = [AddressRange("10.0.0.0/8")].compactMap(\.self)
        }
        let agent = fixture.agent("a")
        try record(
            fixture, agent, "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n\(Self.visitorToken)", from: "10.0.0.1")
        let json = "{\"number\":1}"
        let id = fixture.visit(replay(json, "X-Forwarded-For: 192.0.2.9\r\n\(Self.visitorToken)"), from: "10.0.0.1")
        let fields = try agent.request().head.fields
        #expect(fields[.xForwardedFor] == "192.0.2.9, 10.0.0.1" && fields[.xForwardedProto] == "https")
        #expect(fields.all(.xForwardedFor).count == 1 && fields.all(.xForwardedProto).count == 1)
        fixture.leave(id)
        fixture.end()
    }

    @Test func whatIsSwitchedOffForVisitsIsSwitchedOffForReplays() throws {
        let fixture = fixture(.ownToken)
        let agent = fixture.agent("a")
        try record(fixture, agent)
        var configuration = fixture.gateway.configuration
        configuration.web.isEnabled = false
        fixture.tell(.reconfigure(configuration))
        let id = fixture.visit(replay("{\"number\":1}", Self.visitorToken))
        #expect(try fixture.expectResponse(id, to: "POST").errorCode == "web-service-off" && agent.waitingRequests == 0)
        fixture.leave(id)
        fixture.end()
    }
}
