// Which proxy agentd takes: the setting's, whatever the environment says, else the environment's; and no word of a password.

import SettingsCore
import Testing

@testable import AgentKit
@testable import agentd

@Suite struct AgentProxyTests {
    private func read(
        _ member: String = "", gateway: String = "wss://gw.example", environment: [String: String] = [:],
        flags: [SettingsFlag] = []
    ) -> (AgentProxy?, [String]) {
        let text = #"{\#(member) "agentId": "a", "gatewayUrl": "\#(gateway)"}"#
        var reader = SettingsReader(
            file: (name: "agent.json", text: Array(text.utf8)), environment: environment, flags: flags)
        let agent = AgentConfiguration.read(from: &reader)
        let proxy = AgentProxy.read(&reader, environment, for: agent)
        return (proxy, reader.finish().map(\.description))
    }

    private static let variables = ["HTTPS_PROXY": "http://u:hush@env:1", "NO_PROXY": "other.example"]

    @Test func theSettingComesBeforeTheEnvironment() throws {
        let (own, problems) = read(#""proxy": "http://u:p@own:3128","#, environment: Self.variables)
        #expect(problems == [])
        #expect(own == AgentProxy(url: try ProxyURL("http://u:p@own:3128"), origin: "proxy"))
        #expect(read(#""proxy": "none","#, environment: Self.variables) == (nil, []))
        let (flag, _) = read(
            #""proxy": "none","#, flags: [SettingsFlag(name: "--proxy", path: "proxy", value: "flag:1")])
        #expect(flag?.url.description == "http://flag:1")
        let (variable, _) = read(environment: Self.variables.merging(["MIAGENT_PROXY": "own:2"]) { $1 })
        #expect(variable?.url.description == "http://own:2")
        // What is named by hand is used for every gateway.
        #expect(read(#""proxy": "own:1","#, gateway: "ws://localhost:3000").0 != nil)
    }

    @Test func withoutTheSettingTheEnvironmentCounts() throws {
        let (proxy, problems) = read(environment: Self.variables)
        #expect(problems == [])
        #expect(proxy == AgentProxy(url: try ProxyURL("http://u:hush@env:1"), origin: "HTTPS_PROXY"))
        #expect(read(gateway: "ws://gw.example", environment: Self.variables) == (nil, []))
        #expect(read(gateway: "wss://x.other.example", environment: Self.variables) == (nil, []))
        #expect(read() == (nil, []))
    }

    @Test func whatIsWrongIsNamedWithoutItsSecret() {
        let (_, wrong) = read(#""proxy": "socks5://u:hush@p","#)
        #expect(wrong.count == 1)
        #expect(wrong.first?.contains(#""proxy" cannot be used: a SOCKS proxy is not supported"#) == true, "\(wrong)")
        let (_, environment) = read(environment: ["all_proxy": "socks5://u:hush@p"])
        #expect(environment.count == 1)
        #expect(environment.first?.contains("cannot be taken from all_proxy: a SOCKS proxy is not supported") == true)
        #expect(environment.first?.contains("--proxy none") == true, "\(environment)")
        #expect(!(wrong + environment).contains { $0.contains("hush") })
        // A setting beside it helps.
        #expect(read(#""proxy": "none","#, environment: ["all_proxy": "socks5://p"]) == (nil, []))
    }
}

private func == (left: (AgentProxy?, [String]), right: (AgentProxy?, [String])) -> Bool {
    left.0 == right.0 && left.1 == right.1
}
