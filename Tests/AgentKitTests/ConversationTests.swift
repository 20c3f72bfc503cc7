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
        var (world, gateway) = try World.serving(version: seed % 4 == 0 ? .v1 : .v2)
        var echoes: [ConnectionID: Echo] = [:]
        var sent: [StreamID: [UInt8]] = [:]
        var open: [StreamID: ArraySlice<UInt8>] = [:]
        for step in 0..<400 {
            if step < 250, random.next() % 3 == 0, sent.count < 40 {
                let body = random.bytes(Int(random.next() % 5_000))
                if let stream = try start(body, &world, gateway, isV1: seed % 4 == 0) {
                    sent[stream] = body
                    open[stream] = body[...]
                }
            }
            if let stream = open.keys.sorted(by: { $0.rawValue < $1.rawValue }).first(where: { _ in random.next() % 2 == 0 }) {
                let rest = open[stream] ?? []
                let piece = rest.prefix(Int(random.next() % 2_000))
                let isLast = piece.count == rest.count
                open[stream] = isLast ? nil : rest.dropFirst(piece.count)
                _ = world.gateways[gateway]?.session.send(piece, on: stream, end: isLast)
                world.talk()
            }
            if !world.dials.isEmpty, random.next() % 2 == 0 { echoes[try world.accept()] = Echo() }
            for id in echoes.keys.sorted(by: { $0.rawValue < $1.rawValue }) { try serve(id, &world, &echoes, &random) }
            if random.next() % 50 == 0 { world.pass(.milliseconds(900)) }
        }
        while !world.dials.isEmpty { echoes[try world.accept()] = Echo() }
        for (stream, rest) in open { _ = world.gateways[gateway]?.session.send(rest, on: stream, end: true) }
        world.talk()
        for _ in 0..<2_000 where world.agent.counters.openExchanges > 0 {
            for id in echoes.keys.sorted(by: { $0.rawValue < $1.rawValue }) { try serve(id, &world, &echoes, &random) }
        }
        #expect(!sent.isEmpty)
        for (stream, body) in sent {
            let response = world.response(gateway, stream)
            #expect(response.head?.status == 200)
            #expect(response.body == body)
            #expect(response.ended)
        }
        #expect(world.gateways[gateway]?.session.openStreams == 0)
        world.expectNothingLeft()
    }

    private func start(_ body: [UInt8], _ world: inout World, _ gateway: ConnectionID, isV1: Bool) throws -> StreamID? {
        var request = WebRequest(method: "POST", path: Array("/".utf8), hasBody: true)
        if body.count % 2 == 0 { try request.fields.append(.contentLength, "\(body.count)") }
        return world.gateways[gateway]?.session.open(request)
    }

    /// The service reads what there is, and says a little of what it has to say.
    private func serve(
        _ id: ConnectionID, _ world: inout World, _ echoes: inout [ConnectionID: Echo], _ random: inout SplitMix
    ) throws {
        guard var echo = echoes[id], world.links[id]?.ending == World.Link.Ending.none else {
            echoes[id] = nil
            return
        }
        let bytes = world.read(id)
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
        if !piece.isEmpty, world.links[id]?.isReading == true { world.reply(id, piece) }
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
        var world = World(
            .sample {
                $0.responseHeadTimeout = seed % 2 == 0 ? .seconds(3) : .zero
                $0.maximumExchanges = 8
            })
        world.send(.start)
        for _ in 0..<300 {
            switch random.next() % 16 {
            case 0: world.pass(.milliseconds(Int(random.next() % 4_000)))
            case 1...3:
                if let dial = world.dials.first {
                    if dial.endpoint == .tcp(host: "localhost", port: 4173) {
                        if random.next() % 4 == 0 { try world.refuseDial() } else { _ = try world.accept() }
                    } else {
                        try world.acceptUpgrade(random.next() % 3 == 0 ? .v1 : .v2)
                    }
                }
            case 4...8: try visit(&world, &random)
            case 9...12: disturbService(&world, &random)
            case 13: world.send(.status(StatusUpdate(status: "s\(random.next() % 9)")))
            case 14:
                if random.next() % 8 == 0, let gateway = live(world).randomElement(using: &random) { world.peerCloses(gateway) }
            default:
                if random.next() % 8 == 0, let gateway = live(world).randomElement(using: &random) {
                    world.gateways[gateway]?.session.drain(within: .milliseconds(Int(random.next() % 9_000)))
                    world.talk()
                }
            }
        }
        if random.next() % 2 == 0 { world.send(.drain(within: .seconds(2))) }
        world.pass(.seconds(2))
        world.send(.stop)
        world.expectNothingLeft()
    }

    private func live(_ world: World) -> [ConnectionID] {
        world.gateways.keys.filter { world.links[$0]?.ending == World.Link.Ending.none }.sorted { $0.rawValue < $1.rawValue }
    }

    private func visit(_ world: inout World, _ random: inout SplitMix) throws {
        guard let gateway = live(world).randomElement(using: &random) else { return }
        switch random.next() % 4 {
        case 0, 1:
            guard world.gateways[gateway]?.session.openStreams ?? 9 < 8 else { return }
            var request = WebRequest(method: ["GET", "POST", "HEAD"][Int(random.next() % 3)], path: Array("/".utf8))
            request.hasBody = random.next() % 2 == 0
            if random.next() % 5 == 0, world.gateways[gateway]?.session.version == .v2 {
                request.upgrade = "x"
                request.hasBody = true
            }
            _ = world.gateways[gateway]?.session.open(request)
            world.talk()
        case 2:
            let stream = StreamID(rawValue: UInt32(1 + random.next() % 20))
            _ = world.gateways[gateway]?.session.send(random.bytes(500)[...], on: stream, end: random.next() % 2 == 0)
            world.talk()
        default:
            world.gateways[gateway]?.session.reset(StreamID(rawValue: UInt32(1 + random.next() % 20)), .cancelled)
            world.talk()
        }
    }

    private func disturbService(_ world: inout World, _ random: inout SplitMix) {
        let services = world.links.keys.filter {
            world.gateways[$0] == nil && world.links[$0]?.ending == World.Link.Ending.none
        }
        guard let id = services.sorted(by: { $0.rawValue < $1.rawValue }).randomElement(using: &random) else { return }
        switch random.next() % 12 {
        case 0: world.event(.receivedEOF(id))
        case 1: world.peerCloses(id, error: random.next() % 2 == 0 ? nil : "reset")
        case 2: world.reply(id, "nonsense\r\n\r\n")
        case 3: world.reply(id, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw")
        case 4: world.reply(id, "HTTP/1.1 200 OK\r\n\r\nuntil the end")
        case 5, 6: world.reply(id, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        default: world.reply(id, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
    }
}
