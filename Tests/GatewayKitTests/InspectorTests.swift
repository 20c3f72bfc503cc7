// What the request inspector records of exchanges, and to whom it shows them.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

/// A world whose status page has the token `t`, and where everybody is inspected.
func inspectedWorld(loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> World {
    World(loops: loops) {
        $0.statusPage.authTokens = ["t"]
        $0.inspector.mode = .all
        configure(&$0)
    }
}

let operatorToken = "Authorization: Bearer t\r\n"

extension World {
    /// What the inspector answers under `/.miagent/agents/`.
    func inspect(_ path: String, on loop: Int = 0, sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONNode {
        let answer = try get("/.miagent/agents/\(path)", operatorToken, on: loop, sourceLocation: sourceLocation)
        #expect(answer.status == 200, "\(answer.text)", sourceLocation: sourceLocation)
        return try JSONDocument(answer.body[...], limits: JSONLimits(maximumBytes: 1 << 24)).root
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
        let world = inspectedWorld()
        let agent = world.agent("a", version)
        let id = world.visit(
            "POST /web/a/login?next=%2F&token=abc HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nCookie: sid=1; x=2\r\n"
                + "Authorization: Basic dTpw\r\nX-Odd: \u{e9}\r\n\r\nhello")
        let request = try agent.request()
        #expect(request.head.fields["cookie"] == "sid=1; x=2", "the service gets it as it was")
        world.wait(.milliseconds(12))
        agent.begin(request.id, 201, fields(("Set-Cookie", "sid=9; HttpOnly"), ("Content-Type", "text/plain")))
        world.wait(.milliseconds(8))
        agent.send(request.id, "world!", end: true)
        #expect(try world.expectAnswer(id, to: "POST").fields[.setCookie] == "sid=9; HttpOnly; Path=/")
        let record = try world.newest()
        #expect(record.text("method") == "POST" && record.text("target") == "/login?next=%2F&token=•••")
        #expect(record["status"]?.int64 == 201 && record.text("outcome") == "done" && record.text("peer") == "203.0.113.9")
        #expect(record["queueMs"]?.double == 0 && record["totalMs"]?.double == 20)
        #expect(record["firstByteMs"]?.double == (version == .v1 ? 20 : 12), "v1 sends an answer whole")
        #expect(record.text("startedAt") == "2026-04-10T05:21:22.000Z")
        let sent = try #require(record["requestFields"]?.fieldLines.map { $0.lowercased() })
        #expect(sent.contains("cookie: sid=•••; x=•••") && sent.contains("authorization: basic •••"))
        #expect(sent.contains("x-odd: \u{e9}") && sent.contains("x-forwarded-prefix: /web/a"))
        let received = try #require(record["responseFields"]?.fieldLines.map { $0.lowercased() })
        #expect(received.contains("set-cookie: sid=•••; httponly; path=/"))
        #expect(record["requestBody"]?.text("text") == "hello" && record["requestBody"]?["whole"]?.bool == true)
        #expect(record["responseBody"]?.text("text") == "world!" && record["responseBytes"]?.int64 == 6)
        world.leave(id)
        world.end()
    }

    @Test func onlyTheBeginningOfABodyIsKeptAndNothingIsHeldBack() throws {
        let world = inspectedWorld { $0.inspector.maximumBodyBytes = 10 }
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        let request = try agent.request()
        agent.begin(request.id)
        for _ in 0..<5 { agent.send(request.id, [0xff, 1, 2, 3]) }
        let underWay = try world.newest()
        #expect(underWay.text("outcome") == "" && underWay["totalMs"]?.isNull == true)
        #expect(underWay["responseBytes"]?.int64 == 20)
        agent.send(request.id, [], end: true)
        #expect(try world.expectAnswer(id).body.count == 20)
        let body = try #require(try world.newest()["responseBody"])
        #expect(body.text("base64") == "/wECA/8BAgP/AQ==" && body["count"]?.int64 == 20 && body["whole"]?.bool == false)
        world.leave(id)
        world.end()
    }

    @Test func anUpgradedConnectionIsCountedAndItsBeginningKept() throws {
        let world = inspectedWorld()
        let agent = world.agent()
        let id = world.visit(get("/web/a/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        let request = try agent.request()
        agent.begin(request.id, 101, fields(("Upgrade", "websocket")))
        world.send(id, "ping")
        agent.send(request.id, "pong!")
        let record = try world.newest()
        #expect(record["status"]?.int64 == 101 && record["requestBody"]?.text("text") == "ping")
        #expect(record["responseBody"]?.text("text") == "pong!" && record.text("outcome") == "")
        world.leave(id)
        #expect(try world.newest().text("outcome") == "cancelled")
        world.end()
    }

    @Test func whoCutAnExchangeIsTold() throws {
        let world = inspectedWorld { $0.web.timeout = .seconds(5) }
        let agent = world.agent()
        var outcomes: [String] = []
        for failure in 0..<4 {
            let id = world.visit(get("/web/a/\(failure)"))
            let request = try agent.request()
            switch failure {
            case 0: agent.fail(request.id, .serviceUnreachable)
            case 1: world.wait(.seconds(6))
            case 2: world.leave(id)
            default:
                agent.begin(request.id)
                agent.reset(request.id, .unreachable)
            }
            outcomes.append(try world.newest().text("outcome") ?? "")
            world.leave(id)
        }
        #expect(outcomes == ["service-unreachable", "service-timed-out", "cancelled", "service-unreachable"])
        let failed = try world.inspect("a/exchanges?status=failed")
        #expect(failed["exchanges"]?.count == 4)
        world.end()
    }

    @Test func timeInTheQueueIsTimeWithoutAnAgent() throws {
        let world = inspectedWorld { $0.web.agentWait = .seconds(10) }
        let id = world.visit(get("/web/a/"))
        world.wait(.milliseconds(1500))
        let agent = world.agent()
        let request = try agent.request()
        world.wait(.milliseconds(500))
        agent.answer(request.id, 204)
        let record = try world.newest()
        #expect(record["queueMs"]?.double == 1500 && record["firstByteMs"]?.double == 2000)
        #expect(record.text("startedAt") == "2026-04-10T05:21:22.000Z")
        world.leave(id)
        world.end()
    }

    // MARK: Whose exchanges

    @Test(arguments: InspectorConfiguration.Mode.allCases, [nil, true, false])
    func modeConfigurationAndTheAgentsWishDecide(mode: InspectorConfiguration.Mode, configured: Bool?) throws {
        for wish in [true, false] {
            let world = inspectedWorld {
                $0.inspector.mode = mode
                if let configured { $0.agents["a"] = AgentAccess(inspects: configured) }
            }
            let agent = world.dial()
            var description = AgentDescription(agentID: "a")
            description.wantsInspection = wish
            agent.register(description)
            let id = world.visit(get("/web/a/"))
            agent.answer(try agent.request().id)
            world.leave(id)
            guard mode != .off else {
                let answer = try world.get("/.miagent/agents/a/exchanges", operatorToken)
                #expect(answer.status == 403 && answer.errorCode == "inspector-off")
                world.end()
                continue
            }
            let expected = mode == .all || configured ?? wish
            let list = try world.inspect("a/exchanges")
            #expect(list["exchanges"]?.count == (expected ? 1 : 0) && list["recording"]?.bool == expected)
            world.end()
        }
    }

    @Test func switchingOffForgetsAndSwitchingOnBegins() throws {
        let world = inspectedWorld()
        let agent = world.agent()
        func ask() throws {
            let id = world.visit(get("/web/a/"))
            agent.answer(try agent.request().id)
            world.leave(id)
        }
        try ask()
        #expect(world.gateway.internals.capturedExchanges.count == 1)
        var configuration = world.gateway.configuration
        configuration.inspector.mode = .off
        world.tell(.reconfigure(configuration))
        #expect(world.gateway.internals.capturedExchanges.count == 0)
        try ask()
        #expect(world.gateway.internals.capturedExchanges.count == 0)
        configuration.inspector.mode = .all
        world.tell(.reconfigure(configuration))
        try ask()
        #expect(world.gateway.internals.capturedExchanges.count == 1)
        world.end()
    }

    // MARK: To whom

    @Test func anOpenStatusPageShowsNoExchanges() throws {
        let world = World { $0.inspector.mode = .all }
        _ = world.agent()
        for path in ["inspect/a", "agents/a/exchanges", "agents/a/exchanges/1", "agents/a/events"].map({ "/.miagent/\($0)" }) {
            let answer = try world.get(path)
            #expect(answer.status == 403 && answer.errorCode == "inspector-off", "\(path)")
            #expect(answer.text.contains("statusPage.authToken"))
        }
        let post = world.visit("POST /.miagent/agents/a/replay HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
        #expect(try world.expectAnswer(post, to: "POST").errorCode == "inspector-off")
        world.end()
    }

    @Test func whoHasNoTokenSeesNothingAndAPublicInspectorIsOpen() throws {
        let guarded = inspectedWorld()
        _ = guarded.agent()
        #expect(try guarded.get("/.miagent/agents/a/exchanges").status == 401)
        #expect(try guarded.get("/.miagent/inspect/a", operatorToken).status == 200)
        guarded.end()
        let open = World {
            $0.inspector.mode = .all
            $0.inspector.isPublic = true
        }
        _ = open.agent()
        #expect(try open.get("/.miagent/agents/a/exchanges").status == 200)
        open.end()
    }

    @Test func agentsSeeOnlyTheirOwn() throws {
        let world = inspectedWorld()
        let agent = world.agent("a")
        _ = world.agent("b")
        let id = world.visit(get("/web/a/"))
        agent.answer(try agent.request().id)
        world.leave(id)
        #expect(try world.inspect("a/exchanges")["exchanges"]?.count == 1)
        #expect(try world.inspect("b/exchanges")["exchanges"]?.count == 0)
        #expect(try world.get("/.miagent/agents/b/exchanges/1", operatorToken).errorCode == "unknown-exchange")
        #expect(try world.get("/.miagent/agents/a/exchanges/2", operatorToken).errorCode == "unknown-exchange")
        for path in ["/.miagent/agents/c/exchanges", "/.miagent/agents/c/events", "/.miagent/inspect/c"] {
            #expect(try world.get(path, operatorToken).errorCode == "unknown-agent")
        }
        world.end()
    }

    @Test func whoeverAsksComesToTheAgentsLoop() throws {
        let world = inspectedWorld(loops: 3) { $0.inspector.maximumBytes = 3 << 20 }
        _ = world.agent("x")
        let agent = world.agent("a", on: 2)
        #expect(world.places.loop(of: agent.id) == 1)
        let id = world.visit(get("/web/a/here"), on: 2)
        agent.answer(try agent.request().id)
        world.leave(id)
        for loop in 0..<3 { #expect(try world.newest(on: loop).text("target") == "/here") }
        #expect(try world.inspect("a/exchanges", on: 2)["limitMiB"]?.double == 1, "its share of the memory")
        world.end()
    }

    // MARK: Live

    @Test func watchersAreToldInBatches() throws {
        let world = inspectedWorld()
        let agent = world.agent()
        let watcher = world.visit(get("/.miagent/agents/a/events", operatorToken))
        #expect(world.read(watcher).contains("text/event-stream"))
        let id = world.visit(get("/web/a/1"))
        let first = world.read(watcher)
        #expect(first.hasPrefix("event: exchange\ndata: [{\"number\":1,") && first.contains("\"outcome\":\"\""))
        agent.answer(try agent.request().id)
        _ = world.answer(id)
        for index in 2...5 {
            world.send(id, get("/web/a/\(index)"))
            agent.answer(try agent.request().id)
        }
        #expect(world.read(watcher) == "")
        world.wait(.milliseconds(249))
        #expect(world.read(watcher) == "")
        world.wait(.milliseconds(1))
        let second = world.read(watcher)
        #expect(second.split(separator: "\n\n").count == 1, "one message for all")
        for number in 1...5 { #expect(second.contains("{\"number\":\(number),")) }
        #expect(!second.contains("\"outcome\":\"\""))
        world.wait(.seconds(2))
        #expect(world.read(watcher) == "", "nothing new")
        world.leave(watcher)
        world.leave(id)
        world.end()
    }

    @Test func nothingIsAnnouncedToNobody() throws {
        let world = inspectedWorld()
        let agent = world.agent()
        let watcher = world.visit(get("/.miagent/agents/a/events", operatorToken))
        let id = world.visit(get("/web/a/1"))
        agent.answer(try agent.request().id)
        world.leave(watcher)
        world.leave(id)
        #expect(world.gateway.internals.untoldExchanges == 0)
        world.end()
    }
}
