// What the loop does beside connections: deadlines, wakes from other threads, signals.

import Dispatch
import MachineCore
import SocketKit
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("The loop")
struct LoopTests {
    @Test(arguments: backends)
    func aDeadlineEndsTheWaitAndNotBefore(backend: PollerBackend) throws {
        let loop = try SocketLoop(backend: backend)
        for _ in 0..<5 {
            let deadline = SocketLoop.now().advanced(by: .microseconds(1_500))
            while SocketLoop.now() < deadline { try loop.turn(until: deadline) { _ in } }
        }
        // A wait that is rounded down would spin through its last millisecond.
        #expect(loop.statistics.turns <= 10)
        try loop.turn(until: Moment()) { _ in }
    }

    @Test(arguments: backends)
    func aWakerEndsTheWaitFromAnotherThread(backend: PollerBackend) throws {
        let loop = try SocketLoop(backend: backend)
        let waker = loop.waker
        for _ in 0..<50 {
            DispatchQueue.global().async { waker.wake() }
            try loop.turn(until: nil) { _ in }
        }
        // Wakes while the loop does not sleep count as one, and are not lost.
        for _ in 0..<1000 { waker.wake() }
        try loop.turn(until: nil) { _ in }
    }

    @Test(arguments: backends)
    func aSignalIsHandledInsideATurn(backend: PollerBackend) throws {
        // One each, since a signal goes to the loop that asked last.
        let signal = backend == .epoll ? SIGUSR1 : SIGUSR2
        let harness = try LoopHarness(backend)
        var caught: [Int32] = []
        try harness.loop.catchSignals([signal]) { caught.append($0) }
        kill(getpid(), signal)
        try harness.pump("the signal") { caught == [signal] }
        kill(getpid(), signal)
        try harness.pump("the same again") { caught == [signal, signal] }
        #expect(throws: SocketError.self) { try harness.loop.catchSignals([SIGKILL]) { _ in } }
        #expect(throws: SocketError.self) { try harness.loop.catchSignals([0]) { _ in } }
        #expect(throws: SocketError.self) { try harness.loop.catchSignals([4000]) { _ in } }
    }

    @Test(arguments: backends)
    func whatWasNotFlushedIsSettledByTheNextTurn(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let (client, server) = try harness.pair()
        harness.write([1], to: client)
        #expect(harness.loop.hasUnsettled)
        while harness.received[server] == nil { try harness.loop.turn(until: nil) { harness.take($0) } }
        #expect(harness.wrote[client] == 1)
        #expect(!harness.loop.hasUnsettled)
    }

    @Test func backendsAreKnownByName() {
        #expect(PollerBackend(rawValue: "epoll") == .epoll)
        #expect(PollerBackend(rawValue: "dispatch") == .dispatch)
    }
}
