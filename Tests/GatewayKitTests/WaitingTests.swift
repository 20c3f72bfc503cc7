// Requests that wait a moment for an agent that is not here.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct WaitingTests {
    private func patient() -> GatewayFixture { GatewayFixture { $0.web.agentWait = .seconds(2) } }

    @Test(arguments: TunnelVersion.allCases) func aRequestWaitsForAnAgentThatIsOnItsWay(version: TunnelVersion) throws {
        let fixture = patient()
        let first = fixture.visit("POST /web/a/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab")
        let second = fixture.visit(get("/web/a/y"))
        #expect(!fixture.connection(first).isReading)
        fixture.wait(.milliseconds(1_999))
        #expect(fixture.connection(first).written.isEmpty && fixture.connection(second).written.isEmpty)
        let agent = fixture.agent("a", version)
        #expect(fixture.connection(first).isReading)
        fixture.send(first, "c")
        let requests = [try agent.request(), try agent.request()].sorted {
            $0.head.path.count < $1.head.path.count || $0.head.hasBody
        }
        for request in requests {
            agent.respond(request.id, 200, HTTPFields(), "for \(String(decoding: request.head.path, as: UTF8.self))")
        }
        #expect(try fixture.expectResponse(first, to: "POST").text == "for /x")
        #expect(try fixture.expectResponse(second).text == "for /y")
        fixture.end()
    }

    @Test func whoWaitsInVainGetsTheResponseItWouldHaveHadAtOnce() throws {
        let fixture = patient()
        let id = fixture.visit(get("/web/a/") + get("/healthz"))
        fixture.wait(.seconds(2))
        #expect(try fixture.expectResponse(id).errorCode == "unknown-agent")
        #expect(try fixture.expectResponse(id).status == 200, "the next request was not forgotten")
        fixture.agent().close()
        let late = fixture.visit(get("/web/a/"))
        #expect(fixture.connection(late).written.isEmpty)
        fixture.wait(.seconds(2))
        #expect(try fixture.expectResponse(late).errorCode == "agent-offline")
        fixture.end()
    }

    @Test func othersAreAnsweredAtOnce() throws {
        let fixture = GatewayFixture {
            $0.web.agentWait = .seconds(2)
            $0.web.authTokens = ["t"]
        }
        #expect(try fixture.get("/web/a/").errorCode == "unauthorized")
        _ = fixture.agent("b")
        let waiting = fixture.visit(get("/web/a/", "Authorization: Bearer t\r\n"))
        #expect(fixture.connection(waiting).written.isEmpty)
        fixture.tell(.drain(within: .seconds(9)))
        #expect(try fixture.get("/web/a/", "Authorization: Bearer t\r\n").errorCode == "unknown-agent")
        fixture.end()
    }

    @Test func whoLeavesWhileItWaitsIsForgotten() throws {
        let fixture = patient()
        let one = fixture.visit(get("/web/a/"))
        let other = fixture.visit(get("/web/a/"))
        fixture.leave(one)
        fixture.finish(other)
        #expect(fixture.connection(other).isClosing)
        #expect(fixture.gateway.internals.waitingRequests == 0)
        #expect(fixture.agent().waitingRequests == 0)
        fixture.end()
    }

    @Test func aHostNamesCaseDoesNotMatterAndAPathsDoes() throws {
        let fixture = GatewayFixture {
            $0.web.agentWait = .seconds(2)
            $0.web.subdomainHost = "gw.example"
        }
        let byHost = fixture.visit("GET / HTTP/1.1\r\nHost: My-Agent.gw.example\r\n\r\n")
        let byPath = fixture.visit("GET /web/my-agent/ HTTP/1.1\r\nHost: h\r\n\r\n")
        let agent = fixture.agent("MY-Agent")
        #expect(agent.waitingRequests == 1)
        agent.respond(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(byHost).text == "x")
        fixture.wait(.seconds(2))
        #expect(try fixture.expectResponse(byPath).errorCode == "unknown-agent")
        #expect(fixture.gateway.internals.waitingRequests == 0)
        fixture.end()
    }

    @Test func noMoreWaitThanMay() throws {
        let fixture = patient()
        for number in 0..<GatewayLimits.waitingRequestsPerAgent {
            _ = fixture.visit(get("/web/a/"), from: "203.0.113.\(number % 32)")
        }
        let other = try fixture.get("/web/a/", from: "198.51.100.1")
        #expect(other.errorCode == "unknown-agent", "one agent's visitors leave room for others'")
        for agent in ["b", "c", "d"] {
            for number in 0..<GatewayLimits.waitingRequestsPerAgent {
                _ = fixture.visit(get("/web/\(agent)/"), from: "203.0.113.\(number % 32)")
            }
        }
        #expect(fixture.gateway.internals.waitingRequests == GatewayLimits.waitingRequests)
        #expect(try fixture.get("/web/e/", from: "198.51.100.1").errorCode == "unknown-agent")
        fixture.wait(.seconds(2))
        #expect(fixture.gateway.internals.waitingRequests == 0)
        fixture.end()
    }

    // MARK: Unless it is set

    /// A browser's EventSource that gets a 503 never asks again.
    @Test(arguments: [1, 3]) func anAgentThatWasHereAMomentAgoIsWaitedFor(loops: Int) throws {
        let fixture = GatewayFixture(loops: loops) { $0.web.agentWait = nil }
        _ = fixture.agent("x")
        fixture.agent("a").close()
        fixture.wait(.seconds(2))
        let id = fixture.visit(get("/web/a/events", "Accept: text/event-stream\r\n"), on: loops - 1)
        #expect(fixture.connection(id).written.isEmpty)
        fixture.wait(.milliseconds(2_900))
        let agent = fixture.agent("a", on: loops - 1)
        agent.respond(try agent.request().id, 200, HTTPFields(), "here")
        #expect(try fixture.expectResponse(id).text == "here")
        fixture.end()
    }

    @Test func itIsWaitedForThreeSecondsAndForAMinute() throws {
        let fixture = GatewayFixture {
            $0.web.agentWait = nil
            $0.web.subdomainHost = "sub.example"
        }
        #expect(try fixture.get("/web/a/").errorCode == "unknown-agent", "one that was never here is not")
        fixture.agent("a").close()
        let byPath = fixture.visit(get("/web/a/"))
        let byHost = fixture.visit("GET / HTTP/1.1\r\nHost: A.sub.example\r\n\r\n")
        fixture.wait(.milliseconds(2_999))
        #expect(fixture.connection(byPath).written.isEmpty && fixture.connection(byHost).written.isEmpty)
        fixture.wait(.milliseconds(1))
        for id in [byPath, byHost] { #expect(try fixture.expectResponse(id).errorCode == "agent-offline") }
        fixture.wait(.seconds(58))
        #expect(try fixture.get("/web/a/").errorCode == "agent-offline", "away for longer than a minute")
        #expect(fixture.gateway.internals.waitingRequests == 0)
        fixture.end()
    }

    @Test func zeroMeansNotAtAll() throws {
        let fixture = GatewayFixture { $0.web.agentWait = .zero }
        fixture.agent("a").close()
        #expect(try fixture.get("/web/a/").errorCode == "agent-offline")
        fixture.end()
    }
}
