// What the request inspector records of exchanges, and to whom it shows them.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

/// A gateway whose status page has the token `t`, and where everybody is inspected.
func inspectedGateway(loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
    GatewayFixture(loops: loops) {
        $0.statusPage.authTokens = ["t"]
        $0.inspector.mode = .all
        configure(&$0)
    }
}

let operatorToken = "Authorization: Bearer t\r\n"

extension GatewayFixture {
    /// What the inspector responds with under `/.miagent/agents/`.
    func inspect(_ path: String, on loop: Int = 0, sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONNode {
        let response = try get("/.miagent/agents/\(path)", operatorToken, on: loop, sourceLocation: sourceLocation)
        #expect(response.status == 200, "\(response.text)", sourceLocation: sourceLocation)
        return try JSONDocument(response.body[...], limits: JSONLimits(maximumBytes: 1 << 24)).root
    }

    /// The newest exchange of agent `a`, whole.
    func newest(_ agentID: String = "a", on loop: Int = 0, sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONNode
    {
        let list = try inspect("\(agentID)/exchanges?limit=1", on: loop, sourceLocation: sourceLocation)
        let number = try #require(list["exchanges"]?.elements.first { _ in true }?["number"]?.int64)
        return try inspect("\(agentID)/exchanges/\(number)", on: loop, sourceLocation: sourceLocation)
    }
}

extension JSONNode {
    /// `Name: value` of each pair.
    var fieldLines: [String] {
        elements.map { pair in pair.elements.map { $0.string ?? "?" }.joined(separator: ": ") }
    }

    func text(_ name: String) -> String? { self[name]?.string }
}

@Suite struct InspectorTests {
    @Test(arguments: TunnelVersion.allCases) func anExchangeIsRecordedWithItsSecretsMasked(version: TunnelVersion) throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent("a", version)
        let id = fixture.visit(
            "POST /web/a/login?next=%2F&token=abc HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nCookie: sid=1; x=2\r\n"
                + "Authorization: Basic dTpw\r\nX-Odd: \u{e9}\r\n\r\nhello")
        let request = try agent.request()
        #expect(request.head.fields["cookie"] == "sid=1; x=2", "the service gets it as it was")
        fixture.wait(.milliseconds(12))
        agent.begin(request.id, 201, fields(("Set-Cookie", "sid=9; HttpOnly"), ("Content-Type", "text/plain")))
        fixture.wait(.milliseconds(8))
        agent.send(request.id, "world!", end: true)
        #expect(try fixture.expectResponse(id, to: "POST").fields[.setCookie] == "sid=9; HttpOnly; Path=/")
        let record = try fixture.newest()
        #expect(record.text("method") == "POST" && record.text("target") == "/login?next=%2F&token=•••")
        #expect(record["status"]?.int64 == 201 && record.text("outcome") == "done" && record.text("peer") == "203.0.113.9")
        #expect(record["queueMs"]?.double == 0 && record["totalMs"]?.double == 20)
        #expect(record["firstByteMs"]?.double == (version == .v1 ? 20 : 12), "v1 sends a response whole")
        #expect(record.text("startedAt") == "2026-04-10T05:21:22.000Z")
        let sent = try #require(record["requestFields"]?.fieldLines.map { $0.lowercased() })
        #expect(sent.contains("cookie: sid=•••; x=•••") && sent.contains("authorization: basic •••"))
        #expect(sent.contains("x-odd: \u{e9}") && sent.contains("x-forwarded-prefix: /web/a"))
        let received = try #require(record["responseFields"]?.fieldLines.map { $0.lowercased() })
        #expect(received.contains("set-cookie: sid=•••; httponly; path=/"))
        #expect(record["requestBody"]?.text("text") == "hello" && record["requestBody"]?["whole"]?.bool == true)
        #expect(record["responseBody"]?.text("text") == "world!" && record["responseBytes"]?.int64 == 6)
        fixture.leave(id)
        fixture.end()
    }

    @Test func onlyTheBeginningOfABodyIsKeptAndNothingIsHeldBack() throws {
        let fixture = inspectedGateway { $0.inspector.maximumBodyBytes = 10 }
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        agent.begin(request.id)
        for _ in 0..<5 { agent.send(request.id, [0xff, 1, 2, 3]) }
        let underWay = try fixture.newest()
        #expect(underWay.text("outcome") == "" && underWay["totalMs"]?.isNull == true)
        #expect(underWay["responseBytes"]?.int64 == 20)
        agent.send(request.id, [], end: true)
        #expect(try fixture.expectResponse(id).body.count == 20)
        let body = try #require(try fixture.newest()["responseBody"])
        #expect(body.text("base64") == "/wECA/8BAgP/AQ==" && body["count"]?.int64 == 20 && body["whole"]?.bool == false)
        fixture.leave(id)
        fixture.end()
    }

    @Test func anUpgradedConnectionIsCountedAndItsBeginningKept() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        let request = try agent.request()
        agent.begin(request.id, 101, fields(("Upgrade", "websocket")))
        fixture.send(id, "ping")
        agent.send(request.id, "pong!")
        let record = try fixture.newest()
        #expect(record["status"]?.int64 == 101 && record["requestBody"]?.text("text") == "ping")
        #expect(record["responseBody"]?.text("text") == "pong!" && record.text("outcome") == "")
        fixture.leave(id)
        #expect(try fixture.newest().text("outcome") == "cancelled")
        fixture.end()
    }

