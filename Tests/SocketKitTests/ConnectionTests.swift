// An open connection's whole life over real sockets: bytes both ways, back-pressure, half-closes, and each way to end.
// Every test runs over each backend; both ends usually live on the loop under test, so that nothing depends on timing.

import MachineCore
import SocketKit
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("Connections")
struct ConnectionTests {
    @Test(arguments: backends)
    func echoesWhatItReceives(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.onEvent = { event in
            if case .received(server, let bytes) = event { harness.loop.perform(.write(server, bytes)) }
        }
        harness.write(Array("hello".utf8), to: client)
        try harness.pump("the echo") { harness.received[client]?.count == 5 && harness.wrote[server] == 5 }
        #expect(harness.received[client] == Array("hello".utf8))
        #expect(harness.wrote[client] == 5)
        #expect(harness.peers[server] == "127.0.0.1")
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func smallWritesOfATurnShareACall(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let before = harness.loop.statistics.writes
        for byte in UInt8(0)..<100 { harness.write([byte], to: client) }
        try harness.pump("a hundred bytes") { harness.received[server]?.count == 100 }
        #expect(harness.loop.statistics.writes - before == 1)
        #expect(harness.received[server] == Array(UInt8(0)..<100))
    }

    @Test(arguments: backends)
    func largeWritesOfATurnShareACallInTheirOrder(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let before = harness.loop.statistics.writes
        let pieces = [1, 16_384, 2, 20_000, 1, 30_000].map { patterned($0, seed: UInt64($0)) }
        for piece in pieces { harness.write(piece, to: client) }
        harness.loop.writeLent()
        #expect(harness.loop.statistics.writes - before == 1)
        let whole = Array(pieces.joined())
        try harness.pump("all of it") { harness.received[server]?.count == whole.count && harness.wrote[client] == whole.count }
        #expect(harness.received[server] == whole)
        #expect(harness.loop.statistics.queuedBytes == 0)
    }

    @Test(arguments: backends)
    func whatIsStillLentWhenTheMachineClosesArrives(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let whole = patterned(40_000, seed: 3)
        harness.write(whole, to: client)
        harness.loop.perform(.close(client))
        try harness.pump("all of it, and the end") { harness.ended.contains(server) }
        #expect(harness.received[server] == whole)
    }

    @Test(arguments: backends)
    func carriesMegabytesBothWaysAtOnce(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let up = patterned(3_000_001, seed: 1)
        let down = patterned(2_000_003, seed: 5)
        // Pieces of all sizes: some are queued, some written at once, some with the queue before them.
        var sizes = SplitMix(seed: 2)
        func send(_ bytes: [UInt8], to id: ConnectionID) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...60_000, using: &sizes))
                harness.loop.perform(.write(id, piece))
                rest = rest.dropFirst(piece.count)
            }
        }
        send(up, to: client)
        send(down, to: server)
        try harness.pump("all bytes") {
            harness.received[server]?.count == up.count && harness.received[client]?.count == down.count
        }
        try harness.pump("all credit") { harness.wrote[client] == up.count && harness.wrote[server] == down.count }
        #expect(harness.received[server] == up)
        #expect(harness.received[client] == down)
        #expect(harness.loop.statistics.queuedBytes == 0)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func aReaderThatPausesHoldsUpItsWriterOnly(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.loop.perform(.setReading(server, false))
        harness.loop.flush { harness.take($0) }
        // Writes only against credit, 256 KiB ahead, as machines do.
        let total = 20_000_000
        let chunk = [UInt8](repeating: 7, count: 64 * 1024)
        var offered = 0
        var mostQueued = 0
        func fill() {
            while offered < total, offered - (harness.wrote[client] ?? 0) < 256 * 1024 {
                let piece = chunk.prefix(total - offered)
                offered += piece.count
                harness.loop.perform(.write(client, piece))
            }
            mostQueued = max(mostQueued, harness.loop.statistics.queuedBytes)
        }
        harness.onEvent = { if case .wrote(client, _) = $0 { fill() } }
        fill()
        // The kernel's buffers fill up, and then nothing moves.
        var before = -1
        while before != harness.wrote[client] ?? 0 {
            before = harness.wrote[client] ?? 0
            _ = try harness.turns(during: .milliseconds(5))
        }
        #expect(before < total)
        #expect(harness.received[server] == nil)
        #expect(try harness.turns(during: .milliseconds(20)) < 20)
        harness.loop.perform(.setReading(server, true))
        try harness.pump("the rest") { harness.received[server]?.count == total && harness.wrote[client] == total }
        #expect(mostQueued <= 256 * 1024 + chunk.count)
    }

    @Test(arguments: backends)
    func eitherHalfEndsByItself(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.write([1, 2, 3], to: client)
        harness.loop.perform(.finishWriting(client))
        harness.write([9], to: client)  // too late, and ignored
        try harness.pump("the client's end") { harness.ended.contains(server) }
        #expect(harness.received[server] == [1, 2, 3])
        #expect(try harness.turns(during: .milliseconds(20)) < 20, "an ended stream must not keep the loop busy")
        harness.write([4, 5], to: server)
        try harness.pump("a response after the end") { harness.received[client] == [4, 5] }
        harness.loop.perform(.finishWriting(server))
        try harness.pump("both closed") { harness.isClosed(client) && harness.isClosed(server) }
        #expect(harness.ended.contains(client))
        #expect(harness.error(of: client) == nil)
        #expect(harness.error(of: server) == nil)
        #expect(harness.loop.connectionCount == 0)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func closeDeliversAllThatWasWritten(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let bytes = patterned(4_000_000, seed: 3)
        // The peer is writing too: a plain close(2) would reset its bytes, and that reset overtakes ours.
        harness.write([UInt8](repeating: 1, count: 300_000), to: client)
        harness.write(bytes, to: server)
        harness.loop.perform(.close(server))
        harness.write([1], to: server)  // ignored
        try harness.pump("everything") { harness.ended.contains(client) }
        #expect(harness.received[client] == bytes)
        #expect(harness.wrote[server] == bytes.count)
        harness.loop.perform(.close(client))
        try harness.pump("both closed") { harness.isClosed(client) && harness.isClosed(server) }
        #expect(harness.error(of: server) == nil)
        #expect(harness.received[server] == nil, "what comes after close is discarded")
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func closeAtOnceWritesEverythingAndDoesNotWaitForThePeer(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        let bytes = [UInt8](repeating: 7, count: 3_000_000)
        harness.write(bytes, to: server)
        harness.loop.perform(.closeAtOnce(server))
        try harness.pump("the end") { harness.isClosed(server) && harness.ended.contains(client) }
        #expect(harness.error(of: server) == nil)
        #expect(harness.received[client] == bytes)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func closeEndsAlsoIfThePeerNeverDoes(backend: PollerBackend) throws {
        var limits = LoopLimits()
        limits.lingerMs = 5
        let harness = try LoopHarness(backend, limits: limits)
        let (client, server) = try harness.pair()
        harness.loop.perform(.close(server))
        try harness.pump("the end of the linger time") { harness.isClosed(server) }
        #expect(harness.error(of: server) == nil)
        try harness.pump("the end as the peer sees it") { harness.ended.contains(client) }
    }

    @Test(arguments: backends)
    func closeGivesUpOnAPeerThatTakesNothing(backend: PollerBackend) throws {
        var limits = LoopLimits()
        limits.flushTimeout = .milliseconds(20)
        let harness = try LoopHarness(backend, limits: limits)
        let (client, server) = try harness.pair()
        harness.loop.perform(.setReading(client, false))
        harness.write([UInt8](repeating: 1, count: 30_000_000), to: server)
        harness.loop.perform(.close(server))
        try harness.pump("giving up") { harness.isClosed(server) }
        #expect(harness.error(of: server) != nil)
        #expect(harness.loop.statistics.queuedBytes == 0)
    }

    @Test(arguments: backends)
    func abortIsSeenAsAReset(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.write([1], to: server)
        harness.loop.perform(.abort(server))
        try harness.pump("the reset") { harness.isClosed(client) && harness.isClosed(server) }
        #expect(harness.error(of: client) == "connection reset by the peer")
        #expect(harness.error(of: server) == nil, "we closed it ourselves")
        #expect(harness.received[client] == nil, "what was queued is dropped")
        #expect(!harness.ended.contains(client), "a reset must not pass for an end")
    }

    @Test(arguments: backends)
    func aResponseThatCameBeforeAFailedWriteIsStillRead(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try BoundPort(listening: true)
        let dial = harness.dial(.tcp(host: "127.0.0.1", port: listener.number))
        try harness.pump("a connection") { harness.connected[dial] != nil }
        let client = try #require(harness.connected[dial])
        harness.write([1], to: client)
        harness.loop.flush { harness.take($0) }
        // The server responds early and leaves without having read: its kernel sends a reset after the response.
        let server = accept(listener.descriptor, nil, nil)
        try #require(send(server, "413", 3, 0) == 3)
        close(server)
        harness.write([UInt8](repeating: 2, count: 100_000), to: client)
        harness.loop.flush { harness.take($0) }
        #expect(harness.received[client] == Array("413".utf8))
        #expect(harness.isClosed(client))
        #expect(harness.error(of: client) != nil)
        #expect(harness.loop.statistics.queuedBytes == 0)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func commandsForConnectionsThatAreGoneAreIgnored(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let old = try harness.pair(listener)
        harness.loop.perform(.abort(old.client))
        try harness.pump("both gone") { harness.isClosed(old.client) && harness.isClosed(old.server) }
        let new = try harness.pair(listener)
        #expect(Set([new.client.slot, new.server.slot]) == Set([old.client.slot, old.server.slot]), "slots are reused")
        for id in [old.client, old.server, ConnectionID(rawValue: .max), ConnectionID(slot: 1 << 30, generation: 0)] {
            harness.write([1], to: id)
            harness.loop.perform(.setReading(id, false))
            harness.loop.perform(.finishWriting(id))
            harness.loop.perform(.close(id))
            harness.loop.perform(.abort(id))
        }
        harness.write([2], to: new.client)
        try harness.pump("the new pair to work") { harness.received[new.server] == [2] }
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func eventsOfABatchDoNotReachTheNextUserOfASlot(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let pairs = try (0..<8).map { _ in try harness.pair(listener) }
        // Whichever is read first aborts all the others, whose events are in the same batch.
        var isFirst = true
        harness.onEvent = { event in
            guard case .received(let id, _) = event, isFirst else { return }
            isFirst = false
            for pair in pairs where pair.server != id { harness.loop.perform(.abort(pair.server)) }
            for _ in pairs { _ = harness.dial(listener.endpoint) }
        }
        for pair in pairs { harness.write([1], to: pair.client) }
        try harness.pump("the aborted to close") { pairs.filter { harness.isClosed($0.server) }.count == pairs.count - 1 }
        try harness.pump("the new dials") { harness.connected.count == 2 * pairs.count }
        #expect(harness.received.count == 1)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func aMachineMayKeepWhatItWasLent(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        var kept: [ArraySlice<UInt8>] = []
        harness.onEvent = { if case .received(server, let bytes) = $0 { kept.append(bytes) } }
        for byte in UInt8(1)...5 {
            harness.write([byte], to: client)
            try harness.pump("byte \(byte)") { kept.count == byte }
        }
        #expect(kept.map { Array($0) } == [[1], [2], [3], [4], [5]])
    }

    @Test(arguments: backends)
    func aConnectionMovesToAnotherLoopWithItsBytes(backend: PollerBackend) throws {
        let first = try LoopHarness(backend)
        let second = try LoopHarness(backend)
        let (client, server) = try first.pair()
        first.loop.perform(.setReading(client, false))
        let bytes = patterned(12_000_000, seed: 4)
        first.write(bytes, to: server)
        first.loop.flush { first.take($0) }
        let detached = try #require(first.loop.detach(server))
        #expect(first.loop.detach(server) == nil)
        #expect(first.loop.connectionCount == 1)
        let moved = try #require(second.loop.adopt(detached))
        #expect(second.loop.adopt(detached) == nil)
        second.take(.accepted(moved, peer: "", listener: 0))
        second.loop.perform(.finishWriting(moved))
        first.loop.perform(.setReading(client, true))
        while !first.ended.contains(client) {
            try first.turn(until: SocketLoop.now())
            try second.turn(until: SocketLoop.now())
        }
        #expect(first.received[client] == bytes)
        #expect((first.wrote[server] ?? 0) + (second.wrote[moved] ?? 0) == bytes.count)
        first.write([5], to: client)
        first.loop.flush { first.take($0) }
        try second.pump("bytes on the other loop") { second.received[moved] == [5] }
        #expect(first.violations.isEmpty && second.violations.isEmpty)
    }
}

/// `count` bytes of which no piece passes for another: a random block of a prime length, repeated.
private func patterned(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix(seed: seed)
    let block = random.bytes(4093)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + block.count)
    while bytes.count < count { bytes += block }
    return Array(bytes.prefix(count))
}
