// One connection that sends requests faster than it reads responses, or more than a turn of the loop has room for: what it
// costs is bounded, everybody else is served meanwhile, and who reads gets every response in its order.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct PipeliningTests {
    /// What may wait unread before no further request is taken, and the largest response beneath that.
    private static let bound = 64 * 1024 + 64 * 1024

    private static func post(_ target: String, _ body: String, _ extra: String = "") -> String {
        "POST \(target) HTTP/1.1\r\nHost: gw.example\r\n\(extra)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// Every way in which the gateway answers without an agent.
    private static let ownResponses: [String] = [
        get("/"), get("/help"), get("/api/openapi.json"), get("/api/agents"), get("/metrics"), get("/healthz"),
        get("/nowhere"), get("/nowhere", "Accept: text/html\r\n"), get("/web/nobody/"), get("/web/gone/"), get("/web/a"),
        get("/agent"), get("/web/guarded/"), get("/web/guarded/", "Authorization: Bearer wrong\r\n"),
        get("/inspect/a"), get("/api/agents/a/exchanges"), get("/login?scope=guarded"),
        get("/style.css", "Referer: http://gw.example/web/a/page\r\n"), "HEAD / HTTP/1.1\r\nHost: gw.example\r\n\r\n",
        post("/login", "token=wrong&scope=guarded&next=/"), post("/logout", "scope=guarded&next=/"),
        post("/healthz", "a body that nobody wants"), post("/api/agents/a/replay", "{}", "Content-Type: application/json\r\n"),
    ]

    private func fixture(loops: Int = 1) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.web.rescuesAbsolutePaths = true
            $0.inspector.isPublic = true
            $0.agents["guarded"] = AgentAccess()
            $0.agents["guarded"]?.authTokens = ["secret"]
            $0.statusPage.isPublic = true
        }
    }

    @Test(arguments: Self.ownResponses) func responsesThatNobodyReadsStopTheReadingOfRequests(request: String) {
        let fixture = fixture()
        _ = fixture.agent()
        fixture.leave(fixture.agent("gone").id)
        let id = fixture.connect()
        fixture.hold(id)
        for _ in 0..<20 {
            fixture.send(id, String(repeating: request, count: 500))
            for _ in 0..<40 where fixture.connection(id).isReading { fixture.wait(.zero) }
            if !fixture.connection(id).isReading { break }
        }
        #expect(!fixture.connection(id).isReading && !fixture.connection(id).isGone)
        #expect(fixture.connection(id).written.count <= Self.bound)
        fixture.wait(.zero)
        #expect(fixture.gateway.nextDeadline.map { $0 > fixture.now } == true, "a loop that never sleeps")
        fixture.end()
    }

    @Test func whoReadsGetsThemAllInOrder() throws {
        let fixture = fixture()
        let id = fixture.connect()
        fixture.hold(id)
        let kinds = ["/", "/healthz", "/nowhere", "/web/nobody/", "/api/openapi.json"]
        let count = 200
        fixture.send(id, (0..<count).map { get(kinds[$0 % kinds.count], "X-Request-ID: number-\($0)\r\n") }.joined())
        var seen = 0
        for _ in 0..<count {
            fixture.take(id)
            fixture.wait(.zero)
            while let response = fixture.response(id) {
                #expect(response.fields["x-request-id"] == "number-\(seen)")
                seen += 1
            }
        }
        #expect(seen == count)
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    @Test func oneConnectionGetsAShareOfATurn() throws {
        let fixture = fixture()
        let id = fixture.visit(String(repeating: get("/healthz"), count: 1_000))
        var seen = 0
        for turn in 1... {
            while let response = fixture.response(id) {
                #expect(response.text == "ok\n")
                seen += 1
            }
            #expect(seen == min(1_000, turn * TurnShare.maximumResponses))
            if seen == 1_000 { break }
            #expect(fixture.gateway.nextDeadline.map { $0 <= fixture.now } == true, "the rest waits for something else")
            #expect(try fixture.get("/healthz").text == "ok\n")
            fixture.happen(.tick, on: 0)
        }
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    /// A response of an agent is no smaller than one of ours: each may be a window of a stream, and end.
    @Test func anAgentsResponsesThatNobodyReadsStopThemToo() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let id = fixture.connect()
        fixture.hold(id)
        fixture.send(id, String(repeating: get("/web/a/"), count: 300))
        let body = String(repeating: "x", count: 30_000)
        var count = 0
        while agent.waitingRequests > 0 {
            agent.respond(try agent.request().id, 200, HTTPFields(), body)
            fixture.wait(.zero)
            count += 1
        }
        #expect(count == 3)
        for _ in 0..<300 where count < 300 {
            fixture.take(id)
            fixture.wait(.zero)
            while agent.waitingRequests > 0 {
                agent.respond(try agent.request().id, 200, HTTPFields(), body)
                count += 1
            }
        }
        #expect(count == 300)
        fixture.take(id)
        fixture.wait(.zero)
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    @Test func requestsThatComeOneByOneAreNoWayAround() throws {
        let fixture = fixture()
        let id = fixture.connect()
        fixture.hold(id)
        var count = 0
        while fixture.connection(id).isReading, count < 1_000 {
            fixture.send(id, get("/"))
            count += 1
        }
        #expect(fixture.connection(id).written.count <= Self.bound)
        fixture.take(id)
        fixture.wait(.zero)
        #expect(fixture.connection(id).isReading)
        for _ in 0..<count { #expect(try fixture.expectResponse(id).status == 200) }
        fixture.end()
    }

    @Test func whoReadsNothingIsCutAndWhoReadsSlowlyIsNot() {
        let fixture = fixture()
        let (deaf, slow) = (fixture.connect(), fixture.connect())
        for id in [deaf, slow] {
            fixture.hold(id)
            fixture.send(id, String(repeating: get("/"), count: 100))
        }
        for _ in 0..<6 {
            fixture.wait(.seconds(20))
            fixture.take(slow, 1)
        }
        #expect(fixture.connection(deaf).isAborted)
        #expect(!fixture.connection(slow).isGone)
        fixture.end()
    }

    @Test func thePauseEndsWithTheConnection() {
        let fixture = fixture()
        let held = fixture.connect()
        fixture.hold(held)
        fixture.send(held, String(repeating: get("/"), count: 100))
        let crowded = fixture.visit(String(repeating: get("/healthz"), count: 100))
        let finished = fixture.visit(String(repeating: get("/healthz"), count: 100))
        fixture.leave(held)
        fixture.leave(crowded)
        fixture.finish(finished)
        #expect(fixture.connection(finished).isClosing)
        fixture.end()
    }

    @Test func aDrainDoesNotWaitForThoseThatReadNothing() {
        let fixture = fixture()
        let id = fixture.connect()
        fixture.hold(id)
        fixture.send(id, String(repeating: get("/"), count: 100))
        let crowded = fixture.visit(String(repeating: get("/healthz"), count: 100))
        fixture.tell(.drain(within: .seconds(5)))
        fixture.wait(.zero)
        #expect(fixture.connection(crowded).isClosing && !fixture.connection(id).isGone)
        fixture.wait(.seconds(5))
        #expect(fixture.hasDrained && fixture.connection(id).isAborted)
    }

    /// What the connection sent beyond its head moves along, and so does the count of what it has not read.
    @Test func aConnectionThatMovesIsBoundToo() throws {
        let fixture = fixture(loops: 2)
        let agent = fixture.agent("a", on: 1)
        let id = fixture.connect(on: 1)
        fixture.hold(id)
        fixture.send(id, get("/web/a/") + String(repeating: get("/"), count: 300))
        agent.respond(try agent.request().id, 200, HTTPFields(), "x")
        fixture.wait(.zero)
        #expect(!fixture.connection(id).isReading && fixture.connection(id).written.count <= Self.bound)
        for _ in 0..<300 {
            fixture.take(id)
            fixture.wait(.zero)
        }
        #expect(fixture.connection(id).isReading)
        for _ in 0..<301 { #expect(try fixture.expectResponse(id).status == 200) }
        fixture.end()
    }

    /// Bytes of a request that waits for its agent, and of those behind it, are copied off the transport's buffer.
    @Test func nothingKeepsTheBufferThatWasLent() {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(3) }
        fixture.leave(fixture.agent("gone").id)
        let id = fixture.visit(get("/web/gone/") + get("/healthz"))
        #expect(!fixture.connection(id).isReading)
        fixture.wait(.seconds(3))
        #expect(fixture.response(id)?.status == 503)
        #expect(fixture.response(id)?.text == "ok\n")
        fixture.end()
    }
}
