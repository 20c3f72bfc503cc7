// Several addresses of one endpoint (RFC 8305): a dead one delays no other, the first that connects wins, and nothing of the
// others is left.

import MachineCore
import Testing

@testable import SocketKit

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("Dials of several addresses")
struct HappyEyeballsTests {
    private let endpoint = Endpoint.tcp(host: "service.example", port: 80)

    private func address(_ host: String, _ port: UInt16) throws -> SocketAddress {
        try #require(SocketAddress(literal: host, port: port))
    }

    private func address(_ listener: Listener) throws -> SocketAddress {
        guard case .tcp(let host, let port) = listener.endpoint else { throw SocketError("listen", "tcp", reason: "no port") }
        return try address(host, port)
    }

    private func limits(delay: Duration, timeout: Duration = .seconds(60)) -> LoopLimits {
        var limits = LoopLimits()
        limits.attemptDelay = delay
        limits.connectTimeout = timeout
        return limits
    }

    #if os(Linux)
        /// An address that takes no more connections and refuses none: its queue is full.
        private final class Blackhole {
            let address: SocketAddress
            private var descriptors: [Int32] = []

            init() throws {
                let listening = Platform.streamSocket(AF_INET)
                let any = try #require(SocketAddress(literal: "127.0.0.2", port: 0))
                try #require(any.lend { bind(listening, $0, $1) } == 0 && listen(listening, 0) == 0)
                address = try #require(SocketAddress.local(of: listening))
                descriptors.append(listening)
                for _ in 0..<4 {
                    let filling = Platform.streamSocket(AF_INET)
                    _ = address.lend { connect(filling, $0, $1) }
                    descriptors.append(filling)
                }
            }

            deinit { for descriptor in descriptors { close(descriptor) } }
        }

        @Test(arguments: backends)
        func aDeadFirstAddressDelaysNoOther(backend: PollerBackend) throws {
            let harness = try LoopHarness(backend, limits: limits(delay: .milliseconds(20)))
            let dead = try Blackhole()
            let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
            let live = try address(listener)
            let dial = DialID(rawValue: 1)
            harness.loop.dial(dial, endpoint, [dead.address, live])
            try harness.pump("a connection") { harness.connected[dial] != nil && !harness.accepted.isEmpty }
            #expect(harness.loop.connectionCount == 2, "its two ends: the other attempt is closed")
            #expect(harness.loop.attempts.isEmpty && harness.loop.dials.isEmpty && harness.loop.timers.next == nil)
            // The next time the one that won is first.
            let next = DialID(rawValue: 2)
            harness.loop.dial(next, endpoint, [dead.address, live])
            #expect(harness.loop.dials[next]?.addresses.first?.isSame(as: live) != false)
            try harness.pump("another") { harness.connected[next] != nil }
            #expect(harness.dialFailures.isEmpty && harness.violations.isEmpty)
        }

        @Test(arguments: backends)
        func theFailureNamesAllThatWereTried(backend: PollerBackend) throws {
            let harness = try LoopHarness(backend, limits: limits(delay: .milliseconds(5), timeout: .milliseconds(60)))
            let (dead, other) = (try Blackhole(), try Blackhole())
            let port = try BoundPort()
            let dial = DialID(rawValue: 1)
            let addresses = [dead.address, other.address, try address("127.0.0.1", port.number)]
            harness.loop.dial(dial, endpoint, addresses)
            try harness.pump("the failure") { harness.dialFailures[dial] != nil }
            let reason = try #require(harness.dialFailures[dial])
            for address in addresses { #expect(reason.contains("\(address.text): "), "\(reason)") }
            #expect(reason.contains("Connection refused") && reason.contains("no connection within"))
            #expect(harness.loop.connectionCount == 0 && harness.loop.timers.next == nil)
        }

        @Test(arguments: backends)
        func aCancelledDialLeavesNoAttempt(backend: PollerBackend) throws {
            let harness = try LoopHarness(backend, limits: limits(delay: .milliseconds(5)))
            let (dead, other) = (try Blackhole(), try Blackhole())
            let dial = DialID(rawValue: 1)
            harness.loop.dial(dial, endpoint, [dead.address, other.address])
            try harness.pump("both attempts") { harness.loop.connectionCount == 2 }
            harness.loop.perform(.cancelDial(dial))
            #expect(harness.loop.connectionCount == 0 && harness.loop.attempts.isEmpty && harness.loop.timers.next == nil)
            #expect(harness.dialFailures.isEmpty)
        }
    #endif

    @Test(arguments: backends)
    func aRefusalGoesOnAtOnce(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend, limits: limits(delay: .seconds(3_600)))
        let port = try BoundPort()
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let dial = DialID(rawValue: 1)
        harness.loop.dial(dial, endpoint, [try address("127.0.0.1", port.number), try address(listener)])
        try harness.pump("a connection") { harness.connected[dial] != nil && !harness.accepted.isEmpty }
        #expect(harness.loop.connectionCount == 2 && harness.loop.timers.next == nil)
    }

    @Test func familiesTakeTurnsAndTheLastWinnerIsFirst() throws {
        let texts = ["2001:db8::1", "2001:db8::2", "2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
        let addresses = try texts.map { try address($0, 80) }
        let ordered = SocketLoop.order(addresses, first: nil).map(\.hostText)
        #expect(ordered == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"])
        let again = SocketLoop.order(addresses, first: try address("192.0.2.2", 80)).map(\.hostText)
        #expect(again == ["192.0.2.2", "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.3"])
        #expect(SocketLoop.order(addresses, first: try address("192.0.2.9", 80)).count == 5)
        let many = try (0..<100).map { try address("192.0.2.\($0)", 80) }
        #expect(SocketLoop.order(many, first: nil).count == 16)
    }
}
