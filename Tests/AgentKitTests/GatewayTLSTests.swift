// `wss://` gateways: TLS comes before the upgrade, within a time limit, and what goes wrong is one line that says what to do.

import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct GatewayTLSTests {
    private static func secure(_ change: (inout AgentConfiguration) -> Void = { _ in }) -> AgentConfiguration {
        .sample {
            if let gateway = try? GatewayURL("wss://gw.example:8443/agent") { $0.gateway = gateway }
            change(&$0)
        }
    }

    @Test func tlsComesBeforeTheUpgrade() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        #expect(fixture.dials.first?.endpoint == .tcp(host: "gw.example", port: 8443))
        let id = try fixture.accept()
        #expect(fixture.links[id]?.tlsPeer == TLSPeer(host: "gw.example", profile: .gateway))
        #expect(fixture.read(id).isEmpty)
        #expect(fixture.agent.phase == .dialing(attempt: 1))
        fixture.secure(id)
        #expect(fixture.agent.phase == .upgrading)
        #expect(try fixture.upgradeRequest(on: id).fields[.host] == "gw.example:8443")
        fixture.secure(id)  // a second time means nothing
        #expect(fixture.read(id).isEmpty)
        fixture.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases)
    func aGatewayBehindTLSIsServed(version: TunnelVersion) throws {
        var (fixture, gateway) = try AgentFixture.serving(Self.secure(), version: version)
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        #expect(fixture.links[service]?.tlsPeer == nil)
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        #expect(fixture.response(gateway, stream).text == "hi")
        // The next connection speaks TLS again.
        fixture.peerCloses(gateway)
        fixture.pass(.seconds(1))
        let next = try fixture.acceptUpgrade(version)
        #expect(fixture.links[next]?.tlsPeer?.host == "gw.example")
        #expect(fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }

    @Test func aPlainGatewayIsSpokenToAtOnce() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        let id = try fixture.accept()
        #expect(fixture.links[id]?.tlsPeer == nil)
        #expect(fixture.agent.phase == .upgrading)
        fixture.expectNothingLeft()
    }

    @Test func theTokenIsNotWrittenBeforeTLSIsThere() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.pass(.seconds(9))
        #expect(fixture.readText(id).isEmpty)
        fixture.peerCloses(id, error: "the certificate (CN=x) is self-signed; …")
        #expect(fixture.readText(id).isEmpty)
        fixture.expectNothingLeft()
    }

    @Test func aHandshakeThatTakesTooLongIsALoss() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.pass(.milliseconds(9_999))
        #expect(fixture.lossReason == nil)
        fixture.pass(.milliseconds(1))
        #expect(fixture.lossReason == "no TLS with gw.example:8443: not over within 10.0 seconds")
        #expect(fixture.links[id]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func theTimeOfTheUpgradeBeginsAfterTLS() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.pass(.seconds(9))
        fixture.secure(id)
        fixture.pass(.milliseconds(9_999))
        #expect(fixture.agent.phase == .upgrading)
        fixture.pass(.milliseconds(1))
        #expect(fixture.lossReason?.contains("before the gateway answered the WebSocket upgrade") == true)
        fixture.expectNothingLeft()
    }

    /// The sentences are those of SocketKit's TLSError; that they are is tested where both are known.
    @Test(arguments: [
        (
            "the certificate (CN=gw) expired on 2026-01-01T00:00:00Z; it must be renewed, or this machine's clock is wrong",
            "gw.example:8443: the certificate (CN=gw) expired on 2026-01-01T00:00:00Z; it must be renewed"
        ),
        ("the certificate is not for gw.example, but for a.example, b.example", "b.example; gatewayUrl must have a name"),
        (
            "the certificate is of an authority that is not trusted here: Corp; if it is yours, name its certificate",
            "(--ca-file)"
        ),
        (
            "the certificate (CN=g) is self-signed; if it is yours, trust its public key by the pin sha256:00",
            "00 (tls.pin, --pin)"
        ),
        (
            "the peer speaks plain HTTP, not TLS: ws:// or http:// instead of wss:// or https://?",
            "no TLS with gw.example:8443: plain HTTP is spoken there: ws:// instead of wss://?"
        ),
        ("the public key is not one that is pinned: it is sha256:00", "put it into tls.pin"),
        ("connection reset by peer", "no TLS with gw.example:8443: connection reset by peer"),
        (nil, "the connection ended during the TLS handshake; if no TLS is spoken there: ws:// instead of wss://"),
    ])
    func whatFailsSaysWhatToDo(error: String?, reason: String) throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.peerCloses(id, error: error)
        let said = try #require(fixture.lossReason)
        #expect(said.contains(reason), "\(said)")
        #expect(gluedMarks(in: said) == nil, "\(said)")
        #expect(try #require(fixture.wait) <= .milliseconds(500))
        fixture.expectNothingLeft()
    }

    /// With TLS 1.3 a client's certificate is refused after the handshake.
    @Test func aMissingCertificateIsSaidAfterTheHandshakeToo() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.secure(id)
        fixture.peerCloses(id, error: "the server requires a client's certificate, and none was presented")
        #expect(fixture.lossReason?.contains("--tls-certificate") == true)
        fixture.expectNothingLeft()
    }

    /// Whoever speaks TLS already is not told to.
    @Test func behindTLSNobodyIsToldToUseIt() throws {
        let body = "Client sent an HTTP request to an HTTPS server."
        for response in [
            "HTTP/1.1 400 Bad Request\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body,
            "HTTP/1.1 301 Moved\r\nLocation: https://other/agent\r\nContent-Length: 0\r\n\r\n",
        ] {
            var fixture = AgentFixture(Self.secure())
            fixture.send(.start)
            let id = try fixture.accept()
            fixture.secure(id)
            _ = try fixture.upgradeRequest(on: id)
            fixture.reply(id, response)
            #expect(fixture.lossReason?.contains("wss://") == false)
            fixture.expectNothingLeft()
        }
    }

    @Test func anotherGatewayEndsAHandshakeThatIsUnderWay() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.send(.reconfigure(.sample()))
        #expect(fixture.links[id]?.ending == .aborted)
        let next = try fixture.accept()
        #expect(fixture.links[next]?.tlsPeer == nil)
        fixture.expectNothingLeft()
    }

    @Test func aDrainGivesUpAHandshake() throws {
        var fixture = AgentFixture(Self.secure())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.send(.drain(within: .seconds(5)))
        #expect(fixture.links[id]?.ending == .aborted)
        #expect(fixture.agent.phase == .stopped)
        fixture.expectNothingLeft()
    }
}
