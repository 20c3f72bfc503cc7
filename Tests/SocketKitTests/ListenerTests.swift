// Listeners: which endpoints are taken and which refused, what becomes of files at Unix paths, and how several loops share a
// port. Ports are always chosen by the system, paths are always fresh.

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

@Suite("Listeners")
struct ListenerTests {
    @Test(arguments: backends)
    func portZeroBecomesARealPort(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let first = try harness.loop.listen(on: .tcp(host: "localhost", port: 0))
        let second = try harness.loop.listen(on: .tcp(host: "0.0.0.0", port: 0))
        #expect(first.index == 0 && second.index == 1)
        guard case .tcp("127.0.0.1", let port) = first.endpoint, case .tcp("0.0.0.0", let other) = second.endpoint else {
            Issue.record("\(first.endpoint), \(second.endpoint)")
            return
        }
        #expect(port != 0 && other != 0 && port != other)
        let pair = try harness.pair(second)
        #expect(harness.listenerOf[pair.server] == 1)
    }

    @Test(arguments: backends)
    func anIPv6WildcardTakesIPv4PeersAndPrintsThemAsSuch(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        guard let listener = try? harness.loop.listen(on: .tcp(host: "::", port: 0)) else { return }  // no IPv6 here
        guard case .tcp(_, let port) = listener.endpoint else { return }
        for host in ["127.0.0.1", "::1"] {
            let dial = harness.dial(.tcp(host: host, port: port))
            let before = harness.accepted.count
            try harness.pump("a connection") { harness.connected[dial] != nil && harness.accepted.count > before }
            #expect(harness.accepted.last.flatMap { harness.peers[$0] } == host)
        }
    }

    @Test(arguments: backends)
    func whatCannotBeListenedOnIsAnErrorWithAReason(backend: PollerBackend) throws {
        let loop = try SocketLoop(backend: backend)
        let taken = try loop.listen(on: .tcp(host: "127.0.0.1", port: 0)).endpoint
        let error = #expect(throws: SocketError.self) { try loop.listen(on: taken) }
        #expect(error?.code == EADDRINUSE)
        #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:") == true)
        let named = #expect(throws: SocketError.self) { try loop.listen(on: .tcp(host: "example.com", port: 0)) }
        #expect(named?.description == "cannot listen on example.com:0: not a literal address")
        #expect(throws: SocketError.self) { try loop.listen(on: .unix(path: "")) }
        #expect(throws: SocketError.self) { try loop.listen(on: .unix(path: "/nonexistent-directory/x.sock")) }
    }

    @Test(arguments: backends)
    func unixSocketsCarryBytes(backend: PollerBackend) throws {
        let harness = try LoopHarness(backend)
        let path = temporaryPath()
        let listener = try harness.loop.listen(on: .unix(path: path))
        let (client, server) = try harness.pair(listener)
        #expect(harness.peers[server] == "unix")
        harness.write([1, 2, 3], to: client)
        harness.loop.perform(.close(client))
        try harness.pump("the bytes and the end") { harness.ended.contains(server) }
        #expect(harness.received[server] == [1, 2, 3])
        #expect(access(path, F_OK) == 0)
        harness.loop.stopListening()
        #expect(access(path, F_OK) != 0, "the path is removed")
        harness.write([4], to: server)
        harness.loop.perform(.close(server))
        try harness.pump("connections go on") { harness.isClosed(client) && harness.isClosed(server) }
    }

    @Test(arguments: backends)
    func aStaleUnixSocketIsReplacedAndALiveOneIsNot(backend: PollerBackend) throws {
        let path = temporaryPath()
        try makeStaleSocket(path)
        let harness = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .unix(path: path))
        let error = #expect(throws: SocketError.self) { try SocketLoop(backend: backend).listen(on: .unix(path: path)) }
        #expect(error?.code == EADDRINUSE)
        _ = try harness.pair(listener)
        // Another process's socket at the path is left alone.
        unlink(path)
        let other = try SocketLoop(backend: backend)
        _ = try other.listen(on: .unix(path: path))
        harness.loop.stopListening()
        #expect(access(path, F_OK) == 0)
        other.stopListening()
        #expect(access(path, F_OK) != 0)
    }

    @Test(arguments: backends)
    func aFileOfAnotherKindIsNotReplaced(backend: PollerBackend) throws {
        let path = temporaryPath()
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        defer {
            close(descriptor)
            unlink(path)
        }
        #expect(throws: SocketError.self) { try SocketLoop(backend: backend).listen(on: .unix(path: path)) }
        #expect(access(path, F_OK) == 0)
    }

    @Test(arguments: backends)
    func severalLoopsShareAPort(backend: PollerBackend) throws {
        let first = try LoopHarness(backend)
        let second = try LoopHarness(backend)
        let listener = try first.loop.listen(on: .tcp(host: "127.0.0.1", port: 0), sharing: .first)
        #expect(try second.loop.listen(on: listener.endpoint, sharing: .further).endpoint == listener.endpoint)
        let dials = (0..<40).map { _ in first.dial(listener.endpoint) }
        let limit = SocketLoop.now().advanced(by: .seconds(20))
        while first.accepted.count + second.accepted.count < dials.count, SocketLoop.now() < limit {
            try first.turn(until: SocketLoop.now())
            try second.turn(until: SocketLoop.now())
        }
        #expect(first.accepted.count + second.accepted.count == dials.count)
        for sharing in [PortSharing.none, .first] {
            let error = #expect(throws: SocketError.self) { try second.loop.listen(on: listener.endpoint, sharing: sharing) }
            #expect(error?.code == EADDRINUSE, "only who knows of the others may join them")
        }
    }

    @Test(arguments: backends)
    func aFullTableMakesClientsWait(backend: PollerBackend) throws {
        var limits = LoopLimits()
        limits.maximumConnections = 2
        let harness = try LoopHarness(backend, limits: limits)
        let clients = try LoopHarness(backend)
        let listener = try harness.loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let dials = (0..<3).map { _ in clients.dial(listener.endpoint) }
        try clients.pump("the kernel to connect them") { dials.allSatisfy { clients.connected[$0] != nil } }
        try harness.pump("two") { harness.accepted.count == 2 }
        #expect(try harness.turns(during: .milliseconds(20)) < 20)
        #expect(harness.accepted.count == 2)
        let refused = harness.dial(listener.endpoint)
        try harness.pump("no room to dial either") { harness.dialFailures[refused] != nil }
        harness.loop.perform(.abort(harness.accepted[0]))
        try harness.pump("the third") { harness.accepted.count == 3 }
    }

    private func makeStaleSocket(_ path: String) throws {
        // Bound and closed: the file stays and nothing listens.
        let descriptor = socket(AF_UNIX, streamType, 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    @Test func whatKeepsFromListeningSaysWhatToDo() throws {
        let (low, high) = (SocketAddress(literal: "127.0.0.1", port: 80), SocketAddress(literal: "127.0.0.1", port: 8080))
        let (privileged, other) = (try #require(low), try #require(high))
        #expect(SocketLoop.listenError(on: privileged, code: EACCES).description.contains("CAP_NET_BIND_SERVICE"))
        #expect(!SocketLoop.listenError(on: other, code: EACCES).description.contains("CAP_NET_BIND_SERVICE"))
        #expect(SocketLoop.listenError(on: other, code: EADDRINUSE).description.contains("another program listens there"))
        #expect(SocketLoop.listenError(on: other, code: EADDRNOTAVAIL).description.contains("no such address"))
    }
}
