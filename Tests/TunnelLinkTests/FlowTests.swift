// Windows, turns and bounds: one stream's slowness is not another's, and memory is what the limits say.

import HTTPCodec
import TestSupport
import Testing
import WireWS

@testable import TunnelLink

@Suite struct FlowTests {
    private let post = WebRequest(method: "POST", path: Array("/".utf8), hasBody: true)

    /// The data frames among what was received: stream and size.
    private func data(_ received: [Received]) -> [[Int]] {
        received.compactMap { message in
            guard case .binary(let bytes) = message, case .data(let id, let payload, _)? = DataFrame(bytes[...]) else {
                return nil
            }
            return [Int(id.rawValue), payload.count]
        }
    }

    @Test func aSenderStopsAtTheWindowAndGoesOnWithCredit() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 1_000
        limits.streamQueueBytes = 2_000
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let id = try peer.open(post)
        #expect(peer.session.send(pattern(2_500)[...], on: id, end: false) == .sent)
        #expect(data(peer.received()) == [[1, 1_000]])
        #expect(peer.received().isEmpty)
        #expect(!peer.session.hasOutput)
        #expect(peer.session.queuedBytes == 1_500)
        #expect(peer.session.send(pattern(500)[...], on: id, end: true) == .full)
        #expect(peer.say(creditFrame(1, 700)).isEmpty)
        #expect(data(peer.received()) == [[1, 700]])
        #expect(peer.events().isEmpty)
        #expect(peer.say(creditFrame(1, 300)).isEmpty)
        #expect(data(peer.received()) == [[1, 300]])
        #expect(peer.events() == [.resume(id)])  // half of the queue is free
        #expect(peer.say(creditFrame(1, 5_000)).isEmpty)
        #expect(peer.received() == [.binary(dataFrame(1, pattern(2_500).suffix(500) + pattern(500), end: true))])
        #expect(peer.session.queuedBytes == 0)
    }

    @Test func anEndNeedsNoCredit() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 3
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let id = try peer.open(post)
        #expect(peer.session.send([1, 2, 3], on: id, end: false) == .sent)
        _ = peer.received()
        #expect(peer.session.send([], on: id, end: true) == .sent)
        #expect(peer.received() == [.binary(dataFrame(1, [], end: true))])
    }

    @Test func aReaderThatDoesNotReadStopsItsSenderAndNoOther() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 10_000
        var pair = Pair(.v2, limits: limits)
        let slow = try pair.gateway.open(post)
        let quick = try pair.gateway.open(post)
        pair.agent.consumes = false
        #expect(pair.gateway.session.send(pattern(50_000)[...], on: slow, end: false) == .sent)
        #expect(pair.gateway.session.send(pattern(9_000)[...], on: quick, end: true) == .sent)
        pair.settle()
        #expect(pair.agent.bodies[slow]?.count == 10_000)
        #expect(pair.agent.bodies[quick]?.count == 9_000)
        for _ in 0..<10 {
            pair.agent.session.consumed(5_000, on: slow)
            pair.settle()
        }
        #expect(pair.agent.bodies[slow] == pattern(50_000))
        pair.gateway.session.reset(slow, .cancelled)
        pair.agent.session.respond(WebResponse(status: 200), on: quick)
        pair.settle()
        #expect(pair.isClean)
    }

    @Test func creditIsAnnouncedOncePerHalfWindowNotPerByte() throws {
        var peer = RawPeer(of: agentRole, .v2)
        _ = peer.say(#"{"jsonrpc":"2.0","id":"x","method":"web.request","params":{"httpMethod":"PUT","path":"/","stream":1}}"#)
        let window = TunnelLimits().initialWindow
        for _ in 0..<4 { #expect(peer.say(dataFrame(1, pattern(window / 4))).count == 1) }
        for _ in 0..<(window / 2 / 64 - 1) { peer.session.consumed(64, on: .number(1)) }
        #expect(peer.received().isEmpty)
        peer.session.consumed(64, on: .number(1))
        #expect(peer.received() == [.binary(creditFrame(1, UInt32(window / 2)))])
    }

    @Test func anOverrunResetsTheStream() {
        var limits = TunnelLimits()
        limits.initialWindow = 10
        var peer = RawPeer(of: agentRole, .v2, limits: limits)
        _ = peer.say(#"{"jsonrpc":"2.0","id":"x","method":"web.request","params":{"httpMethod":"PUT","path":"/","stream":1}}"#)
        #expect(peer.say(dataFrame(1, pattern(10))).count == 1)
        #expect(peer.say(dataFrame(1, [1])) == [.reset(.number(1), .overran)])
        #expect(peer.received() == [.binary(resetFrame(1, 5))])
        #expect(peer.say(dataFrame(1, [1])).isEmpty)
        #expect(peer.isClean)
    }

    // MARK: Turns

    @Test func bulkDelaysASmallStreamByAtMostOneTurn() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 32 * 1024
        limits.initialWindow = 1 << 20
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let bulk = try peer.open(post)
        #expect(peer.session.send(pattern(256 * 1024)[...], on: bulk, end: true) == .full)
        let small = try peer.open(post)
        #expect(peer.session.send([1, 2, 3], on: small, end: true) == .sent)
        _ = peer.received()  // what was on its way before
        let frames = data(peer.received())
        #expect(frames.prefix(2) == [[1, 16 * 1024], [2, 3]])
        #expect(frames.dropFirst(2).allSatisfy { $0[0] == 1 })
    }

    @Test func streamsTakeTurns() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 200 * 1024
        limits.initialWindow = 1 << 20
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let ids = try (0..<5).map { _ in try peer.open(post) }
        #expect(peer.session.send(pattern(400 * 1024)[...], on: ids[0], end: false) == .full)
        for id in ids.dropFirst() { _ = peer.session.send(pattern(120 * 1024)[...], on: id, end: false) }
        _ = peer.received()
        for _ in 0..<3 { #expect(data(peer.received()) == (1...5).map { [$0, 40 * 1024] }) }
    }

    @Test func aTurnIsAtLeast16KiB() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 20 * 1024
        limits.initialWindow = 1 << 20
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let ids = try (0..<3).map { _ in try peer.open(post) }
        for id in ids { _ = peer.session.send(pattern(100 * 1024)[...], on: id, end: false) }
        _ = peer.received()
        #expect(data(peer.received()) == [[1, 16 * 1024], [2, 16 * 1024]])
        #expect(data(peer.received()) == [[3, 16 * 1024], [1, 16 * 1024]])
    }

    @Test func aStreamAloneUsesLargeFrames() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 1 << 20
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let id = try peer.open(post)
        _ = peer.session.send(pattern(200 * 1024)[...], on: id, end: true)
        #expect(data(peer.received()) == [[1, 65_536], [1, 65_536], [1, 65_536], [1, 8_192]])
    }

    @Test func aGatewaysOutputInPiecesIsTheSameAndLargePayloadsAreAlone() throws {
        var sessions = (0..<2).map { _ in TunnelSession(.gateway, version: .v2) }
        var outputs: [[ArraySlice<UInt8>]] = []
        for index in sessions.indices {
            let opened = sessions[index].open(post)
            let id = try #require(opened)
            for (count, end) in [(100, false), (20_000, false), (70_000, false), (5, true)] {
                #expect(sessions[index].send(pattern(count)[...], on: id, end: end) == .sent)
                sessions[index].ping([1])
            }
            let backlog = sessions[index].backlog
            outputs.append(index == 0 ? sessions[0].takePieces() : [sessions[1].takeOutput()])
            #expect(outputs[index].reduce(0) { $0 + $1.count } == backlog)
            #expect(sessions[index].backlog == backlog && !sessions[index].hasOutput)
        }
        #expect(Array(outputs[0].joined()) == Array(outputs[1].joined()))
        #expect(outputs[0].map(\.count).filter { $0 >= 16 * 1024 } == [20_000, 65_536])
        #expect(sessions[0].takePieces().isEmpty)
    }

    @Test func controlOvertakesDataThatWaits() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 1_000
        limits.initialWindow = 1 << 20
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let bulk = try peer.open(post)
        _ = peer.session.send(pattern(64 * 1024)[...], on: bulk, end: false)
        _ = peer.session.send(pattern(64 * 1024)[...], on: bulk, end: false)
        let other = try peer.open(post)
        peer.session.ping([9])
        #expect(peer.ping([7]).isEmpty)
        peer.session.reset(other, .cancelled)
        let kinds = peer.received().map { message in
            switch message {
            case .text: "head"
            case .binary(let bytes): bytes[0] == 0 ? "data" : "reset"
            case .ping: "ping"
            case .pong: "pong"
            case .closed: "close"
            }
        }
        #expect(kinds == ["head", "data", "head", "ping", "pong", "reset"])
        #expect(data(peer.received()) == [[1, 64 * 1024]])
    }

    @Test func dataWaitsWhileTheTransportIsFull() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 10_000
        limits.initialWindow = 1 << 20
        var session = TunnelSession(.gateway, version: .v2, limits: limits)
        let opened = session.open(post)
        let id = try #require(opened)
        #expect(session.send(pattern(9_000)[...], on: id, end: false) == .sent)
        #expect(session.send(pattern(9_000)[...], on: id, end: false) == .sent)
        #expect(session.send(pattern(9_000)[...], on: id, end: false) == .sent)
        let first = session.takeOutput()
        #expect(session.queuedBytes == 9_000)
        #expect(session.backlog == first.count)
        #expect(session.takeOutput().isEmpty)
        #expect(!session.hasOutput)
        session.wrote(first.count - 10_000)
        #expect(!session.hasOutput)
        session.wrote(1)
        #expect(session.hasOutput)
        #expect(session.takeOutput().count > 9_000)
        #expect(session.queuedBytes == 0)
    }

    @Test func wroteNeverGoesBelowNothing() {
        var session = TunnelSession(.gateway, version: .v2)
        session.wrote(1_000)
        session.ping([])
        #expect(session.takeOutput().count == 2)
        #expect(session.backlog == 2)
        session.wrote(2)
        #expect(session.backlog == 0)
    }

    // MARK: Resets

    @Test func aResetFromEitherEndIsTheEndOfBothHalves() throws {
        for fromGateway in [true, false] {
            var pair = Pair(.v2)
            let id = try pair.gateway.open(post)
            pair.settle()
            pair.agent.session.respond(WebResponse(status: 200, hasBody: true), on: id)
            pair.settle()
            #expect(pair.gateway.session.send([1], on: id, end: false) == .sent)
            #expect(pair.agent.session.send([2], on: id, end: false) == .sent)
            if fromGateway { pair.gateway.session.reset(id, .cancelled) } else { pair.agent.session.reset(id, .timedOut) }
            pair.settle()
            if fromGateway {
                #expect(pair.agent.received.last == .reset(id, .cancelled))
                #expect(pair.gateway.bodies[id] == nil)  // late data is dropped
            } else {
                #expect(pair.gateway.received.last == .reset(id, .timedOut))
            }
            #expect(pair.gateway.session.send([1], on: id, end: false) == .gone)
            #expect(pair.agent.session.send([1], on: id, end: false) == .gone)
            #expect(pair.isClean)
        }
    }

    @Test func aResetDropsWhatWaits() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 10
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let id = try peer.open(post)
        #expect(peer.session.send(pattern(1_000)[...], on: id, end: true) == .sent)
        #expect(peer.session.queuedBytes == 990)
        #expect(peer.say(resetFrame(1, 2)) == [.reset(id, .unreachable)])
        _ = peer.received()
        #expect(peer.isClean)
    }

    @Test func aStreamThatWasResetWhileItWaitedForItsTurnIsSkipped() throws {
        var limits = TunnelLimits()
        limits.outputHighWater = 1_000
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let ids = try (0..<3).map { _ in try peer.open(post) }
        for id in ids { _ = peer.session.send(pattern(5_000)[...], on: id, end: true) }
        peer.session.reset(ids[1], .cancelled)
        var frames: [[Int]] = []
        while peer.session.hasOutput { frames += data(peer.received()) }
        #expect(frames.filter { $0[0] == 2 }.isEmpty)
        let count: Int = frames.reduce(0) { $1[0] != 2 ? $0 + $1[1] : $0 }
        #expect(count == 10_000)
    }

    @Test func resetsMeanNothingInV1() throws {
        var peer = RawPeer(of: .gateway, .v1)
        let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        _ = peer.received()
        peer.session.reset(id, .cancelled)
        #expect(peer.received().isEmpty)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200}}"#).isEmpty)
        #expect(peer.isClean)
    }

    @Test func manySmallSendsToAStreamWithoutCreditStayBounded() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 0
        limits.streamQueueBytes = 4_096
        var session = TunnelSession(.gateway, version: .v2, limits: limits)
        let opened = session.open(post)
        let id = try #require(opened)
        var sends = 0
        while session.send(pattern(100)[...], on: id, end: false) == .sent { sends += 1 }
        #expect(sends == 40)
        #expect(session.queuedBytes <= 4_096 + 100)
    }
}
