// Handshakes of two engines back to back: what they agree on, and that it does not matter how their bytes are cut.

import TestSupport
import Testing

@testable import SocketKit

@Suite("TLS: handshakes", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct TLSHandshakeTests {
    @Test func bothEndsAgree() throws {
        let pair = try TLSPair()
        pair.carry()
        #expect(pair.phases == [.open, .open])
        let client = try #require(pair.client.engine.facts)
        let server = try #require(pair.server.engine.facts)
        #expect(client.version == "TLSv1.3" && server.version == "TLSv1.3")
        #expect(client.cipher == server.cipher && client.cipher.hasPrefix("TLS_"))
        #expect(client.serverName == "gw.example.com" && server.serverName == "gw.example.com")
        #expect(client.peerNames == ["gw.example.com"] && client.peerPin != nil)
        #expect(server.peerSubject == nil && server.peerPin == nil)
        #expect(!client.isResumed && !server.isResumed)
        #expect(client.applicationProtocol == nil && server.applicationProtocol == nil)
    }

    @Test func nothingIsKnownBeforeTheEndOfTheHandshake() throws {
        let pair = try TLSPair()
        #expect(pair.client.engine.facts == nil)
        #expect(throws: TLSError.notOpen) { try pair.client.send([1]) }
        #expect(throws: TLSError.notOpen) { try pair.server.send([1]) }
        pair.carry()
        try pair.client.send([1])
    }

    @Test(arguments: [1, 2, 3, 7, 64, 1000]) func piecesOfAnyLengthDo(_ length: Int) throws {
        let pair = try TLSPair()
        pair.carry(pieces: length)
        try pair.client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        pair.carry(pieces: length)
        try pair.server.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
        pair.carry(pieces: length)
        #expect(pair.server.received == Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(pair.client.received == Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
    }

    /// Each flight is cut in two at each point (or at a sample of them) of a handshake of its own.
    @Test(arguments: [true, false]) func aCutAnywhereInAFlightDoes(ofClient: Bool) throws {
        let authority = try TestAuthority.usual.get()
        let clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
        let servers = try TLSContext(server: TLSServerSettings([authority.credential(["gw.example.com"])]))
        var cut = 1
        while true {
            // Another context's session would be resumed, with other flights.
            clients.sessions?.forgetAll()
            let pair = try TLSPair(clients, servers)
            if !ofClient {
                pair.server.receive(pair.client.outgoing[...])
                pair.client.outgoing = []
            }
            let (from, to) = ofClient ? (pair.client, pair.server) : (pair.server, pair.client)
            let flight = from.outgoing
            from.outgoing = []
            if cut >= flight.count { break }
            to.receive(flight[..<cut])
            #expect(to.engine.phase == .handshaking)
            to.receive(flight[cut...])
            pair.carry()
            #expect(pair.phases == [.open, .open])
            cut += cut < 20 ? 1 : 13
        }
        #expect(cut > 200)
    }

    /// Each with contexts of its own, as loops have them; what they share is OpenSSL and the values of the settings.
    @Test func severalThreadsAtOnce() async throws {
        let authority = try TestAuthority.usual.get()
        let settings = TLSServerSettings([try authority.credential(["gw.example.com"])], ticketKeys: [TLSTicketKey()])
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let servers = try TLSContext(server: settings)
                    let clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
                    return try (0..<30).count { number in
                        if number % 2 == 0 { clients.sessions?.forgetAll() }
                        let pair = try TLSPair(clients, servers)
                        pair.carry()
                        return pair.server.engine.facts?.isResumed == (number % 2 == 1)
                    }
                }
            }
            for try await count in group { #expect(count == 30) }
        }
    }

    @Test func theServersOrderDecidesTheProtocol() throws {
        let authority = try TestAuthority.usual.get()
        let servers = try TLSServerSettings([authority.credential(["gw.example.com"])], protocols: ["h2", "http/1.1"])
        func offer(_ protocols: [String]) throws -> TLSPair {
            let pair = try TLSPair(TLSClientSettings(trust: .authorities(authority.pem), protocols: protocols), servers)
            pair.carry()
            return pair
        }
        let both = try offer(["http/1.1", "h2"])
        #expect(both.client.engine.facts?.applicationProtocol == "h2")
        #expect(both.server.engine.facts?.applicationProtocol == "h2")
        #expect(try offer(["spdy/3", "http/1.1"]).server.engine.facts?.applicationProtocol == "http/1.1")
        let silent = try offer([])
        #expect(silent.phases == [.open, .open] && silent.server.engine.facts?.applicationProtocol == nil)
        let none = try offer(["spdy/3"])
        #expect(none.server.error == .handshake("there is no application protocol in common"))
        #expect(none.client.error == .refusedByPeer(alert: 120))
    }

    @Test func aServerWithoutProtocolsIgnoresWhatClientsOffer() throws {
        let authority = try TestAuthority.usual.get()
        let pair = try TLSPair(TLSClientSettings(trust: .authorities(authority.pem), protocols: ["h2"]))
        pair.carry()
        #expect(pair.phases == [.open, .open] && pair.client.engine.facts?.applicationProtocol == nil)
    }

    @Test func theServerNameDecidesTheCertificate() throws {
        let authority = try TestAuthority.usual.get()
        let servers = try TLSContext(
            server: TLSServerSettings([
                authority.credential(["gw.example.com"], subject: "first"),
                authority.credential(["*.gw.example.com"], subject: "wildcard"),
                authority.credential(["own.gw.example.com", "192.0.2.7"], subject: "own"),
            ]))
        func presented(to host: String) throws -> String? {
            let pair = try TLSPair(TLSContext(client: TLSClientSettings(trust: .insecure)), servers, host: host)
            pair.carry()
            #expect(pair.phases == [.open, .open])
            return pair.client.engine.facts?.peerSubject
        }
        #expect(try presented(to: "gw.example.com") == "CN=first")
        #expect(try presented(to: "GW.example.com.") == "CN=first")
        #expect(try presented(to: "laptop.gw.example.com") == "CN=wildcard")
        #expect(try presented(to: "own.gw.example.com") == "CN=own")
        #expect(try presented(to: "two.levels.gw.example.com") == "CN=first")
        #expect(try presented(to: "elsewhere.test") == "CN=first")
        // A literal address is no server name, so that the server hears none.
        #expect(try presented(to: "192.0.2.7") == "CN=first")
    }

    @Test func aHostCanBeAnAddress() throws {
        let authority = try TestAuthority.usual.get()
        let servers = try TLSServerSettings([authority.credential(["192.0.2.7", "2001:db8::7"])])
        for host in ["192.0.2.7", "2001:db8::7", "[2001:db8:0::7]", "2001:db8::7%eth0"] {
            let pair = try TLSPair(nil, servers, host: host)
            pair.carry()
            #expect(pair.phases == [.open, .open], "\(host)")
            #expect(pair.server.engine.facts?.serverName == nil)
        }
        let pair = try TLSPair(nil, servers, host: "192.0.2.8")
        pair.carry()
        #expect(pair.client.error == .nameMismatch(host: "192.0.2.8", names: ["192.0.2.7", "2001:db8::7"]))
    }

    @Test func theCertificateOfAChallengeIsForThatAlone() throws {
        let authority = try TestAuthority.usual.get()
        let servers = try TLSContext(
            server: TLSServerSettings([authority.credential(["gw.example.com"])], protocols: ["http/1.1"]))
        let digest = [UInt8](repeating: 7, count: 32)
        try servers.setChallenge(
            for: "New.example.com", selfSigned(["new.example.com"], subject: "proof", challengeDigest: digest))
        func ask(_ protocols: [String], _ host: String) throws -> TLSPair {
            let clients = try TLSContext(client: TLSClientSettings(trust: .insecure, protocols: protocols))
            let pair = try TLSPair(clients, servers, host: host)
            pair.carry()
            return pair
        }
        let validation = try ask(["acme-tls/1"], "new.example.com")
        #expect(validation.client.engine.facts?.applicationProtocol == "acme-tls/1")
        #expect(validation.server.engine.facts?.applicationProtocol == "acme-tls/1")
        #expect(validation.client.engine.facts?.peerSubject == "CN=proof")
        let visitor = try ask(["http/1.1"], "new.example.com")
        #expect(visitor.client.engine.facts?.peerSubject != "CN=proof")
        let unknown = try ask(["acme-tls/1"], "gw.example.com")
        #expect(unknown.phases == [.failed, .failed])
        #expect(unknown.client.error == .refusedByPeer(alert: 112))
        try servers.setChallenge(for: "new.example.com", nil)
        #expect(try ask(["acme-tls/1"], "new.example.com").phases == [.failed, .failed])
    }
}
