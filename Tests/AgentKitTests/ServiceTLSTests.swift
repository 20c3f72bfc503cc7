// Services at `https://`: TLS comes before the request, and a service with which there is none is an error that the visitor
// sees and the log explains.

import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ServiceTLSTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    private static let service = LocalHTTPService(
        endpoint: .tcp(host: "dev.lan", port: 8443), tls: ServiceTLS(caFile: "ca.pem"))

    private func serving(_ service: LocalHTTPService = Self.service) throws -> (AgentFixture, ConnectionID) {
        try AgentFixture.serving(.sample(service: .http(service)))
    }

    @Test func tlsComesBeforeTheRequest() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "POST", "/a", body: "hello")
        let id = try fixture.accept()
        let profile = try #require(Self.service.tlsProfile)
        #expect(fixture.links[id]?.tlsPeer == TLSPeer(host: "dev.lan", profile: profile))
        #expect(fixture.read(id).isEmpty)
        fixture.secure(id)
        let request = fixture.readText(id)
        #expect(request.hasPrefix("POST /a HTTP/1.1\r\n") && request.contains("Host: dev.lan:8443\r\n"), "\(request)")
        #expect(request.contains("hello"))
        fixture.reply(id, Self.ok)
        #expect(fixture.response(gateway, stream).text == "ok")
        // The connection is kept, with its TLS.
        try fixture.request(gateway, "GET", "/b")
        #expect(fixture.dials.isEmpty)
        #expect(fixture.readText(id).hasPrefix("GET /b "))
        fixture.reply(id, Self.ok)
        fixture.expectNothingLeft()
    }

    @Test func profilesDifferWhereTrustDoes() {
        let services = [
            ServiceTLS(), ServiceTLS(isInsecure: true), ServiceTLS(caFile: "a"), ServiceTLS(caFile: "b"),
        ].map { LocalHTTPService(endpoint: .tcp(host: "h", port: 1), tls: $0) }
        #expect(Set(services.map(\.tlsProfile)).count == 4)
        #expect(LocalHTTPService(port: 1).tlsProfile == nil)
    }

    @Test(arguments: [
        (
            "the certificate (CN=dev) is self-signed; if it is yours, trust its public key by the pin sha256:00",
            "no TLS with dev.lan:8443: the certificate (CN=dev) is self-signed; name it in the service's tls.caFile"
        ),
        (
            "the certificate is of an authority that is not trusted here: mkcert; if it is yours, name its certificate",
            "not trusted here: mkcert; name its certificate in the service's tls.caFile"
        ),
        ("the certificate is not for dev.lan, but for localhost", "--service-insecure"),
        (
            "the peer speaks plain HTTP, not TLS: ws:// or http:// instead of wss:// or https://?",
            "no TLS with dev.lan:8443: plain HTTP is spoken there: http:// instead of https://?"
        ),
        ("the certificate is refused: odd", "no TLS with dev.lan:8443: the certificate is refused: odd"),
        (nil, "if no TLS is spoken there: http:// instead of https://"),
    ])
    func whatFailsSaysWhatToDo(error: String?, reason: String) throws {
        var (fixture, gateway) = try serving()
        for _ in 0..<2 {
            let stream = try fixture.request(gateway, "GET", "/")
            fixture.peerCloses(try fixture.accept(), error: error)
            let failure = try #require(fixture.response(gateway, stream).failure)
            #expect(failure.code == TunnelFailure.serviceUnreachable.rawValue)
            #expect(failure.message.contains(reason), "\(failure.message)")
            #expect(gluedMarks(in: failure.message) == nil)
        }
        let lines = fixture.logs.filter { $0.event == "service.unreachable" }
        #expect(lines.map(\.level) == [.warning, .debug])
        #expect(lines.first?.fields.contains { $0.value.contains(reason) } == true)
        // Once it is well, that is said too.
        try fixture.request(gateway, "GET", "/")
        let id = try fixture.accept()
        fixture.secure(id)
        #expect(fixture.logs.contains { $0.event == "service.reachable" })
        fixture.reply(id, Self.ok)
        fixture.expectNothingLeft()
    }

    @Test func aHandshakeThatTakesTooLongIsAnError() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "GET", "/")
        fixture.pass(.seconds(6))
        let id = try fixture.accept()
        fixture.pass(.seconds(4))
        let failure = try #require(fixture.response(gateway, stream).failure)
        #expect(failure.message == "no TLS with dev.lan:8443 within 10.0 seconds")
        #expect(fixture.links[id]?.ending == .aborted)
        fixture.secure(id)  // too late
        fixture.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesMeanwhileEndsTheHandshake() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let id = try fixture.accept()
        fixture.gateways[gateway]?.session.reset(stream, .cancelled)
        fixture.talk()
        #expect(fixture.links[id]?.ending == .aborted)
        #expect(fixture.agent.counters.dialing == 0)
        fixture.expectNothingLeft()
    }

    @Test func aGatewayThatIsLostEndsTheHandshake() throws {
        var (fixture, gateway) = try serving()
        try fixture.request(gateway, "GET", "/")
        let id = try fixture.accept()
        fixture.peerCloses(gateway)
        #expect(fixture.links[id]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func theServiceSeesItselfAtHTTPS() throws {
        var (fixture, gateway) = try serving()
        let fields = [
            ("x-forwarded-host", "gw.example"), ("x-forwarded-proto", "http"), ("origin", "http://gw.example"),
            ("referer", "http://gw.example/x"),
        ]
        let stream = try fixture.request(gateway, "GET", "/", fields: fields)
        let id = try fixture.accept()
        fixture.secure(id)
        let request = fixture.readText(id).lowercased()
        #expect(request.contains("origin: https://dev.lan:8443\r\n"), "\(request)")
        #expect(request.contains("referer: https://dev.lan:8443/x\r\n"), "\(request)")
        fixture.reply(id, "HTTP/1.1 302 Found\r\nLocation: https://dev.lan:8443/y\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).head?.fields[.location] == "/y")
        fixture.expectNothingLeft()
    }

    /// A service that closed an idle connection is dialled again, with TLS again.
    @Test func aStaleConnectionIsReplacedBySecureOne() throws {
        var (fixture, gateway) = try serving()
        try fixture.request(gateway, "GET", "/")
        let first = try fixture.accept()
        fixture.secure(first)
        fixture.reply(first, Self.ok)
        let stream = try fixture.request(gateway, "GET", "/again")
        fixture.peerCloses(first, error: "the connection ended without TLS's close_notify, so that something may be missing")
        let second = try fixture.accept()
        #expect(fixture.links[second]?.tlsPeer?.host == "dev.lan")
        fixture.secure(second)
        #expect(fixture.readText(second).hasPrefix("GET /again "))
        fixture.reply(second, Self.ok)
        #expect(fixture.response(gateway, stream).text == "ok")
        fixture.expectNothingLeft()
    }
}
