// What is no TLS, too old, or damaged: each ends with an error that says so, and nothing traps.

import TestSupport
import Testing

@testable import SocketKit

@Suite("TLS: hostile and mistaken peers", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct TLSHostileTests {
    /// What an engine makes of `bytes` in these pieces, and of the end that follows.
    private static func outcome(_ engine: TLSEngine, _ pieces: [ArraySlice<UInt8>]) -> TLSError? {
        let end = TLSEnd(engine)
        for piece in pieces { end.receive(piece) }
        if end.error == nil {
            do throws(TLSError) { try engine.receiveEOF() } catch { end.error = error }
        }
        #expect(end.received.isEmpty)
        return end.error
    }

    private func server() throws -> TLSContext {
        try TLSContext(server: TLSServerSettings([TestAuthority.usual.get().credential(["gw.example.com"])]))
    }

    private func client() throws -> TLSEngine {
        let engine = try TLSEngine(client: TLSContext(client: TLSClientSettings()), host: "gw.example.com")
        var hello: [UInt8] = []
        try engine.start(into: &hello)
        return engine
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: gw\r\n\r\n", "POST /x HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    func aRequestOfPlainHTTPIsRecognised(_ text: String) throws {
        let context = try server()
        for pieces in slicings(of: Array(text.utf8)) {
            let engine = try TLSEngine(server: context)
            #expect(Self.outcome(engine, pieces) == .plainHTTP)
        }
        let end = TLSEnd(try TLSEngine(server: context))
        end.receive(Array(text.utf8)[...])
        #expect(end.outgoing.isEmpty)
    }

    @Test func aResponseOfPlainHTTPIsRecognised() throws {
        let response = Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8)
        for pieces in slicings(of: response).prefix(20) {
            #expect(Self.outcome(try client(), pieces) == .plainHTTP)
        }
        #expect(TLSError.plainHTTP.description.contains("ws://"))
    }

    @Test func otherProtocolsAreShown() throws {
        let context = try server()
        func outcome(_ bytes: [UInt8]) throws -> TLSError? { Self.outcome(try TLSEngine(server: context), [bytes[...]]) }
        #expect(try outcome(Array("SSH-2.0-x\r\n".utf8)) == .notTLS(firstBytes: Array("SSH-2.0-".utf8)))
        #expect(try outcome(Array("GE".utf8)) == .notTLS(firstBytes: Array("GE".utf8)))
        #expect(try outcome(Array("GETTING".utf8)) == .notTLS(firstBytes: Array("GETTING".utf8)))
        #expect(try outcome([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) == .notTLS(firstBytes: [0, 1, 2, 3, 4, 5, 6, 7]))
        #expect(try outcome([]) == .endedInHandshake)
        #expect(
            TLSError.notTLS(firstBytes: [0x16, 0]).description == "the peer does not speak TLS: it begins with the bytes 16 00")
        #expect(TLSError.notTLS(firstBytes: [0x41]).description == "the peer does not speak TLS: it begins with \"A\"")
    }

    /// A hello of TLS 1.1 with a cipher of its time.
    @Test func aClientOfTLS11IsRefused() throws {
        let hello: [UInt8] = [3, 2] + [UInt8](repeating: 7, count: 32) + [0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]
        let message = [1, 0, 0, UInt8(hello.count)] + hello
        let record = [22, 3, 1, 0, UInt8(message.count)] + message
        let end = TLSEnd(try TLSEngine(server: server()))
        end.receive(record[...])
        #expect(end.error == .protocolTooOld)
        // A fatal alert protocol_version(70) goes out.
        #expect(end.outgoing.suffix(2) == [2, 70])
    }

    /// A server that chooses TLS 1.1, and one that says with an alert that it knows no better.
    @Test func aServerOfTLS11IsRefused() throws {
        let hello: [UInt8] = [3, 2] + [UInt8](repeating: 7, count: 32) + [0, 0xc0, 0x13, 0]
        let message = [2, 0, 0, UInt8(hello.count)] + hello
        let record = [22, 3, 2, 0, UInt8(message.count)] + message
        #expect(Self.outcome(try client(), [record[...]]) == .protocolTooOld)
        #expect(Self.outcome(try client(), [[21, 3, 1, 0, 2, 2, 70]]) == .protocolTooOld)
    }

    @Test func alertsAreUnderstood() throws {
        for (alert, part) in [
            (40, "no cipher in common"), (48, "authority"), (112, "no certificate for the name"), (99, "alert 99"),
        ] {
            let error = Self.outcome(try client(), [[21, 3, 3, 0, 2, 2, UInt8(alert)]])
            #expect(error == .refusedByPeer(alert: alert) && error?.description.contains(part) == true)
        }
        // close_notify instead of a hello
        #expect(Self.outcome(try client(), [[21, 3, 3, 0, 2, 1, 0]]) == .endedInHandshake)
    }

    @Test func helloOfRandomBytesNeverTraps() throws {
        let context = try server()
        var generator = SplitMix(seed: 13)
        for round in 0..<300 {
            var bytes = generator.bytes(Int.random(in: 1...400, using: &generator))
            let body = bytes.count
            if round % 3 > 0 { bytes = [22, 3, 1, UInt8(body >> 8), UInt8(body & 0xff)] + bytes }
            if round % 3 > 1, body > 4 {
                bytes.replaceSubrange(5..<9, with: [1, 0, UInt8((body - 4) >> 8), UInt8((body - 4) & 0xff)])
            }
            let whole = Self.outcome(try TLSEngine(server: context), [bytes[...]])
            #expect(whole != nil)
            #expect(Self.outcome(try TLSEngine(server: context), bytes.indices.map { bytes[$0...$0] }) == whole)
        }
    }

    /// A bit of each flight is turned over: at best nobody minds, as a rule it is an error, and never is it taken for data.
    @Test(arguments: [SSLVersion.tls13, SSLVersion.tls12]) func damagedHandshakesNeverTrap(_ version: Int) throws {
        let authority = try TestAuthority.usual.get()
        let (clients, servers) = (try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem))), try server())
        clients.limit(to: version)
        var generator = SplitMix(seed: 17)
        var failures = 0
        for _ in 0..<300 {
            clients.sessions?.forgetAll()
            let pair = try TLSPair(clients, servers)
            let flight = Int.random(in: 0..<3, using: &generator)
            for turn in 0...flight {
                let (from, to) = turn % 2 == 0 ? (pair.client, pair.server) : (pair.server, pair.client)
                if turn == flight, !from.outgoing.isEmpty {
                    from.outgoing[Int.random(in: 0..<from.outgoing.count, using: &generator)] ^=
                        1 << UInt8.random(in: 0..<8, using: &generator)
                }
                let bytes = from.outgoing
                from.outgoing = []
                to.receive(bytes[...])
            }
            pair.carry()
            if pair.phases.contains(.failed) { failures += 1 }
            #expect(pair.client.received.isEmpty && pair.server.received.isEmpty)
        }
        #expect(failures > 250)
    }

    @Test(arguments: [true, false]) func renegotiationIsRefused(byClient: Bool) throws {
        let authority = try TestAuthority.usual.get()
        let clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
        clients.limit(to: SSLVersion.tls12)
        let pair = try TLSPair(clients, server())
        pair.carry()
        #expect(pair.client.engine.facts?.version == "TLSv1.2")
        let asking = byClient ? pair.client : pair.server
        try #require(try asking.engine.connection.asksForRenegotiation(into: &asking.outgoing))
        #expect(!asking.outgoing.isEmpty)
        let before = pair.carried
        pair.carry()
        // no_renegotiation (RFC 5246 §7.2.2) and nothing else came back.
        #expect(byClient ? pair.carried.toClient - before.toClient < 60 : pair.carried.toServer - before.toServer < 60)
        // The end that asked takes that for an error and says so; the other goes on until it hears that.
        #expect(asking.error == .invalidRecord("no renegotiation"))
        #expect((byClient ? pair.server : pair.client).error == .refusedByPeer(alert: 40))
        #expect(pair.client.received.isEmpty && pair.server.received.isEmpty)
    }

    @Test func neverMoreThanOneErrorIsGiven() throws {
        let end = TLSEnd(try client())
        end.receive(Array("HTTP/1.1 200 OK\r\n".utf8)[...])
        #expect(end.error == .plainHTTP && end.engine.phase == .failed)
        #expect(throws: TLSError.plainHTTP) { try end.send([1]) }
        #expect(throws: TLSError.plainHTTP) { try end.engine.receiveEOF() }
        end.engine.close(into: &end.outgoing)
        #expect(end.outgoing.isEmpty)
    }
}

extension SSLConnection {
    /// Asks the peer for another handshake, which our own options forbid.
    fileprivate func asksForRenegotiation(into output: inout [UInt8]) throws -> Bool {
        let openSSL = try OpenSSLLibrary()
        let clearOptions: @convention(c) (OpaquePointer?, UInt) -> UInt = try openSSL.function("SSL_clear_options")
        let renegotiate: @convention(c) (OpaquePointer?) -> Int32 = try openSSL.function("SSL_renegotiate")
        _ = clearOptions(pointer, SSLOption.noRenegotiation)
        guard renegotiate(pointer) == 1 else { return false }
        _ = lending([], into: &output) { handshake() }
        return true
    }
}
