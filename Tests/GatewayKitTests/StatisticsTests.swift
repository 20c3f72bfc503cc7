// What a gateway counts.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct StatisticsTests {
    @Test func whatHappensIsCounted() throws {
        let world = World()
        let agent = world.agent()
        let head = get("/web/a/")
        let id = world.visit(head)
        agent.answer(try agent.request().id, 200, HTTPFields(), "hello")
        let written = world.readBytes(id).count
        var expected = GatewayStatistics()
        expected.requests = 2
        expected.exchanges = 1
        expected.bytesIn = world.gateway.statistics.bytesIn
        expected.bytesOut = world.gateway.statistics.bytesOut
        expected.bodyBytesOut = 5
        expected.agentsRegistered = 1
        expected.agentResponses.count(200)
        #expect(world.gateway.statistics == expected)
        let before = world.gateway.statistics
        world.send(id, head)
        agent.answer(try agent.request().id, 200, HTTPFields(), "hello")
        #expect(world.gateway.statistics.bytesIn - before.bytesIn == UInt64(head.utf8.count))
        #expect(world.gateway.statistics.bytesOut - before.bytesOut == UInt64(written))
        agent.close()
        #expect(world.gateway.statistics.agentsLost == 1)
        world.end()
    }

    @Test func errorsAreCountedByCode() throws {
        let world = World()
        _ = try world.get("/web/nobody/")
        _ = try world.get("/web/nobody/")
        _ = try world.get("/nowhere")
        let agent = world.agent()
        _ = world.visit(get("/web/a/"))
        let request = try agent.request()
        agent.begin(request.id, 200, fields(("Content-Length", "5")))
        agent.send(request.id, "abc", end: true)  // cut: the visitor is told nothing, the count is
        #expect(world.gateway.statistics.errors == ["unknown-agent": 2, "not-found": 1, "service-broken": 1])
        world.end()
    }

    @Test func resetsAreCountedAndLoggedByReasonAndBySide() throws {
        let world = World()
        let agent = world.agent()
        _ = world.visit(get("/web/a/"))
        agent.reset(try agent.request().id, .unreachable)
        let id = world.visit(get("/web/a/"))
        world.leave(id)
        let failed = world.visit(get("/web/a/"))
        _ = try agent.request()
        agent.fail(try agent.request().id, .serviceUnreachable)
        #expect(try world.expectAnswer(failed).status == 502)
        #expect(world.gateway.statistics.resetsByAgents == [.unreachable: 1])
        #expect(world.gateway.statistics.resetsByGateway == [.cancelled: 1])
        let logged = world.takeLogs("stream.reset").map { $0.fields.prefix(4).map(\.value) }
        #expect(logged == [["a", "1", "unreachable", "agent"], ["a", "2", "cancelled", "gateway"]])
        world.end()
    }

    @Test func upgradesAreCounted() throws {
        let world = World()
        let agent = world.agent()
        _ = world.visit(get("/web/a/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        agent.begin(try agent.request().id, 101, fields(("Upgrade", "websocket")))
        #expect(world.gateway.statistics.upgrades == 1)
        world.end()
    }
}
