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
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        try fixture.refuseDial("127.0.0.1:4173: Connection refused; [::1]:4173: Connection refused")
        let failure = try #require(fixture.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceUnreachable.rawValue)
        #expect(failure.message == "connection to localhost:4173 refused: is the web service running?")
        // Said aloud once, not for each request, and once again when it is over.
        try fixture.request(gateway, "GET", "/")
        try fixture.refuseDial("no route to host")
        try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        let lines = fixture.logs.filter { $0.event.hasPrefix("service.") }
        #expect(lines.map(\.event) == ["service.unreachable", "service.unreachable", "service.reachable"])
        #expect(lines.map(\.level) == [.warning, .debug, .info])
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        fixture.expectNothingLeft()
    }

    @Test func aConnectionThatIsNeverMadeIsGivenUp() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "POST", "/", body: "held", isWhole: false)
        fixture.pass(.seconds(10))
        #expect(fixture.cancelledDials == 1)
        let failure = try #require(fixture.response(gateway, stream).failure)
        #expect(failure.message == "cannot connect to localhost:4173: no connection within 10.0 seconds")
        fixture.expectNothingLeft()
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", "gave a response that is not HTTP"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "switched protocols unasked"),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "responded with status 999"),
    ])
    func whatIsNoResponseIsAnError(response: String, reason: String) throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, response)
        let failure = try #require(fixture.response(gateway, stream).failure)
        #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
        #expect(failure.message.contains(reason))
        #expect(fixture.links[service]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [[0x15, 3, 1, 0, 2, 2, 0x46], [0x15, 3, 3, 0, 2, 2, 0x28], [0x16, 3, 3, 0, 0x7a]] as [[UInt8]])
    func aServiceThatSpeaksTLSIsNamedAsSuchOnce(record: [UInt8]) throws {
        var (fixture, gateway) = try AgentFixture.serving()
        for _ in 0..<2 {
            let stream = try fixture.request(gateway, "GET", "/")
            let service = try fixture.accept()
            fixture.reply(service, record)
            let failure = try #require(fixture.response(gateway, stream).failure)
            #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
            #expect(failure.message.hasPrefix("localhost:4173 speaks TLS: write its address as https://localhost:4173"))
        }
        let lines = fixture.logs.filter { $0.event == "service.broken" }
        #expect(lines.map(\.level) == [.warning, .debug])
        fixture.expectNothingLeft()
    }

    @Test func aServiceThatClosesInSilenceMaySpeakTLS() throws {
        for ending in 0..<3 {
            var (fixture, gateway) = try AgentFixture.serving()
            let stream = try fixture.request(gateway, "GET", "/")
            let service = try fixture.accept()
            switch ending {
            case 0: fixture.event(.receivedEOF(service))
            case 1: fixture.peerCloses(service)
            default: fixture.peerCloses(service, error: "connection reset by peer")
            }
            let said = fixture.response(gateway, stream).failure?.message ?? ""
            #expect(said.contains("write its address as https://localhost:4173"), "\(said)")
            #expect(gluedMarks(in: said) == nil)
            fixture.expectNothingLeft()
        }
    }

    @Test func aHeadThatIsTooLargeNamesTheLimitAndTheSetting() throws {
        let cases = [
            (String(repeating: "a", count: 4_000) + ": b\r\n", "2048 bytes: raise maxHeadBytes of agentd"),
            (String(repeating: "a: b\r\n", count: 31), "more than 30 header fields: raise maxFields of agentd"),
        ]
        for (fields, said) in cases {
            var (fixture, gateway) = try AgentFixture.serving(
                .sample {
                    $0.http.maximumFieldSectionBytes = 2_048
                    $0.http.maximumFieldCount = 30
                })
            let stream = try fixture.request(gateway, "GET", "/")
            let service = try fixture.accept()
            fixture.reply(service, "HTTP/1.1 200 OK\r\n\(fields)\r\n")
            let failure = try #require(fixture.response(gateway, stream).failure)
            #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
            #expect(failure.message.contains(said), "\(failure.message)")
            fixture.expectNothingLeft()
        }
    }

    @Test func aHeadThatBreaksOffIsAnError() throws {
        for ending in 0..<3 {
            var (fixture, gateway) = try AgentFixture.serving()
            let stream = try fixture.request(gateway, "GET", "/")
            let service = try fixture.accept()
            fixture.reply(service, "HTTP/1.1 200 OK\r\nConte")
            switch ending {
            case 0: fixture.event(.receivedEOF(service))
            case 1: fixture.peerCloses(service)
            default: fixture.peerCloses(service, error: "connection reset by peer")
            }
            #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            fixture.expectNothingLeft()
        }
    }

    @Test func aBodyThatBreaksOffIsAResetNeverAnEnd() throws {
        for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
            for ending in 0..<2 {
                var (fixture, gateway) = try AgentFixture.serving()
                let stream = try fixture.request(gateway, "GET", "/")
                let service = try fixture.accept()
                fixture.reply(service, "HTTP/1.1 200 OK\r\n\(head)\r\n\r\n4\r\nabcd\r\n")
                if ending == 0 { fixture.event(.receivedEOF(service)) } else { fixture.peerCloses(service, error: "reset") }
                let response = fixture.response(gateway, stream)
                #expect(response.head?.status == 200)
                #expect(!response.ended)
                #expect(response.reset == .unreachable)
                #expect(fixture.records.first?.failure?.isEmpty == false)
                fixture.expectNothingLeft()
            }
        }
    }

    @Test func aHeadThatIsLateIsGivenUpIfSoConfigured() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.responseHeadTimeout = .seconds(5) })
        let first = try fixture.request(gateway, "GET", "/1")
        let slow = try fixture.accept()
        fixture.pass(.seconds(3))
        let second = try fixture.request(gateway, "POST", "/2", body: "a", isWhole: false)
        let upload = try fixture.accept()
        let third = try fixture.request(gateway, "GET", "/3")
        let stream = try fixture.accept()
        fixture.reply(stream, "HTTP/1.1 200 OK\r\n\r\n")
        fixture.pass(.seconds(2))
        #expect(fixture.response(gateway, first).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(fixture.links[slow]?.ending == .aborted)
        fixture.more(gateway, second, "b")  // still coming: the wait begins anew
        fixture.pass(.milliseconds(4_999))
        #expect(fixture.response(gateway, second).failure == nil)
        fixture.pass(.milliseconds(1))
        #expect(fixture.response(gateway, second).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(fixture.links[upload]?.ending == .aborted)
        fixture.pass(.seconds(60))
        #expect(fixture.response(gateway, third).head?.status == 200)  // a stream that flows has no limit
        fixture.event(.receivedEOF(stream))
        fixture.expectNothingLeft()
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
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, method, path, fields: fields, body: body)
        #expect(fixture.response(gateway, stream).failure?.code == -32602)
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }

    @Test func aBodyThatContradictsItsLengthIsCut() throws {
        for (body, isWhole) in [("toolong", false), ("ab", true)] {
            var (fixture, gateway) = try AgentFixture.serving()
            let fields = [("content-length", "5")]
            let stream = try fixture.request(gateway, "PUT", "/", fields: fields, body: body, isWhole: isWhole)
            let service = try fixture.accept()
            #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
            #expect(fixture.links[service]?.ending == .aborted)
            fixture.expectNothingLeft()
        }
    }

    @Test func anAgentWithoutServiceSaysSo() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .none))
        let stream = try fixture.request(gateway, "GET", "/")
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.noWebService.rawValue)
        fixture.expectNothingLeft()
    }

    // MARK: The tunnel is lost

    @Test func everythingGoesWithItsTunnel() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/idle")
        let idle = try fixture.accept()
        fixture.reply(idle, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        try fixture.request(gateway, "GET", "/busy")
        try fixture.request(gateway, "GET", "/streaming")
        let streaming = try fixture.accept()
        fixture.reply(streaming, "HTTP/1.1 200 OK\r\n\r\nsome")
        try fixture.request(gateway, "GET", "/dialing")
        #expect(fixture.agent.counters.openExchanges == 3)
        fixture.peerCloses(gateway, error: "connection reset by peer")
        #expect(fixture.lossReason == "connection reset by peer")
        #expect(fixture.links[idle]?.ending == .aborted)  // it had taken up /busy
        #expect(fixture.links[streaming]?.ending == .aborted)
        #expect(fixture.cancelledDials == 1)
        var expected = AgentCounters()
        expected.timers = 1  // the end of the back-off
        #expect(fixture.agent.counters == expected)
        #expect(fixture.records.count == 4)
        fixture.expectNothingLeft()
    }

    @Test func eventsThatComeTooLateChangeNothing() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.peerCloses(gateway)
        let notes = fixture.notes.count
        for event in [
            .received(service, [1, 2]), .receivedEOF(service), .wrote(service, 5), .closed(service, error: nil),
            .received(gateway, [1]), .closed(gateway, error: "x"), .dialFailed(DialID(rawValue: 99), reason: ""),
            .wrote(gateway, 1),
        ] as [TransportEvent] { fixture.event(event) }
        #expect(fixture.notes.count == notes)
        let stray = ConnectionID(slot: 77, generation: 1)
        _ = fixture.addConnection(id: stray)
        fixture.event(.connected(DialID(rawValue: 99), stray))
        #expect(fixture.links[stray]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func aGatewayThatDoesNotReadIsGivenUp() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.limits.maximumBacklog = 100_000 })
        var outputs: [MachineOutput<AgentNote>] = []
        // Pings get pongs, and the responses never taken.
        var peer = try #require(fixture.gateways[gateway]?.session)
        for _ in 0..<2_000 where fixture.agent.phase == .serving {
            peer.ping([UInt8](repeating: 1, count: 100))
            fixture.agent.handle(.transport(.received(gateway, peer.takeOutput())), now: fixture.now, into: &outputs)
            fixture.agent.finishTurn(now: fixture.now, into: &outputs)
        }
        #expect(fixture.lossReason?.contains("does not read") == true)
        fixture.links[gateway]?.abort()  // as the agent asked, in outputs that went nowhere
        fixture.expectNothingLeft()
    }
}
