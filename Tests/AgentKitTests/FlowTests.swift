// Who waits for whom: credit, slow visitors, early responses, visitors that leave.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct FlowTests {
    @Test func creditReturnsOnlyWhenTheServiceTookTheBytes() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.limits.initialWindow = 1024 * 1024 })
        fixture.holdsServiceWrites = true
        let size = 256 * 1024
        let body = String(repeating: "x", count: size + 1000)
        let stream = try fixture.request(gateway, "PUT", "/", fields: [("content-length", "\(body.utf8.count)")], body: body)
        let service = try fixture.accept()
        let first = fixture.read(service)
        let headCount = try #require(first.firstRange(of: Array("\r\n\r\n".utf8))).upperBound
        #expect(first.count - headCount == size)
        fixture.wrote(service)
        fixture.talk()
        #expect(fixture.read(service).count == 1000)
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).ended)
        // What is not yet written is no ground to build the next request on.
        #expect(fixture.agent.counters.pooledConnections == 0)
        fixture.expectNothingLeft()
    }

    @Test func aSlowVisitorPausesTheServiceAndNothingElse() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.readsResponses = false
        let stream = try fixture.request(gateway, "GET", "/big")
        let service = try fixture.accept()
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
        var count = 0
        while fixture.links[service]?.isReading == true, count < 16 {
            fixture.reply(service, piece)
            count += 1
        }
        #expect(count == 5)  // a window of 256 KiB and a queue of 64
        let other = try fixture.request(gateway, "GET", "/small")
        let second = try fixture.accept()
        fixture.reply(second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.response(gateway, other).text == "ok")
        fixture.readsResponses = true
        fixture.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        fixture.talk()
        #expect(fixture.links[service]?.isReading == true)
        for _ in count..<16 { fixture.reply(service, piece) }
        #expect(fixture.response(gateway, stream).body.count == 1_048_576)
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func aResponseBeforeTheRequestIsWholeEndsTheUploadGently() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.holdsServiceWrites = true
        let stream = try fixture.request(gateway, "POST", "/", body: "part", isWhole: false)
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        #expect(fixture.response(gateway, stream).text == "no")
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.links[service]?.ending == .closed)
        #expect(fixture.agent.counters.openExchanges == 1)
        // The rest is thrown away, with credit for all of it: twice the window goes through.
        let part = String(repeating: "y", count: 128 * 1024)
        for _ in 0..<4 { fixture.more(gateway, stream, part) }
        fixture.more(gateway, stream, "", end: true)
        #expect(fixture.gateways[gateway]?.session.openStreams == 0)
        #expect(fixture.records.map(\.status) == [413])
        fixture.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesAbortsTheLocalRequestAtOnce() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let busy = try fixture.request(gateway, "GET", "/1")
        let service = try fixture.accept()
        let waiting = try fixture.request(gateway, "GET", "/2")
        fixture.reply(service, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
        fixture.gateways[gateway]?.session.reset(busy, .cancelled)
        fixture.talk()
        #expect(fixture.links[service]?.ending == .aborted)
        #expect(fixture.records.map(\.failure) == ["the gateway gave it up: cancelled"])
        fixture.gateways[gateway]?.session.reset(waiting, .cancelled)
        fixture.talk()
        #expect(fixture.cancelledDials == 1)
        fixture.expectNothingLeft()
    }
}
