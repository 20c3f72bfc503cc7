// What follows for the gateway from TLS at its listeners: what services, agents, browsers and logs are told. The handshakes are
// the transport's.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct TLSTests {
    private static let facts = TLSFacts(
        serverName: "gw.example", applicationProtocol: "http/1.1", version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384")

    // MARK: What services and agents are told

    @Test(arguments: [1, 3]) func servicesHearOfHTTPS(loops: Int) throws {
        let fixture = GatewayFixture(loops: loops) { $0.trustedProxies = ["10.0.0.0/8"].compactMap { AddressRange($0) } }
        _ = fixture.agent("x", on: 0)
        let agent = fixture.agent("a", on: 0)
        func scheme(from peer: String, _ tls: TLSFacts?, _ extra: String = "") throws -> String? {
            let id = fixture.visit(get("/web/a/", extra), from: peer, on: loops - 1, tls: tls)
            let request = try agent.request()
            agent.respond(request.id)
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.leave(id)
            return request.head.fields[.xForwardedProto]
        }
        #expect(try scheme(from: "203.0.113.9", nil, "X-Forwarded-Proto: https\r\n") == "http")
        #expect(try scheme(from: "203.0.113.9", Self.facts, "X-Forwarded-Proto: http\r\n") == "https")
        #expect(try scheme(from: "10.0.0.1", Self.facts) == "https")
        #expect(try scheme(from: "10.0.0.1", Self.facts, "X-Forwarded-Proto: http\r\n") == "http")
        fixture.end()
    }

    @Test func anAgentIsToldTheAddressThatItsVisitorsNeed() throws {
        var facts = Self.facts
        facts.peerSubject = "CN=laptop"
        let fixture = GatewayFixture()
        let agent = fixture.dial(.v2, query: "agentId=a", tls: facts)
        agent.register(AgentDescription(agentID: "a"))
        let welcomes = agent.events.compactMap { if case .welcome(let welcome) = $0 { welcome.webURL } else { nil } }
        #expect(welcomes == ["https://gw.example/web/a/"])
        let registered = try #require(fixture.takeLogs("agent.registered").first)
        #expect(registered.fields.contains { $0.name == "certificate" && $0.value == "CN=laptop" })
        fixture.end()
    }

    @Test func pagesNameTheAddressByWhichTheyWereReached() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent("a")
        let help = try fixture.get("/.miagent/help?agent=a", "Accept: text/html\r\n", tls: Self.facts).text
        #expect(help.contains("wss://gw.example/agent") && help.contains("https://gw.example/web/a/"))
        #expect(!help.contains("ws://gw.example/agent"))
        #expect(try fixture.get("/.miagent/agents", tls: Self.facts).text.contains("https://gw.example/web/a/"))
        #expect(try fixture.get("/.miagent/agents").text.contains("http://gw.example/web/a/"))
        fixture.end()
    }

    // MARK: What browsers are told

    @Test func cookiesAreForTLSAlone() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["secret"] }
        let form = "token=secret&scope=a&next=/web/a/"
        func cookie(_ tls: TLSFacts?) throws -> String {
            let scheme = tls == nil ? "http" : "https"
            let id = fixture.visit(
                "POST /login HTTP/1.1\r\nHost: gw.example\r\nAccept: text/html\r\nOrigin: \(scheme)://gw.example\r\n"
                    + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n\r\n\(form)",
                tls: tls)
            defer { fixture.leave(id) }
            let response = try fixture.expectResponse(id, to: "POST")
            #expect(response.status == 303)
            return response.fields[.setCookie] ?? ""
        }
        let secure = try cookie(Self.facts)
        #expect(secure.hasPrefix("__Host-miagent.*=") && secure.contains("; Secure"))
        let plain = try cookie(nil)
        #expect(plain.hasPrefix("miagent.*=") && !plain.contains("Secure"))
        fixture.end()
    }

    @Test func strictTransportIsSaidOverTLSAlone() throws {
        let fixture = GatewayFixture {
            $0.strictTransport = "max-age=300"
            $0.web.subdomainHost = "apps.example"
        }
        let agent = fixture.agent("a")
        func answer(_ host: String, _ path: String, _ tls: TLSFacts?, own: String? = nil) throws -> [String] {
            let id = fixture.visit("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n", tls: tls)
            defer { fixture.leave(id) }
            if path != "/healthz" {
                let request = try agent.request()
                agent.respond(request.id, 200, own.map { fields(("Strict-Transport-Security", $0)) } ?? HTTPFields())
            }
            let response = try fixture.expectResponse(id)
            return response.fields.all(.strictTransportSecurity).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try answer("gw.example", "/healthz", nil) == [])
        #expect(try answer("gw.example", "/healthz", Self.facts) == ["max-age=300"])
        #expect(try answer("gw.example", "/web/a/", nil) == [])
        #expect(
            try answer("gw.example", "/web/a/", Self.facts, own: "max-age=0") == ["max-age=300"], "not for all that is here")
        #expect(try answer("a.apps.example", "/", Self.facts) == ["max-age=300"])
        #expect(try answer("a.apps.example", "/", Self.facts, own: "max-age=7") == ["max-age=7"], "it has the host to itself")
        fixture.end()
    }

    // MARK: The port for plain HTTP

    private func redirecting(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
        let fixture = GatewayFixture(configure)
        fixture.tell(.redirect(listener: 1, toPort: 8443))
        return fixture
    }

    @Test func everythingIsSentToHTTPS() throws {
        let fixture = redirecting()
        _ = fixture.agent("a")
        for (host, target, location) in [
            ("gw.example", "/", "https://gw.example:8443/"),
            ("gw.example:80", "/web/a/x?y=1&z=%2F", "https://gw.example:8443/web/a/x?y=1&z=%2F"),
            ("[2001:db8::1]:80", "/x", "https://[2001:db8::1]:8443/x"), ("192.0.2.1", "/", "https://192.0.2.1:8443/"),
            ("Gw.Example.", "//other.example/", "https://gw.example:8443//other.example/"),
            ("gw.example", "http://elsewhere.example/x", "https://gw.example:8443/x"),
        ] {
            for method in ["GET", "POST", "HEAD"] {
                let response = try fixture.get(target, method: method, host: host, listener: 1)
                #expect(response.status == 308)
                #expect(response.fields[.location] == location)
            }
        }
        #expect(try fixture.get("/healthz", listener: 0).status == 200, "the other listener serves")
        fixture.end()
    }

    @Test func aHostThatIsNoneIsRefused() throws {
        let fixture = redirecting()
        for host in ["a/b", "x@y", "[::1", "%41.example", ""] {
            let response = try fixture.get("/", host: host, listener: 1)
            #expect((400..<500).contains(response.status) && response.fields[.location] == nil)
        }
        fixture.end()
    }

    @Test func thePublicPortIsNamedWhereItIsAnother() throws {
        for (url, port) in [("https://gw.example", ""), ("https://gw.example:444", ":444"), ("http://gw.example", ":8443")] {
            let fixture = redirecting { $0.publicURL = url }
            #expect(try fixture.get("/x", listener: 1).fields[.location] == "https://gw.example\(port)/x")
            fixture.end()
        }
        let fixture = GatewayFixture()
        fixture.tell(.redirect(listener: 1, toPort: 443))
        #expect(try fixture.get("/x", listener: 1).fields[.location] == "https://gw.example/x")
        fixture.end()
    }

    @Test func aCertificateAuthorityFindsWhatItLooksFor() throws {
        let fixture = redirecting()
        fixture.tell(.challenges(["abc": "abc.def"]))
        let path = "/.well-known/acme-challenge/"
        let found = try fixture.get(path + "abc", listener: 1)
        #expect(found.status == 200 && found.text == "abc.def")
        #expect(try fixture.get(path + "abd", listener: 1).status == 308)
        fixture.tell(.challenges([:]))
        #expect(try fixture.get(path + "abc", listener: 1).status == 308)
        fixture.end()
    }

    @Test func aProxyMaySayWhoIsSentElsewhere() throws {
        let fixture = redirecting {
            $0.proxyProtocol = .tcp
            $0.trustedProxies = ["10.0.0.0/8"].compactMap { AddressRange($0) }
        }
        let id = fixture.visit("PROXY TCP4 198.51.100.7 10.0.0.1 1 2\r\n" + get("/x"), from: "10.0.0.1", listener: 1)
        #expect(try fixture.expectResponse(id).fields[.location] == "https://gw.example:8443/x")
        fixture.end()
    }

    // MARK: What is counted and logged

    @Test func handshakesAreCountedOnAllLoops() throws {
        let fixture = GatewayFixture(loops: 2) { $0.accessLog = .json }
        for loop in [0, 1] {
            #expect(try fixture.get("/healthz", on: loop, tls: Self.facts).status == 200)
            fixture.happen(.message(.handshakeFailed(peer: "203.0.113.9", reason: "not TLS")), on: loop)
        }
        let logged = fixture.takeLogs("visitor.no-tls")
        #expect(logged.count == 2 && logged.allSatisfy { $0.level == .debug })
        fixture.wait(.seconds(2))
        let metrics = try fixture.get("/metrics").text
        #expect(metrics.contains("miagent_tls_handshakes_total 2"))
        #expect(metrics.contains("miagent_tls_handshake_failures_total 2"))
        let versions = fixture.accessRecords.map(\.tlsVersion)
        #expect(versions == ["TLSv1.3", "TLSv1.3", nil])
        #expect(String(decoding: fixture.accessRecords[0].line(.json), as: UTF8.self).contains(#""tls":"TLSv1.3""#))
        fixture.end()
    }

    @Test func plainHTTPWhereTLSIsSpokenIsToldSo() throws {
        var decoder = HTTPResponseDecoder()
        decoder.expectResponse(to: "GET")
        decoder.receive(Gateway.responseToPlainHTTP[...])
        guard case .head(let head, .length(let count)) = try decoder.next() else {
            Issue.record("no response")
            return
        }
        #expect(head.status == 400)
        guard case .body(let body) = try decoder.next() else {
            Issue.record("no body")
            return
        }
        #expect(body.count == Int(count) && String(decoding: body, as: UTF8.self).contains("https://"))
    }
}
