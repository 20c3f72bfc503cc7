// Connections to the service that outlive an exchange: which is used next, when they go, and what is forgiven.

import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct PoolTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// An agent with an idle connection.
    private func pooled(_ configuration: AgentConfiguration = .sample()) throws -> (AgentFixture, ConnectionID, ConnectionID) {
        var (fixture, gateway) = try AgentFixture.serving(configuration)
        try fixture.request(gateway, "GET", "/first")
        let service = try fixture.accept()
        _ = fixture.read(service)
        fixture.reply(service, Self.ok)
        #expect(fixture.agent.counters.pooledConnections == 1)
        return (fixture, gateway, service)
    }

    @Test func theNextRequestUsesTheSameConnection() throws {
        var (fixture, gateway, service) = try pooled()
        for index in 0..<5 {
            let stream = try fixture.request(gateway, "GET", "/\(index)")
            #expect(fixture.dials.isEmpty)
            #expect(fixture.readText(service).hasPrefix("GET /\(index) "))
            fixture.reply(service, Self.ok)
            #expect(fixture.response(gateway, stream).text == "ok")
        }
        #expect(fixture.agent.counters.localConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func theConnectionUsedLastIsUsedFirst() throws {
        var (fixture, gateway, first) = try pooled()
        try fixture.request(gateway, "GET", "/a")
        try fixture.request(gateway, "GET", "/b")
        let second = try fixture.accept()
        fixture.reply(first, Self.ok)
        fixture.reply(second, Self.ok)
        _ = fixture.read(second)
        try fixture.request(gateway, "GET", "/c")
        #expect(fixture.readText(second).hasPrefix("GET /c "))
        fixture.reply(second, Self.ok)
        fixture.expectNothingLeft()
    }

    @Test func idleConnectionsAreClosedBeforeTheServiceWould() throws {
        var (fixture, gateway, service) = try pooled()
        fixture.pass(.milliseconds(3_999))
        #expect(fixture.links[service]?.ending == AgentFixture.Ending.none)
        fixture.pass(.milliseconds(1))
        #expect(fixture.links[service]?.ending == .closed)
        #expect(fixture.agent.counters.pooledConnections == 0)
        #expect(fixture.response(gateway, StreamID(rawValue: 1)).text == "ok")
        fixture.expectNothingLeft()
    }

    @Test func theyGrowOldOneByOne() throws {
        var (fixture, gateway, first) = try pooled()
        fixture.pass(.seconds(2))
        try fixture.request(gateway, "GET", "/a")
        try fixture.request(gateway, "GET", "/b")
        let second = try fixture.accept()
        fixture.reply(first, Self.ok)
        fixture.pass(.seconds(1))
        fixture.reply(second, Self.ok)
        fixture.pass(.seconds(3))
        #expect(fixture.links[first]?.ending == .closed)
        #expect(fixture.links[second]?.ending == AgentFixture.Ending.none)
        fixture.pass(.seconds(1))
        #expect(fixture.links[second]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test func noMoreAreKeptThanAllowed() throws {
        for (maximum, idle) in [(1, Duration.seconds(4)), (8, .zero)] {
            var (fixture, gateway) = try AgentFixture.serving(
                .sample {
                    $0.maximumPooledConnections = maximum
                    $0.poolIdleTimeout = idle
                })
            for path in ["/a", "/b"] { try fixture.request(gateway, "GET", path) }
            let services = try (0..<2).map { _ in try fixture.accept() }
            for service in services { fixture.reply(service, Self.ok) }
            #expect(fixture.agent.counters.pooledConnections == (idle == .zero ? 0 : 1))
            #expect(fixture.links[services[1]]?.ending == .closed)
            fixture.expectNothingLeft()
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nunasked",
    ])
    func someConnectionsCannotBeUsedAgain(response: String) throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, response)
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.links[service]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test func anIdleConnectionThatSpeaksOrEndsIsDropped() throws {
        var (fixture, _, service) = try pooled()
        fixture.reply(service, "HTTP/1.1 408 Request Timeout\r\n\r\n")
        #expect(fixture.links[service]?.ending == .aborted)
        #expect(fixture.agent.counters.localConnections == 0)
        fixture.expectNothingLeft()

        (fixture, _, service) = try pooled()
        fixture.event(.receivedEOF(service))
        #expect(fixture.links[service]?.ending == .closed)
        #expect(fixture.agent.counters.pooledConnections == 0)
        fixture.expectNothingLeft()

        (fixture, _, service) = try pooled()
        fixture.peerCloses(service, error: "reset")
        #expect(fixture.agent.counters.localConnections == 0)
        fixture.expectNothingLeft()
    }

    // MARK: Stale connections

    @Test func aStaleConnectionIsForgivenOnce() throws {
        for error in [nil, "connection reset"] as [String?] {
            var (fixture, gateway, service) = try pooled()
            let stream = try fixture.request(gateway, "GET", "/again")
            if let error { fixture.peerCloses(service, error: error) } else { fixture.event(.receivedEOF(service)) }
            #expect(fixture.response(gateway, stream) == AgentFixture.Response())
            let fresh = try fixture.accept()
            #expect(fixture.readText(fresh).hasPrefix("GET /again "))
            fixture.reply(fresh, Self.ok)
            #expect(fixture.response(gateway, stream).text == "ok")
            fixture.expectNothingLeft()
        }
    }

    @Test func aConnectionThatWasMadeForARetryMayBecomeStaleToo() throws {
        var (fixture, gateway, service) = try pooled()
        for _ in 0..<3 {
            let stream = try fixture.request(gateway, "GET", "/again")
            fixture.event(.receivedEOF(service))
            service = try fixture.accept()
            fixture.reply(service, Self.ok)
            #expect(fixture.response(gateway, stream).text == "ok")
        }
        fixture.expectNothingLeft()
    }

    @Test func aFreshConnectionThatClosesIsAnError() throws {
        var (fixture, gateway, service) = try pooled()
        let stream = try fixture.request(gateway, "GET", "/again")
        fixture.event(.receivedEOF(service))
        fixture.event(.receivedEOF(try fixture.accept()))
        #expect(fixture.dials.isEmpty)
        let failure = try #require(fixture.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
        #expect(failure.message == "localhost:4173 closed the connection without a response")
        fixture.expectNothingLeft()
    }

    @Test func whatMightHaveHadAnEffectIsNotRepeated() throws {
        // A method that is not idempotent (RFC 9110 §9.2.2), a body that is gone, a response that began.
        for (method, body, start) in [("POST", nil, ""), ("PUT", "x", ""), ("GET", nil, "HTTP/1.1 2")]
            as [(String, String?, String)]
        {
            var (fixture, gateway, service) = try pooled()
            let stream = try fixture.request(gateway, method, "/", body: body)
            if !start.isEmpty { fixture.reply(service, start) }
            fixture.event(.receivedEOF(service))
            #expect(fixture.dials.isEmpty)
            #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            fixture.expectNothingLeft()
        }
    }

    @Test func aStaleConnectionBeforeTheBodyIsForgiven() throws {
        var (fixture, gateway, service) = try pooled()
        let stream = try fixture.request(gateway, "PUT", "/", fields: [("content-length", "3")], body: "", isWhole: false)
        fixture.peerCloses(service, error: "connection reset")
        fixture.more(gateway, stream, "abc", end: true)
        let fresh = try fixture.accept()
        #expect(fixture.readText(fresh).hasSuffix("\r\n\r\nabc"))
        fixture.reply(fresh, Self.ok)
        #expect(fixture.response(gateway, stream).text == "ok")
        fixture.expectNothingLeft()
    }

    @Test func aPausedConnectionReadsAgainInThePool() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.readsResponses = false
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        let count = 6 * 64 * 1024
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
        for _ in 0..<5 { fixture.reply(service, [UInt8](repeating: 1, count: 64 * 1024)) }
        #expect(fixture.links[service]?.isReading == false)
        fixture.reply(service, [UInt8](repeating: 1, count: 64 * 1024))  // was under way
        #expect(fixture.links[service]?.isReading == true)
        #expect(fixture.agent.counters.pooledConnections == 1)
        #expect(!fixture.response(gateway, stream).ended)
        fixture.gateways[gateway]?.session.consumed(count, on: stream)
        fixture.talk()
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }
}
