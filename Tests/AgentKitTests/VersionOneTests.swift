// The original v1: whole bodies in JSON, and gateways that send little beside them.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct VersionOneTests {
    @Test func aGetAndItsWholeResponse() throws {
        var (world, gateway) = try World.serving(version: .v1)
        let stream = try world.request(gateway, "GET", "/api/hello", query: "foo=bar")
        let service = try world.accept()
        #expect(world.readText(service) == "GET /api/hello?foo=bar HTTP/1.1\r\nHost: localhost:4173\r\n\r\n")
        world.reply(service, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        #expect(world.response(gateway, stream).head == nil)
        world.reply(service, "2\r\nde\r\n0\r\n\r\n")
        #expect(world.response(gateway, stream).text == "abcde")
        #expect(world.response(gateway, stream).ended)
        #expect(world.agent.counters.pooledConnections == 1)
        world.expectNothingLeft()
    }

    @Test func aBodyHasTheLengthThatItHas() throws {
        var (world, gateway) = try World.serving(version: .v1)
        // A gateway that re-encodes bodies passes the visitor's length on.
        let fields = [("content-length", "99"), ("transfer-encoding", "chunked"), ("connection", "keep-alive")]
        let stream = try world.request(gateway, "POST", "/", fields: fields, body: "hello")
        let service = try world.accept()
        let text = world.readText(service)
        #expect(text.contains("\r\nContent-Length: 5\r\n"))
        #expect(!text.lowercased().contains("chunked"))
        #expect(text.hasSuffix("\r\n\r\nhello"))
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func anEmptyBodyIsSaidOnlyWhereOneIsUsual() throws {
        for (method, says) in [("POST", true), ("GET", false)] {
            var (world, gateway) = try World.serving(version: .v1)
            try world.request(gateway, method, "/")
            let service = try world.accept()
            #expect(world.readText(service).contains("Content-Length: 0") == says)
            world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            world.expectNothingLeft()
        }
    }

    @Test func aResponseOverTheLimitIsAnError() throws {
        var (world, gateway) = try World.serving(.sample { $0.limits.maximumBufferedBody = 10 }, version: .v1)
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n123456")
        world.reply(service, "789012")
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.bodyTooLarge.rawValue)
        #expect(world.links[service]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func aResponseThatBreaksOffIsAnErrorNotHalfAResponse() throws {
        var (world, gateway) = try World.serving(version: .v1)
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n123456")
        world.event(.receivedEOF(service))
        #expect(world.response(gateway, stream).head == nil)
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        world.expectNothingLeft()
    }

    @Test func aMessageOfTheOriginalV1IsServed() throws {
        var world = World()
        world.welcome = nil
        world.send(.start)
        let id = try world.accept()
        let head = try world.upgradeRequest(on: id)
        world.reply(id, try World.switching(head, version: nil))
        let text = """
            {"jsonrpc":"2.0","id":"web_xxx","method":"web.request","params":{"requestId":"web_1234","httpMethod":"GET",\
            "path":"/api/hello","query":"foo=bar","headers":{"accept":"*/*"},"body":""}}
            """
        world.reply(id, [0x81, 126, UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)] + Array(text.utf8))
        let service = try world.accept()
        #expect(world.readText(service).hasPrefix("GET /api/hello?foo=bar HTTP/1.1\r\naccept: */*\r\n"))
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(world.records.map(\.status) == [200])
        world.expectNothingLeft()
    }
}
