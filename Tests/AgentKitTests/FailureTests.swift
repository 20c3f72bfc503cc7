// What goes wrong with a service, or with a request, and what the visitor's side is told.

import HTTPCodec
import MachineCore
import RPCCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct FailureTests {
    @Test func aRefusedConnectionSaysWhatToDo() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        try world.refuseDial("127.0.0.1:4173: Connection refused; [::1]:4173: Connection refused")
        let failure = try #require(world.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceUnreachable.rawValue)
        #expect(failure.message == "connection to localhost:4173 refused: is the web service running?")
        // Said aloud once, not for each request, and once again when it is over.
        try world.request(gateway, "GET", "/")
        try world.refuseDial("no route to host")
        try world.request(gateway, "GET", "/")
        let service = try world.accept()
        let lines = world.logs.filter { $0.event.hasPrefix("service.") }
        #expect(lines.map(\.event) == ["service.unreachable", "service.unreachable", "service.reachable"])
        #expect(lines.map(\.level) == [.warning, .debug, .info])
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        world.expectNothingLeft()
    }

    @Test func aConnectionThatIsNeverMadeIsGivenUp() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "POST", "/", body: "held", isWhole: false)
        world.pass(.seconds(10))
        #expect(world.cancelledDials == 1)
        let failure = try #require(world.response(gateway, stream).failure)
        #expect(failure.message == "cannot connect to localhost:4173: no connection within 10.0 seconds")
        world.expectNothingLeft()
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "switched protocols unasked"),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "responded with status 999"),
    ])
    func whatIsNoResponseIsAnError(response: String, reason: String) throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, response)
        let failure = try #require(world.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
        #expect(failure.message.contains(reason))
        #expect(world.links[service]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test(arguments: [[0x15, 3, 1, 0, 2, 2, 0x46], [0x15, 3, 3, 0, 2, 2, 0x28], [0x16, 3, 3, 0, 0x7a]] as [[UInt8]])
    func aServiceThatSpeaksTLSIsNamedAsSuchOnce(record: [UInt8]) throws {
        var (world, gateway) = try World.serving()
        for _ in 0..<2 {
            let stream = try world.request(gateway, "GET", "/")
            let service = try world.accept()
            world.reply(service, record)
            let failure = try #require(world.response(gateway, stream).failure)
            #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
            #expect(failure.message.hasPrefix("localhost:4173 speaks TLS (https)"))
        }
        let lines = world.logs.filter { $0.event == "service.broken" }
        #expect(lines.map(\.level) == [.warning, .debug])
        world.expectNothingLeft()
    }

    @Test func aServiceThatClosesInSilenceMaySpeakTLS() throws {
        for ending in 0..<3 {
            var (world, gateway) = try World.serving()
            let stream = try world.request(gateway, "GET", "/")
            let service = try world.accept()
            switch ending {
            case 0: world.event(.receivedEOF(service))
            case 1: world.peerCloses(service)
            default: world.peerCloses(service, error: "connection reset by peer")
            }
            let said = world.response(gateway, stream).failure?.message ?? ""
            #expect(said.contains("TLS (https)"), "\(said)")
            #expect(gluedMarks(in: said) == nil)
            world.expectNothingLeft()
        }
    }

    @Test func aHeadThatIsTooLargeNamesTheLimitAndTheSetting() throws {
        let cases = [
            (String(repeating: "a", count: 4_000) + ": b\r\n", "2048 bytes: raise maxHeadBytes of agentd"),
            (String(repeating: "a: b\r\n", count: 31), "more than 30 header fields: raise maxFields of agentd"),
        ]
        for (fields, said) in cases {
            var (world, gateway) = try World.serving(
                .sample {
                    $0.http.maximumFieldSectionBytes = 2_048
                    $0.http.maximumFieldCount = 30
                })
            let stream = try world.request(gateway, "GET", "/")
            let service = try world.accept()
            world.reply(service, "HTTP/1.1 200 OK\r\n\(fields)\r\n")
            let failure = try #require(world.response(gateway, stream).failure)
            #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
            #expect(failure.message.contains(said), "\(failure.message)")
            world.expectNothingLeft()
        }
    }

    @Test func aHeadThatBreaksOffIsAnError() throws {
        for ending in 0..<3 {
            var (world, gateway) = try World.serving()
            let stream = try world.request(gateway, "GET", "/")
            let service = try world.accept()
            world.reply(service, "HTTP/1.1 200 OK\r\nConte")
            switch ending {
            case 0: world.event(.receivedEOF(service))
            case 1: world.peerCloses(service)
            default: world.peerCloses(service, error: "connection reset by peer")
            }
            #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            world.expectNothingLeft()
        }
    }

    @Test func aBodyThatBreaksOffIsAResetNeverAnEnd() throws {
        for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
            for ending in 0..<2 {
                var (world, gateway) = try World.serving()
                let stream = try world.request(gateway, "GET", "/")
                let service = try world.accept()
                world.reply(service, "HTTP/1.1 200 OK\r\n\(head)\r\n\r\n4\r\nabcd\r\n")
                if ending == 0 { world.event(.receivedEOF(service)) } else { world.peerCloses(service, error: "reset") }
                let response = world.response(gateway, stream)
                #expect(response.head?.status == 200)
                #expect(!response.ended)
                #expect(response.reset == .unreachable)
                #expect(world.records.first?.failure?.isEmpty == false)
                world.expectNothingLeft()
            }
        }
    }

    @Test func aHeadThatIsLateIsGivenUpIfSoConfigured() throws {
        var (world, gateway) = try World.serving(.sample { $0.responseHeadTimeout = .seconds(5) })
        let first = try world.request(gateway, "GET", "/1")
        let slow = try world.accept()
        world.pass(.seconds(3))
        let second = try world.request(gateway, "POST", "/2", body: "a", isWhole: false)
        let upload = try world.accept()
        let third = try world.request(gateway, "GET", "/3")
        let stream = try world.accept()
        world.reply(stream, "HTTP/1.1 200 OK\r\n\r\n")
        world.pass(.seconds(2))
        #expect(world.response(gateway, first).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(world.links[slow]?.ending == .aborted)
        world.more(gateway, second, "b")  // still coming: the wait begins anew
        world.pass(.milliseconds(4_999))
        #expect(world.response(gateway, second).failure == nil)
        world.pass(.milliseconds(1))
        #expect(world.response(gateway, second).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(world.links[upload]?.ending == .aborted)
        world.pass(.seconds(60))
        #expect(world.response(gateway, third).head?.status == 200)  // a stream that flows has no limit
        world.event(.receivedEOF(stream))
        world.expectNothingLeft()
    }

    // MARK: Requests that cannot be served

    @Test(
        arguments: [
            ("CONNECT", "/", [("a", "b")], nil), ("G T", "/", [("a", "b")], nil), ("GET", "/a b", [("a", "b")], nil),
            ("GET", "/\r\nX: y", [("a", "b")], nil), ("GET", "/", [("content-length", "5")], nil),
            ("PUT", "/", [("content-length", "5, 5")], "hello"), ("PUT", "/", [("content-length", "+5")], "hello"),
            ("PUT", "/", [("content-length", "5"), ("Content-Length", "6")], "hello"),
        ] as [(String, String, [(String, String)], String?)])
    func requestsThatCouldConfuseAServiceAreRefused(
        method: String, path: String, fields: [(String, String)], body: String?
    ) throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, method, path, fields: fields, body: body)
        #expect(world.response(gateway, stream).failure?.code == -32602)
        #expect(world.dials.isEmpty)
        world.expectNothingLeft()
    }

    @Test func aBodyThatContradictsItsLengthIsCut() throws {
        for (body, isWhole) in [("toolong", false), ("ab", true)] {
            var (world, gateway) = try World.serving()
            let fields = [("content-length", "5")]
            let stream = try world.request(gateway, "PUT", "/", fields: fields, body: body, isWhole: isWhole)
            let service = try world.accept()
            #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            #expect(world.links[service]?.ending == .aborted)
            world.expectNothingLeft()
        }
    }

    @Test func anAgentWithoutServiceSaysSo() throws {
        var (world, gateway) = try World.serving(.sample(service: .none))
        let stream = try world.request(gateway, "GET", "/")
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.noWebService.rawValue)
        world.expectNothingLeft()
    }

    // MARK: The tunnel is lost

    @Test func everythingGoesWithItsTunnel() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/idle")
        let idle = try world.accept()
        world.reply(idle, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        try world.request(gateway, "GET", "/busy")
        try world.request(gateway, "GET", "/streaming")
        let streaming = try world.accept()
        world.reply(streaming, "HTTP/1.1 200 OK\r\n\r\nsome")
        try world.request(gateway, "GET", "/dialing")
        #expect(world.agent.counters.openExchanges == 3)
        world.peerCloses(gateway, error: "connection reset by peer")
        #expect(world.lossReason == "connection reset by peer")
        #expect(world.links[idle]?.ending == .aborted)  // it had taken up /busy
        #expect(world.links[streaming]?.ending == .aborted)
        #expect(world.cancelledDials == 1)
        var expected = AgentCounters()
        expected.timers = 1  // the end of the back-off
        #expect(world.agent.counters == expected)
        #expect(world.records.count == 4)
        world.expectNothingLeft()
    }

    @Test func eventsThatComeTooLateChangeNothing() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.peerCloses(gateway)
        let notes = world.notes.count
        for event in [
            .received(service, [1, 2]), .receivedEOF(service), .wrote(service, 5), .closed(service, error: nil),
            .received(gateway, [1]), .closed(gateway, error: "x"), .dialFailed(DialID(rawValue: 99), reason: ""),
            .wrote(gateway, 1),
        ] as [TransportEvent] { world.event(event) }
        #expect(world.notes.count == notes)
        let stray = ConnectionID(slot: 77, generation: 1)
        world.links[stray] = World.Link()
        world.event(.connected(DialID(rawValue: 99), stray))
        #expect(world.links[stray]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func aGatewayThatDoesNotReadIsGivenUp() throws {
        var (world, gateway) = try World.serving(.sample { $0.limits.maximumBacklog = 100_000 })
        var outputs: [MachineOutput<AgentNote>] = []
        // Pings get pongs, and the responses never taken.
        var peer = try #require(world.gateways[gateway]?.session)
        for _ in 0..<2_000 where world.agent.phase == .serving {
            peer.ping([UInt8](repeating: 1, count: 100))
            world.agent.handle(.transport(.received(gateway, peer.takeOutput())), now: world.now, into: &outputs)
            world.agent.finishTurn(now: world.now, into: &outputs)
        }
        #expect(world.lossReason?.contains("does not read") == true)
        world.links[gateway]?.ending = .aborted
        world.expectNothingLeft()
    }
}
