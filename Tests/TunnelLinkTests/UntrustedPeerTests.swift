// What a peer can make this end hold or say that proves nothing of itself, or reads nothing.

import HTTPCodec
import Testing
import WireWS

@testable import TunnelLink

@Suite struct UntrustedPeerTests {
    private static let nonsense = [
        "[" + repeatElement("1", count: 128).joined(separator: ",") + "]", "x", "{}", "",
        #"{"jsonrpc":"2.0","id":1,"method":"nothing"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":7}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"web.request","params":{}}"#,
    ]

    /// Says `text` until the tunnel is closed for it, so many times at once; how much waited for the peer at most.
    private func flood(_ peer: inout RawPeer, _ text: String, _ count: Int = 500) -> Int {
        var most = 0
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<count { peer.write(text, into: &bytes) }
            let events = peer.give(bytes)
            most = max(most, peer.session.backlog)
            _ = peer.session.takeOutput()  // to a transport that gets rid of none of it
            if events.contains(where: { if case .broken(.policyViolation, _) = $0 { true } else { false } }) { return most }
        }
        Issue.record("it could go on for ever: \(text.prefix(40))")
        return most
    }

    @Test(arguments: TunnelVersion.allCases) func whoHasNotRegisteredSendsNoLongMessage(version: TunnelVersion) throws {
        var peer = RawPeer(of: .gateway, version, isRegistered: false)
        // The beginning of a long one is enough: what follows is not waited for.
        guard case .broken(.messageTooBig, _)? = peer.say(String(repeating: " ", count: 64 * 1024 + 1)).first else {
            Issue.record("a long message was taken")
            return
        }
        peer = RawPeer(of: .gateway, version, isRegistered: false)
        #expect(peer.say(String(repeating: " ", count: 64 * 1024)).isEmpty)
        peer.session.admit()
        #expect(peer.say(String(repeating: " ", count: 200_000)).isEmpty, "who is registered may")
    }

    @Test(arguments: TunnelVersion.allCases, nonsense)
    func whoHasNotRegisteredIsToldLittle(version: TunnelVersion, text: String) {
        var peer = RawPeer(of: .gateway, version, isRegistered: false)
        let limits = TunnelLimits()
        #expect(flood(&peer, text) <= limits.unregisteredReplies + 1_000)
        // Nor if it reads what it is told.
        peer = RawPeer(of: .gateway, version, isRegistered: false)
        var count = 0
        while !peer.session.isClosing, count < 3_000 {
            _ = peer.say(text)
            _ = peer.received()
            count += 1
        }
        #expect(count < 400)
    }

    @Test func whoHasNotRegisteredSendsNotMuch() {
        var peer = RawPeer(of: .gateway, .v2, isRegistered: false)
        var sent = 0
        while !peer.session.isClosing, sent < 4_000_000 {
            sent += 1_000
            _ = peer.say(#"{"jsonrpc":"2.0","method":"\#(String(repeating: "x", count: 950))"}"#)  // which nothing is said to
        }
        #expect(sent < 300_000)
    }

    @Test(arguments: TunnelVersion.allCases, nonsense)
    func repliesThatAreNotReadEndTheTunnel(version: TunnelVersion, text: String) {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, version)
            #expect(flood(&peer, text) < 2 * 1024 * 1024)
        }
    }

    @Test(arguments: TunnelVersion.allCases) func pongsThatAreNotReadEndTheTunnel(version: TunnelVersion) {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, version)
            var most = 0
            for _ in 0..<20_000 where !peer.session.isClosing {
                _ = peer.ping(pattern(125))
                _ = peer.session.takeOutput()
                most = max(most, peer.session.backlog)
            }
            #expect(peer.session.isClosing && most < 2 * 1024 * 1024)
        }
    }

    @Test func registrationsWhoseResponsesAreNotReadEndTheTunnel() {
        var peer = RawPeer(of: .gateway, .v2)
        let terms = Welcome(sessionID: "s", webURL: "http://g/web/a/", ping: .seconds(1), initialWindow: 1, maximumStreams: 1)
        for _ in 0..<20_000 where !peer.session.isClosing {
            for event in peer.say(#"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"a"}}"#) {
                if case .register(let id, _) = event { peer.session.welcome(id, terms) }
            }
            _ = peer.session.takeOutput()
        }
        #expect(peer.session.isClosing)
    }

    @Test func whoReadsMayErrAsOftenAsItLikes() {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, .v2)
            for _ in 0..<30_000 {
                _ = peer.say("x")
                _ = peer.received()
            }
            #expect(!peer.session.isClosing)
        }
    }
}
