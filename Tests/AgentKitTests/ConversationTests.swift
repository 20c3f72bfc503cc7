// Many exchanges at once over pipes that cut anywhere: whatever the order, every body arrives whole or its exchange fails,
// and at the end nothing is left over. Each seed is a conversation of its own.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ConversationTests {
    /// A service that responds to each request with its own body, in pieces.
    private struct Echo {
        var decoder = HTTPRequestDecoder()
        var pending: [UInt8] = []
        var body: [UInt8] = []
    }

    @Test(arguments: 1...12) func everyBodyArrivesWhole(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var (fixture, gateway) = try AgentFixture.serving(version: seed % 4 == 0 ? .v1 : .v2)
        var echoes: [ConnectionID: Echo] = [:]
        var sent: [StreamID: [UInt8]] = [:]
        var open: [StreamID: ArraySlice<UInt8>] = [:]
        for step in 0..<400 {
            if step < 250, random.next() % 3 == 0, sent.count < 40 {
                let body = random.bytes(Int(random.next() % 5_000))
                if let stream = try start(body, &fixture, gateway, isV1: seed % 4 == 0) {
                    sent[stream] = body
                    open[stream] = body[...]
                }
            }
            if let stream = open.keys.sorted(by: { $0.rawValue < $1.rawValue }).first(where: { _ in random.next() % 2 == 0 }) {
                let rest = open[stream] ?? []
                let piece = rest.prefix(Int(random.next() % 2_000))
                let isLast = piece.count == rest.count
                open[stream] = isLast ? nil : rest.dropFirst(piece.count)
                _ = fixture.gateways[gateway]?.session.send(piece, on: stream, end: isLast)
                fixture.talk()
            }
            if !fixture.dials.isEmpty, random.next() % 2 == 0 { echoes[try fixture.accept()] = Echo() }
            for id in echoes.keys.sorted(by: { $0.rawValue < $1.rawValue }) { try serve(id, &fixture, &echoes, &random) }
            if random.next() % 50 == 0 { fixture.pass(.milliseconds(900)) }
        }
        while !fixture.dials.isEmpty { echoes[try fixture.accept()] = Echo() }
        for (stream, rest) in open { _ = fixture.gateways[gateway]?.session.send(rest, on: stream, end: true) }
        fixture.talk()
        for _ in 0..<2_000 where fixture.agent.counters.openExchanges > 0 {
            for id in echoes.keys.sorted(by: { $0.rawValue < $1.rawValue }) { try serve(id, &fixture, &echoes, &random) }
        }
        #expect(!sent.isEmpty)
        for (stream, body) in sent {
            let response = fixture.response(gateway, stream)
            #expect(response.head?.status == 200)
            #expect(response.body == body)
            #expect(response.ended)
        }
        #expect(fixture.gateways[gateway]?.session.openStreams == 0)
        fixture.expectNothingLeft()
    }

    private func start(_ body: [UInt8], _ fixture: inout AgentFixture, _ gateway: ConnectionID, isV1: Bool) throws -> StreamID?
    {
        var request = WebRequest(method: "POST", path: Array("/".utf8), hasBody: true)
        if body.count % 2 == 0 { try request.fields.append(.contentLength, "\(body.count)") }
        return fixture.gateways[gateway]?.session.open(request)
    }

    /// The service reads what there is, and says a little of what it has to say.
    private func serve(
        _ id: ConnectionID, _ fixture: inout AgentFixture, _ echoes: inout [ConnectionID: Echo], _ random: inout SplitMix
    ) throws {
        guard var echo = echoes[id], fixture.links[id]?.ending == AgentFixture.Ending.none else {
            echoes[id] = nil
            return
        }
        let bytes = fixture.read(id)
        echo.decoder.receive(bytes[...])
        while let event = try echo.decoder.next() {
            switch event {
            case .head: echo.body = []
            case .body(let piece): echo.body += piece
            case .end:
                let head = HTTPResponseHead(status: 200, fields: try fields(for: echo.body, &random))
                try head.encode(into: &echo.pending)
                var encoder = HTTPBodyEncoder(
                    head.fields.contains(.contentLength) ? .length(UInt64(echo.body.count)) : .chunked)
                try encoder.encode(echo.body[...], into: &echo.pending)
                try encoder.finish(into: &echo.pending)
                echo.decoder.startNextMessage()
            case .closed: break
            }
        }
        let piece = Array(echo.pending.prefix(Int(random.next() % 3_000)))
        echo.pending.removeFirst(piece.count)
        echoes[id] = echo
        if !piece.isEmpty, fixture.links[id]?.isReading == true { fixture.reply(id, piece) }
    }

    private func fields(for body: [UInt8], _ random: inout SplitMix) throws -> HTTPFields {
        var fields = HTTPFields()
        if random.next() % 2 == 0 {
            try fields.append(.contentLength, "\(body.count)")
        } else {
            try fields.append(.transferEncoding, "chunked")
        }
        return fields
    }

    /// Anything at any time: resets, losses, broken services, timers. No trap, and nothing left over.
    @Test(arguments: 100...130) func whateverHappensNothingIsLeftOver(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var fixture = AgentFixture(
            .sample {
                $0.responseHeadTimeout = seed % 2 == 0 ? .seconds(3) : .zero
                $0.maximumExchanges = 8
            })
        fixture.send(.start)
        for _ in 0..<300 {
            switch random.next() % 16 {
            case 0: fixture.pass(.milliseconds(Int(random.next() % 4_000)))
            case 1...3:
                if let dial = fixture.dials.first {
                    if dial.endpoint == .tcp(host: "localhost", port: 4173) {
                        if random.next() % 4 == 0 { try fixture.refuseDial() } else { _ = try fixture.accept() }
                    } else {
                        try fixture.acceptUpgrade(random.next() % 3 == 0 ? .v1 : .v2)
                    }
                }
            case 4...8: try visit(&fixture, &random)
            case 9...12: disturbService(&fixture, &random)
            case 13: fixture.send(.status(StatusUpdate(status: "s\(random.next() % 9)")))
            case 14:
                if random.next() % 8 == 0, let gateway = live(fixture).randomElement(using: &random) {
                    fixture.peerCloses(gateway)
                }
            default:
                if random.next() % 8 == 0, let gateway = live(fixture).randomElement(using: &random) {
                    fixture.gateways[gateway]?.session.drain(within: .milliseconds(Int(random.next() % 9_000)))
                    fixture.talk()
                }
            }
        }
        if random.next() % 2 == 0 { fixture.send(.drain(within: .seconds(2))) }
        fixture.pass(.seconds(2))
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    private func live(_ fixture: AgentFixture) -> [ConnectionID] {
        fixture.gateways.keys.filter { fixture.links[$0]?.ending == AgentFixture.Ending.none }.sorted {
            $0.rawValue < $1.rawValue
        }
    }

    private func visit(_ fixture: inout AgentFixture, _ random: inout SplitMix) throws {
        guard let gateway = live(fixture).randomElement(using: &random) else { return }
        switch random.next() % 4 {
        case 0, 1:
            guard fixture.gateways[gateway]?.session.openStreams ?? 9 < 8 else { return }
            var request = WebRequest(method: ["GET", "POST", "HEAD"][Int(random.next() % 3)], path: Array("/".utf8))
            request.hasBody = random.next() % 2 == 0
            if random.next() % 5 == 0, fixture.gateways[gateway]?.session.version == .v2 {
                request.upgrade = "x"
                request.hasBody = true
            }
            _ = fixture.gateways[gateway]?.session.open(request)
            fixture.talk()
        case 2:
            let stream = StreamID(rawValue: UInt32(1 + random.next() % 20))
            _ = fixture.gateways[gateway]?.session.send(random.bytes(500)[...], on: stream, end: random.next() % 2 == 0)
            fixture.talk()
        default:
            fixture.gateways[gateway]?.session.reset(StreamID(rawValue: UInt32(1 + random.next() % 20)), .cancelled)
            fixture.talk()
        }
    }

    private func disturbService(_ fixture: inout AgentFixture, _ random: inout SplitMix) {
        let services = fixture.links.keys.filter {
            fixture.gateways[$0] == nil && fixture.links[$0]?.ending == AgentFixture.Ending.none
        }
        guard let id = services.sorted(by: { $0.rawValue < $1.rawValue }).randomElement(using: &random) else { return }
        switch random.next() % 12 {
        case 0: fixture.event(.receivedEOF(id))
        case 1: fixture.peerCloses(id, error: random.next() % 2 == 0 ? nil : "reset")
        case 2: fixture.reply(id, "nonsense\r\n\r\n")
        case 3: fixture.reply(id, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw")
        case 4: fixture.reply(id, "HTTP/1.1 200 OK\r\n\r\nuntil the end")
        case 5, 6: fixture.reply(id, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        default: fixture.reply(id, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
    }
}
