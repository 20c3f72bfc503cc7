// Connections to the service that outlive an exchange: which is used next, when they go, and what is forgiven.

import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct PoolTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// A world with an idle connection.
    private func pooled(_ configuration: AgentConfiguration = .sample()) throws -> (World, ConnectionID, ConnectionID) {
        var (world, gateway) = try World.serving(configuration)
        try world.request(gateway, "GET", "/first")
        let service = try world.accept()
        _ = world.read(service)
        world.reply(service, Self.ok)
        #expect(world.agent.counters.pooledConnections == 1)
        return (world, gateway, service)
    }

    @Test func theNextRequestUsesTheSameConnection() throws {
        var (world, gateway, service) = try pooled()
        for index in 0..<5 {
            let stream = try world.request(gateway, "GET", "/\(index)")
            #expect(world.dials.isEmpty)
            #expect(world.readText(service).hasPrefix("GET /\(index) "))
            world.reply(service, Self.ok)
            #expect(world.response(gateway, stream).text == "ok")
        }
        #expect(world.agent.counters.localConnections == 1)
        world.expectNothingLeft()
    }

    @Test func theConnectionUsedLastIsUsedFirst() throws {
        var (world, gateway, first) = try pooled()
        try world.request(gateway, "GET", "/a")
        try world.request(gateway, "GET", "/b")
        let second = try world.accept()
        world.reply(first, Self.ok)
        world.reply(second, Self.ok)
        _ = world.read(second)
        try world.request(gateway, "GET", "/c")
        #expect(world.readText(second).hasPrefix("GET /c "))
        world.reply(second, Self.ok)
        world.expectNothingLeft()
    }

    @Test func idleConnectionsAreClosedBeforeTheServiceWould() throws {
        var (world, gateway, service) = try pooled()
        world.pass(.milliseconds(3_999))
        #expect(world.links[service]?.ending == World.Link.Ending.none)
        world.pass(.milliseconds(1))
        #expect(world.links[service]?.ending == .closed)
        #expect(world.agent.counters.pooledConnections == 0)
        #expect(world.response(gateway, StreamID(rawValue: 1)).text == "ok")
        world.expectNothingLeft()
    }

    @Test func theyGrowOldOneByOne() throws {
        var (world, gateway, first) = try pooled()
        world.pass(.seconds(2))
        try world.request(gateway, "GET", "/a")
        try world.request(gateway, "GET", "/b")
        let second = try world.accept()
        world.reply(first, Self.ok)
        world.pass(.seconds(1))
        world.reply(second, Self.ok)
        world.pass(.seconds(3))
        #expect(world.links[first]?.ending == .closed)
        #expect(world.links[second]?.ending == World.Link.Ending.none)
        world.pass(.seconds(1))
        #expect(world.links[second]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test func noMoreAreKeptThanAllowed() throws {
        for (maximum, idle) in [(1, Duration.seconds(4)), (8, .zero)] {
            var (world, gateway) = try World.serving(
                .sample {
                    $0.maximumPooledConnections = maximum
                    $0.poolIdleTimeout = idle
                })
            for path in ["/a", "/b"] { try world.request(gateway, "GET", path) }
            let services = try (0..<2).map { _ in try world.accept() }
            for service in services { world.reply(service, Self.ok) }
            #expect(world.agent.counters.pooledConnections == (idle == .zero ? 0 : 1))
            #expect(world.links[services[1]]?.ending == .closed)
            world.expectNothingLeft()
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nunasked",
    ])
    func someConnectionsCannotBeUsedAgain(response: String) throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, response)
        #expect(world.response(gateway, stream).ended)
        #expect(world.links[service]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test func anIdleConnectionThatSpeaksOrEndsIsDropped() throws {
        var (world, _, service) = try pooled()
        world.reply(service, "HTTP/1.1 408 Request Timeout\r\n\r\n")
        #expect(world.links[service]?.ending == .aborted)
        #expect(world.agent.counters.localConnections == 0)
        world.expectNothingLeft()

        (world, _, service) = try pooled()
        world.event(.receivedEOF(service))
        #expect(world.links[service]?.ending == .closed)
        #expect(world.agent.counters.pooledConnections == 0)
        world.expectNothingLeft()

        (world, _, service) = try pooled()
        world.peerCloses(service, error: "reset")
        #expect(world.agent.counters.localConnections == 0)
        world.expectNothingLeft()
    }

    // MARK: Stale connections

    @Test func aStaleConnectionIsForgivenOnce() throws {
        for error in [nil, "connection reset"] as [String?] {
            var (world, gateway, service) = try pooled()
            let stream = try world.request(gateway, "GET", "/again")
            if let error { world.peerCloses(service, error: error) } else { world.event(.receivedEOF(service)) }
            #expect(world.response(gateway, stream) == World.Response())
            let fresh = try world.accept()
            #expect(world.readText(fresh).hasPrefix("GET /again "))
            world.reply(fresh, Self.ok)
            #expect(world.response(gateway, stream).text == "ok")
            world.expectNothingLeft()
        }
    }

    @Test func aConnectionThatWasMadeForARetryMayBecomeStaleToo() throws {
        var (world, gateway, service) = try pooled()
        for _ in 0..<3 {
            let stream = try world.request(gateway, "GET", "/again")
            world.event(.receivedEOF(service))
            service = try world.accept()
            world.reply(service, Self.ok)
            #expect(world.response(gateway, stream).text == "ok")
        }
        world.expectNothingLeft()
    }

    @Test func aFreshConnectionThatClosesIsAnError() throws {
        var (world, gateway, service) = try pooled()
        let stream = try world.request(gateway, "GET", "/again")
        world.event(.receivedEOF(service))
        world.event(.receivedEOF(try world.accept()))
        #expect(world.dials.isEmpty)
        let failure = try #require(world.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
        #expect(failure.message == "localhost:4173 closed the connection without a response")
        world.expectNothingLeft()
    }

    @Test func whatMightHaveHadAnEffectIsNotRepeated() throws {
        // A method that is not idempotent (RFC 9110 §9.2.2), a body that is gone, a response that began.
        for (method, body, start) in [("POST", nil, ""), ("PUT", "x", ""), ("GET", nil, "HTTP/1.1 2")]
            as [(String, String?, String)]
        {
            var (world, gateway, service) = try pooled()
            let stream = try world.request(gateway, method, "/", body: body)
            if !start.isEmpty { world.reply(service, start) }
            world.event(.receivedEOF(service))
            #expect(world.dials.isEmpty)
            #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            world.expectNothingLeft()
        }
    }

    @Test func aStaleConnectionBeforeTheBodyIsForgiven() throws {
        var (world, gateway, service) = try pooled()
        let stream = try world.request(gateway, "PUT", "/", fields: [("content-length", "3")], body: "", isWhole: false)
        world.peerCloses(service, error: "connection reset")
        world.more(gateway, stream, "abc", end: true)
        let fresh = try world.accept()
        #expect(world.readText(fresh).hasSuffix("\r\n\r\nabc"))
        world.reply(fresh, Self.ok)
        #expect(world.response(gateway, stream).text == "ok")
        world.expectNothingLeft()
    }

    @Test func aPausedConnectionReadsAgainInThePool() throws {
        var (world, gateway) = try World.serving()
        world.readsResponses = false
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        let count = 6 * 64 * 1024
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
        for _ in 0..<5 { world.reply(service, [UInt8](repeating: 1, count: 64 * 1024)) }
        #expect(world.links[service]?.isReading == false)
        world.reply(service, [UInt8](repeating: 1, count: 64 * 1024))  // was under way
        #expect(world.links[service]?.isReading == true)
        #expect(world.agent.counters.pooledConnections == 1)
        #expect(!world.response(gateway, stream).ended)
        world.gateways[gateway]?.session.consumed(count, on: stream)
        world.talk()
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }
}
