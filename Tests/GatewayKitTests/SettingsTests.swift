// The gateway's configuration file: that of the original v1 as it stands, every key of ours, and what is refused.

import MachineCore
import SettingsCore
import Testing

@testable import GatewayKit

@Suite struct SettingsTests {
    private func read(_ text: String, environment: [String: String] = [:]) -> (GatewayConfiguration, [SettingsProblem]) {
        var reader = SettingsReader(file: ("config.json", Array(text.utf8)), environment: environment)
        let configuration = GatewayConfiguration.read(from: &reader)
        return (configuration, reader.finish())
    }

    @Test func theFileOfTheOriginalV1ReadsAsItStands() {
        let (configuration, problems) = read(
            """
            {
            "channels": {
            "webService": {
            "enabled": true,
            "pathPrefix": "/web", // 代理路由前缀,默认 /web
            "authToken": "your-token", // 可选,Bearer token 鉴权
            "timeoutMs": 30000 // 单次请求超时,默认 30 s
            }
            }
            }
            """)
        var expected = GatewayConfiguration()
        expected.web.authTokens = ["your-token"]
        #expect(problems.isEmpty)
        #expect(configuration == expected)
    }

    @Test func anEmptyFileMeansTheDefaults() {
        let (configuration, problems) = read("{}")
        #expect(configuration == GatewayConfiguration())
        #expect(problems.isEmpty)
        #expect(configuration.web.timeout == .seconds(30))
        #expect(configuration.web.pathPrefix == "/web")
    }

    @Test func everyKeyIsRead() {
        let (configuration, problems) = read(
            """
            {
              "publicUrl": "https://gw.example/", "gatewayToken": ["old", "new"], "duplicateAgents": "balance",
              "agents": { "my-agent": { "token": "t", "authToken": ["v", "w"], "allow": "192.0.2.1", "inspect": true }, "a.b": { "public": true } },
              "trustedProxies": ["127.0.0.1", "::1", "10.0.0.0/8"], "logRequests": true,
              "login": { "sessionHours": 2, "attemptsPerMinute": 3 },
              "statusPage": { "enabled": false, "authToken": "s" },
              "inspector": { "mode": "all", "memoryMiB": 2, "maxBody": 300, "replay": false, "public": true },
              "channels": { "webService": {
                "enabled": false, "pathPrefix": "/x/y/", "authToken": ["p", "q"], "timeoutMs": 1500,
                "subdomainHost": "gw.example", "byPath": false, "allow": ["2001:db8::/32", "10.0.0.0/8"], "maxBufferedBody": 1000, "maxBody": 2000, "agentWaitMs": 6,
                "rescueAbsolutePaths": false, "passPreflight": false, "sseKeepAliveMs": 7,
                "upgrades": ["websocket", "x/1"] } },
              "limits": {
                "maxWindowPerStream": 70000, "windowBudgetPerAgent": 80000, "v1BufferPerAgent": 2000000, "v1BufferTotal": 3000000,
                "connectionsPerAddress": 11, "requestsPerAddress": 12, "watchersPerAddress": 0,
                "requestsPerSecondPerAddress": 14, "requestBurstPerAddress": 15,
                "maxStreamsPerAgent": 7, "initialWindow": 65536, "maxConnections": 9, "maxHeadBytes": 4096, "maxFields": 50, "headTimeoutMs": 1,
                "idleTimeoutMs": 2, "writeTimeoutMs": 3, "pingIntervalMs": 4, "pongTimeoutMs": 5 },
            }
            """)
        var expected = GatewayConfiguration()
        expected.publicURL = "https://gw.example"
        expected.limits.perAddress.connections = 11
        expected.limits.perAddress.requests = 12
        expected.limits.perAddress.watchers = 0
        expected.limits.perAddress.requestsPerSecond = 14
        expected.limits.perAddress.requestBurst = 15
        expected.gatewayTokens = ["old", "new"]
        expected.duplicateAgents = .balance
        var access = AgentAccess()
        access.tokens = ["t"]
        access.authTokens = ["v", "w"]
        access.allow = ["192.0.2.1"].compactMap { AddressRange($0) }
        access.inspects = true
        expected.inspector.mode = .all
        expected.inspector.maximumBytes = 2 << 20
        expected.inspector.maximumBodyBytes = 300
        expected.inspector.allowsReplay = false
        expected.inspector.isPublic = true
        var open = AgentAccess()
        open.isPublic = true
        expected.agents = ["my-agent": access, "a.b": open]
        expected.login.session = .seconds(7_200)
        expected.login.attemptsPerMinute = 3
        expected.trustedProxies = ["127.0.0.1", "::1", "10.0.0.0/8"].compactMap { AddressRange($0) }
        expected.logsRequests = true
        expected.statusPage.isEnabled = false
        expected.statusPage.authTokens = ["s"]
        expected.web.isEnabled = false
        expected.web.pathPrefix = "/x/y"
        expected.web.authTokens = ["p", "q"]
        expected.web.timeout = .milliseconds(1_500)
        expected.web.subdomainHost = "gw.example"
        expected.web.routesByPath = false
        expected.web.allow = ["2001:db8::/32", "10.0.0.0/8"].compactMap { AddressRange($0) }
        expected.web.maximumBody = 2_000
        expected.web.upgrades = ["websocket", "x/1"]
        expected.web.agentWait = .milliseconds(6)
        expected.web.rescuesAbsolutePaths = false
        expected.web.passesPreflights = false
        expected.web.sseKeepAlive = .milliseconds(7)
        expected.limits.tunnel.maximumWindow = 70_000
        expected.limits.tunnel.windowBudget = 80_000
        expected.limits.bufferPerAgent = 2_000_000
        expected.limits.bufferTotal = 3_000_000
        expected.limits.tunnel.maximumBufferedBody = 1_000
        expected.limits.tunnel.maximumStreams = 7
        expected.limits.tunnel.initialWindow = 65_536
        expected.limits.maximumConnections = 9
        expected.limits.http.setHead(bytes: 4_096)
        expected.limits.http.maximumFieldCount = 50
        expected.limits.headTimeout = .milliseconds(1)
        expected.limits.idleTimeout = .milliseconds(2)
        expected.limits.writeTimeout = .milliseconds(3)
        expected.limits.pingInterval = .milliseconds(4)
        expected.limits.pongTimeout = .milliseconds(5)
        #expect(problems.isEmpty, "\(problems)")
        #expect(configuration == expected)
    }

