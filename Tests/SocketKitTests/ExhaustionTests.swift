// What counts or limits the descriptors of the whole process runs in a process of its own.

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

@Suite("Running out")
struct ExhaustionTests {
    @Test func acceptingSurvivesTheLackOfDescriptors() async {
        await #expect(processExitsWith: .success) {
            for backend in backends { try Self.runOut(backend) }
        }
    }

    @Test func thousandsOfConnectionsLeaveNoDescriptors() async {
        await #expect(processExitsWith: .success) {
            for backend in backends { try Self.connectThousands(backend) }
        }
    }

    private static func runOut(_ backend: PollerBackend) throws {
        var few = rlimit(rlim_cur: 256, rlim_max: 256)
        #if canImport(Glibc)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0)
        #else
            try #require(setrlimit(RLIMIT_NOFILE, &few) == 0)
        #endif
        var limits = LoopLimits()
        limits.lingerMs = 50
        let harness = try LoopHarness(backend, limits: limits)
        var shortages: [DescriptorShortage] = []
        harness.loop.onShortage = { shortages.append($0) }
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        // One pair first, so that whatever the backend needs for itself is there.
        let pair = try harness.pair(listener)
        // Leave room for the dialling ends only.
        var fillers: [Int32] = []
        while fillers.count < 256, case let filler = open("/dev/null", O_RDONLY), filler >= 0 { fillers.append(filler) }
        for filler in fillers.suffix(3) { close(filler) }
        fillers.removeLast(3)
        for _ in 0..<3 { _ = harness.dial(listener.endpoint) }
        try harness.pump("the shortage") { harness.loop.statistics.acceptPauses > 0 }
        // Paused for 100 ms each time: few turns, and the others are still served.
        #expect(try harness.turns(during: .milliseconds(250)) < 100)
        #expect(shortages.contains(DescriptorShortage("accept connections", isOfMachine: false)))
        let dial = harness.dial(listener.endpoint)
        harness.write([1], to: pair.client)
        try harness.pump("a byte") { harness.received[pair.server] == [1] }
        #expect(shortages.contains { $0.operation.hasPrefix("connect to 127.0.0.1:") })
        for filler in fillers { close(filler) }
        try harness.pump("the dial to end") { harness.connected[dial] != nil || harness.dialFailures[dial] != nil }
        let before = harness.accepted.count
        let late = harness.dial(listener.endpoint)
        try harness.pump("recovery") { harness.connected[late] != nil && harness.accepted.count > before }
        #expect(harness.violations.isEmpty)
    }

    private static func connectThousands(_ backend: PollerBackend) throws {
        let before = openDescriptors()
        let count = backend == .epoll ? 4000 : 1500
        try {
            let harness = try LoopHarness(backend)
            let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
            var random = SplitMix(seed: 7)
            harness.onEvent = { event in
                // Every way to end, from either side.
                guard case .accepted(let id, _, _) = event else { return }
                switch random.next() % 4 {
                case 0: harness.loop.perform(.abort(id))
                case 1: harness.loop.perform(.close(id))
                case 2: harness.loop.perform(.finishWriting(id))
                default: harness.write([1], to: id)
                }
            }
            var begun = 0
            while begun < count {
                let dials = (0..<50).map { _ in harness.dial(listener.endpoint) }
                begun += dials.count
                try harness.pump("fifty") {
                    harness.accepted.count == begun && harness.connected.count + harness.dialFailures.count == begun
                }
                for id in dials.compactMap({ harness.connected[$0] }) { harness.loop.perform(.close(id)) }
                for id in harness.accepted.suffix(50) { harness.loop.perform(.close(id)) }
                try harness.pump("all to end") { harness.loop.connectionCount == 0 }
            }
            #expect(harness.violations.isEmpty)
            #expect(harness.loop.statistics.queuedBytes == 0)
        }()
        // Dispatch closes when its queue gets there.
        let limit = SocketLoop.now().advanced(by: .seconds(10))
        while openDescriptors() > before + dispatchsOwn, SocketLoop.now() < limit { sched_yield() }
        #expect(openDescriptors() <= before + dispatchsOwn)
    }

    /// Descriptors that the Dispatch library keeps for itself once used (its own epoll instance, eventfd and timers).
    private static let dispatchsOwn = 8

    private static func openDescriptors() -> Int {
        (0..<Int32(4096)).count { fcntl($0, F_GETFD) != -1 }
    }
}
