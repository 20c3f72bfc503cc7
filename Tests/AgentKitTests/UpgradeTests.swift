// Requests that leave HTTP: after a 101 the stream is raw bytes both ways, with an end for each direction.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct UpgradeTests {
    private static let granted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

    /// An agent with a stream that asked for an upgrade, and its connection.
    private func asked() throws -> (AgentFixture, ConnectionID, StreamID, ConnectionID) {
        var (fixture, gateway) = try AgentFixture.serving()
        let fields = [("sec-websocket-key", "x")]
        let stream = try fixture.request(
            gateway, "GET", "/ws", query: "t=1", fields: fields, upgrade: "websocket", body: "", isWhole: false)
        let service = try fixture.accept()
        let head = fixture.readText(service)
        #expect(head.hasPrefix("GET /ws?t=1 HTTP/1.1\r\n"))
        #expect(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        #expect(!head.lowercased().contains("transfer-encoding"))
        return (fixture, gateway, stream, service)
    }

    @Test func bytesGoBothWaysAndEachWayEndsForItself() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, Self.granted + "early")
        #expect(fixture.response(gateway, stream).head?.status == 101)
        #expect(fixture.response(gateway, stream).head?.fields[.upgrade] == "websocket")
        #expect(fixture.response(gateway, stream).text == "early")
        fixture.more(gateway, stream, "ping")
        #expect(fixture.readText(service) == "ping")
        fixture.more(gateway, stream, "last", end: true)
        #expect(fixture.readText(service) == "last")
        #expect(fixture.links[service]?.isFinished == true)
        #expect(fixture.links[service]?.ending == AgentFixture.Ending.none)
        fixture.reply(service, " and more")
        fixture.event(.receivedEOF(service))
        #expect(fixture.response(gateway, stream).text == "early and more")
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.links[service]?.ending == .closed)
        #expect(fixture.records.map(\.status) == [101])
        fixture.expectNothingLeft()
    }

    @Test func theServiceMayEndFirst() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, Self.granted)
        fixture.event(.receivedEOF(service))
        #expect(fixture.response(gateway, stream).ended)
        fixture.more(gateway, stream, "still heard")
        #expect(fixture.readText(service) == "still heard")
        fixture.more(gateway, stream, "", end: true)
        #expect(fixture.links[service]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test func whatComesBeforeThe101WaitsForIt() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.more(gateway, stream, "eager")
        #expect(fixture.read(service).isEmpty)
        fixture.reply(service, Self.granted)
        #expect(fixture.readText(service) == "eager")
        fixture.more(gateway, stream, "", end: true)
        fixture.event(.receivedEOF(service))
        fixture.expectNothingLeft()
    }

    @Test func aRefusedUpgradeIsAnOrdinaryResponse() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.more(gateway, stream, "eager")
        fixture.reply(service, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n")
        fixture.more(gateway, stream, "late")
        fixture.reply(service, "no")
        #expect(fixture.response(gateway, stream).text == "no")
        #expect(fixture.read(service).isEmpty)
        fixture.more(gateway, stream, "", end: true)
        #expect(fixture.agent.counters.openExchanges == 0)
        #expect(fixture.agent.counters.pooledConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func aBrokenConnectionIsAReset() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, Self.granted)
        fixture.peerCloses(service, error: "connection reset by peer")
        #expect(fixture.response(gateway, stream).reset == .unreachable)
        #expect(!fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func aServiceThatIsGoneLeavesTheRestToBeDiscarded() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, Self.granted)
        fixture.event(.receivedEOF(service))
        fixture.peerCloses(service)
        fixture.more(gateway, stream, String(repeating: "x", count: 300_000))
        #expect(fixture.agent.counters.openExchanges == 1)
        fixture.more(gateway, stream, "", end: true)
        #expect(fixture.agent.counters.openExchanges == 0)
        fixture.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesAbortsTheService() throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, Self.granted)
        fixture.gateways[gateway]?.session.reset(stream, .cancelled)
        fixture.talk()
        #expect(fixture.links[service]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func aRequestWithABodyIsNotUpgraded() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let fields = [("content-length", "2")]
        let stream = try fixture.request(gateway, "POST", "/", fields: fields, upgrade: "websocket", body: "hi", isWhole: false)
        let service = try fixture.accept()
        let text = fixture.readText(service)
        #expect(!text.lowercased().contains("upgrade"))
        #expect(text.hasSuffix("\r\n\r\nhi"))
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).head?.status == 200)
        fixture.more(gateway, stream, "", end: true)
        fixture.expectNothingLeft()
    }

    @Test(arguments: ["Upgrade: h2c\r\n", "Upgrade: websocket, h2c\r\n", "Upgrade: websocket/13\r\n", ""])
    func a101OfAnotherProtocolIsNoResponse(field: String) throws {
        var (fixture, gateway, stream, service) = try asked()
        fixture.reply(service, "HTTP/1.1 101 Switching Protocols\r\n\(field)Connection: Upgrade\r\n\r\n")
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        #expect(fixture.response(gateway, stream).head == nil)
        #expect(fixture.links[service]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test(arguments: ["h2c", "TLS/1.0", "HTTP/2.0", "websocket, h2c", "H2C", "a b", ""])
    func noGatewayHasAServiceSpeakHTTPUnseen(upgrade: String) throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/", upgrade: upgrade, body: "", isWhole: false)
        #expect(fixture.response(gateway, stream).failure != nil)
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }
}
