// The gateway's own pages name all agents: where web services are guarded, so are they, unless somebody said otherwise.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WebConsole

@testable import GatewayKit

@Suite struct GuardedPageTests {
    private static let pages = ["/", "/help", "/metrics", "/api/agents", "/api/series", "/api/openapi.json"]
    private static let bearer = "Authorization: Bearer visitor\r\n"

    private func access(_ configure: (inout AgentAccess) -> Void) -> AgentAccess {
        var access = AgentAccess()
        configure(&access)
        return access
    }

    @Test(arguments: pages) func theTokensOfWebServicesGuardThePages(page: String) throws {
        let fixture = GatewayFixture(loops: 2) { $0.web.authTokens = ["visitor", "other"] }
        _ = fixture.agent("secret-name")
        let refused = try fixture.get(page, on: 1)
        #expect(refused.status == 401 && !refused.text.contains("secret-name"))
        #expect(try fixture.get(page, Self.bearer.replacing("visitor", with: "wrong"), on: 1).status == 401)
        #expect(try fixture.get(page, Self.bearer, on: 1).status == 200)
        #expect(try fixture.get("\(page)?token=other", on: 1).status == 200)
        fixture.end()
    }

    @Test func eventsAreGuardedToo() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["visitor"] }
        #expect(try fixture.get("/api/events").status == 401)
        let watcher = fixture.visit(get("/api/events", Self.bearer))
        #expect(fixture.read(watcher).hasPrefix("HTTP/1.1 200 "))
        fixture.end()
    }

    @Test func whatProbesAskForStaysOpen() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["visitor"] }
        for path in ["/healthz", "/readyz", "/login"] { #expect(try fixture.get(path).status == 200, "\(path)") }
        #expect(try fixture.get("/agent").errorCode == "upgrade-required")
        fixture.end()
    }

    @Test func oneLoginIsForBothAndOneLogoutToo() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["visitor"] }
        let agent = fixture.agent()
        let browser = Browser(fixture)
        let refused = try browser.ask("/")
        #expect(refused.status == 401 && refused.text.contains("action=\"/login\""))
        #expect(try browser.logIn("visitor", scope: "", next: "/").fields[.location] == "/")
        #expect(browser.cookies.keys.sorted() == ["miagent.*"])
        #expect(try browser.ask("/").status == 200)
        #expect(try browser.reach(agent, "/web/a/") != nil)
        #expect(try browser.ask("/logout", method: "POST", body: "scope=&next=/").status == 303)
        #expect(browser.cookies.isEmpty)
        #expect(try browser.ask("/").status == 401)
        let other = Browser(fixture)
        _ = try other.logIn("visitor")
        #expect(try other.ask("/api/agents").status == 200)
        fixture.end()
    }

    @Test func itsOwnTokensStandInsteadAndOpennessIsSaidAloud() throws {
        let own = GatewayFixture {
            $0.web.authTokens = ["visitor"]
            $0.statusPage.authTokens = ["operator"]
        }
        #expect(try own.get("/", Self.bearer).status == 401)
        #expect(try own.get("/", Self.bearer.replacing("visitor", with: "operator")).status == 200)
        own.end()
        let open = GatewayFixture {
            $0.web.authTokens = ["visitor"]
            $0.web.allow = ["10.0.0.0/8"].compactMap { AddressRange($0) }
            $0.statusPage.isPublic = true
        }
        #expect(try open.get("/").status == 200)
        open.end()
    }

    @Test func whereSingleAgentsAreGuardedTheirTokensOpenThePage() throws {
        let fixture = GatewayFixture {
            $0.agents["a"] = self.access { $0.authTokens = ["as"] }
            $0.agents["b"] = self.access { $0.authTokens = ["bs"] }
        }
        #expect(try fixture.get("/").status == 401)
        for token in ["as", "bs"] { #expect(try fixture.get("/", "Authorization: Bearer \(token)\r\n").status == 200) }
        let browser = Browser(fixture)
        _ = try browser.logIn("bs", scope: "", next: "/")
        #expect(try browser.ask("/").status == 200)
        #expect(try browser.ask("/web/b/").status == 401, "one login is for one agent")
        var configuration = fixture.gateway.configuration
        configuration.web.authTokens = ["visitor"]
        fixture.tell(.reconfigure(configuration))
        #expect(try fixture.get("/", "Authorization: Bearer as\r\n").status == 401, "there are tokens for all agents now")
        fixture.end()
    }

    @Test func aListOfAddressesGuardsItToo() throws {
        let fixture = GatewayFixture { $0.web.allow = ["10.0.0.0/8"].compactMap { AddressRange($0) } }
        #expect(try fixture.get("/", from: "203.0.113.9").status == 403)
        #expect(try fixture.get("/", from: "10.1.2.3").status == 200)
        fixture.end()
    }

    @Test func theInspectorStillNeedsATokenOfThePages() throws {
        let fixture = GatewayFixture {
            $0.web.authTokens = ["visitor"]
            $0.inspector.mode = .all
        }
        _ = fixture.agent()
        #expect(try fixture.get("/api/agents/a/exchanges", Self.bearer).errorCode == "inspector-off")
        fixture.end()
    }

    @Test func anOpenPageIsWarnedOf() {
        func warnings(_ configure: (inout GatewayConfiguration) -> Void) -> [StatusWarning] {
            var configuration = GatewayConfiguration()
            configuration.isReachableFromOutside = true
            configuration.gatewayTokens = ["g"]
            configure(&configuration)
            return configuration.warnings
        }
        #expect(warnings { $0.web.isPublic = true } == [.openStatusPage])
        #expect(warnings { $0.web.isEnabled = false } == [.openStatusPage])
        #expect(warnings { _ in } == [.openToVisitors])
        for closed in [
            warnings { $0.web.authTokens = ["t"] },
            warnings {
                $0.web.isPublic = true
                $0.statusPage.isPublic = true
            },
            warnings {
                $0.web.isPublic = true
                $0.statusPage.isEnabled = false
            },
            warnings {
                $0.web.isPublic = true
                $0.statusPage.authTokens = ["t"]
            },
        ] { #expect(closed == []) }
    }
}
