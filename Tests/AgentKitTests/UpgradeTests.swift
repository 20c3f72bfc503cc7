// Requests that leave HTTP: after a 101 the stream is raw bytes both ways, with an end for each direction.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct UpgradeTests {
    private static let granted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

    /// A world with a stream that asked for an upgrade, and its connection.
    private func asked() throws -> (World, ConnectionID, StreamID, ConnectionID) {
        var (world, gateway) = try World.serving()
        let fields = [("sec-websocket-key", "x")]
        let stream = try world.request(
            gateway, "GET", "/ws", query: "t=1", fields: fields, upgrade: "websocket", body: "", isWhole: false)
        let service = try world.accept()
        let head = world.readText(service)
        #expect(head.hasPrefix("GET /ws?t=1 HTTP/1.1\r\n"))
        #expect(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        #expect(!head.lowercased().contains("transfer-encoding"))
        return (world, gateway, stream, service)
    }

    @Test func bytesGoBothWaysAndEachWayEndsForItself() throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, Self.granted + "early")
        #expect(world.response(gateway, stream).head?.status == 101)
        #expect(world.response(gateway, stream).head?.fields[.upgrade] == "websocket")
        #expect(world.response(gateway, stream).text == "early")
        world.more(gateway, stream, "ping")
        #expect(world.readText(service) == "ping")
        world.more(gateway, stream, "last", end: true)
        #expect(world.readText(service) == "last")
        #expect(world.links[service]?.isFinished == true)
        #expect(world.links[service]?.ending == World.Link.Ending.none)
        world.reply(service, " and more")
        world.event(.receivedEOF(service))
        #expect(world.response(gateway, stream).text == "early and more")
        #expect(world.response(gateway, stream).ended)
        #expect(world.links[service]?.ending == .closed)
        #expect(world.records.map(\.status) == [101])
        world.expectNothingLeft()
    }

    @Test func theServiceMayEndFirst() throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, Self.granted)
        world.event(.receivedEOF(service))
        #expect(world.response(gateway, stream).ended)
        world.more(gateway, stream, "still heard")
        #expect(world.readText(service) == "still heard")
        world.more(gateway, stream, "", end: true)
        #expect(world.links[service]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test func whatComesBeforeThe101WaitsForIt() throws {
        var (world, gateway, stream, service) = try asked()
        world.more(gateway, stream, "eager")
        #expect(world.read(service).isEmpty)
        world.reply(service, Self.granted)
        #expect(world.readText(service) == "eager")
        world.more(gateway, stream, "", end: true)
        world.event(.receivedEOF(service))
        world.expectNothingLeft()
    }

    @Test func aRefusedUpgradeIsAnOrdinaryResponse() throws {
        var (world, gateway, stream, service) = try asked()
        world.more(gateway, stream, "eager")
        world.reply(service, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n")
        world.more(gateway, stream, "late")
        world.reply(service, "no")
        #expect(world.response(gateway, stream).text == "no")
        #expect(world.read(service).isEmpty)
        world.more(gateway, stream, "", end: true)
        #expect(world.agent.counters.openExchanges == 0)
        #expect(world.agent.counters.pooledConnections == 1)
        world.expectNothingLeft()
    }

    @Test func aBrokenConnectionIsAReset() throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, Self.granted)
        world.peerCloses(service, error: "connection reset by peer")
        #expect(world.response(gateway, stream).reset == .unreachable)
        #expect(!world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func aServiceThatIsGoneLeavesTheRestToBeDiscarded() throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, Self.granted)
        world.event(.receivedEOF(service))
        world.peerCloses(service)
        world.more(gateway, stream, String(repeating: "x", count: 300_000))
        #expect(world.agent.counters.openExchanges == 1)
        world.more(gateway, stream, "", end: true)
        #expect(world.agent.counters.openExchanges == 0)
        world.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesAbortsTheService() throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, Self.granted)
        world.gateways[gateway]?.session.reset(stream, .cancelled)
        world.talk()
        #expect(world.links[service]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func aRequestWithABodyIsNotUpgraded() throws {
        var (world, gateway) = try World.serving()
        let fields = [("content-length", "2")]
        let stream = try world.request(gateway, "POST", "/", fields: fields, upgrade: "websocket", body: "hi", isWhole: false)
        let service = try world.accept()
        let text = world.readText(service)
        #expect(!text.lowercased().contains("upgrade"))
        #expect(text.hasSuffix("\r\n\r\nhi"))
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(world.response(gateway, stream).head?.status == 200)
        world.more(gateway, stream, "", end: true)
        world.expectNothingLeft()
    }

    @Test(arguments: ["Upgrade: h2c\r\n", "Upgrade: websocket, h2c\r\n", "Upgrade: websocket/13\r\n", ""])
    func a101OfAnotherProtocolIsNoResponse(field: String) throws {
        var (world, gateway, stream, service) = try asked()
        world.reply(service, "HTTP/1.1 101 Switching Protocols\r\n\(field)Connection: Upgrade\r\n\r\n")
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        #expect(world.response(gateway, stream).head == nil)
        #expect(world.links[service]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test(arguments: ["h2c", "TLS/1.0", "HTTP/2.0", "websocket, h2c", "H2C", "a b", ""])
    func noGatewayHasAServiceSpeakHTTPUnseen(upgrade: String) throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/", upgrade: upgrade, body: "", isWhole: false)
        #expect(world.response(gateway, stream).failure != nil)
        #expect(world.dials.isEmpty)
        world.expectNothingLeft()
    }
}
