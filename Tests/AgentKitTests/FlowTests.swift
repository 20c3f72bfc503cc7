// Who waits for whom: credit, slow visitors, early responses, visitors that leave.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct FlowTests {
    @Test func creditReturnsOnlyWhenTheServiceTookTheBytes() throws {
        var (world, gateway) = try World.serving(.sample { $0.limits.initialWindow = 1024 * 1024 })
        world.holdsServiceWrites = true
        let size = 256 * 1024
        let body = String(repeating: "x", count: size + 1000)
        let stream = try world.request(gateway, "PUT", "/", fields: [("content-length", "\(body.utf8.count)")], body: body)
        let service = try world.accept()
        let first = world.read(service)
        let headCount = try #require(first.firstRange(of: Array("\r\n\r\n".utf8))).upperBound
        #expect(first.count - headCount == size)
        world.wrote(service)
        world.talk()
        #expect(world.read(service).count == 1000)
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(world.response(gateway, stream).ended)
        // What is not yet written is no ground to build the next request on.
        #expect(world.agent.counters.pooledConnections == 0)
        world.expectNothingLeft()
    }

    @Test func aSlowVisitorPausesTheServiceAndNothingElse() throws {
        var (world, gateway) = try World.serving()
        world.readsResponses = false
        let stream = try world.request(gateway, "GET", "/big")
        let service = try world.accept()
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
        var count = 0
        while world.links[service]?.isReading == true, count < 16 {
            world.reply(service, piece)
            count += 1
        }
        #expect(count == 5)  // a window of 256 KiB and a queue of 64
        let other = try world.request(gateway, "GET", "/small")
        let second = try world.accept()
        world.reply(second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(world.response(gateway, other).text == "ok")
        world.readsResponses = true
        world.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        world.talk()
        #expect(world.links[service]?.isReading == true)
        for _ in count..<16 { world.reply(service, piece) }
        #expect(world.response(gateway, stream).body.count == 1_048_576)
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func aResponseBeforeTheRequestIsWholeEndsTheUploadGently() throws {
        var (world, gateway) = try World.serving()
        world.holdsServiceWrites = true
        let stream = try world.request(gateway, "POST", "/", body: "part", isWhole: false)
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        #expect(world.response(gateway, stream).text == "no")
        #expect(world.response(gateway, stream).ended)
        #expect(world.links[service]?.ending == .closed)
        #expect(world.agent.counters.openExchanges == 1)
        // The rest is thrown away, with credit for all of it: twice the window goes through.
        let part = String(repeating: "y", count: 128 * 1024)
        for _ in 0..<4 { world.more(gateway, stream, part) }
        world.more(gateway, stream, "", end: true)
        #expect(world.gateways[gateway]?.session.openStreams == 0)
        #expect(world.records.map(\.status) == [413])
        world.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesAbortsTheLocalRequestAtOnce() throws {
        var (world, gateway) = try World.serving()
        let busy = try world.request(gateway, "GET", "/1")
        let service = try world.accept()
        let waiting = try world.request(gateway, "GET", "/2")
        world.reply(service, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
        world.gateways[gateway]?.session.reset(busy, .cancelled)
        world.talk()
        #expect(world.links[service]?.ending == .aborted)
        #expect(world.records.map(\.failure) == ["the gateway gave it up: cancelled"])
        world.gateways[gateway]?.session.reset(waiting, .cancelled)
        world.talk()
        #expect(world.cancelledDials == 1)
        world.expectNothingLeft()
    }
}
