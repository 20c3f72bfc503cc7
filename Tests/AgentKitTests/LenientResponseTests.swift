// Responses that browsers take from a service directly: what of them passes, and in which form.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct LenientResponseTests {
    @Test(arguments: [TunnelVersion.v1, .v2])
    func bothALengthAndChunksAreChunksAndTheConnectionIsNotUsedAgain(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(version: version)
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(
            service,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nX-Forged: 1\r\n\r\n")
        let response = fixture.response(gateway, stream)
        #expect(response.text == "hello" && response.ended)
        #expect(response.head?.fields.contains(.contentLength) == false)
        #expect(fixture.agent.counters.pooledConnections == 0)
        fixture.expectNothingLeft()
    }

    @Test func equalLengthsAreOne() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok")
        let response = fixture.response(gateway, stream)
        #expect(response.text == "ok" && response.ended)
        #expect(response.head?.fields.count(of: .contentLength) == 1)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [TunnelVersion.v1, .v2])
    func aHeadOfSixtyKiBAndTwoHundredFieldsPasses(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(version: version)
        let stream = try fixture.request(gateway, "GET", "/")
        let value = String(repeating: "v", count: 300)
        let fields = (0..<199).map { "X-\($0): \(value)\r\n" }.joined()
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\n\(fields)Content-Length: 2\r\n\r\nok")
        let response = fixture.response(gateway, stream)
        #expect(response.head?.fields.count == 200)
        #expect(response.head?.fields["x-198"] == value)
        #expect(response.text == "ok")
        fixture.expectNothingLeft()
    }

    @Test(arguments: [TunnelVersion.v1, .v2])
    func aHeadThatTheTunnelCannotCarryFailsAlone(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.http.setHead(bytes: 1 << 18) }, version: version)
        let stream = try fixture.request(gateway, "GET", "/")
        // Each quote is two bytes in JSON.
        let value = String(repeating: "\"", count: 140_000)
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\nX: \(value)\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        #expect(fixture.response(gateway, stream).failure?.message.contains("too large") == true)
        let next = try fixture.request(gateway, "GET", "/")
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.response(gateway, next).text == "ok")
        fixture.expectNothingLeft()
    }
}
