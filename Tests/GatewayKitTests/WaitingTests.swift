// Requests that wait a moment for an agent that is not here.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct WaitingTests {
    private func patient() -> World { World { $0.web.agentWait = .seconds(2) } }

    @Test(arguments: TunnelVersion.allCases) func aRequestWaitsForAnAgentThatIsOnItsWay(version: TunnelVersion) throws {
        let world = patient()
        let first = world.visit("POST /web/a/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab")
        let second = world.visit(get("/web/a/y"))
        #expect(!world.wire(first).isReading)
        world.wait(.milliseconds(1_999))
        #expect(world.wire(first).written.isEmpty && world.wire(second).written.isEmpty)
        let agent = world.agent("a", version)
        #expect(world.wire(first).isReading)
        world.send(first, "c")
        let requests = [try agent.request(), try agent.request()].sorted {
            $0.head.path.count < $1.head.path.count || $0.head.hasBody
        }
        for request in requests {
            agent.answer(request.id, 200, HTTPFields(), "for \(String(decoding: request.head.path, as: UTF8.self))")
        }
        #expect(try world.expectAnswer(first, to: "POST").text == "for /x")
        #expect(try world.expectAnswer(second).text == "for /y")
        world.end()
    }

    @Test func whoWaitsInVainGetsTheAnswerItWouldHaveHadAtOnce() throws {
        let world = patient()
        let id = world.visit(get("/web/a/") + get("/healthz"))
        world.wait(.seconds(2))
        #expect(try world.expectAnswer(id).errorCode == "unknown-agent")
        #expect(try world.expectAnswer(id).status == 200, "the next request was not forgotten")
        world.agent().close()
        let late = world.visit(get("/web/a/"))
        #expect(world.wire(late).written.isEmpty)
        world.wait(.seconds(2))
        #expect(try world.expectAnswer(late).errorCode == "agent-offline")
        world.end()
    }

    @Test func othersAreAnsweredAtOnce() throws {
        let world = World {
            $0.web.agentWait = .seconds(2)
            $0.web.authTokens = ["t"]
        }
        #expect(try world.get("/web/a/").errorCode == "unauthorized")
        _ = world.agent("b")
        let waiting = world.visit(get("/web/a/", "Authorization: Bearer t\r\n"))
        #expect(world.wire(waiting).written.isEmpty)
        world.tell(.drain(within: .seconds(9)))
        #expect(try world.get("/web/a/", "Authorization: Bearer t\r\n").errorCode == "unknown-agent")
        world.end()
    }

    @Test func whoLeavesWhileItWaitsIsForgotten() throws {
        let world = patient()
        let one = world.visit(get("/web/a/"))
        let other = world.visit(get("/web/a/"))
        world.leave(one)
        world.finish(other)
        #expect(world.wire(other).isClosing)
        #expect(world.gateway.internals.waitingRequests == 0)
        #expect(world.agent().waitingRequests == 0)
        world.end()
    }

    @Test func aHostNamesCaseDoesNotMatterAndAPathsDoes() throws {
        let world = World {
            $0.web.agentWait = .seconds(2)
            $0.web.subdomainHost = "gw.example"
        }
        let byHost = world.visit("GET / HTTP/1.1\r\nHost: My-Agent.gw.example\r\n\r\n")
        let byPath = world.visit("GET /web/my-agent/ HTTP/1.1\r\nHost: h\r\n\r\n")
        let agent = world.agent("MY-Agent")
        #expect(agent.waitingRequests == 1)
        agent.answer(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(byHost).text == "x")
        world.wait(.seconds(2))
        #expect(try world.expectAnswer(byPath).errorCode == "unknown-agent")
        #expect(world.gateway.internals.waitingRequests == 0)
        world.end()
    }

    @Test func noMoreWaitThanMay() throws {
        let world = patient()
        for number in 0..<GatewayLimits.waitingRequestsPerAgent {
            _ = world.visit(get("/web/a/"), from: "203.0.113.\(number % 32)")
        }
        let other = try world.get("/web/a/", from: "198.51.100.1")
        #expect(other.errorCode == "unknown-agent", "one agent's visitors leave room for others'")
        for agent in ["b", "c", "d"] {
            for number in 0..<GatewayLimits.waitingRequestsPerAgent {
                _ = world.visit(get("/web/\(agent)/"), from: "203.0.113.\(number % 32)")
            }
        }
        #expect(world.gateway.internals.waitingRequests == GatewayLimits.waitingRequests)
        #expect(try world.get("/web/e/", from: "198.51.100.1").errorCode == "unknown-agent")
        world.wait(.seconds(2))
        #expect(world.gateway.internals.waitingRequests == 0)
        world.end()
    }

    // MARK: Unless it is set

    /// A browser's EventSource that gets a 503 never asks again.
    @Test(arguments: [1, 3]) func anAgentThatWasHereAMomentAgoIsWaitedFor(loops: Int) throws {
        let world = World(loops: loops) { $0.web.agentWait = nil }
        _ = world.agent("x")
        world.agent("a").close()
        world.wait(.seconds(2))
        let id = world.visit(get("/web/a/events", "Accept: text/event-stream\r\n"), on: loops - 1)
        #expect(world.wire(id).written.isEmpty)
        world.wait(.milliseconds(2_900))
        let agent = world.agent("a", on: loops - 1)
        agent.answer(try agent.request().id, 200, HTTPFields(), "here")
        #expect(try world.expectAnswer(id).text == "here")
        world.end()
    }

    @Test func itIsWaitedForThreeSecondsAndForAMinute() throws {
        let world = World {
            $0.web.agentWait = nil
            $0.web.subdomainHost = "sub.example"
        }
        #expect(try world.get("/web/a/").errorCode == "unknown-agent", "one that was never here is not")
        world.agent("a").close()
        let byPath = world.visit(get("/web/a/"))
        let byHost = world.visit("GET / HTTP/1.1\r\nHost: A.sub.example\r\n\r\n")
        world.wait(.milliseconds(2_999))
        #expect(world.wire(byPath).written.isEmpty && world.wire(byHost).written.isEmpty)
        world.wait(.milliseconds(1))
        for id in [byPath, byHost] { #expect(try world.expectAnswer(id).errorCode == "agent-offline") }
        world.wait(.seconds(58))
        #expect(try world.get("/web/a/").errorCode == "agent-offline", "away for longer than a minute")
        #expect(world.gateway.internals.waitingRequests == 0)
        world.end()
    }

    @Test func zeroMeansNotAtAll() throws {
        let world = World { $0.web.agentWait = .zero }
        world.agent("a").close()
        #expect(try world.get("/web/a/").errorCode == "agent-offline")
        world.end()
    }
}
