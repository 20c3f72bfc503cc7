// The masking key zero for data: what the welcome says of it, when an agent uses it, and that payloads are lent then.

import HTTPCodec
import RPCCore
import TestSupport
import Testing
import WireWS

@testable import TunnelLink

@Suite struct ZeroMaskTests {
    private func welcome(_ takesZeroMask: Bool) -> Welcome {
        Welcome(
            sessionID: "s1", webURL: "http://gw/web/a/", ping: .seconds(20), initialWindow: 262_144, maximumStreams: 256,
            takesZeroMask: takesZeroMask)
    }

    /// An agent with one open stream that awaits its response.
    private func agent(_ welcome: Welcome, zeroMask: Bool) -> TunnelSession {
        var session = TunnelSession(agentRole, version: .v2)
        session.adopt(welcome, zeroMask: zeroMask)
        var gateway = TunnelSession(.gateway, version: .v2)
        let opened = gateway.open(WebRequest(method: "GET", path: Array("/".utf8)))
        #expect(opened == .number(1))
        session.receive(gateway.takeOutput())
        while session.next() != nil {}
        return session
    }

    /// The frames in `bytes`: what they are, and whether their key is zero.
    private func frames(_ bytes: ArraySlice<UInt8>) throws -> [(opcode: WSOpcode, isZero: Bool)] {
        var decoder = WSFrameDecoder(expectingMask: true)
        decoder.receive(bytes)
        var frames: [(WSOpcode, Bool)] = []
        while let event = try decoder.next() {
            if case .header(let header) = event { frames.append((header.opcode, header.mask?.isIdentity == true)) }
        }
        return frames
    }

    // MARK: The welcome

    @Test func theWelcomeSaysSoOrNothing() {
        var peer = RawPeer(of: .gateway, .v2)
        peer.session.welcome(.integer(1), welcome(true))
        #expect(peer.receivedText()?.hasSuffix(#","maxStreams":256,"zeroMask":true}}"#) == true)
        peer.session.welcome(.integer(1), welcome(false))
        #expect(peer.receivedText()?.hasSuffix(#","maxStreams":256}}"#) == true)
    }

