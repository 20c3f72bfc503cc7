// One connection that sends requests faster than it reads responses, or more than a turn of the loop has room for: what it costs is
// bounded, everybody else is served meanwhile, and who reads gets every response in its order.

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

    private func world(loops: Int = 1) -> World {
        World(loops: loops) {
            $0.web.rescuesAbsolutePaths = true
            $0.inspector.isPublic = true
            $0.agents["guarded"] = AgentAccess()
            $0.agents["guarded"]?.authTokens = ["secret"]
            $0.statusPage.isPublic = true
        }
    }

    @Test(arguments: Self.ownResponses) func responsesThatNobodyReadsStopTheReadingOfRequests(request: String) {
        let world = world()
        _ = world.agent()
        world.leave(world.agent("gone").id)
        let id = world.connect()
        world.hold(id)
        for _ in 0..<20 {
            world.send(id, String(repeating: request, count: 500))
            for _ in 0..<40 where world.wire(id).isReading { world.wait(.zero) }
            if !world.wire(id).isReading { break }
        }
        #expect(!world.wire(id).isReading && !world.wire(id).isGone)
        #expect(world.wire(id).written.count <= Self.bound)
        world.wait(.zero)
        #expect(world.gateway.nextDeadline.map { $0 > world.now } == true, "a loop that never sleeps")
        world.end()
    }

    @Test func whoReadsGetsThemAllInOrder() throws {
        let world = world()
        let id = world.connect()
        world.hold(id)
        let kinds = ["/", "/healthz", "/nowhere", "/web/nobody/", "/api/openapi.json"]
        let count = 200
        world.send(id, (0..<count).map { get(kinds[$0 % kinds.count], "X-Request-ID: number-\($0)\r\n") }.joined())
        var seen = 0
        for _ in 0..<count {
            world.take(id)
            world.wait(.zero)
            while let answer = world.answer(id) {
                #expect(answer.fields["x-request-id"] == "number-\(seen)")
                seen += 1
            }
        }
        #expect(seen == count)
        #expect(world.wire(id).isReading)
        world.end()
    }

    @Test func oneConnectionGetsAShareOfATurn() throws {
        let world = world()
        let id = world.visit(String(repeating: get("/healthz"), count: 1_000))
        var seen = 0
        for turn in 1... {
            while let answer = world.answer(id) {
                #expect(answer.text == "ok\n")
                seen += 1
            }
            #expect(seen == min(1_000, turn * TurnShare.maximumResponses))
            if seen == 1_000 { break }
            #expect(world.gateway.nextDeadline.map { $0 <= world.now } == true, "the rest waits for something else")
            #expect(try world.get("/healthz").text == "ok\n")
            world.happen(.tick, on: 0)
        }
        #expect(world.wire(id).isReading)
        world.end()
    }

    /// A response of an agent is no smaller than one of ours: each may be a window of a stream, and end.
    @Test func anAgentsResponsesThatNobodyReadsStopThemToo() throws {
        let world = world()
        let agent = world.agent()
        let id = world.connect()
        world.hold(id)
        world.send(id, String(repeating: get("/web/a/"), count: 300))
        let body = String(repeating: "x", count: 30_000)
        var count = 0
        while agent.waitingRequests > 0 {
            agent.answer(try agent.request().id, 200, HTTPFields(), body)
            world.wait(.zero)
            count += 1
        }
        #expect(count == 3)
        for _ in 0..<300 where count < 300 {
            world.take(id)
            world.wait(.zero)
            while agent.waitingRequests > 0 {
                agent.answer(try agent.request().id, 200, HTTPFields(), body)
                count += 1
            }
        }
        #expect(count == 300)
        world.take(id)
        world.wait(.zero)
        #expect(world.wire(id).isReading)
        world.end()
    }

    @Test func requestsThatComeOneByOneAreNoWayAround() throws {
        let world = world()
        let id = world.connect()
        world.hold(id)
        var count = 0
        while world.wire(id).isReading, count < 1_000 {
            world.send(id, get("/"))
            count += 1
        }
        #expect(world.wire(id).written.count <= Self.bound)
        world.take(id)
        world.wait(.zero)
        #expect(world.wire(id).isReading)
        for _ in 0..<count { #expect(try world.expectAnswer(id).status == 200) }
        world.end()
    }

    @Test func whoReadsNothingIsCutAndWhoReadsSlowlyIsNot() {
        let world = world()
        let (deaf, slow) = (world.connect(), world.connect())
        for id in [deaf, slow] {
            world.hold(id)
            world.send(id, String(repeating: get("/"), count: 100))
        }
        for _ in 0..<6 {
            world.wait(.seconds(20))
            world.take(slow, 1)
        }
        #expect(world.wire(deaf).isAborted)
        #expect(!world.wire(slow).isGone)
        world.end()
    }

    @Test func thePauseEndsWithTheConnection() {
        let world = world()
        let held = world.connect()
        world.hold(held)
        world.send(held, String(repeating: get("/"), count: 100))
        let crowded = world.visit(String(repeating: get("/healthz"), count: 100))
        let finished = world.visit(String(repeating: get("/healthz"), count: 100))
        world.leave(held)
        world.leave(crowded)
        world.finish(finished)
        #expect(world.wire(finished).isClosing)
        world.end()
    }

    @Test func aDrainDoesNotWaitForThoseThatReadNothing() {
        let world = world()
        let id = world.connect()
        world.hold(id)
        world.send(id, String(repeating: get("/"), count: 100))
        let crowded = world.visit(String(repeating: get("/healthz"), count: 100))
        world.tell(.drain(within: .seconds(5)))
        world.wait(.zero)
        #expect(world.wire(crowded).isClosing && !world.wire(id).isGone)
        world.wait(.seconds(5))
        #expect(world.hasDrained && world.wire(id).isAborted)
    }

    /// What the connection sent beyond its head moves along, and so does the count of what it has not read.
    @Test func aConnectionThatMovesIsBoundToo() throws {
        let world = world(loops: 2)
        let agent = world.agent("a", on: 1)
        let id = world.connect(on: 1)
        world.hold(id)
        world.send(id, get("/web/a/") + String(repeating: get("/"), count: 300))
        agent.answer(try agent.request().id, 200, HTTPFields(), "x")
        world.wait(.zero)
        #expect(!world.wire(id).isReading && world.wire(id).written.count <= Self.bound)
        for _ in 0..<300 {
            world.take(id)
            world.wait(.zero)
        }
        #expect(world.wire(id).isReading)
        for _ in 0..<301 { #expect(try world.expectAnswer(id).status == 200) }
        world.end()
    }

    /// Bytes of a request that waits for its agent, and of those behind it, are copied off the transport's buffer.
    @Test func nothingKeepsTheBufferThatWasLent() {
        let world = World { $0.web.agentWait = .seconds(3) }
        world.leave(world.agent("gone").id)
        let id = world.visit(get("/web/gone/") + get("/healthz"))
        #expect(!world.wire(id).isReading)
        world.wait(.seconds(3))
        #expect(world.answer(id)?.status == 503)
        #expect(world.answer(id)?.text == "ok\n")
        world.end()
    }
}
