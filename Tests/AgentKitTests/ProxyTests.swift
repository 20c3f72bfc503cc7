// Proxies: their addresses, which one the environment names, CONNECT, and the way through one to a gateway with TLS and
// without.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ProxyTests {
    // MARK: Addresses

    @Test(
        arguments: [
            ("http://p:3128", "p:3128", nil), ("p:3128", "p:3128", nil), ("HTTP://p/", "p:80", nil), ("p", "p:80", nil),
            ("http://[::1]:8080/", "[::1]:8080", nil), ("http://u:p@p:1", "p:1", "Basic dTpw"),
            ("u:p@p:1", "p:1", "Basic dTpw"),
            ("http://u@p:1", "p:1", "Basic dTo="), ("http://a%40b:c%2Fd%3A@p:1", "p:1", "Basic YUBiOmMvZDo="),
            ("http://u:p@q@p:1", "p:1", "Basic dTpwQHE="), ("http://%C3%BC:%25@p:1", "p:1", "Basic w7w6JQ=="),
        ] as [(String, String, String?)])
    func anAddressIsTakenApart(text: String, place: String, authorization: String?) throws {
        let proxy = try ProxyURL(text)
        #expect(proxy.hostAndPort == place)
        #expect(proxy.authorization == authorization)
        #expect(proxy.hasCredentials == (authorization != nil))
        #expect("\(proxy)" == "http://\(place)")
    }

    @Test(arguments: [
        ("", "empty"), ("http://p q", "a blank"), ("socks5://hush@p:1", "SOCKS proxy is not supported"),
        ("SOCKS5h://p", "SOCKS"),
        ("https://p:1", "behind TLS"), ("ftp://p", "only http://"), ("http://u:hush@p:1/x", "something follows the port"),
        ("http://u:hu#sh@p:1", "something follows the port"), ("http://:hush@p", "the user is missing"),
        ("http://u:hush%@p", "two digits"), ("http://u%3a:hush@p", "a colon"), ("http://u:hush%0a@p", "a control character"),
        ("http://u:hush@p:0", "the port is not a number"), ("http://u:hush@", "the host is missing"),
        ("http://p:x", "the port"),
    ])
    func whatIsNoAddressIsRefusedWithoutItsSecret(text: String, reason: String) {
        do {
            _ = try ProxyURL(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.description.contains(reason), "\(error)")
            #expect(error.description.hasSuffix("it should look like http://user:password@proxy.example.com:3128"))
            #expect(!error.description.contains("hu"))
        }
    }

    // MARK: The environment

    @Test(
        arguments: [
            ("wss://g", ["https_proxy": "p"], "https_proxy"), ("wss://g", ["HTTPS_PROXY": "p"], "HTTPS_PROXY"),
            ("wss://g", ["https_proxy": "p", "HTTPS_PROXY": "q"], "https_proxy"), ("wss://g", ["http_proxy": "p"], nil),
            ("ws://g", ["http_proxy": "p"], "http_proxy"), ("ws://g", ["HTTP_PROXY": "p"], nil),
            ("ws://g", ["https_proxy": "p"], nil),
            ("ws://g", ["ALL_PROXY": "p"], "ALL_PROXY"), ("wss://g", ["all_proxy": "p", "HTTPS_PROXY": ""], "all_proxy"),
            ("wss://g", ["ALL_PROXY": "p", "HTTPS_PROXY": "q"], "HTTPS_PROXY"), ("wss://g", [:], nil),
            ("wss://g", ["HTTPS_PROXY": "p", "NO_PROXY": "g"], nil),
            ("wss://g", ["HTTPS_PROXY": "p", "no_proxy": "h"], "HTTPS_PROXY"),
            ("wss://g", ["HTTPS_PROXY": "p", "no_proxy": "h", "NO_PROXY": "g"], "HTTPS_PROXY"),
            ("wss://g", ["HTTPS_PROXY": "p", "no_proxy": "", "NO_PROXY": "g"], nil),
            ("wss://localhost", ["HTTPS_PROXY": "p"], nil),
            ("ws://127.0.0.2:3000", ["http_proxy": "p"], nil), ("ws://[::1]:3000", ["all_proxy": "p"], nil),
        ] as [(String, [String: String], String?)])
    func theEnvironmentNamesAProxy(gateway: String, variables: [String: String], name: String?) throws {
        #expect(ProxyVariables(variables).name(for: try GatewayURL(gateway)) == name)
    }

    @Test(arguments: [
        ("*", true), ("a, *", true), ("gw.example.com", true), ("GW.Example.COM.", true), ("example.com", true),
        (".example.com", true), ("*.example.com", true), ("com", true), ("ample.com", false), ("w.example.com", false),
        ("x.gw.example.com", false), ("a b,example.com", true), ("example.com:8443", true), ("example.com:443", false),
        ("", false),
        (".", false), (",", false), ("gw", false), ("10.0.0.0/8", false), ("gw.example.com/8", false),
    ])
    func namesAndDomainsAreExempt(list: String, isExempt: Bool) {
        for host in ["gw.example.com", "gw.example.com.", "GW.EXAMPLE.COM"] {
            #expect(NoProxyList(list).contains(host: host, port: 8443) == isExempt, "\(host)")
        }
    }

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.0/24", true), ("192.0.2.7", "x,192.0.0.0/16", true),
        ("192.0.2.7", "192.0.2.8/31", false), ("192.0.2.7", "192.0.2.6/31", true), ("192.0.2.7", "0.0.0.0/0", true),
        ("192.0.2.7", "192.0.2.7/32", true), ("192.0.2.7", "192.0.2.7/33", false), ("192.0.2.7", "192.0.2.7/-1", false),
        ("192.0.2.7", "192.0.2.7/", false), ("192.0.2.7", "2.7", false), ("192.0.2.7", "192.0.2.7:80", true),
        ("192.0.2.7", "192.0.2.7:81", false), ("192.0.2.7", "::/0", false), ("2001:db8::1", "2001:db8::/32", true),
        ("2001:db8::1", "2001:DB8:0::1", true), ("2001:db8::1", "[2001:db8::1]", true),
        ("2001:db8::1", "[2001:db8::1]:80", true),
        ("2001:db8::1", "[2001:db8::1]:81", false), ("2001:db8::1", "::/0", true), ("2001:db8::1", "2001:db9::/32", false),
        ("fe80::1%eth0", "fe80::/10", true), ("2001:db8::1", "2001:db8::1/129", false), ("2001:db8::1", "0.0.0.0/0", false),
    ])
    func addressesAndRangesAreExempt(host: String, list: String, isExempt: Bool) {
        #expect(NoProxyList(list).contains(host: host, port: 80) == isExempt)
    }

    // MARK: Through a proxy

    private static func configuration(
        _ gateway: String = "ws://gw.example:3000/agent", proxy: String = "http://joe:hush@proxy.lan:3128",
        _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) -> AgentConfiguration {
        .sample {
            if let gateway = try? GatewayURL(gateway) { $0.gateway = gateway }
            $0.proxy = try? ProxyURL(proxy)
            change(&$0)
        }
    }

    private func expectNoSecret(_ fixture: AgentFixture) {
        let texts = fixture.notes.map { "\($0)" }
        #expect(!texts.contains { $0.contains("hush") || $0.contains("am9lOmh1c2g=") })
    }

    private static let passes = "HTTP/1.1 200 Connection established\r\n\r\n"

    @Test func aPlainGatewayIsReachedByConnect() throws {
        var fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        #expect(fixture.dials.first?.endpoint == .tcp(host: "proxy.lan", port: 3128))
        let id = try fixture.accept()
        let agent = "User-Agent: miagent/\(AgentConfiguration.programVersion)\r\n"
        #expect(
            fixture.readText(id) == "CONNECT gw.example:3000 HTTP/1.1\r\nHost: gw.example:3000\r\n\(agent)"
                + "Proxy-Authorization: Basic am9lOmh1c2g=\r\n\r\n")
        #expect(fixture.agent.phase == .dialing(attempt: 1))
        fixture.wrote(id)
        fixture.reply(id, Self.passes)
        #expect(fixture.links[id]?.tlsPeer == nil)
        let head = try fixture.upgradeRequest(on: id)
        #expect(head.fields[.host] == "gw.example:3000")
        #expect(!head.fields.contains(.proxyAuthorization))
        fixture.reply(id, try AgentFixture.switching(head, version: .v1))
        #expect(fixture.agent.phase == .serving)
        expectNoSecret(fixture)
        fixture.expectNothingLeft()
    }

    @Test func tlsGoesThroughTheProxyToTheGateway() throws {
        var fixture = AgentFixture(Self.configuration("wss://[2001:db8::1]", proxy: "proxy.lan:80"))
        fixture.send(.start)
        let id = try fixture.accept()
        let request = fixture.readText(id)
        #expect(request.hasPrefix("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"))
        #expect(!request.contains("Authorization"))
        #expect(fixture.links[id]?.tlsPeer == nil)
        fixture.wrote(id)
        fixture.reply(id, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n")
        #expect(fixture.links[id]?.tlsPeer == TLSPeer(host: "2001:db8::1", profile: .gateway))
        #expect(fixture.read(id).isEmpty)
        fixture.secure(id)
        #expect(try fixture.upgradeRequest(on: id).fields[.host] == "[2001:db8::1]")
        fixture.expectNothingLeft()
    }

    @Test func theResponseMayArriveInAnyPieces() {
        let bytes = Array("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n".utf8)
        let disagreement = firstDisagreement(over: bytes, exhaustiveLimit: 80) { pieces in
            var fixture = AgentFixture(Self.configuration())
            fixture.send(.start)
            guard let id = try? fixture.accept() else { return [AgentPhase]() }
            for piece in pieces { fixture.event(.received(id, piece)) }
            return fixture.phases
        }
        #expect(disagreement == nil)
    }

    private static let basic = "Proxy-Authenticate: Basic realm=\"x\"\r\n"

    @Test(arguments: [
        ("HTTP/1.1 407 No\r\n\(basic)\r\n", "proxy.lan:3128 refuses the user or the password: check them", true),
        ("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n", "wants NTLM, Negotiate", true),
        ("HTTP/1.1 407 No\r\nProxy-Authenticate: Digest\r\n\(basic)\r\n", "refuses the user or the password", true),
        ("HTTP/1.1 407 No\r\n\r\n", "refuses the user or the password", true),
        ("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nforbidden", "does not let us to gw.example:3000 (403)", true),
        ("HTTP/1.1 405 No\r\n\r\n", "does not understand CONNECT (405)", true),
        ("HTTP/1.1 502 No\r\n\r\n", "does not reach gw.example:3000 (502)", false),
        ("HTTP/1.1 302 No\r\nLocation: /\r\n\r\n", "responded to CONNECT with 302", false),
        ("HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "responded to CONNECT with 101", false),
        ("HTTP/1.1 200 OK\r\n\r\nx", "sent something that nobody asked for", false),
        ("SSH-2.0-OpenSSH_9.6\r\n", "is no HTTP proxy: ", true), ("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "speaks TLS", true),
        ("\u{5}\0", "SOCKS", true), ("HTTP/1.1 200 " + String(repeating: "x", count: 70_000), "is no HTTP proxy", true),
    ])
    func whatAProxyRefusesSaysWhatToDo(response: String, reason: String, isSlow: Bool) throws {
        var fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        let id = try fixture.accept()
        _ = fixture.read(id)
        fixture.wrote(id)
        fixture.reply(id, response)
        let said = try #require(fixture.lossReason)
        #expect(said.hasPrefix("the proxy proxy.lan:3128 ") && said.contains(reason), "\(said)")
        #expect(gluedMarks(in: said) == nil, "\(said)")
        #expect(try #require(fixture.wait) >= .seconds(30) || !isSlow)
        #expect(try #require(fixture.wait) <= (isSlow ? .seconds(45) : .milliseconds(500)))
        #expect(fixture.links[id]?.ending == .closed)
        expectNoSecret(fixture)
        fixture.expectNothingLeft()
    }

    @Test func aProxyThatAsksIsToldOfWhenThereIsNothingToTell() throws {
        var fixture = AgentFixture(Self.configuration(proxy: "proxy.lan:3128"))
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.reply(id, "HTTP/1.1 407 No\r\n\(Self.basic)\r\n")
        #expect(fixture.lossReason?.contains("write http://user:password@proxy.lan:3128") == true)
        fixture.expectNothingLeft()
    }

    @Test func aProxyThatIsNotThereIsNamed() throws {
        var fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        try fixture.refuseDial("proxy.lan:3128: connection refused")
        let said = "cannot connect to the proxy proxy.lan:3128: connection refused; without a proxy: --proxy none"
        #expect(fixture.lossReason == said)
        fixture.expectNothingLeft()
        fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        fixture.pass(.seconds(10))
        #expect(fixture.lossReason == "no connection to the proxy proxy.lan:3128 within 10.0 seconds")
        fixture.expectNothingLeft()
    }

    @Test func aProxyThatIsSilentOrGoesIsALoss() throws {
        for (ending, reason) in [
            "no response of the proxy proxy.lan:3128 to CONNECT gw.example:3000 within 10.0 seconds",
            "closed the connection before it responded to CONNECT", "closed the connection before it responded to CONNECT",
            "the proxy proxy.lan:3128 broke the connection: reset",
        ].enumerated() {
            var fixture = AgentFixture(Self.configuration())
            fixture.send(.start)
            let id = try fixture.accept()
            fixture.reply(id, "HTTP/1.1 200")
            switch ending {
            case 0: fixture.pass(.seconds(10))
            case 1: fixture.event(.receivedEOF(id))
            case 2: fixture.peerCloses(id)
            default: fixture.peerCloses(id, error: "reset")
            }
            #expect(fixture.lossReason?.contains(reason) == true, "\(fixture.lossReason ?? "")")
            fixture.expectNothingLeft()
        }
    }

    /// What a reload says of the proxy is for the next connection.
    @Test func anotherProxyIsForTheNextConnection() throws {
        var fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.wrote(id)
        fixture.send(.reconfigure(Self.configuration { $0.proxy = nil }))
        #expect(fixture.dials.isEmpty)
        fixture.reply(id, "HTTP/1.1 502 No\r\n\r\n")
        #expect(fixture.lossReason?.hasPrefix("the proxy") == true)
        fixture.pass(.seconds(1))
        #expect(fixture.dials.first?.endpoint == .tcp(host: "gw.example", port: 3000))
        fixture.expectNothingLeft()
    }

    @Test func servicesAreNotReachedByTheProxy() throws {
        var fixture = AgentFixture(Self.configuration())
        fixture.send(.start)
        let id = try fixture.accept()
        _ = fixture.read(id)
        fixture.wrote(id)
        fixture.reply(id, Self.passes)
        let head = try fixture.upgradeRequest(on: id)
        var session = TunnelSession(.gateway, version: .v2)
        session.admit()
        fixture.gateways[id] = AgentFixture.Gateway(session: session)
        fixture.reply(id, try AgentFixture.switching(head, version: .v2))
        try fixture.request(id, "GET", "/")
        #expect(fixture.dials.first?.endpoint == .tcp(host: "localhost", port: 4173))
        fixture.reply(try fixture.accept(), "HTTP/1.1 204 No Content\r\n\r\n")
        fixture.expectNothingLeft()
    }
}