    @Test(arguments: [
        ("{}", false), (#"{"zeroMask":true}"#, true), (#"{"zeroMask":false}"#, false), (#"{"zeroMask":null}"#, false),
        (#"{"zeroMask":1}"#, false), (#"{"zeroMask":"true"}"#, false), (#"{"ZeroMask":true}"#, false), ("null", false),
    ])
    func anAgentReadsIt(result: String, takes: Bool) {
        var peer = RawPeer(of: agentRole, .v2)
        peer.session.register(AgentDescription(agentID: "a"))
        let events = peer.say(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#)
        guard case .welcome(let welcome)? = events.first else { return #expect(Bool(false), "\(events)") }
        #expect(welcome.takesZeroMask == takes)
    }

    // MARK: What an agent sends

    @Test(arguments: [true, false], [true, false]) func dataHasTheKeyZeroIfBothWantIt(takes: Bool, wants: Bool) throws {
        var agent = agent(welcome(takes), zeroMask: wants)
        agent.respond(WebResponse(status: 200, fields: fields(("y", "z")), hasBody: true), on: .number(1))
        _ = agent.send(pattern(300)[...], on: .number(1), end: false)
        agent.ping([1])
        _ = agent.send(pattern(3)[...], on: .number(1), end: true)
        let frames = try frames(agent.takeOutput())
        #expect(frames.map(\.opcode) == [.text, .binary, .ping, .binary])
        #expect(frames.map(\.isZero) == [false, takes && wants, false, takes && wants])
    }

    @Test func anotherWelcomeTakesItBack() throws {
        var agent = agent(welcome(true), zeroMask: true)
        agent.adopt(welcome(false), zeroMask: true)
        agent.respond(WebResponse(status: 200, hasBody: true), on: .number(1))
        _ = agent.send(pattern(300)[...], on: .number(1), end: true)
        #expect(try frames(agent.takeOutput()).map(\.isZero) == [false, false])
    }

    /// A large payload is one of the pieces, where it was; under a mask everything is one piece.
    @Test(arguments: [true, false]) func largePayloadsAreLent(isZero: Bool) {
        var agent = agent(welcome(true), zeroMask: isZero)
        agent.respond(WebResponse(status: 200, hasBody: true), on: .number(1))
        let body = pattern(200_000)
        #expect(agent.send(body[...], on: .number(1), end: true) == .sent)
        let pieces = agent.takePieces()
        let start = body.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
        let places = pieces.compactMap { piece in
            let place = piece.withUnsafeBytes { Int(bitPattern: $0.baseAddress) } - start
            return (0..<body.count).contains(place) ? place : nil
        }
        #expect(places == (isZero ? [0, 65_536, 131_072] : []), "the rest is small and joins the next frame's header")
        #expect(isZero || pieces.count == 1)
        #expect(agent.backlog == pieces.reduce(0) { $0 + $1.count })
        var gateway = TunnelSession(.gateway, version: .v2)
        gateway.admit()
        _ = gateway.open(WebRequest(method: "GET", path: Array("/".utf8)))
        for piece in pieces { gateway.receive(piece) }
        var received: [UInt8] = []
        while let event = gateway.next() {
            if case .data(_, let bytes) = event { received += bytes }
        }
        #expect(received == body)
        agent.wrote(agent.backlog)
        #expect(agent.backlog == 0)
    }

    // MARK: Both ends

    @Test func aGatewayHearsTheSameAtEverySplit() {
        func said(zeroMask: Bool) -> [UInt8] {
            var agent = agent(welcome(true), zeroMask: zeroMask)
            agent.respond(WebResponse(status: 200, fields: fields(("y", "z")), hasBody: true), on: .number(1))
            _ = agent.send(pattern(300)[...], on: .number(1), end: false)
            _ = agent.send(pattern(10)[...], on: .number(1), end: true, trailers: fields(("t", "u")))
            return Array(agent.takeOutput())
        }
        func heard(_ pieces: [ArraySlice<UInt8>]) -> [TunnelEvent] {
            var gateway = TunnelSession(.gateway, version: .v2)
            gateway.admit()
            _ = gateway.open(WebRequest(method: "GET", path: Array("/".utf8)))
            var (events, body) = ([TunnelEvent](), [UInt8]())
            for piece in pieces {
                gateway.receive(piece)
                while let event = gateway.next() {
                    if case .data(_, let bytes) = event { body += bytes } else { events.append(event) }
                }
            }
            return events + [.data(.number(1), body[...])]
        }
        let (plain, masked) = (said(zeroMask: true), said(zeroMask: false))
        #expect(plain.count == masked.count && plain != masked)
        #expect(heard([plain[...]]) == heard([masked[...]]))
        #expect(heard([plain[...]]).count == 3)
        #expect(firstDisagreement(over: plain, exhaustiveLimit: 400, decode: heard) == nil)
    }

    @Test(arguments: UInt64(0)..<8) func bodiesPassBothWaysThroughAnyPipe(seed: UInt64) throws {
        var pair = Pair(.v2, seed: seed, largestCut: seed.isMultiple(of: 2) ? 100_000 : 3_000)
        pair.agent.session.adopt(welcome(true), zeroMask: true)
        let id = try pair.gateway.open(WebRequest(method: "POST", path: Array("/".utf8), hasBody: true))
        var up = Source(id: id, bytes: pattern(400_000), piece: 90_000)
        var down = Source(id: id, bytes: pattern(700_000, from: 7), piece: 150_000)
        _ = pair.carry()
        pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
        while !up.isDone || !down.isDone {
            up.step(&pair.gateway)
            down.step(&pair.agent)
            _ = pair.carry()
        }
        pair.settle()
        #expect(pair.gateway.bodies[id] == down.bytes)
        #expect(pair.agent.bodies[id] == up.bytes)
        #expect(pair.isClean)
    }
}
