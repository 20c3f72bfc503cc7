// The configuration file, and the gateway's address in it.

import MachineCore
import SettingsCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct SettingsTests {
    private func read(_ text: String) -> (AgentConfiguration?, [String]) {
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        let configuration = AgentConfiguration.read(from: &reader)
        return (configuration, reader.finish().map(\.description))
    }

    @Test func aFileOfTheOriginalV1ReadsAsItIs() throws {
        let (read, problems) = read(
            """
            {
            "agentId": "my-agent",
            "gatewayUrl": "ws://gateway.example.com/agent",
            "gatewayToken": "your-secret-token",
            "webService": {
            "port": 4173, // Agent 本地 Web 服务监听端口(仅 localhost)
            "pathPrefix": "/" // 可选,路径前缀,默认 /
            }
            }
            """)
        #expect(problems == [])
        let configuration = try #require(read)
        #expect(configuration.description.agentID == "my-agent")
        #expect(configuration.description.servesWeb)
        #expect(configuration.gateway.host == "gateway.example.com")
        #expect(configuration.token == "your-secret-token")
        #expect(configuration.service == .http(LocalHTTPService(port: 4173)))
        #expect(configuration.problem == nil)
    }

    @Test func everyKeyIsRead() throws {
        let (read, problems) = read(
            """
            {"agentId": "a", "gatewayUrl": "ws://[::1]:3000/x?y=1", "type": "t", "model": "m", "host": "h", "protocol": "v1",
             "webService": {"port": 80, "pathPrefix": "/app", "hostHeader": "dev:{port}"}, "maxExchanges": 7, "pingMs": 5000,
             "pongTimeoutMs": 6000, "connectTimeoutMs": 7000, "poolIdleMs": 0, "maxPooledConnections": 3, "maxHeldBytes": 3000000,
             "responseTimeoutMs": 8000, "inspectAtGateway": true, "maxHeadBytes": 2048, "maxFields": 20,
             "tunnel": {"mask": "zero"}}
            """)
        #expect(problems == [])
        let configuration = try #require(read)
        #expect(configuration.gateway.host == "::1")
        #expect(
            [configuration.description.type, configuration.description.model, configuration.description.host] == [
                "t", "m", "h",
            ])
        #expect(configuration.description.wantsInspection)
        #expect(configuration.highestVersion == .v1)
        #expect(configuration.mask == .zero)
        #expect(configuration.service == .http(LocalHTTPService(port: 80, basePath: "/app", hostField: .text("dev:80"))))
        #expect(configuration.maximumExchanges == 7)
        #expect(configuration.http.maximumStartLineBytes == 2_048 && configuration.http.maximumFieldSectionBytes == 2_048)
        #expect(configuration.http.maximumFieldCount == 20)
        #expect(configuration.maximumPooledConnections == 3)
        #expect(configuration.maximumHeldBytes == 3_000_000)
        #expect(configuration.pingInterval == .seconds(5))
        #expect(configuration.pongTimeout == .seconds(6))
        #expect(configuration.connectTimeout == .seconds(7))
        #expect(configuration.poolIdleTimeout == .zero)
        #expect(configuration.responseHeadTimeout == .seconds(8))
        #expect(configuration.token == nil)
    }

    @Test func withoutAWebServiceThereIsNone() throws {
        let (configuration, problems) = read(#"{"agentId": "a", "gatewayUrl": "ws://g"}"#)
        #expect(problems == [])
        #expect(configuration?.service == LocalService.none)
        #expect(configuration?.description.servesWeb == false)
    }

    // MARK: The machine's name

    @Test(arguments: [
        ("laptop", "laptop"), ("Anna's-MacBook-Pro.local", "anna-s-macbook-pro"), ("3f2a9c1b2d10", "3f2a9c1b2d10"),
        ("web_01.example.com", "web-01"), ("-x-", "x"), ("Mäc", "m-c"),
        (String(repeating: "a", count: 80), String(repeating: "a", count: 63)),
    ])
    func anAgentWithoutAnIDHasItsMachinesName(machine: String, id: String) throws {
        let text = #"{"gatewayUrl": "ws://g"}"#
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        let configuration = try #require(AgentConfiguration.read(from: &reader, machineName: machine))
        #expect(reader.finish() == [])
        #expect(configuration.description.agentID == id)
        #expect(configuration.isNamedAfterMachine)
        #expect(configuration.problem == nil)
        var fixture = AgentFixture(configuration)
        fixture.send(.start)
        let line = fixture.logs.first { $0.event == "agent.named-after-machine" }
        #expect(line?.fields.contains { $0.value == id } == true)
        #expect(line?.fields.contains { $0.value.contains("--id") } == true)
    }

    @Test(arguments: ["", "localhost", "localhost.localdomain", "---", "日本", "."])
    func aNameThatTellsNoMachineFromAnotherIsNoID(machine: String) {
        let text = #"{"gatewayUrl": "ws://g"}"#
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        #expect(AgentConfiguration.read(from: &reader, machineName: machine) == nil)
        #expect(reader.finish().first?.description.contains("agentId") == true)
    }

    @Test(arguments: [#""agentId": "pi", "#, #""agentId": ".", "#])
    func anIDThatIsGivenCounts(member: String) {
        let text = "{\(member)\"gatewayUrl\": \"ws://g\"}"
        var reader = SettingsReader(file: (name: "agent.json", text: Array(text.utf8)))
        let configuration = AgentConfiguration.read(from: &reader, machineName: "laptop")
        #expect(configuration?.description.agentID != "laptop")
        #expect(configuration?.isNamedAfterMachine != true)
    }

    @Test func preserveKeepsTheHost() {
        let (configuration, _) = read(
            #"{"agentId": "a", "gatewayUrl": "ws://g", "webService": {"port": 1, "hostHeader": "preserve"}}"#)
        #expect(configuration?.service == .http(LocalHTTPService(port: 1, hostField: .preserve)))
    }

    @Test(arguments: [
        (#"{"gatewayUrl": "ws://g"}"#, "agentId"), (#"{"agentId": "a"}"#, "gatewayUrl"),
        (#"{"agentId": ".a", "gatewayUrl": "ws://g"}"#, "agentId"),
        (#"{"agentId": "a", "gatewayUrl": "g"}"#, "neither a scheme nor a port"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "gatewayToken": "hush hush"}"#, "gatewayToken"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "protocol": "v3"}"#, "protocol"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "webService": {}}"#, "needs a port, url, unix or directory"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "webService": {"port": 0}}"#, "webService.port"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "webService": {"port": 1, "pathPrefix": "x"}}"#, "pathPrefix"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "webService": {"port": 1, "hostHeader": "a b"}}"#, "hostHeader"),
        (#"{"agentId": "a", "gatewayUrl": "ws://g", "maxExchange": 1}"#, "maxExchanges"),
    ])
    func whatIsWrongIsNamed(text: String, part: String) {
        let (_, problems) = read(text)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(part) == true, "\(problems)")
        #expect(problems.first?.contains("hush") == false)
    }

    @Test func allProblemsShowAtOnce() {
        let (configuration, problems) = read(#"{"protocol": 2, "maxExchanges": 0, "webService": {"port": "x"}, "typ": ""}"#)
        #expect(configuration == nil)
        #expect(problems.count == 6)
    }

    @Test(arguments: [
        ("port", "webService.port"), ("token", "gatewayToken"), ("id", "agentId"), ("gateway", "gatewayUrl"),
        ("url", "gatewayUrl"), ("directory", "webService.directory"), ("hostHeader", "webService.hostHeader"),
        ("routes", "webService.routes"), ("GatewayURL", "gatewayUrl"), ("authToken", "gatewayToken"),
    ])
    func aKeyInTheWrongPlaceNamesTheRightOne(key: String, meant: String) {
        let (_, problems) = read(#"{"agentId": "a", "gatewayUrl": "ws://g", "\#(key)": 4173}"#)
        #expect(problems.count == 1)
        #expect(problems.first?.hasSuffix("unknown key \"\(key)\"; did you mean \"\(meant)\"?") == true, "\(problems)")
    }

    // MARK: Addresses

    @Test(arguments: [
        ("ws://g", "g", 80, "/agent", "g"), ("ws://g/", "g", 80, "/agent", "g"), ("WS://g:3000", "g", 3000, "/agent", "g:3000"),
        ("http://g:80/a/b", "g", 80, "/a/b", "g"), ("ws://g?x=1", "g", 80, "/agent?x=1", "g"),
        ("ws://g/?x=/", "g", 80, "/agent?x=/", "g"), ("ws://[::1]:3000/p", "::1", 3000, "/p", "[::1]:3000"),
        ("ws://[fe80::1]", "fe80::1", 80, "/agent", "[fe80::1]"), ("wss://g.example", "g.example", 443, "/agent", "g.example"),
        ("https://g:80/", "g", 80, "/agent", "g:80"),
        ("ws://127.0.0.1:65535/%20", "127.0.0.1", 65535, "/%20", "127.0.0.1:65535"),
        ("ws://g:", "g", 80, "/agent", "g"), ("http://g", "g", 80, "/agent", "g"),
        ("http://g:3000/", "g", 3000, "/agent", "g:3000"),
        ("ws://g/agent/", "g", 80, "/agent", "g"), ("ws://g/a/agent/?x=/", "g", 80, "/a/agent?x=/", "g"),
        ("g:3000", "g", 3000, "/agent", "g:3000"), ("g:3000/", "g", 3000, "/agent", "g:3000"),
        ("127.0.0.1:3000/x/agent", "127.0.0.1", 3000, "/x/agent", "127.0.0.1:3000"),
        ("[::1]:3000", "::1", 3000, "/agent", "[::1]:3000"), ("https://g/", "g", 443, "/agent", "g"),
        ("g.example:443", "g.example", 443, "/agent", "g.example"),
    ])
    func anAddressIsTakenApart(text: String, host: String, port: UInt16, target: String, hostField: String) throws {
        let url = try GatewayURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.hostField == hostField)
        #expect(url.isSecure == (text.lowercased().hasPrefix("wss") || text.hasPrefix("https") || text.hasSuffix(":443")))
    }

    @Test(arguments: [
        ("ws://g", true), ("ws://g/", true), ("g:443", true), ("https://g?x=/y", true), ("wss://[::1]:3//", true),
        ("ws://g/agent", false), ("g:1/x", false), ("https://g/tools/agent/?x", false),
    ])
    func aPathThatIsMissingIsSaid(text: String, isMissing: Bool) throws {
        let (configuration, problems) = read(#"{"agentId": "a", "gatewayUrl": "\#(text)"}"#)
        #expect(problems == [])
        #expect(configuration?.hasDefaultPath == isMissing)
        var fixture = AgentFixture(try #require(configuration))
        fixture.send(.start)
        let line = fixture.logs.first { $0.event == "agent.default-path" }
        #expect((line != nil) == isMissing)
        #expect(line?.fields.contains { $0.value.hasSuffix("/agent") && $0.value.hasPrefix("ws") } != false)
    }

    @Test(arguments: [
        ("wss://g:8443/agent?token=hush", "wss://g:8443/agent"), ("g:443", "wss://g/agent"),
        ("http://[::1]:3000/a/", "ws://[::1]:3000/a"),
    ])
    func anAddressIsShownWithoutItsQuery(text: String, shown: String) throws {
        #expect(try GatewayURL(text).description == shown)
    }

    @Test(arguments: [
        "", "g", "gateway.example.com", "gateway.example.com/agent", ":3000", "g:x", "g:0", "g:65536", "u:1@g:3000", "::1:3000",
        "://g", "ftp://g", "ws:/g", "ws://", "ws:///agent", "ws://:3000", "ws://g:0", "ws://g:65536",
        "ws://g:3x", "ws://g:-1", "ws://u:p@g/", "ws://g/#x", "ws://g /", "ws://g\u{e4}/", "ws://[::1", "ws://[::1]x",
        "ws://[g]",
        "ws://a,b/", "ws://[::1]:", "ws://g/\r\n",
    ])
    func whatIsNoAddressIsRefusedWithAnExample(text: String) {
        if text == "ws://[::1]:" {
            #expect((try? GatewayURL(text))?.port == 80)
            return
        }
        do {
            _ = try GatewayURL(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.description.hasSuffix("it should look like wss://gateway.example.com/agent"))
            #expect(!error.description.contains("u:p"))
        }
    }
}
