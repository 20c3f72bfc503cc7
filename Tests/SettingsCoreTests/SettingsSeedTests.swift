// The two configuration files of the protocol's first description, comments and all, must always be good settings.

import Testing

@testable import SettingsCore

@Suite struct SettingsSeedTests {
    let gatewayFile = """
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
        """
    let agentFile = """
        {
        "agentId": "my-agent",
        "gatewayUrl": "ws://gateway.example.com/agent",
        "gatewayToken": "your-secret-token",
        "webService": {
        "port": 4173, // Agent 本地 Web 服务监听端口(仅 localhost)
        "pathPrefix": "/" // 可选,路径前缀,默认 /
        }
        }
        """

    @Test func theGatewaysFileReadsWithoutAProblem() {
        var settings = reader(gatewayFile)
        #expect(settings.flag("channels.webService.enabled") == true)
        #expect(settings.text("channels.webService.pathPrefix") == "/web")
        #expect(settings.texts("channels.webService.authToken") == ["your-token"])
        #expect(settings.integer("channels.webService.timeoutMs", in: 0...600_000) == 30_000)
        #expect(settings.finish().isEmpty)
    }

    @Test func theAgentsFileReadsWithoutAProblem() {
        var settings = reader(agentFile)
        #expect(settings.text("agentId") == "my-agent")
        #expect(settings.text("gatewayUrl") == "ws://gateway.example.com/agent")
        #expect(settings.texts("gatewayToken") == ["your-secret-token"])
        #expect(settings.integer("webService.port", in: 0...65535) == 4173)
        #expect(settings.text("webService.pathPrefix") == "/")
        #expect(settings.finish().isEmpty)
    }

    @Test func aFileForTheOtherDaemonIsRefusedKeyByKey() {
        var settings = reader(agentFile)
        _ = settings.text("channels.webService.pathPrefix")
        #expect(settings.finish().map(\.source) == (2...5).map { "config.json:\($0):1" })
    }
}
