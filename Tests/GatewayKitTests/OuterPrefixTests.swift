// A proxy in front that takes a prefix off: what goes out is right in the visitor's eyes.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct OuterPrefixTests {
    private let trusted = [AddressRange("127.0.0.1")].compactMap { $0 }

    @Test func whatAProxySaysIsAPathOrNothing() {
        let none = OuterPrefix(publicURL: nil)
        for (value, expected) in [
            ("/tools", "/tools"), ("/tools/", "/tools"), ("/a/b", "/a/b"), ("/", ""), ("", ""), ("tools", ""),
            ("//evil.example", ""),
            ("/a/../b", "/a/../b"), ("/..", ""), ("/\\evil", ""), ("/a\"><script>", ""), ("/a;b", ""), ("/a, /b", ""),
            ("/a?b", ""),
            ("http://evil.example", ""),
        ] {
            let given = fields(("X-Forwarded-Prefix", value))
            #expect(none.of(given, isByTrustedProxy: true) == expected, "\(value)")
            #expect(none.of(given, isByTrustedProxy: false).isEmpty)
        }
    }

    @Test func thePathOfThePublicURLIsForThoseWhoAskedForIt() {
        let prefix = OuterPrefix(publicURL: "https://GW.example/tools")
        #expect(prefix.of(fields(("Host", "gw.example")), isByTrustedProxy: false) == "/tools")
        #expect(prefix.of(fields(("Host", "10.0.0.1:3000")), isByTrustedProxy: false).isEmpty)
        let said = fields(("Host", "inner"), ("X-Forwarded-Host", "gw.example"))
        #expect(prefix.of(said, isByTrustedProxy: true) == "/tools")
        #expect(prefix.of(said, isByTrustedProxy: false).isEmpty)
        let other = fields(("Host", "gw.example"), ("X-Forwarded-Prefix", "/p"))
        #expect(prefix.of(other, isByTrustedProxy: true) == "/p")
        #expect(
            OuterPrefix(publicURL: "https://gw.example").of(fields(("Host", "gw.example")), isByTrustedProxy: false).isEmpty)
    }

    @Test func aServicesAddressesHaveBothPrefixes() throws {
        let fixture = GatewayFixture { $0.trustedProxies = trusted }
        let agent = fixture.agent()
        let id = fixture.visit(
            get("/web/a/x", "X-Forwarded-Prefix: /tools\r\nX-Forwarded-For: 192.0.2.1\r\n"), from: "127.0.0.1")
        let request = try agent.request()
        #expect(request.head.path == latin1("/x")[...])
        #expect(request.head.fields[.xForwardedPrefix] == "/tools/web/a")
        agent.begin(
            request.id, 302,
            fields(
                ("Location", "/login"), ("Set-Cookie", "a=b; Path=/"), ("Content-Location", "/tools/web/a/x"),
                ("Link", "</s.css>; rel=x"),
                ("Refresh", "1; url=http://localhost:1/y")))
        agent.send(request.id, "", end: true)
        let response = try fixture.expectResponse(id)
        #expect(response.fields[.location] == "/tools/web/a/login")
        #expect(response.fields[.setCookie] == "a=b; Path=/tools/web/a/")
        #expect(response.fields[.contentLocation] == "/tools/web/a/x")
        #expect(response.fields[.link] == "</tools/web/a/s.css>; rel=x")
        #expect(response.fields[.refresh] == "1; url=/tools/web/a/y")
        fixture.end()
    }

    @Test func theGatewaysOwnAddressesHaveItToo() throws {
        let fixture = GatewayFixture {
            $0.trustedProxies = trusted
            $0.web.authTokens = ["v"]
        }
        let agent = fixture.agent()
        let html = "Accept: text/html\r\nX-Forwarded-Prefix: /tools/\r\n"
        let slash = try fixture.get("/web/a", "X-Forwarded-Prefix: /tools\r\nAuthorization: Bearer v\r\n", from: "127.0.0.1")
        #expect(slash.fields[.location] == "/tools/web/a/")
        let login = try fixture.get("/web/a/x", html, from: "127.0.0.1")
        #expect(login.status == 401 && login.text.contains("action=\"/tools/"))
        #expect(!login.text.contains("action=\"/l") && !login.text.contains("action=\"/."))
        let page = try fixture.get("/", html + "Authorization: Bearer v\r\n", from: "127.0.0.1")
        #expect(page.text.contains("href=\"/tools/"))
        for own in ["/\"", "/h", "/."] { #expect(!page.text.contains("href=\"\(own)")) }
        let signIn = try fixture.get("/web/a/x?token=v", html, from: "127.0.0.1")
        #expect(signIn.status == 303 && signIn.fields[.location] == "/tools/web/a/x")
        // A client that is not trusted names no prefix.
        #expect(try !fixture.get("/", html).text.contains("/tools"))
        _ = agent
        fixture.end()
    }

    @Test func whoeverComesByAProxySeesItsAddresses() throws {
        let fixture = GatewayFixture { $0.trustedProxies = trusted }
        let way = "X-Forwarded-Prefix: /tools\r\nX-Forwarded-Host: gw.example:8443\r\nX-Forwarded-Proto: https\r\n"
        let agent = fixture.dial(.v2, way, from: "127.0.0.1")
        agent.register(AgentDescription(agentID: "a"))
        #expect(webURL(of: agent) == "https://gw.example:8443/tools/web/a/")
        let page = try fixture.get("/", way, from: "127.0.0.1")
        #expect(page.text.contains("data-api=\"/tools/.miagent/\"") && page.text.contains("href=\"/tools/web/a/\""))
        let help = try fixture.get("/.miagent/help?agent=a", way, from: "127.0.0.1")
        #expect(help.text.contains("wss://gw.example:8443/tools/agent"))
        #expect(help.text.contains("https://gw.example:8443/tools/web/a/"))
        let list = try fixture.get("/.miagent/agents", way, from: "127.0.0.1")
        #expect(list.text.contains("https://gw.example:8443/tools/web/a/"))
        // A client that is not trusted does not say where we are.
        let untrusted = try fixture.get("/.miagent/agents", way)
        #expect(untrusted.text.contains("\"http://gw.example/web/a/\""))
        fixture.end()
    }

    @Test func anAgentIsToldTheWholeAddress() throws {
        let fixture = GatewayFixture { $0.publicURL = "https://gw.example/tools" }
        #expect(webURL(of: fixture.agent()) == "https://gw.example/tools/web/a/")
        #expect(try fixture.get("/web/a", host: "gw.example").fields[.location] == "/tools/web/a/")
        #expect(try fixture.get("/web/a", host: "10.0.0.1").fields[.location] == "/web/a/")
        fixture.end()
        let byHost = GatewayFixture {
            $0.publicURL = "https://gw.example:8443/tools"
            $0.web.subdomainHost = "sub.example"
        }
        #expect(webURL(of: byHost.agent()) == "https://a.sub.example:8443/")
        byHost.end()
    }

    private func webURL(of agent: AgentPeer) -> String? {
        agent.events.lazy.compactMap { if case .welcome(let welcome) = $0 { welcome.webURL } else { nil } }.first
    }
}