    /// Settings whose values have a form of their own.
    private static let samples = [
        "publicUrl": #""https://gw.example""#, "trustedProxies": #""192.0.2.1""#, "reservedAgents": #""www""#,
        "agentOrigins": #""https://console.example""#, "agents.{id}.allow": #""192.0.2.1""#,
        "channels.webService.pathPrefix": #""/x""#, "channels.webService.subdomainHost": #""gw.example""#,
        "channels.webService.allow": #""192.0.2.1""#, "channels.webService.upgrades": #"["x"]"#,
        "onAgentOffline.url": #""http://hook.example""#, "onAgentOffline.afterMs": #"7, "url": "http://hook.example""#,
    ]

    /// What is declared is not only described, but has its place in the configuration.
    @Test func everySettingChangesTheConfiguration() throws {
        var describing = SettingsReader.describing()
        _ = GatewayConfiguration.read(from: &describing)
        let settings = describing.description(of: "gatewayd").settings
        #expect(settings.count > 60)
        for setting in settings {
            let value = try #require(Self.samples[setting.path] ?? setting.sample, "a value for \(setting.path)")
            let path = setting.path.replacing("{id}", with: "a")
            func file(_ value: String) -> String {
                path.split(separator: ".").reversed().reduce(value) { "{\"\($1)\": \($0)}" }
            }
            let (configuration, problems) = read(file(value))
            #expect(configuration != read(file("null")).0, "\(path): \(value)")
            #expect(problems.allSatisfy { !$0.message.contains("unknown") }, "\(problems)")
        }
    }

    @Test func everyLimitSaysWhatHappensBeyondIt() {
        var describing = SettingsReader.describing()
        _ = GatewayConfiguration.read(from: &describing)
        let description = describing.description(of: "gatewayd")
        let silent = description.settings.filter { $0.path.hasPrefix("limits.") && $0.beyond == nil }
        #expect(silent.map(\.path) == [])
        let limits = description.limits
        #expect(limits.first { $0.setting == "limits.maxConnections" }?.beyond == "503 `overloaded`")
        #expect(limits.contains { $0.setting == nil && $0.value == "256 bytes" && $0.beyond == "400 `malformed-request`" })
    }

