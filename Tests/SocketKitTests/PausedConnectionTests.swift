// What happens while a machine does not read. Level-triggered pollers report some conditions for ever, so beside the events
// these tests count turns: a loop that spins makes thousands in the time in which a loop that waits makes a few.

import MachineCore
import SocketKit
import Testing

@Suite("Paused connections")
struct PausedConnectionTests {
    @Test(arguments: backends)
    func bytesWaitUntilReadingResumes(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.loop.perform(.setReading(server, false))
        harness.write([1, 2], to: client)
        harness.loop.perform(.finishWriting(client))
        #expect(try harness.turns(during: .milliseconds(20)) < 20, "a half-closed peer must not keep the loop busy")
        #expect(harness.received[server] == nil)
        #expect(!harness.ended.contains(server))
        harness.loop.perform(.setReading(server, true))
        try harness.pump("the bytes and the end") { harness.ended.contains(server) }
        #expect(harness.received[server] == [1, 2])
    }

    @Test(arguments: backends)
    func aPeerThatIsGoneDoesNotKeepTheLoopBusy(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.loop.perform(.setReading(server, false))
        // Both directions shut with bytes unread: epoll reports the hangup whatever one asks for.
        harness.loop.perform(.finishWriting(server))
        harness.write([1, 2, 3], to: client)
        harness.loop.perform(.close(client))
        try harness.pump("the client's close") { harness.isClosed(client) }
        #expect(try harness.turns(during: .milliseconds(20)) < 20)
        #expect(!harness.isClosed(server))
        harness.loop.perform(.setReading(server, true))
        try harness.pump("the end") { harness.isClosed(server) }
        #expect(harness.received[server] == [1, 2, 3])
        #expect(harness.ended.contains(server))
        #expect(harness.error(of: server) == nil)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func aResetWhilePausedEndsTheConnectionAtTheLatestWhenReadingResumes(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.loop.perform(.setReading(server, false))
        harness.loop.flush { harness.take($0) }
        harness.loop.perform(.abort(client))
        #expect(try harness.turns(during: .milliseconds(20)) < 20)
        if backend == .epoll { #expect(harness.isClosed(server)) }
        harness.loop.perform(.setReading(server, true))
        try harness.pump("the reset") { harness.isClosed(server) }
        #expect(harness.error(of: server) == "connection reset by the peer")
    }

    @Test(arguments: backends)
    func aUnixPeerThatIsGoneIsNoticedByWhoeverWaitsForNothing(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let path = temporaryPath()
        let (client, server) = try harness.pair(try harness.loop.listen(on: .unix(path: path)))
        harness.loop.perform(.abort(client))
        try harness.pump("the end of its stream") { harness.ended.contains(server) }
        #expect(try harness.turns(during: .milliseconds(20)) < 20)
        harness.write([1], to: server)
        try harness.pump("the end") { harness.isClosed(server) }
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func pausingAndResumingInOneTurnCostsNoCall(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        _ = try harness.turns(during: .milliseconds(2))
        let before = harness.loop.statistics.interestChanges
        for _ in 0..<10 {
            harness.loop.perform(.setReading(server, false))
            harness.loop.perform(.setReading(server, true))
        }
        harness.write([1], to: client)
        try harness.pump("a byte") { harness.received[server] == [1] }
        #expect(harness.loop.statistics.interestChanges == before)
    }
}
