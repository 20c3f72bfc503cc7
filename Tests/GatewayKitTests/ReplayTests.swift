// A request that a person sends again: what the agent gets, what the person is told, and what ends it.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ReplayTests {
    private func post(_ json: String, _ extra: String = operatorToken, type: String = "application/json", agent: String = "a")
        -> String
    {
        "POST /.miagent/agents/\(agent)/replay HTTP/1.1\r\nHost: gw.example\r\nContent-Type: \(type)\r\n\(extra)"
            + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)"
    }

    /// One exchange of agent `a`, done: a POST with a body and secrets.
    private func record(_ fixture: GatewayFixture, _ agent: AgentPeer, body: String = "hello") throws {
        let id = fixture.visit(
            "POST /web/a/form?page=1&token=abc HTTP/1.1\r\nHost: h.example\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Cookie: sid=1\r\nX-Keep: yes\r\nAuthorization: Bearer v\r\n\r\n\(body)")
        agent.respond(try agent.request().id, 200, HTTPFields(), "first")
        #expect(try fixture.expectResponse(id, to: "POST").status == 200)
        fixture.leave(id)
    }

    private func json(_ response: ReceivedResponse) throws -> JSONNode {
        try JSONDocument(response.body[...], limits: JSONLimits(maximumBytes: 1 << 22)).root
    }

    @Test(arguments: TunnelVersion.allCases) func aRequestIsSentAgainAndItsResponseTold(version: TunnelVersion) throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent("a", version)
        try record(fixture, agent)
        let id = fixture.visit(post("{\"number\":1}"), from: "198.51.100.7")
        let request = try agent.request()
        #expect(request.head.method == "POST" && request.head.path == latin1("/form")[...])
        #expect(request.head.query == latin1("page=1")[...], "what was masked is left out")
        #expect(agent.body(request.id) == "hello" && agent.hasEnded(request.id))
        let requestID = try #require(request.head.fields[.xRequestID])
        let sent = Set(request.head.fields.map { "\($0.nameString.lowercased()): \($0.valueString)" })
        #expect(
            sent == [
                "x-keep: yes", "x-forwarded-for: 198.51.100.7", "x-forwarded-proto: http", "x-forwarded-host: h.example",
                "x-forwarded-prefix: /web/a", "content-length: 5", "x-request-id: \(requestID)",
            ])
        fixture.wait(.milliseconds(30))
        #expect(fixture.read(id) == "")
        agent.respond(request.id, 202, fields(("Location", "/next")), "second")
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 200 && response.fields[.contentType] == "application/json")
        let told = try json(response)
        #expect(told["number"]?.int64 == 2 && told["replayOf"]?.int64 == 1 && told["status"]?.int64 == 202)
        #expect(told["responseBody"]?.text("text") == "second" && told["totalMs"]?.double == 30)
        #expect(told["requestBody"]?.text("text") == "hello" && told.text("outcome") == "done")
        #expect(told.text("requestId") == requestID)
        #expect(told["responseFields"]?.fieldLines.contains { $0.lowercased() == "location: /web/a/next" } == true)
        // The connection takes the next request.
        fixture.send(id, get("/.miagent/agents/a/exchanges", operatorToken))
        #expect(try json(fixture.expectResponse(id))["exchanges"]?.count == 2)
        fixture.leave(id)
        fixture.end()
    }

    @Test func everythingCanBeEdited() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let edits =
            "{\"number\":1,\"method\":\"PUT\",\"target\":\"/other?x=1\",\"body\":{\"text\":\"n\u{e9}w\"},\"fields\":"
            + "[[\"X-A\",\"1\"],[\"Cookie\",\"sid=mine; b=\u{2022}\u{2022}\u{2022}\"],[\"Host\",\"evil\"],"
            + "[\"Content-Length\",\"9999\"],[\"Transfer-Encoding\",\"chunked\"],[\"X-Forwarded-For\",\"1.2.3.4\"],"
            + "[\"Upgrade\",\"websocket\"],[\"Authorization\",\"Bearer \u{2022}\u{2022}\u{2022}\"]]}"
        let id = fixture.connect()
        let bytes = Array(edits.utf8)
        fixture.send(id, latin1(post("").replacing("Content-Length: 0", with: "Content-Length: \(bytes.count)")) + bytes)
        let request = try agent.request()
        #expect(
            request.head.method == "PUT" && request.head.path == latin1("/other")[...]
                && request.head.query == latin1("x=1")[...])
        let names = request.head.fields.map { $0.nameString.lowercased() }
        #expect(
            names.sorted() == [
                "content-length", "cookie", "x-a", "x-forwarded-for", "x-forwarded-host", "x-forwarded-prefix",
                "x-forwarded-proto", "x-request-id",
            ])
        #expect(request.head.fields["cookie"] == "sid=mine" && request.head.fields[.contentLength] == "4")
        #expect(request.head.fields[.xForwardedFor] == "203.0.113.9" && request.head.upgrade == nil)
        #expect(agent.body(request.id) == "n\u{e9}w")
        agent.respond(request.id, 200)
        #expect(try json(fixture.expectResponse(id, to: "POST")).text("target") == "/other?x=1")
        fixture.leave(id)
        fixture.end()
    }

    @Test func aLargeBodyWaitsForCreditAndALargeResponseGivesIt() throws {
        let fixture = inspectedGateway { $0.inspector.maximumBodyBytes = 1 << 20 }
        let agent = fixture.agent()
        try record(fixture, agent, body: String(repeating: "x", count: 900_000))
        let id = fixture.visit(post("{\"number\":1}"))
        let request = try agent.request()
        #expect(agent.bodies[request.id]?.count == 900_000 && agent.hasEnded(request.id))
        agent.begin(request.id)
        agent.send(request.id, [UInt8](repeating: 97, count: 1 << 20), end: true)
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 200 && response.body.count > 1 << 20)
        fixture.leave(id)
        fixture.end()
    }

    // MARK: What ends it

    @Test func aResponseThatIsTooLargeIsCut() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let id = fixture.visit(post("{\"number\":1}"))
        let request = try agent.request()
        agent.begin(request.id)
        for _ in 0..<17 { agent.send(request.id, [UInt8](repeating: 1, count: 65_536)) }
        #expect(agent.has(.reset(request.id, .cancelled)))
        let told = try json(fixture.expectResponse(id, to: "POST"))
        #expect(told.text("outcome") == "replay-cut" && told["responseBody"]?["count"]?.int64 == 17 * 65_536)
        fixture.leave(id)
        fixture.end()
    }

    @Test func aResponseThatDoesNotEndIsCut() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let id = fixture.visit(post("{\"number\":1}"))
        let request = try agent.request()
        agent.begin(request.id, 200, fields(("Content-Type", "text/event-stream")))
        for _ in 0..<29 {
            fixture.wait(.seconds(1))
            agent.send(request.id, "data: 1\n\n")
        }
        #expect(fixture.response(id, to: "POST") == nil)
        fixture.wait(.seconds(1))
        #expect(agent.has(.reset(request.id, .cancelled)))
        let told = try json(fixture.expectResponse(id, to: "POST"))
        #expect(told.text("outcome") == "replay-cut" && told["totalMs"]?.double == 30_000)
        fixture.leave(id)
        fixture.end()
    }

    @Test func anAgentThatIsLostAndAServiceThatFailsAreTold() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let failing = fixture.visit(post("{\"number\":1}"))
        agent.fail(try agent.request().id, .serviceUnreachable)
        #expect(try json(fixture.expectResponse(failing, to: "POST")).text("outcome") == "service-unreachable")
        let unasked = fixture.visit(post("{\"number\":1}"))
        agent.begin(try agent.request().id, 101)
        #expect(try json(fixture.expectResponse(unasked, to: "POST")).text("outcome") == "service-broken")
        let lost = fixture.visit(post("{\"number\":1}"))
        _ = try agent.request()
        fixture.leave(agent.id)
        #expect(try json(fixture.expectResponse(lost, to: "POST")).text("outcome") == "agent-lost")
        let late = fixture.visit(post("{\"number\":1}"))
        #expect(try fixture.expectResponse(late, to: "POST").errorCode == "agent-offline")
        for id in [failing, unasked, lost, late] { fixture.leave(id) }
        fixture.end()
    }

    @Test func whoLeavesInTheMiddleStopsIt() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        for ends in [GatewayFixture.leave, GatewayFixture.finish] {
            let id = fixture.visit(post("{\"number\":1}"))
            let request = try agent.request()
            agent.begin(request.id)
            ends(fixture)(id)
            #expect(agent.has(.reset(request.id, .cancelled)))
            #expect(try fixture.newest().text("outcome") == "cancelled")
            #expect(fixture.gateway.internals.replays == 0)
        }
        let half = fixture.visit(post("{\"number\":1}").replacing("{\"number\":1}", with: "{"))
        #expect(fixture.gateway.internals.replays == 1)
        fixture.leave(half)
        #expect(fixture.gateway.internals.replays == 0 && agent.waitingRequests == 0)
        fixture.end()
    }

    // MARK: What is refused

    @Test(
        arguments: [
            ("{}", "number"), ("[]", "object"), ("{\"number\":1,", "JSON"), ("{\"number\":1,\"x\":2}", "\"x\""),
            ("{\"number\":1,\"method\":\"A B\"}", "method"), ("{\"number\":1,\"target\":\"x\"}", "target"),
            ("{\"number\":1,\"target\":\"/a\\r\\nb\"}", "target"), ("{\"number\":1,\"target\":\"//a b\"}", "target"),
            ("{\"number\":1,\"fields\":[[\"A\"]]}", "fields"), ("{\"number\":1,\"fields\":[[\"A\",\"b\\nc\"]]}", "value"),
            ("{\"number\":1,\"fields\":[[\"A:\",\"b\"]]}", "name"), ("{\"number\":1,\"body\":\"x\"}", "body"),
            ("{\"number\":1,\"body\":{\"base64\":\"?\"}}", "base64"), ("{\"number\":1,\"method\":\"CONNECT\"}", "CONNECT"),
            ("{\"number\":-1}", "number"),
        ])
    func whatMakesNoSenseIsRefused(body: String, expected: String) throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let id = fixture.visit(post(body, operatorToken + "Accept: application/json\r\n"))
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 400 && response.errorCode == "bad-replay")
        #expect(try json(response).text("message")?.contains(expected) == true, "\(response.text)")
        #expect(agent.waitingRequests == 0)
        fixture.leave(id)
        fixture.end()
    }

    @Test(
        arguments: [
            ("Origin: http://evil.example\r\n", "cross-site"), ("Origin: null\r\n", "cross-site"),
            ("Sec-Fetch-Site: cross-site\r\n", "cross-site"), ("Sec-Fetch-Site: same-site\r\n", "cross-site"),
            ("Origin: http://gw.example\r\n", nil), ("Origin: https://GW.example\r\n", nil),
            ("Sec-Fetch-Site: same-origin\r\nOrigin: http://gw.example\r\n", nil), ("", nil),
        ] as [(String, String?)])
    func otherSitesMayNotAsk(extra: String, code: String?) throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let id = fixture.visit(post("{\"number\":1}", operatorToken + extra))
        #expect(agent.waitingRequests == (code == nil ? 1 : 0))
        if agent.waitingRequests > 0 { agent.respond(try agent.request().id) }
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.errorCode == code && response.status == (code == nil ? 200 : 403))
        fixture.leave(id)
        fixture.end()
    }

    @Test func replaysNeedJSONAPermissionAnExchangeAndASwitch() throws {
        func code(_ text: String, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) throws -> String? {
            let fixture = inspectedGateway(configure)
            let agent = fixture.agent()
            _ = fixture.agent("b")
            if fixture.gateway.configuration.inspector.mode == .all { try record(fixture, agent) }
            let id = fixture.visit(text)
            defer { fixture.leave(id) }
            #expect(agent.waitingRequests == 0)
            return try fixture.expectResponse(id, to: "POST").errorCode
        }
        #expect(try code(post("{\"number\":1}", type: "text/plain")) == "bad-replay")
        #expect(try code(post("{\"number\":1}", "")) == "unauthorized")
        #expect(try code(post("{\"number\":2}")) == "unknown-exchange")
        #expect(try code(post("{\"number\":1}", agent: "b")) == "unknown-exchange")
        #expect(try code(post("{\"number\":1}")) { $0.inspector.allowsReplay = false } == "replay-off")
        let long = post("").replacing("Content-Length: 0", with: "Content-Length: 2097153")
        #expect(try code(long) == "body-too-large")
        #expect(try code(post("{\"number\":1}").replacing("POST", with: "PUT")) == "method-not-allowed")
    }

    @Test func anAgentThatIsNotInspectedAnyMoreIsNotAsked() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        var configuration = fixture.gateway.configuration
        configuration.inspector.mode = .agents
        fixture.tell(.reconfigure(configuration))
        let id = fixture.visit(post("{\"number\":1}"))
        let response = try fixture.expectResponse(id, to: "POST")
        #expect(response.status == 409 && response.errorCode == "not-inspected" && agent.waitingRequests == 0)
        fixture.leave(id)
        fixture.end()
    }

    @Test func onlySoManyAtOnce() throws {
        let fixture = inspectedGateway()
        let agent = fixture.agent()
        try record(fixture, agent)
        let ids = (0..<17).map { _ in fixture.visit(post("{\"number\":1}")) }
        #expect(agent.waitingRequests == 16)
        #expect(try fixture.expectResponse(ids[16], to: "POST").errorCode == "overloaded")
        for _ in 0..<16 { agent.respond(try agent.request().id) }
        for id in ids.prefix(16) { #expect(try fixture.expectResponse(id, to: "POST").status == 200) }
        #expect(fixture.gateway.internals.replays == 0)
        for id in ids { fixture.leave(id) }
        fixture.end()
    }

    @Test func aBodyOfWhichOnlyTheBeginningWasKeptMustBeGiven() throws {
        let fixture = inspectedGateway { $0.inspector.maximumBodyBytes = 3 }
        let agent = fixture.agent()
        try record(fixture, agent)
        let refused = fixture.visit(post("{\"number\":1}"))
        #expect(try fixture.expectResponse(refused, to: "POST").text.contains("beginning"))
        let given = fixture.visit(post("{\"number\":1,\"body\":{\"base64\":\"AAE=\"}}"))
        let request = try agent.request()
        #expect(agent.bodies[request.id] == [0, 1])
        agent.respond(request.id)
        #expect(try fixture.expectResponse(given, to: "POST").status == 200)
        for id in [refused, given] { fixture.leave(id) }
        fixture.end()
    }

    @Test func aReplayFromAnotherLoopComesHome() throws {
        let fixture = inspectedGateway(loops: 2)
        _ = fixture.agent("x")
        let agent = fixture.agent("a")
        try record(fixture, agent)
        let id = fixture.visit(post("{\"number\":1}"), on: 0)
        agent.respond(try agent.request().id, 200, HTTPFields(), "again")
        #expect(try json(fixture.expectResponse(id, to: "POST"))["responseBody"]?.text("text") == "again")
        fixture.leave(id)
        fixture.end()
    }
}
