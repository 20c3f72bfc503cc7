// What a gateway says and is told of certificates: which agents may have a name of their own in one, which names that are, and
// how certificates are shown in `/metrics`.

import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct CertificateTests {
    // MARK: Who may have one

    @Test func onlyAnAgentThatPresentedATokenIsNamed() throws {
        let fixture = GatewayFixture {
            $0.gatewayTokens = ["common"]
            var access = AgentAccess()
            access.tokens = ["special"]
            $0.agents["own"] = access
        }
        #expect(try fixture.expectResponse(fixture.visit(GatewayFixture.handshake("agentId=x&token=wrong"))).status == 401)
        _ = fixture.visit(GatewayFixture.handshake("agentId=y&token=common"))
        #expect(fixture.provenAgents == [], "a handshake is no registration")
        let first = fixture.dial(query: "agentId=a&token=common")
        first.register(AgentDescription(agentID: "a"))
        first.register(AgentDescription(agentID: "a"))
        fixture.dial(query: "agentId=own&token=special").register(AgentDescription(agentID: "own"))
        let sly = fixture.dial(query: "token=common")
        sly.register(AgentDescription(agentID: "own"))
        #expect(fixture.provenAgents == ["a", "own"])
        fixture.end()
    }

    @Test func whereAnybodyMayRegisterNobodyIsNamed() {
        let fixture = GatewayFixture()
        fixture.dial(query: "agentId=a&token=anything").register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.counters.registeredAgents == 1)
        #expect(fixture.provenAgents == [])
        fixture.end()
    }

    // MARK: Names

    @Test func namesAreThoseOfTheSettings() {
        var configuration = GatewayConfiguration()
        configuration.publicURL = "https://GW.example.com:8443"
        configuration.web.subdomainHost = "Example.com"
        configuration.agents = ["Pi": AgentAccess(), "www": AgentAccess(), "gw": AgentAccess()]
        let names = HostNames(configuration)
        #expect(names.publicHost == "gw.example.com" && names.subdomainHost == "example.com")
        #expect(names.ofConfiguredAgents == ["pi.example.com"])
        #expect(names.ofAgent("Laptop") == "laptop.example.com")
        #expect(names.ofAgent("GW") == nil && names.ofAgent("www") == nil, "the gateway's own")
        configuration.web.subdomainHost = nil
        #expect(HostNames(configuration).ofAgent("a") == nil)
        #expect(HostNames(GatewayConfiguration()).publicHost == nil)
    }

    // MARK: How they are

    @Test func metricsSayWhenEachExpires() throws {
        let fixture = GatewayFixture()
        func metrics() throws -> String {
            let id = fixture.visit("GET /metrics HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
            return String(decoding: try fixture.expectResponse(id).body, as: UTF8.self)
        }
        #expect(try !metrics().contains("miagent_certificate"))
        fixture.tell(
            .certificates([
                CertificateStatus(name: "gw.example.com", notAfter: 1_900_000_000),
                CertificateStatus(name: "pi.gw.example.com", failure: "the CA is not there", retryAt: 1_800_000_000),
            ]))
        let text = try metrics()
        #expect(text.contains("miagent_certificate_expiry_seconds{name=\"gw.example.com\"} 1900000000\n"))
        #expect(text.contains("miagent_certificate_expiry_seconds{name=\"pi.gw.example.com\"} 0\n"))
        #expect(text.contains("miagent_certificate_failing{name=\"gw.example.com\"} 0\n"))
        #expect(text.contains("miagent_certificate_failing{name=\"pi.gw.example.com\"} 1\n"))
        fixture.end()
    }

    @Test func theStatusPageSaysWhichCannotBeHad() throws {
        let fixture = GatewayFixture()
        func page() throws -> String {
            let id = fixture.visit("GET / HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
            return String(decoding: try fixture.expectResponse(id).body, as: UTF8.self)
        }
        fixture.tell(.certificates([CertificateStatus(name: "gw.example.com", notAfter: 1_900_000_000)]))
        #expect(try !page().contains("gw.example.com"))
        fixture.tell(.certificates([CertificateStatus(name: "gw.example.com", failure: "no <CA> there")]))
        let text = try page()
        #expect(text.contains("<bdi>gw.example.com</bdi>") && text.contains("no &lt;CA&gt; there"))
        fixture.end()
    }
}
