// The gateway's own names are no agent's, and pages in browsers are no agents.

import HTTPCodec
import MachineCore
import SettingsCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct OwnNameTests {
    private func fixture(loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.publicURL = "https://GW.example.com:8443"
            $0.web.subdomainHost = "Example.com"
            configure(&$0)
        }
    }

    // MARK: Names

    @Test(arguments: ["gw", "GW", "www", "wWw"], TunnelVersion.allCases)
    func noAgentGetsANameOfTheGatewaysOwn(id: String, version: TunnelVersion) throws {
        let fixture = fixture(loops: 2)
        let protocols = version == .v1 ? nil : "miagent.v2"
        let response = try fixture.expectResponse(
            fixture.visit(GatewayFixture.handshake("agentId=\(id)", protocols: protocols), on: 1))
        #expect(response.status == 409 && response.errorCode == "reserved-agent-id" && response.text.contains("gateway's own"))
        let late = fixture.dial(version, query: "")
        late.register(AgentDescription(agentID: id))
        #expect(late.events.contains { if case .refused(let failure) = $0 { failure.code == -32002 } else { false } })
        #expect(late.events.last == .closed(WSCloseCode(rawValue: 4408), reason: GatewayError.reservedName(id).explanation))
        #expect(fixture.gateway.agentRecords.isEmpty)
        fixture.end()
    }

    @Test func theGatewaysHostNameLeadsToItsPages() throws {
        let fixture = fixture()
        for host in [
            "gw.example.com", "GW.Example.COM:8443", "gw.example.com.", "www.example.com", "example.com", "other.test",
        ] {
            #expect(try fixture.get("/healthz", host: host).text == "ok\n", "\(host)")
            #expect(try fixture.get("/", host: host).status == 200, "\(host)")
            #expect(try fixture.get("/agent", host: host).errorCode == "upgrade-required", "\(host)")
        }
        #expect(try fixture.get("/healthz", host: "pi.example.com").errorCode == "unknown-agent")
        fixture.end()
    }

    @Test func namesThatBecomeReservedLeadToNobody() throws {
        let fixture = fixture { $0.publicURL = nil }
        let agent = fixture.agent("gw")
        let id = fixture.visit("GET /healthz HTTP/1.1\r\nHost: gw.example.com\r\n\r\n")
        agent.respond(try agent.request().id, 200, HTTPFields(), "the agent's")
        #expect(try fixture.expectResponse(id).text == "the agent's")
        var configuration = fixture.gateway.configuration
        configuration.publicURL = "http://gw.example.com"
        fixture.tell(.reconfigure(configuration))
        #expect(try fixture.get("/healthz", host: "gw.example.com").text == "ok\n")
        fixture.end()
    }

    @Test func whatIsReservedCanBeSaid() throws {
        let fixture = fixture { $0.reservedAgents = ["Api", "shop"] }
        for (id, isReserved) in [("api", true), ("SHOP", true), ("gw", true), ("www", false), ("x.gw", false)] {
            let status = try fixture.expectResponse(fixture.visit(GatewayFixture.handshake("agentId=\(id)"))).status
            #expect(status == (isReserved ? 409 : 101), "\(id)")
        }
        fixture.end()
        // Without host names nothing is reserved unless somebody says so.
        let paths = GatewayFixture { $0.publicURL = "http://www.example.com" }
        _ = paths.agent("www")
        #expect(paths.gateway.counters.registeredAgents == 1)
        paths.end()
    }

    @Test(arguments: [
        ("https://gw.example.com/", "gw.example.com"), ("http://GW.example.com.:3000", "gw.example.com"),
        ("http://[::1]:3000", "[::1]"),
        ("http://u:p@h/x?y", "h"), ("http://", nil), ("http://[::1]", "[::1]"),
    ]) func theHostOfAnAddress(url: String, host: String?) {
        var configuration = GatewayConfiguration()
        configuration.publicURL = url
        #expect(configuration.publicHost == host)
    }

    @Test func configuredAgentsWithReservedNamesAreAMistake() {
        let web = #""channels": {"webService": {"subdomainHost": "example.com"}}"#
        for (text, path) in [
            (#"{"publicUrl": "https://gw.example.com", \#(web), "agents": {"GW": {"token": "t"}}}"#, "agents.GW"),
            (#"{\#(web), "agents": {"www": {"token": "t"}}}"#, "agents.www"),
            (#"{"reservedAgents": "pi", "agents": {"a": {"token": "t"}, "Pi": {"token": "t"}}}"#, "agents.Pi"),
            (#"{"reservedAgents": ["ok", "a b"]}"#, "reservedAgents"),
            (#"{"agentOrigins": ["https://console.example.com/"]}"#, "agentOrigins"),
            (#"{"agentOrigins": "*"}"#, "agentOrigins"),
        ] {
            var reader = SettingsReader(file: ("f", Array(text.utf8)))
            _ = GatewayConfiguration.read(from: &reader)
            #expect(reader.finish().map(\.path) == [path], "\(text)")
        }
        var reader = SettingsReader(
            file: ("f", Array(#"{"reservedAgents": [], \#(web), "agents": {"www": {"token": "t"}}}"#.utf8)))
        #expect(GatewayConfiguration.read(from: &reader).reservedAgents == [])
        #expect(reader.finish().isEmpty)
    }

    // MARK: Pages

    @Test(arguments: [[], ["secret"]], TunnelVersion.allCases)
    func aPageIsNoAgent(tokens: [String], version: TunnelVersion) throws {
        let fixture = GatewayFixture(loops: 2) {
            $0.gatewayTokens = tokens
            $0.agentOrigins = ["https://console.example.com"]
        }
        let query = tokens.isEmpty ? "agentId=a" : "agentId=a&token=secret"
        let protocols = version == .v1 ? nil : "miagent.v2"
        for origin in [
            "https://evil.example", "http://gw.example", "null", "", "https://console.example.com.evil.example",
            "https://console.example.com\r\nOrigin: https://console.example.com",
        ] {
            let id = fixture.visit(GatewayFixture.handshake(query, protocols: protocols, "Origin: \(origin)\r\n"), on: 1)
            let response = try fixture.expectResponse(id)
            #expect(response.status == 403 && response.errorCode == "cross-site", "\(origin)")
        }
        #expect(fixture.takeLogs("agent.turned-away").count == 6)
        let listed = fixture.visit(
            GatewayFixture.handshake(query, protocols: protocols, "Origin: HTTPS://console.example.com\r\n"), on: 1)
        #expect(try fixture.expectResponse(listed).status == 101)
        fixture.end()
    }
}