    @Test(arguments: [
        (#"{"gatewayToken": 7}"#, "gatewayToken"), (#"{"gatewayToken": ""}"#, "gatewayToken"),
        (#"{"gatewayToken": ["a", ""]}"#, "gatewayToken"),
        (#"{"gatewayToken": []}"#, "gatewayToken"), (#"{"gatewayToken": "a b"}"#, "gatewayToken"),
        (#"{"statusPage": {"authToken": []}}"#, "statusPage.authToken"),
        (#"{"agents": {"a": {"authToken": []}}}"#, "agents.a.authToken"),
        (#"{"channels": {"webService": {"authToken": []}}}"#, "channels.webService.authToken"),
        (#"{"channels": {"webService": {"allow": []}}}"#, "channels.webService.allow"),
        (#"{"agents": {"a": {"allow": []}}}"#, "agents.a.allow"), (#"{"publicUrl": "gw.example"}"#, "publicUrl"),
        (#"{"publicUrl": true}"#, "publicUrl"), (#"{"duplicateAgents": "fight"}"#, "duplicateAgents"),
        (#"{"trustedProxies": {}}"#, "trustedProxies"), (#"{"trustedProxies": "10.0.0.0/33"}"#, "trustedProxies"),
        (#"{"trustedProxies": ["::1", "proxy.example"]}"#, "trustedProxies"),
        (#"{"agents": {"a": {"allow": ["10.0.0.0/8", "10.1"]}}}"#, "agents.a.allow"),
        (#"{"agents": {"a": {"public": true, "authToken": "t"}}}"#, "agents.a.public"),
        (#"{"channels": {"webService": {"allow": "010.0.0.1"}}}"#, "channels.webService.allow"),
        (#"{"channels": {"webService": {"public": true, "authToken": "t"}}}"#, "channels.webService.public"),
        (#"{"channels": {"webService": {"byPath": false}}}"#, "channels.webService.byPath"),
        (#"{"channels": {"webService": {"upgrades": ["websocket", "H2C"]}}}"#, "channels.webService.upgrades"),
        (#"{"channels": {"webService": {"upgrades": "TLS/1.0"}}}"#, "channels.webService.upgrades"),
        (#"{"channels": {"webService": {"upgrades": ["a b"]}}}"#, "channels.webService.upgrades"),
        (#"{"limits": {"maxHeadBytes": 1000000}}"#, "limits.maxHeadBytes"),
        (#"{"limits": {"maxFields": 1}}"#, "limits.maxFields"),
        (#"{"login": {"sessionHours": 0}}"#, "login.sessionHours"),
        (#"{"login": {"attemptsPerMinute": -1}}"#, "login.attemptsPerMinute"),
        (#"{"logRequests": "very"}"#, "logRequests"),
        (#"{"statusPage": {"authToken": ""}}"#, "statusPage.authToken"),
        (#"{"statusPage": {"enabled": 1}}"#, "statusPage.enabled"),
        (#"{"statusPage": {"public": true, "authToken": "t"}}"#, "statusPage.public"),
        (#"{"inspector": {"mode": "some"}}"#, "inspector.mode"), (#"{"inspector": {"memoryMiB": 0}}"#, "inspector.memoryMiB"),
        (#"{"inspector": {"maxBody": -1}}"#, "inspector.maxBody"), (#"{"agents": {"a": {"inspect": 1}}}"#, "agents.a.inspect"),
        (#"{"channels": {"webService": {"enabled": "on"}}}"#, "channels.webService.enabled"),
        (#"{"channels": {"webService": {"pathPrefix": "web"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"pathPrefix": "/"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"pathPrefix": "/a b"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"pathPrefix": "/.miagent"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"pathPrefix": "/.miagent/web/"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"pathPrefix": "/a?b"}}}"#, "channels.webService.pathPrefix"),
        (#"{"channels": {"webService": {"authToken": ""}}}"#, "channels.webService.authToken"),
        (#"{"channels": {"webService": {"timeoutMs": 0}}}"#, "channels.webService.timeoutMs"),
        (#"{"channels": {"webService": {"timeoutMs": "30s"}}}"#, "channels.webService.timeoutMs"),
        (#"{"channels": {"webService": {"maxBody": -1}}}"#, "channels.webService.maxBody"),
        (#"{"channels": {"webService": {"maxBufferedBody": 1.5}}}"#, "channels.webService.maxBufferedBody"),
        (#"{"agents": {"a": {"token": ""}}}"#, "agents.a.token"),
        (#"{"agents": {"a": {"authToken": 5}}}"#, "agents.a.authToken"),
        (#"{"limits": {"maxConnections": 0}}"#, "limits.maxConnections"),
        (#"{"limits": {"headTimeoutMs": 0}}"#, "limits.headTimeoutMs"),
        (#"{"limits": {"initialWindow": 1}}"#, "limits.initialWindow"),
        (#"{"limits": {"initialWindow": 16777217}}"#, "limits.initialWindow"),
        (#"{"limits": {"v1BufferTotal": 0}}"#, "limits.v1BufferTotal"), (#"{"gatewayTokn": "x"}"#, "gatewayTokn"),
        (#"{"agents": {"a": {"tokn": "x"}}}"#, "agents.a.tokn"), (#"{"channels": {"webservice": {}}}"#, "channels.webservice"),
    ]) func whatIsWrongIsNamedOnce(text: String, path: String) {
        let (_, problems) = read(text)
        #expect(problems.map(\.path) == [path], "\(problems)")
        #expect(problems.allSatisfy { $0.source.hasPrefix("config.json:1:") })
    }

    @Test func aWrongValueLeavesTheDefault() {
        let (configuration, _) = read(#"{"channels": {"webService": {"pathPrefix": "web", "timeoutMs": -1}}}"#)
        #expect(configuration == GatewayConfiguration())
    }

    @Test func secretsAreNeverInAProblem() {
        let (_, problems) = read(#"{"gatewayToken": {"s3cret": "s3cret"}, "statusPage": {"authToken": ["s3cret", 1]}}"#)
        #expect(!problems.isEmpty)
        #expect(problems.allSatisfy { !$0.message.contains("\"s3cret\"") || $0.path.contains("s3cret") })
    }

    @Test func theEnvironmentOverridesTheFile() {
        let environment = ["MIAGENT_GATEWAY_TOKEN": "from-environment", "MIAGENT_CHANNELS_WEB_SERVICE_TIMEOUT_MS": "5"]
        let (configuration, problems) = read(#"{"gatewayToken": "from-file"}"#, environment: environment)
        #expect(problems.isEmpty, "\(problems)")
        #expect(configuration.gatewayTokens == ["from-environment"])
        #expect(configuration.web.timeout == .milliseconds(5))
    }

    // MARK: First tries

    @Test(arguments: [
        ("authToken", "channels.webService.authToken"), ("token", "gatewayToken"),
        ("subdomainHost", "channels.webService.subdomainHost"),
        ("pathPrefix", "channels.webService.pathPrefix"), ("maxBody", "channels.webService.maxBody"),
        ("webService", "channels.webService"), ("maxHeadBytes", "limits.maxHeadBytes"), ("PublicURL", "publicUrl"),
        ("url", "publicUrl"), ("allow", "channels.webService.allow"),
    ])
    func aKeyInTheWrongPlaceNamesTheRightOne(key: String, meant: String) {
        let (_, problems) = read(#"{"\#(key)": "x"}"#)
        #expect(problems.count == 1)
        #expect(problems.first?.message == "unknown key \"\(key)\"; did you mean \"\(meant)\"?", "\(problems)")
    }

    @Test(arguments: [
        ("*.example.com", "example.com"), (".example.com", "example.com"), ("https://example.com", "example.com"),
        ("http://gw.example.com:3000/", "gw.example.com"), ("gw.example.com:3000", "gw.example.com"),
        ("Example.com/", "example.com"),
        ("example.com.", "example.com"), (" example.com", "example.com"), ("a b", "example.com"), ("", "example.com"),
        ("*", "example.com"), ("ex..com", "example.com"), ("127.0.0.1", "example.com"), ("[::1]", "example.com"),
        ("-a.com", "example.com"), ("exämple.com", "example.com"),
    ])
    func aSubdomainHostThatIsNoNameIsRefusedWithTheRightForm(text: String, form: String) {
        let (configuration, problems) = read(#"{"channels": {"webService": {"subdomainHost": "\#(text)"}}}"#)
        #expect(problems.count == 1)
        #expect(problems.first?.path == "channels.webService.subdomainHost")
        #expect(problems.first?.message.contains("such as \"\(form)\"") == true, "\(problems)")
        #expect(configuration.web.subdomainHost == nil)
    }

    @Test(arguments: ["example.com", "localhost", "GW.Example.com", "a-b.x_y.test", "127.0.0.1.nip.io"])
    func aSubdomainHostIsANameInSmallLetters(text: String) {
        let (configuration, problems) = read(#"{"channels": {"webService": {"subdomainHost": "\#(text)"}}}"#)
        #expect(problems == [])
        #expect(configuration.web.subdomainHost == text.lowercased())
    }
}

extension SettingDescription {
    /// A value that is not the default, as JSON; nil where that takes more than the form.
    fileprivate var sample: String? {
        switch form {
        case .integer(let range): "\(defaultText == "`\(range.lowerBound)`" ? range.lowerBound + 1 : range.lowerBound)"
        case .flag: defaultText == "`true`" ? "false" : "true"
        case .choice(let choices): choices.first { defaultText != "`\($0)`" }.map { "\"\($0)\"" }
        case .token, .tokens: "\"t\""
        case .text, .texts, .file: nil
        }
    }
}
