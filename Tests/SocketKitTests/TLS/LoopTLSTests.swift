// TLS on connections of a loop: both ends are on the loop under test, so that nothing depends on timing.

import MachineCore
import Testing
import X509

@testable import SocketKit

/// A loop with a listener that speaks TLS, and a profile for clients that believe it.
final class TLSHarness {
    let harness: LoopHarness
    let listener: Listener
    private(set) var failures: [TLSHandshakeFailure] = []
    var loop: SocketLoop { harness.loop }
    static let profile = TLSProfile(rawValue: "test")

    init(
        _ backend: PollerBackend = .platformDefault, limits: LoopLimits = .init(), names: [String] = ["gw.example.com"]
    ) throws {
        harness = try LoopHarness(backend, limits: limits)
        listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let authority = try TestAuthority.usual.get()
        try harness.loop.setTLS(TLSServerSettings([authority.credential(names)]), for: listener)
        try harness.loop.setTLS(TLSClientSettings(trust: .authorities(authority.pem)), for: Self.profile)
        harness.loop.onHandshakeFailure = { [unowned self] in failures.append($0) }
    }

    /// A connection to the listener, without a handshake.
    func connect() throws -> ConnectionID {
        let dial = harness.dial(listener.endpoint)
        try harness.pump("a connection") { harness.connected[dial] != nil }
        return try #require(harness.connected[dial])
    }

    /// A connection whose client has asked for TLS.
    func start(host: String = "gw.example.com", _ profile: TLSProfile = profile) throws -> ConnectionID {
        let client = try connect()
        loop.perform(.startTLS(client, TLSPeer(host: host, profile: profile)))
        return client
    }

