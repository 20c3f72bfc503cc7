// The original v1: whole bodies in JSON, and gateways that send little beside them.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct VersionOneTests {
    @Test func aGetAndItsWholeResponse() throws {
        var (fixture, gateway) = try AgentFixture.serving(version: .v1)
        let stream = try fixture.request(gateway, "GET", "/api/hello", query: "foo=bar")
        let service = try fixture.accept()
        #expect(fixture.readText(service) == "GET /api/hello?foo=bar HTTP/1.1\r\nHost: localhost:4173\r\n\r\n")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        #expect(fixture.response(gateway, stream).head == nil)
        fixture.reply(service, "2\r\nde\r\n0\r\n\r\n")
        #expect(fixture.response(gateway, stream).text == "abcde")
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.agent.counters.pooledConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func aBodyHasTheLengthThatItHas() throws {
        var (fixture, gateway) = try AgentFixture.serving(version: .v1)
        // A gateway that re-encodes bodies passes the visitor's length on.
        let fields = [("content-length", "99"), ("transfer-encoding", "chunked"), ("connection", "keep-alive")]
        let stream = try fixture.request(gateway, "POST", "/", fields: fields, body: "hello")
        let service = try fixture.accept()
        let text = fixture.readText(service)
        #expect(text.contains("\r\nContent-Length: 5\r\n"))
        #expect(!text.lowercased().contains("chunked"))
        #expect(text.hasSuffix("\r\n\r\nhello"))
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func anEmptyBodyIsSaidOnlyWhereOneIsUsual() throws {
        for (method, says) in [("POST", true), ("GET", false)] {
            var (fixture, gateway) = try AgentFixture.serving(version: .v1)
            try fixture.request(gateway, method, "/")
            let service = try fixture.accept()
            #expect(fixture.readText(service).contains("Content-Length: 0") == says)
            fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            fixture.expectNothingLeft()
        }
    }

    @Test func aResponseOverTheLimitIsAnError() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.limits.maximumBufferedBody = 10 }, version: .v1)
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n123456")
        fixture.reply(service, "789012")
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.bodyTooLarge.rawValue)
        #expect(fixture.links[service]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func aResponseThatBreaksOffIsAnErrorNotHalfAResponse() throws {
        var (fixture, gateway) = try AgentFixture.serving(version: .v1)
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n123456")
        fixture.event(.receivedEOF(service))
        #expect(fixture.response(gateway, stream).head == nil)
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        fixture.expectNothingLeft()
    }

    @Test func aMessageOfTheOriginalV1IsServed() throws {
        var fixture = AgentFixture()
        fixture.welcome = nil
        fixture.send(.start)
        let id = try fixture.accept()
        let head = try fixture.upgradeRequest(on: id)
        fixture.reply(id, try AgentFixture.switching(head, version: nil))
        let text = """
            {"jsonrpc":"2.0","id":"web_xxx","method":"web.request","params":{"requestId":"web_1234","httpMethod":"GET",\
            "path":"/api/hello","query":"foo=bar","headers":{"accept":"*/*"},"body":""}}
            """
        fixture.reply(id, [0x81, 126, UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)] + Array(text.utf8))
        let service = try fixture.accept()
        #expect(fixture.readText(service).hasPrefix("GET /api/hello?foo=bar HTTP/1.1\r\naccept: */*\r\n"))
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.records.map(\.status) == [200])
        fixture.expectNothingLeft()
    }
}