    @Test func whoCutAnExchangeIsTold() throws {
        let fixture = inspectedGateway { $0.web.timeout = .seconds(5) }
        let agent = fixture.agent()
        var outcomes: [String] = []
        for failure in 0..<4 {
            let id = fixture.visit(get("/web/a/\(failure)"))
            let request = try agent.request()
            switch failure {
            case 0: agent.fail(request.id, .serviceUnreachable)
            case 1: fixture.wait(.seconds(6))
            case 2: fixture.leave(id)
            default:
                agent.begin(request.id)
                agent.reset(request.id, .unreachable)
            }
            outcomes.append(try fixture.newest().text("outcome") ?? "")
            fixture.leave(id)
        }
        #expect(outcomes == ["service-unreachable", "service-timed-out", "cancelled", "service-unreachable"])
        let failed = try fixture.inspect("a/exchanges?status=failed")
        #expect(failed["exchanges"]?.count == 4)
        fixture.end()
    }

    @Test func timeInTheQueueIsTimeWithoutAnAgent() throws {
        let fixture = inspectedGateway { $0.web.agentWait = .seconds(10) }
        let id = fixture.visit(get("/web/a/"))
        fixture.wait(.milliseconds(1500))
        let agent = fixture.agent()
        let request = try agent.request()
        fixture.wait(.milliseconds(500))
        agent.respond(request.id, 204)
        let record = try fixture.newest()
        #expect(record["queueMs"]?.double == 1500 && record["firstByteMs"]?.double == 2000)
        #expect(record.text("startedAt") == "2026-04-10T05:21:22.000Z")
        fixture.leave(id)
        fixture.end()
    }

    // MARK: Whose exchanges

    @Test(arguments: InspectorConfiguration.Mode.allCases, [nil, true, false])
    func modeConfigurationAndTheAgentsWishDecide(mode: InspectorConfiguration.Mode, configured: Bool?) throws {
        for wish in [true, false] {
            let fixture = inspectedGateway {
                $0.inspector.mode = mode
                if let configured { $0.agents["a"] = AgentAccess(inspects: configured) }
            }
            let agent = fixture.dial()
            var description = AgentDescription(agentID: "a")
            description.wantsInspection = wish
            agent.register(description)
            let id = fixture.visit(get("/web/a/"))
            agent.respond(try agent.request().id)
            fixture.leave(id)
            guard mode != .off else {
                let response = try fixture.get("/.miagent/agents/a/exchanges", operatorToken)
                #expect(response.status == 403 && response.errorCode == "inspector-off")
                fixture.end()
                continue
            }
            let expected = mode == .all || configured ?? wish
            let list = try fixture.inspect("a/exchanges")
            #expect(list["exchanges"]?.count == (expected ? 1 : 0) && list["recording"]?.bool == expected)
            fixture.end()
        }
    }

