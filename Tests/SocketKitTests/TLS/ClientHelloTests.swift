// The two extensions of a hello that we read ourselves, and the list of protocols that we write.

import TestSupport
import Testing

@testable import SocketKit

@Suite("TLS: what a hello asks for")
struct ClientHelloTests {
    private func name(_ bytes: [UInt8]) -> String? { ClientHello(serverName: bytes, protocols: nil).serverName }

    private func encoded(_ name: [UInt8]) -> [UInt8] {
        [UInt8((name.count + 3) >> 8), UInt8((name.count + 3) & 255), 0, UInt8(name.count >> 8), UInt8(name.count & 255)] + name
    }

    @Test func serverNames() {
        #expect(name(encoded(Array("Gw.Example.COM".utf8))) == "gw.example.com")
        #expect(name(encoded(Array("gw.example.com.".utf8))) == "gw.example.com")
        #expect(name(encoded(Array("a_b.example".utf8))) == "a_b.example")
        for text in ["", ".", "a b", "a\0b", "a/b", "ä", String(repeating: "x", count: 300)] {
            #expect(name(encoded(Array(text.utf8))) == nil, "\(text)")
        }
        let whole = encoded(Array("gw".utf8))
        for count in 0..<whole.count { #expect(name(Array(whole.prefix(count))) == nil) }
        #expect(name(whole + [0]) == nil)
        #expect(name([0, 5, 1, 0, 2, 0x67, 0x77]) == nil)
    }

    @Test func protocols() {
        func list(_ bytes: [UInt8]) -> [[UInt8]] { ClientHello(serverName: nil, protocols: bytes).protocols }
        #expect(list([0, 3, 2, 0x68, 0x32]) == [[0x68, 0x32]])
        #expect(list([0, 5, 2, 0x68, 0x32, 1, 0x78]) == [[0x68, 0x32], [0x78]])
        for bytes: [UInt8] in [[], [0], [0, 1], [0, 1, 0], [0, 2, 2, 1], [0, 3, 1, 1, 0], [0, 2, 1, 1, 1]] {
            #expect(list(bytes).isEmpty, "\(bytes)")
        }
        let challenge = [0, 11, 10] + ClientHello.challengeProtocol
        #expect(ClientHello(serverName: nil, protocols: challenge).isChallenge)
        #expect(!ClientHello(serverName: nil, protocols: [0, 13, 1, 1] + challenge.dropFirst(2)).isChallenge)
        #expect(protocolList(["h2", "x"]) == [2, 0x68, 0x32, 1, 0x78])
        #expect(protocolList([""]) == nil && protocolList([String(repeating: "x", count: 256)]) == nil)
        #expect(protocolList([]) == [])
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(seed: 3)
        for _ in 0..<2000 {
            let bytes = generator.bytes(Int.random(in: 0...40, using: &generator)).map { $0 & 7 }
            _ = ClientHello(serverName: bytes, protocols: bytes)
        }
    }
}
