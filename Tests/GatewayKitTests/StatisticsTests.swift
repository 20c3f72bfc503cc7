// What a gateway counts.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct StatisticsTests {
    @Test func whatHappensIsCounted() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let head = get("/web/a/")
        let id = fixture.visit(head)
        agent.respond(try agent.request().id, 200, HTTPFields(), "hello")
        let written = fixture.readBytes(id).count
        var expected = GatewayStatistics()
        expected.requests = 2
        expected.exchanges = 1
        expected.bytesIn = fixture.gateway.statistics.bytesIn
        expected.bytesOut = fixture.gateway.statistics.bytesOut
        expected.bodyBytesOut = 5
        expected.agentsRegistered = 1
        expected.agentResponses.count(200)
        #expect(fixture.gateway.statistics == expected)
        let before = fixture.gateway.statistics
        fixture.send(id, head)
        agent.respond(try agent.request().id, 200, HTTPFields(), "hello")
        #expect(fixture.gateway.statistics.bytesIn - before.bytesIn == UInt64(head.utf8.count))
        #expect(fixture.gateway.statistics.bytesOut - before.bytesOut == UInt64(written))
        agent.close()
        #expect(fixture.gateway.statistics.agentsLost == 1)
        fixture.end()
    }

    @Test func errorsAreCountedByCode() throws {
        let fixture = GatewayFixture()
        _ = try fixture.get("/web/nobody/")
        _ = try fixture.get("/web/nobody/")
        _ = try fixture.get("/nowhere")
        let agent = fixture.agent()
        _ = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        agent.begin(request.id, 200, fields(("Content-Length", "5")))
        agent.send(request.id, "abc", end: true)  // cut: the visitor is told nothing, the count is
        #expect(fixture.gateway.statistics.errors == ["unknown-agent": 2, "not-found": 1, "service-broken": 1])
        fixture.end()
    }

    @Test func resetsAreCountedAndLoggedByReasonAndBySide() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        _ = fixture.visit(get("/web/a/"))
        agent.reset(try agent.request().id, .unreachable)
        let id = fixture.visit(get("/web/a/"))
        fixture.leave(id)
        let failed = fixture.visit(get("/web/a/"))
        _ = try agent.request()
        agent.fail(try agent.request().id, .serviceUnreachable)
        #expect(try fixture.expectResponse(failed).status == 502)
        #expect(fixture.gateway.statistics.resetsByAgents == [.unreachable: 1])
        #expect(fixture.gateway.statistics.resetsByGateway == [.cancelled: 1])
        let logged = fixture.takeLogs("stream.reset").map { $0.fields.prefix(4).map(\.value) }
        #expect(logged == [["a", "1", "unreachable", "agent"], ["a", "2", "cancelled", "gateway"]])
        fixture.end()
    }

    @Test func upgradesAreCounted() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        _ = fixture.visit(get("/web/a/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        agent.begin(try agent.request().id, 101, fields(("Upgrade", "websocket")))
        #expect(fixture.gateway.statistics.upgrades == 1)
        fixture.end()
    }
}