    @Test func switchingOffForgetsAndSwitchingOnBegins() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        func ask() throws {
            let id = fixture.visit(get("/web/a/"))
            agent.respond(try agent.request().id)
            fixture.leave(id)
        }
        try ask()
        #expect(fixture.gateway.internals.capturedExchanges.count == 1)
        var configuration = fixture.gateway.configuration
        configuration.inspector.mode = .off
        fixture.tell(.reconfigure(configuration))
        #expect(fixture.gateway.internals.capturedExchanges.count == 0)
        try ask()
        #expect(fixture.gateway.internals.capturedExchanges.count == 0)
        configuration.inspector.mode = .all
        fixture.tell(.reconfigure(configuration))
        try ask()
        #expect(fixture.gateway.internals.capturedExchanges.count == 1)
        fixture.end()
    }

    // MARK: To whom

    @Test func anOpenStatusPageShowsNoExchanges() throws {
        let fixture = GatewayFixture { $0.inspector.mode = .all }
        _ = fixture.agent()
        for path in ["inspect/a", "agents/a/exchanges", "agents/a/exchanges/1", "agents/a/events"].map({ "/.miagent/\($0)" }) {
            let response = try fixture.get(path)
            #expect(response.status == 403 && response.errorCode == "inspector-off", "\(path)")
            #expect(response.text.contains("statusPage.authToken"))
        }
        let post = fixture.visit("POST /.miagent/agents/a/replay HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
        #expect(try fixture.expectResponse(post, to: "POST").errorCode == "inspector-off")
        fixture.end()
    }

    @Test func whoHasNoTokenSeesNothingAndAPublicInspectorIsOpen() throws {
        let guarded = inspectedGateway()
        _ = guarded.agent()
        #expect(try guarded.get("/.miagent/agents/a/exchanges").status == 401)
        #expect(try guarded.get("/.miagent/inspect/a", operatorToken).status == 200)
        guarded.end()
        let open = GatewayFixture {
            $0.inspector.mode = .all
            $0.inspector.isPublic = true
        }
        _ = open.agent()
        #expect(try open.get("/.miagent/agents/a/exchanges").status == 200)
        open.end()
    }

    @Test func agentsSeeOnlyTheirOwn() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent("a")
        _ = fixture.agent("b")
        let id = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id)
        fixture.leave(id)
        #expect(try fixture.inspect("a/exchanges")["exchanges"]?.count == 1)
        #expect(try fixture.inspect("b/exchanges")["exchanges"]?.count == 0)
        #expect(try fixture.get("/.miagent/agents/b/exchanges/1", operatorToken).errorCode == "unknown-exchange")
        #expect(try fixture.get("/.miagent/agents/a/exchanges/2", operatorToken).errorCode == "unknown-exchange")
        for path in ["/.miagent/agents/c/exchanges", "/.miagent/agents/c/events", "/.miagent/inspect/c"] {
            #expect(try fixture.get(path, operatorToken).errorCode == "unknown-agent")
        }
        fixture.end()
    }

    @Test func whoeverAsksComesToTheAgentsLoop() throws {
        let fixture = inspectedGateway(loops: 3) { $0.inspector.maximumBytes = 3 << 20 }
        _ = fixture.agent("x")
        let agent = fixture.agent("a", on: 2)
        #expect(fixture.loop(of: agent.id) == 1)
        let id = fixture.visit(get("/web/a/here"), on: 2)
        agent.respond(try agent.request().id)
        fixture.leave(id)
        for loop in 0..<3 { #expect(try fixture.newest(on: loop).text("target") == "/here") }
        #expect(try fixture.inspect("a/exchanges", on: 2)["limitMiB"]?.double == 1, "its share of the memory")
        fixture.end()
    }

    // MARK: Live

    @Test func watchersAreToldInBatches() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        let watcher = fixture.visit(get("/.miagent/agents/a/events", operatorToken))
        #expect(fixture.read(watcher).contains("text/event-stream"))
        let id = fixture.visit(get("/web/a/1"))
        let first = fixture.read(watcher)
        #expect(first.hasPrefix("event: exchange\ndata: [{\"number\":1,") && first.contains("\"outcome\":\"\""))
        agent.respond(try agent.request().id)
        _ = fixture.response(id)
        for index in 2...5 {
            fixture.send(id, get("/web/a/\(index)"))
            agent.respond(try agent.request().id)
        }
        #expect(fixture.read(watcher) == "")
        fixture.wait(.milliseconds(249))
        #expect(fixture.read(watcher) == "")
        fixture.wait(.milliseconds(1))
        let second = fixture.read(watcher)
        #expect(second.split(separator: "\n\n").count == 1, "one message for all")
        for number in 1...5 { #expect(second.contains("{\"number\":\(number),")) }
        #expect(!second.contains("\"outcome\":\"\""))
        fixture.wait(.seconds(2))
        #expect(fixture.read(watcher) == "", "nothing new")
        fixture.leave(watcher)
        fixture.leave(id)
        fixture.end()
    }

    @Test func nothingIsAnnouncedToNobody() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        let watcher = fixture.visit(get("/.miagent/agents/a/events", operatorToken))
        let id = fixture.visit(get("/web/a/1"))
        agent.respond(try agent.request().id)
        fixture.leave(watcher)
        fixture.leave(id)
        #expect(fixture.gateway.internals.untoldExchanges == 0)
        fixture.end()
    }
}
