// Whole exchanges between a gateway's session and an agent's, over a wire that cuts bytes anywhere.

import HTTPCodec
import RPCCore
import TestSupport
import Testing

@testable import TunnelLink

@Suite struct ExchangeTests {
    private let post = WebRequest(method: "POST", path: Array("/up".utf8), hasBody: true)

    /// Sends a body of `up` bytes and responds with one of `down`, both at once.
    private func exchange(_ pair: inout Pair, up: Int, down: Int, piece: Int) throws {
        let id = try pair.gateway.open(post)
        var upload = Source(id: id, bytes: pattern(up), piece: piece)
        var download = Source(id: id, bytes: pattern(down, from: 7), piece: piece)
        var hasResponded = false
        let limits = pair.gateway.session.limits
        while true {
            upload.step(&pair.gateway)
            if !hasResponded, pair.agent.received.contains(where: { if case .request = $0 { true } else { false } }) {
                hasResponded = true
                pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
            }
            if hasResponded { download.step(&pair.agent) }
            let moved = pair.carry()
            if pair.gateway.session.version == .v2 {
                for end in [pair.gateway, pair.agent] {
                    #expect(end.session.queuedBytes <= limits.streamQueueBytes + piece)
                    #expect(end.session.backlog <= limits.outputHighWater + 66_000)
                }
            }
            if !moved, upload.isDone, download.isDone { break }
        }
        #expect(pair.agent.bodies[id] ?? [] == upload.bytes)
        #expect(pair.gateway.bodies[id] ?? [] == download.bytes)
        let ends = [pair.agent.received, pair.gateway.received].map {
            $0.filter { $0 == .end(id, trailers: HTTPFields()) }.count
        }
        #expect(ends == [1, 1])
        #expect(pair.isClean)
    }

    @Test(arguments: TunnelVersion.allCases, [0, 1, 5, 70_000]) func bodiesOfAnySizePassBothWaysAtOnce(
        version: TunnelVersion, size: Int
    ) throws {
        var pair = Pair(version, seed: UInt64(size), largestCut: size < 100 ? 3 : 20_000)
        try exchange(&pair, up: size, down: size, piece: size < 100 ? 1 : 9_000)
        pair.gateway.received = []
        pair.agent.received = []
        pair.gateway.bodies = [:]
        pair.agent.bodies = [:]
        try exchange(&pair, up: 0, down: size, piece: 16_384)
    }

    @Test(arguments: TunnelVersion.allCases) func fiveMegabytesPassBothWaysAtOnce(version: TunnelVersion) throws {
        var pair = Pair(version, seed: 5, largestCut: 200_000)
        try exchange(&pair, up: 5 << 20, down: 5 << 20, piece: 65_536)
    }