    /// A connection's two ends, after the handshake.
    func pair(host: String = "gw.example.com") throws -> (client: ConnectionID, server: ConnectionID) {
        let before = harness.accepted.count
        let client = try start(host: host)
        try harness.pump("a handshake") {
            harness.isClosed(client) || harness.secured[client] != nil && harness.accepted.count > before
        }
        return (client, try #require(harness.accepted.last))
    }
}

/// At least `count` bytes in which no piece stands at a place where another would be equal to it.
private func manyBytes(_ count: Int) -> [UInt8] {
    var bytes = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    while bytes.count < count { bytes += bytes }
    return bytes
}

@Suite("TLS on a loop", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct LoopTLSTests {
    @Test(arguments: backends)
    func bytesGoBothWaysAndFactsComeFirst(backend: PollerBackend) throws {
        let tls = try TLSHarness(backend)
        var order: [String] = []
        tls.harness.onEvent = { event in
            switch event {
            case .accepted: order.append("accepted")
            case .secured(let id, _) where id == tls.harness.accepted.last: order.append("secured")
            case .received(let id, let bytes) where id == tls.harness.accepted.last:
                order.append("received")
                tls.loop.perform(.write(id, bytes))
            case .secured, .connected, .dialFailed, .received, .receivedEOF, .wrote, .closed: break
            }
        }
        let client = try tls.start()
        tls.harness.write(Array("hello".utf8), to: client)  // waits for the handshake
        try tls.harness.pump("the echo") { tls.harness.received[client]?.count == 5 }
        let server = try #require(tls.harness.accepted.last)
        try tls.harness.pump("the credit") { tls.harness.wrote[client] == 5 && tls.harness.wrote[server] == 5 }
        #expect(tls.harness.received[client] == Array("hello".utf8))
        #expect(order == ["accepted", "secured", "received"])
        #expect(tls.harness.secured[server]?.serverName == "gw.example.com")
        #expect(tls.harness.secured[client]?.peerNames == ["gw.example.com"])
        #expect(tls.loop.statistics.handshakes == 2 && tls.loop.statistics.failedHandshakes == 0)
        #expect(tls.harness.violations.isEmpty)
    }

    @Test(arguments: backends)
    func whatIsNotReadIsNotSaidToBeWritten(backend: PollerBackend) throws {
        let tls = try TLSHarness(backend)
        let (client, server) = try tls.pair()
        tls.loop.perform(.setReading(server, false))
        let bytes = manyBytes(8_000_000)
        tls.harness.write(bytes, to: client)
        tls.harness.write([1, 2, 3], to: client)
        _ = try tls.harness.turns(during: .milliseconds(50))
        #expect((tls.harness.wrote[client] ?? 0) < bytes.count)
        tls.loop.perform(.setReading(server, true))
        try tls.harness.pump("all of it") { tls.harness.received[server]?.count == bytes.count + 3 }
        try tls.harness.pump("the credit") { tls.harness.wrote[client] == bytes.count + 3 }
        #expect(tls.harness.received[server] == bytes + [1, 2, 3])
        #expect(tls.loop.statistics.queuedBytes == 0)
        #expect(tls.harness.violations.isEmpty)
    }

    @Test func anEndThatWasSaidIsAnEnd() throws {
        let tls = try TLSHarness()
        let (client, server) = try tls.pair()
        tls.harness.write([7], to: client)
        tls.loop.perform(.finishWriting(client))
        try tls.harness.pump("the end") { tls.harness.ended.contains(server) }
        tls.harness.write([8, 9], to: server)
        tls.loop.perform(.close(server))
        try tls.harness.pump("both ends") { tls.harness.isClosed(client) && tls.harness.isClosed(server) }
        #expect(tls.harness.received[server] == [7] && tls.harness.received[client] == [8, 9])
        #expect(tls.harness.ended.contains(client))
        #expect(tls.harness.error(of: client) == nil)
        #expect(tls.harness.error(of: server) == nil)
        #expect(tls.loop.connectionCount == 0)
    }

    @Test func anEndThatWasNotSaidIsAnError() throws {
        let tls = try TLSHarness()
        let (client, server) = try tls.pair()
        tls.harness.write([7], to: server)
        try tls.harness.pump("a byte") { tls.harness.received[client] == [7] }
        tls.loop.perform(.abort(server))
        try tls.harness.pump("its end") { tls.harness.isClosed(client) }
        #expect(tls.harness.error(of: client) != nil)
        #expect(!tls.harness.ended.contains(client))
    }

    @Test func aConnectionTakesItsEngineToAnotherLoop() throws {
        let tls = try TLSHarness()
        let other = try LoopHarness(.platformDefault)
        let (client, server) = try tls.pair()
        // What waits, as plaintext and as ciphertext, goes along.
        let bytes = manyBytes(6_000_000)
        tls.loop.perform(.setReading(client, false))
        tls.harness.write(bytes, to: server)
        _ = try tls.harness.turns(during: .milliseconds(20))
        tls.harness.write([1, 2], to: server)
        let moved = try #require(tls.loop.detach(server).flatMap { other.loop.adopt($0) })
        #expect(tls.loop.statistics.queuedBytes == 0)
        tls.loop.perform(.setReading(client, true))
        let limit = SocketLoop.now().advanced(by: .seconds(20))
        while tls.harness.received[client]?.count != bytes.count + 2, SocketLoop.now() < limit {
            try tls.harness.turn(until: SocketLoop.now().advanced(by: .milliseconds(1)))
            try other.turn(until: SocketLoop.now().advanced(by: .milliseconds(1)))
        }
        #expect(tls.harness.received[client] == bytes + [1, 2])
        other.loop.perform(.abort(moved))
    }

    @Test func newSettingsAreForNewConnections() throws {
        let tls = try TLSHarness()
        let (client, server) = try tls.pair()
        let authority = try TestAuthority.usual.get()
        try tls.loop.setTLS(TLSServerSettings([authority.credential(["other.example.com"])]), for: tls.listener)
        let second = try tls.pair(host: "other.example.com")
        #expect(tls.harness.secured[second.client]?.peerNames == ["other.example.com"])
        tls.harness.write([1], to: client)
        try tls.harness.pump("a byte") { tls.harness.received[server] == [1] }
        #expect(throws: TLSError.self) {
            try tls.loop.setTLS(TLSServerSettings([TLSCredential(chain: [1], key: [2])]), for: tls.listener)
        }
        let third = try tls.pair(host: "other.example.com")
        #expect(tls.harness.secured[third.client] != nil)
    }
}

@Suite("TLS handshakes on a loop", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct LoopHandshakeTests {
    @Test(arguments: backends)
    func aClientWithoutTLSIsNeverAnnounced(backend: PollerBackend) throws {
        let tls = try TLSHarness(backend)
        let client = try tls.connect()
        tls.harness.write(Array("GET / HTTP/1.1\r\n\r\n".utf8), to: client)
        try tls.harness.pump("its end") { tls.harness.isClosed(client) || tls.harness.ended.contains(client) }
        try tls.harness.pump("the failure") { !tls.failures.isEmpty }
        #expect(tls.failures.map(\.error) == [.plainHTTP])
        #expect(tls.failures.first?.peer == "127.0.0.1")
        #expect(tls.harness.accepted.isEmpty && tls.harness.violations.isEmpty)
        #expect(tls.loop.statistics.failedHandshakes == 1)
    }

    @Test func aClientThatSpeaksHTTPIsToldInItsOwnWords() throws {
        let tls = try TLSHarness()
        tls.loop.plainHTTPResponse = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
        let client = try tls.connect()
        tls.harness.write(Array("GET / HTTP/1.1\r\n\r\n".utf8), to: client)
        try tls.harness.pump("the end") { tls.harness.ended.contains(client) }
        #expect(tls.harness.received[client] == tls.loop.plainHTTPResponse, "and nothing of TLS")
        tls.loop.perform(.close(client))
        try tls.harness.pump("both ends") { tls.harness.isClosed(client) && tls.loop.connectionCount == 0 }
        #expect(tls.loop.statistics.queuedBytes == 0)
    }

    @Test func aClientThatSaysNothingIsClosedAfterAWhile() throws {
        var limits = LoopLimits()
        limits.handshakeTimeout = .milliseconds(10)
        let tls = try TLSHarness(limits: limits)
        let client = try tls.connect()
        try tls.harness.pump("its end") { tls.harness.ended.contains(client) }
        #expect(tls.failures.count == 1 && tls.harness.accepted.isEmpty)
    }

    @Test func ofTooManyTheOldestIsGivenUp() throws {
        var limits = LoopLimits()
        limits.maximumHandshakes = 2
        let tls = try TLSHarness(limits: limits)
        let silent = try (0..<3).map { _ in try tls.connect() }
        try tls.harness.pump("the oldest's end") { tls.harness.ended.contains(silent[0]) }
        #expect(tls.failures.count == 1)
        #expect(!tls.harness.ended.contains(silent[1]) && !tls.harness.ended.contains(silent[2]))
        let (client, _) = try tls.pair()
        #expect(tls.harness.secured[client] != nil)
    }

    @Test func aServerThatIsNotBelievedIsLeft() throws {
        let tls = try TLSHarness()
        let client = try tls.start(host: "other.example.com")
        try tls.harness.pump("its end") { tls.harness.isClosed(client) && !tls.failures.isEmpty }
        let error = try #require(tls.harness.error(of: client))
        #expect(error.contains("gw.example.com"), "\(error)")
        #expect(tls.harness.accepted.isEmpty && tls.failures.count == 1)
    }

    @Test func aProfileThatNobodyPreparedIsAnError() throws {
        let tls = try TLSHarness()
        let client = try tls.start(TLSProfile(rawValue: "none"))
        try tls.harness.pump("its end") { tls.harness.isClosed(client) }
        #expect(tls.harness.error(of: client)?.contains("`none`") == true)
    }

    @Test func aMachineMayCloseBeforeTheHandshakeIsOver() throws {
        let tls = try TLSHarness()
        let client = try tls.connect()
        tls.loop.perform(.startTLS(client, TLSPeer(host: "gw.example.com", profile: TLSHarness.profile)))
        tls.harness.write([1, 2, 3], to: client)
        tls.loop.perform(.close(client))
        try tls.harness.pump("its end") { tls.harness.isClosed(client) }
        #expect(tls.harness.secured[client] == nil && tls.harness.violations.isEmpty)
    }

    @Test func anAuthorityThatChecksANameIsNotAnnounced() throws {
        let tls = try TLSHarness()
        let challenge = try selfSigned(["new.example.com"], challengeDigest: [UInt8](repeating: 7, count: 32))
        try tls.loop.setChallenge(for: "new.example.com", challenge)
        let profile = TLSProfile(rawValue: "authority")
        try tls.loop.setTLS(
            TLSClientSettings(trust: .pins([pin(of: challenge)]), protocols: ["acme-tls/1"]), for: profile)
        let client = try tls.start(host: "new.example.com", profile)
        try tls.harness.pump("its end") { tls.harness.ended.contains(client) || tls.harness.isClosed(client) }
        #expect(tls.harness.secured[client]?.applicationProtocol == "acme-tls/1")
        #expect(tls.harness.accepted.isEmpty && tls.failures.isEmpty)
        // Also by a context that comes later; and not any more when it is withdrawn.
        let authority = try TestAuthority.usual.get()
        try tls.loop.setTLS(TLSServerSettings([authority.credential(["gw.example.com"])]), for: tls.listener)
        let second = try tls.start(host: "new.example.com", profile)
        try tls.harness.pump("its handshake") { tls.harness.secured[second] != nil || tls.harness.isClosed(second) }
        #expect(tls.harness.secured[second] != nil)
        try tls.loop.setChallenge(for: "new.example.com", nil)
        let third = try tls.start(host: "new.example.com", profile)
        try tls.harness.pump("its end") { tls.harness.isClosed(third) }
        #expect(tls.harness.secured[third] == nil)
    }
}
