// Dials: what they reach, what they say when they fail, and that a cancelled one is never heard of again.
// Names that must not resolve end in `.invalid` (RFC 6761 §6.4); addresses that must not respond are of RFC 5737.

import MachineCore
import SocketKit
import Testing

@Suite("Dials")
struct DialTests {
    @Test(arguments: backends)
    func aRefusedDialSaysWhoRefused(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let port = try BoundPort()
        let dial = harness.dial(.tcp(host: "127.0.0.1", port: port.number))
        try harness.pump("the refusal") { harness.dialFailures[dial] != nil }
        #expect(harness.dialFailures[dial] == "127.0.0.1:\(port.number): Connection refused")
        #expect(harness.loop.connectionCount == 0)
    }

    @Test(arguments: backends)
    func localhostTriesBothFamiliesWithoutAResolver(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let port = try BoundPort()
        let dial = harness.dial(.tcp(host: "LocalHost", port: port.number))
        try harness.pump("both refusals") { harness.dialFailures[dial] != nil }
        let reason = try #require(harness.dialFailures[dial])
        #expect(reason.hasPrefix("127.0.0.1:\(port.number): Connection refused; [::1]:\(port.number): "))
    }

    @Test(arguments: backends, ["127.0.0.1", "::1"])
    func localhostFindsAServerOfEitherFamily(backend: PollerBackend, host: String) throws {
        let harness = try LoopHarness(backend)
        guard let listener = try? harness.loop.listen(on: .tcp(host: host, port: 0)) else { return }  // no IPv6 here
        guard case .tcp(_, let port) = listener.endpoint else { return }
        let dial = harness.dial(.tcp(host: "app.localhost", port: port))
        try harness.pump("a connection") { harness.connected[dial] != nil && !harness.accepted.isEmpty }
        let server = try #require(harness.accepted.first)
        #expect(harness.peers[server] == host)
    }

    @Test(arguments: backends)
    func aNameWithoutAddressIsAFailureThatNamesIt(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let dial = harness.dial(.tcp(host: "name.invalid", port: 80))
        try harness.pump("the resolver") { harness.dialFailures[dial] != nil }
        #expect(harness.dialFailures[dial]?.hasPrefix("name.invalid: ") == true)
    }

    @Test(arguments: backends)
    func endpointsThatAreNoneFailAtOnce(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let endpoints: [Endpoint] = [
            .tcp(host: "", port: 1), .tcp(host: "a\u{0}b", port: 1), .unix(path: ""),
            .unix(path: String(repeating: "x", count: 500)), .unix(path: temporaryPath()),
        ]
        for endpoint in endpoints {
            let dial = harness.dial(endpoint)
            try harness.pump("the failure") { harness.dialFailures[dial] != nil }
        }
        #expect(harness.loop.connectionCount == 0)
    }

    @Test(arguments: backends)
    func aCancelledDialLeavesNoEvent(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let path = temporaryPath()
        let unixListener = try harness.loop.listen(on: .unix(path: path))
        let port = try BoundPort()
        let dials = [
            harness.dial(listener.endpoint), harness.dial(unixListener.endpoint),
            harness.dial(.tcp(host: "127.0.0.1", port: port.number)), harness.dial(.tcp(host: "name.invalid", port: 1)),
            // A documentation address (RFC 5737): nothing responds, or the network is unreachable.
            harness.dial(.tcp(host: "192.0.2.1", port: 9)),
        ]
        for dial in dials { harness.loop.perform(.cancelDial(dial)) }
        harness.loop.perform(.cancelDial(DialID(rawValue: 99)))
        let witness = try harness.pair(listener)
        try harness.pump("the clients' ends") { harness.accepted.count == 3 && harness.ended.count >= 2 }
        #expect(harness.connected.count == 1)
        #expect(harness.dialFailures.isEmpty)
        #expect(!harness.isClosed(witness.client))
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func aDialCancelledByTheHandlerOfAnotherIsNotHeardOf(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let first = DialID(rawValue: 1)
        let second = DialID(rawValue: 2)
        harness.onEvent = { event in
            if case .connected(first, _) = event { harness.loop.perform(.cancelDial(second)) }
        }
        harness.loop.perform(.dial(first, listener.endpoint))
        harness.loop.perform(.dial(second, listener.endpoint))
        try harness.pump("both accepted, one gone") { harness.accepted.count == 2 && harness.ended.count == 1 }
        #expect(harness.connected[second] == nil)
        #expect(harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func anAddressThatDoesNotRespondIsGivenUp(backend: PollerBackend) throws {
        var limits = LoopLimits()
        limits.connectTimeout = .milliseconds(20)
        let harness = try LoopHarness(backend, limits: limits)
        let dial = harness.dial(.tcp(host: "192.0.2.1", port: 9))
        try harness.pump("the failure") { harness.dialFailures[dial] != nil }
        #expect(harness.dialFailures[dial]?.hasPrefix("192.0.2.1:9: ") == true)
        #expect(harness.loop.connectionCount == 0)
    }

    @Test(arguments: backends)
    func writesRightAfterConnectedArrive(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        harness.onEvent = { event in
            if case .connected(_, let id) = event { harness.write([1, 2, 3], to: id) }
        }
        _ = harness.dial(listener.endpoint)
        try harness.pump("the bytes") { harness.accepted.first.flatMap { harness.received[$0] } == [1, 2, 3] }
    }
}