    @Test func manyExchangesAtOnceKeepTheirBytesApart() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 20_000
        limits.outputHighWater = 30_000
        var pair = Pair(.v2, limits: limits, seed: 11, largestCut: 9_000)
        var random = SplitMix(seed: 12)
        var uploads: [Source] = []
        var downloads: [Source] = []
        for index in 0..<20 {
            let id = try pair.gateway.open(post)
            let count = Int.random(in: 0...100_000, using: &random)
            uploads.append(Source(id: id, bytes: pattern(count, from: index), piece: 5_000))
            downloads.append(Source(id: id, bytes: pattern(count, from: 99 * index), piece: 5_000))
        }
        pair.settle()
        for source in downloads { pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: source.id) }
        repeat {
            for index in uploads.indices { uploads[index].step(&pair.gateway) }
            for index in downloads.indices { downloads[index].step(&pair.agent) }
        } while pair.carry() || !(uploads + downloads).allSatisfy(\.isDone)
        for source in uploads { #expect(pair.agent.bodies[source.id] ?? [] == source.bytes) }
        for source in downloads { #expect(pair.gateway.bodies[source.id] ?? [] == source.bytes) }
        #expect(pair.isClean)
    }

    @Test func trailersArriveWithTheEnd() throws {
        var pair = Pair(.v2, largestCut: 30)
        let id = try pair.gateway.open(post)
        let up = fields(("x-sum", "1"), ("x-sum", "2"))
        let down = fields(("x-time", "\u{e9}"))
        #expect(pair.gateway.session.send(pattern(100)[...], on: id, end: true, trailers: up) == .sent)
        pair.settle()
        #expect(pair.agent.received.last == .end(id, trailers: up))
        pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
        #expect(pair.agent.session.send([], on: id, end: true, trailers: down) == .sent)
        pair.settle()
        #expect(pair.gateway.received.last == .end(id, trailers: down))
        #expect(pair.isClean)
    }

    @Test func aResponseBeforeTheRequestsEndLeavesTheRequestGoing() throws {
        var pair = Pair(.v2)
        let id = try pair.gateway.open(post)
        pair.settle()
        pair.agent.session.respond(WebResponse(status: 200), on: id)
        pair.settle()
        #expect(pair.gateway.received == [.response(id, WebResponse(status: 200)), .end(id, trailers: HTTPFields())])
        #expect(pair.gateway.session.openStreams == 1)
        #expect(pair.gateway.session.send([1, 2], on: id, end: true) == .sent)
        pair.settle()
        #expect(pair.agent.bodies[id] == [1, 2])
        #expect(pair.isClean)
    }

    @Test func anUpgradedStreamCarriesBothHalvesUntilBothEnd() throws {
        var pair = Pair(.v2, largestCut: 40)
        let id = try pair.gateway.open(WebRequest(method: "GET", path: [0x2f], upgrade: "websocket", hasBody: true))
        pair.settle()
        #expect(
            pair.agent.received == [.request(id, WebRequest(method: "GET", path: [0x2f], upgrade: "websocket", hasBody: true))])
        pair.agent.session.respond(WebResponse(status: 101, hasBody: true), on: id)
        #expect(pair.agent.session.send([1], on: id, end: true) == .sent)
        pair.settle()
        #expect(pair.gateway.received.last == .end(id, trailers: HTTPFields()))
        #expect(pair.gateway.session.send(pattern(50_000)[...], on: id, end: false) == .sent)
        pair.settle()
        #expect(pair.agent.bodies[id] == pattern(50_000))
        #expect(pair.agent.session.openStreams == 1)
        #expect(pair.gateway.session.send([], on: id, end: true) == .sent)
        pair.settle()
        #expect(pair.isClean)
    }

    @Test(arguments: TunnelVersion.allCases) func aServiceThatFailsBeforeItsHeadIsAnError(version: TunnelVersion) throws {
        var pair = Pair(version)
        let id = try pair.gateway.open(WebRequest(method: "GET", path: [0x2f]))
        pair.settle()
        let failure = TunnelFailure.serviceUnreachable.failure("refused")
        pair.agent.session.fail(id, failure, reason: .unreachable)
        pair.settle()
        #expect(pair.gateway.received == [.failed(id, failure)])
        #expect(pair.isClean)
    }

    @Test func aServiceThatFailsAfterItsHeadIsAResetInV2AndAnErrorInV1() throws {
        for version in TunnelVersion.allCases {
            var pair = Pair(version)
            let id = try pair.gateway.open(WebRequest(method: "GET", path: [0x2f]))
            pair.settle()
            pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
            #expect(pair.agent.session.send([1, 2, 3], on: id, end: false) == .sent)
            pair.settle()
            let failure = TunnelFailure.serviceBroken.failure("it broke off")
            pair.agent.session.fail(id, failure, reason: .unreachable)
            pair.settle()
            #expect(pair.gateway.received.last == (version == .v1 ? .failed(id, failure) : .reset(id, .unreachable)))
            #expect(pair.isClean)
        }
    }

    @Test func anAgentAtItsLimitRefusesWithItsOwnCode() throws {
        var limits = TunnelLimits()
        limits.maximumStreams = 2
        var pair = Pair(.v2, limits: limits)
        let open = (1...2).map { _ in pair.gateway.session.open(WebRequest(method: "GET", path: [0x2f])) }
        #expect(open.allSatisfy { $0 != nil })
        #expect(pair.gateway.session.open(WebRequest(method: "GET", path: [0x2f])) == nil)
        var peer = RawPeer(of: agentRole, .v2, limits: limits)
        for stream in 1...3 {
            _ = peer.say(
                """
                {"jsonrpc":"2.0","id":"web_\(stream)","method":"web.request",\
                "params":{"httpMethod":"GET","path":"/","stream":\(stream)}}
                """)
        }
        #expect(peer.receivedText()?.contains(#""id":"web_3","error":{"code":-32014"#) == true)
        #expect(peer.session.openStreams == 2)
    }

    // MARK: v1's limit

    @Test func aBodyOverTheLimitOverflowsInV1() throws {
        var limits = TunnelLimits()
        limits.maximumBufferedBody = 10
        var pair = Pair(.v1, limits: limits)
        let id = try pair.gateway.open(post)
        #expect(pair.gateway.session.send(pattern(10)[...], on: id, end: false) == .sent)
        #expect(pair.gateway.session.send([1], on: id, end: true) == .overflow)
        #expect(pair.gateway.session.isOpen(id))
        #expect(pair.gateway.session.send([], on: id, end: true) == .sent)
        pair.settle()
        #expect(pair.agent.bodies[id] == pattern(10))
        pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
        #expect(pair.agent.session.send(pattern(11)[...], on: id, end: false) == .overflow)
        pair.agent.session.fail(id, TunnelFailure.bodyTooLarge.failure("11"), reason: .overran)
        pair.settle()
        #expect(pair.gateway.received == [.failed(id, TunnelFailure.bodyTooLarge.failure("11"))])
        #expect(pair.isClean)
    }

    @Test func aBodyOverTheLimitFromThePeerIsRefusedInV1() throws {
        var limits = TunnelLimits()
        limits.maximumBufferedBody = 2
        var agent = RawPeer(of: agentRole, .v1, limits: limits)
        let request =
            #"{"jsonrpc":"2.0","id":"a","method":"web.request","params":{"httpMethod":"GET","path":"/","body":"AAAA"}}"#
        #expect(agent.say(request).isEmpty)
        #expect(agent.receivedText()?.contains("-32013") == true)
        #expect(agent.isClean)
        var gateway = RawPeer(of: .gateway, .v1, limits: limits)
        let id = try gateway.open(WebRequest(method: "GET", path: [0x2f]))
        _ = gateway.received()
        let events = gateway.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"body":"AAAA"}}"#)
        #expect(events == [.failed(id, TunnelFailure.bodyTooLarge.failure("the body is over 2 bytes"))])
        #expect(gateway.isClean)
    }

    @Test func wholeBodiesAreNotCopiedAgainForEachPiece() throws {
        var pair = Pair(.v1, largestCut: 1 << 20)
        let id = try pair.gateway.open(post)
        let piece = [UInt8](repeating: 1, count: 512)[...]
        for _ in 0..<16_000 { #expect(pair.gateway.session.send(piece, on: id, end: false) == .sent) }
        #expect(pair.gateway.session.queuedBytes == 16_000 * 512)
        pair.gateway.session.reset(id, .cancelled)
        #expect(pair.isClean)
    }

    // MARK: Order and misuse

    @Test func whatIsSaidOfAStreamThatIsGoneIsIgnored() throws {
        var pair = Pair(.v2)
        let unknown = StreamID.number(77)
        #expect(pair.gateway.session.send([1], on: unknown, end: false) == .gone)
        pair.gateway.session.reset(unknown, .cancelled)
        pair.gateway.session.consumed(10, on: unknown)
        pair.agent.session.respond(WebResponse(status: 200), on: unknown)
        pair.agent.session.fail(unknown, RPCFailure(code: 1, message: ""), reason: .refused)
        #expect(!pair.gateway.session.hasOutput)
        let id = try pair.gateway.open(WebRequest(method: "GET", path: [0x2f]))
        #expect(pair.gateway.session.send([1], on: id, end: true) == .gone)  // it said that there is no body
        pair.settle()
        pair.agent.session.respond(WebResponse(status: 200), on: id)
        pair.agent.session.respond(WebResponse(status: 500), on: id)
        pair.settle()
        #expect(pair.gateway.received == [.response(id, WebResponse(status: 200)), .end(id, trailers: HTTPFields())])
        #expect(pair.isClean)
    }

    @Test func pingsGetPongsAndPongsAreReported() {
        var pair = Pair(.v2)
        pair.gateway.session.ping([1, 2, 3])
        pair.agent.session.ping([])
        pair.settle()
        #expect(pair.gateway.received == [.pong([1, 2, 3])])
        #expect(pair.agent.received == [.pong([])])
        #expect(pair.isClean)
    }

    @Test func aCloseIsReportedWithItsCodeAndEchoed() {
        var pair = Pair(.v1)
        pair.gateway.session.close(.init(rawValue: TunnelClose.replaced.rawValue), reason: "another came")
        pair.settle()
        #expect(pair.agent.received == [.closed(.init(rawValue: 4001), reason: "another came")])
        #expect(pair.gateway.received == [.closed(.init(rawValue: 4001), reason: "")])
        #expect(pair.isClean)
    }

    @Test func streamNumbersComeAroundWithoutMeetingOpenOnes() {
        var session = TunnelSession(.gateway, version: .v2)
        let first = session.open(WebRequest(method: "GET", path: [0x2f]))
        #expect(first == .number(1))
        for number in 2...300 as ClosedRange<UInt32> {
            let id = session.open(WebRequest(method: "GET", path: [0x2f]))
            #expect(id == .number(number))
            if let id { session.reset(id, .cancelled) }
        }
        #expect(session.openStreams == 1)
    }
}
