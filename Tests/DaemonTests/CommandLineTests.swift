// What a person or a service manager sees of the programs: the exit codes of sysexits.h (0 in order, 64 wrong words, 78
// wrong settings, 1 anything at run time), the check of settings, and words that say what to mend, where, and never what a
// secret is. A signal lets requests finish that are in flight.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct CommandLines {
        /// The two files of the first description of this system, letter for letter.
        static let gatewayFile = """
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
        static let agentFile = """
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

        // MARK: 0

        @Test func theFirstFilesAreInOrder() throws {
            try withDaemons { fixture in
                for (name, text) in [("gatewayd", Self.gatewayFile), ("agentd", Self.agentFile)] {
                    let (ending, output) = try fixture.run(name, ["--check-config", "--config", try fixture.file(text)])
                    #expect(ending == .exited(0), "\(name): \(output)")
                    #expect(!output.contains("your-"))
                }
            }
        }

        @Test(arguments: ["gatewayd", "agentd"])
        func helpAndVersionAreNotErrors(_ name: String) throws {
            try withDaemons { fixture in
                let (help, text) = try fixture.run(name, ["--help"])
                #expect(help == .exited(0))
                #expect(text.contains("--config") && text.contains("--check-config"))
                #expect(text.contains("usage: \(name) ") && !text.contains("\(name) \(name)"))
                let (version, number) = try fixture.run(name, ["--version"])
                #expect(version == .exited(0))
                #expect(number.hasPrefix("\(name) "))
            }
        }

        @Test(arguments: [SIGTERM, SIGINT])
        func aSignalEndsBothDaemonsInOrder(_ signal: Int32) throws {
            try withDaemons { fixture in
                let (gateway, agent, _) = try fixture.chain { try $0.respond("served") }
                #expect(try gateway.get("/web/pi/").text == "served")
                agent.signal(signal)
                #expect(try agent.waitForEnding() == .exited(0))
                gateway.daemon.signal(signal)
                #expect(try gateway.daemon.waitForEnding() == .exited(0))
            }
        }

        @Test func aGatewayThatIsToldToStopFinishesWhatIsInFlight() throws {
            try withDaemons { fixture in
                let begun = Bell("the request reaches the service")
                let finish = Bell("the service may respond")
                let (gateway, agent, _) = try fixture.chain { call in
                    begun.ring()
                    try finish.await()
                    try call.respond("served")
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/")
                try begun.await()
                gateway.daemon.signal(SIGTERM)
                try gateway.daemon.waitForLine(with: "gateway.draining")
                finish.ring()
                #expect(try visitor.response().text == "served")
                #expect(try visitor.isClosed())
                #expect(try gateway.daemon.waitForEnding() == .exited(0))
                #expect(agent.isRunning)
            }
        }

        @Test func anAgentThatIsToldToStopFinishesWhatIsInFlight() throws {
            try withDaemons { fixture in
                let begun = Bell("the request reaches the service")
                let finish = Bell("the service may respond")
                let (gateway, agent, _) = try fixture.chain { call in
                    begun.ring()
                    try finish.await()
                    try call.respond("served")
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/")
                try begun.await()
                agent.signal(SIGTERM)
                try agent.waitForLine(with: "agent.draining")
                finish.ring()
                #expect(try visitor.response().text == "served")
                #expect(try agent.waitForEnding() == .exited(0))
                #expect(try visitor.get("/web/pi/").verdict == "503 agent-offline")
            }
        }

        @Test(arguments: ["localhost:4173", ":4173", "127.0.0.1:4173", "[::1]:4173", "localhost"])
        func whatNamesAServiceAtTheFirstTryIsOne(_ word: String) throws {
            try withDaemons { fixture in
                let words = ["--check-config", word, "--gateway", "http://gateway.example.com:3000/", "--inspect", ":4040"]
                let (ending, output) = try fixture.run("agentd", words)
                #expect(ending == .exited(0), "\(output)")
            }
        }

        @Test(arguments: [":4040", "4040", "localhost:4040", "[::1]:4040", "127.0.0.1:0"])
        func theInspectorsAddressMayBeShort(_ address: String) throws {
            try withDaemons { fixture in
                let words = ["--check-config", "4173", "--gateway", "ws://g", "--id", "pi", "--inspect", address]
                let (ending, output) = try fixture.run("agentd", words)
                #expect(ending == .exited(0), "\(output)")
            }
        }

        @Test func anAgentWithoutAnIDSaysUnderWhichNameItGoes() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let agent = try fixture.daemon(
                    "agentd", ["\(try fixture.pathService().port)", "-g", "127.0.0.1:\(gateway.port)"])
                let line = try agent.waitForLine(with: "agent.named-after-machine", "--id")
                let id = try #require(line.split(separator: " ").first { $0.hasPrefix("agent=") }?.dropFirst(6))
                try agent.waitForLine(with: "agent.registered")
                #expect(try gateway.get("/web/\(id)/x").text == "service at /x")
            }
        }

        @Test(arguments: ["127.0.0.1", "[::1]", "::1", "localhost"])
        func aGatewayListensWhereItIsTold(_ host: String) throws {
            try withDaemons { fixture in
                let daemon = try fixture.daemon("gatewayd", ["--host", host, "--port", "0"])
                let shown = host.hasSuffix("1]") || host == "::1" ? "[::1]:" : "127.0.0.1:"
                try daemon.waitForLine(with: "gateway.listening address=\(shown)")
            }
        }

        @Test func oneEnvironmentServesBothDaemons() throws {
            let environment = [
                "MIAGENT_GATEWAY_TOKEN": "a-common-token", "MIAGENT_PORT": "3000", "MIAGENT_HOST": "0.0.0.0",
                "MIAGENT_CHANNELS_WEB_SERVICE_AUTH_TOKEN": "visitors", "MIAGENT_GATEWAY_URL": "ws://127.0.0.1:3000/agent",
                "MIAGENT_AGENT_ID": "pi", "MIAGENT_WEB_SERVICE_PORT": "4173", "MIAGENT_LOG_LEVEL": "debug",
            ]
            try withDaemons { fixture in
                for name in ["gatewayd", "agentd"] {
                    let (ending, output) = try fixture.run(name, ["--check-config"], environment: environment)
                    #expect(ending == .exited(0), "\(name): \(output)")
                    let wrong = environment.merging(["MIAGENT_AGENT_IDD": "pi"]) { $1 }
                    let (refused, said) = try fixture.run(name, ["--check-config"], environment: wrong)
                    #expect(refused == .exited(78))
                    #expect(said.contains("MIAGENT_AGENT_IDD: unknown variable; did you mean MIAGENT_AGENT_ID?"), "\(said)")
                }
            }
        }

        // MARK: 64

        @Test(arguments: ["gatewayd", "agentd"])
        func anUnknownOptionIsAUsageError(_ name: String) throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(name, ["--confg", "x.json"])
                #expect(ending == .exited(64))
                #expect(output.contains("--confg") && output.contains("--config"))
                #expect(try fixture.run(name, ["--config"]).0 == .exited(64))
            }
        }

        @Test(arguments: [
            ("agentd", ["--port", "4173"], "as in: agentd 4173"), ("agentd", ["--url=http://h"], "as in: agentd 4173"),
            ("agentd", ["--name", "pi"], "did you mean --id?"), ("agentd", ["1", "2"], "unexpected argument \"2\""),
            ("gatewayd", ["3000"], "did you mean --port 3000?"), ("gatewayd", ["--listen", "80"], "--host, or --port"),
            ("gatewayd", ["--gateway-token", "t"], "did you mean --token?"),
        ])
        func wrongWordsNameTheRightOnes(_ name: String, _ words: [String], _ advice: String) throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(name, words)
                #expect(ending == .exited(64))
                #expect(output.contains(advice) && output.contains("try \(name) --help"), "\(output)")
            }
        }

        // MARK: 78

        @Test func anUnknownKeyIsNamedWithItsLineAndTheNearest() throws {
            try withDaemons { fixture in
                let gatewayFile = try fixture.file("{\n  \"port\": 0,\n  \"chanels\": {}\n}")
                let (gateway, said) = try fixture.run("gatewayd", ["--config", gatewayFile])
                #expect(gateway == .exited(78))
                #expect(said.contains("\(gatewayFile):3:3: unknown key \"chanels\"; did you mean \"channels\"?"))
                let agentFile = try fixture.file(
                    "{\n  // who we are\n  \"agentID\": \"pi\",\n\n  \"gatewayToken\": \"hush-hush\"\n}")
                let (agent, complaint) = try fixture.run("agentd", ["--config", agentFile])
                #expect(agent == .exited(78))
                #expect(complaint.contains("\(agentFile):3:3: unknown key \"agentID\"; did you mean \"agentId\"?"))
                #expect(!complaint.contains("hush-hush"))
            }
        }

        @Test(arguments: ["{\"port\": 65536}", "{\"port\": \"many\"}", "{\"port\": 1,,}", "[]", ""])
        func aFileThatSaysNothingSensibleIsASettingsError(_ text: String) throws {
            try withDaemons { fixture in
                let file = try fixture.file(text)
                for words in [["--config", file], ["--check-config", "--config", file]] {
                    let (ending, output) = try fixture.run("gatewayd", words)
                    #expect(ending == .exited(78))
                    #expect(output.contains(file))
                }
            }
        }

        @Test func settingsThatCannotBeUsedAreASettingsError() throws {
            try withDaemons { fixture in
                #expect(try fixture.run("gatewayd", ["--config", "/nonexistent/gateway.json"]).0 == .exited(78))
                #expect(try fixture.run("gatewayd", ["--port", "many"]).0 == .exited(78))
                #expect(try fixture.run("gatewayd", [], environment: ["MIAGENT_PROT": "1"]).0 == .exited(78))
                for id in [".hidden", "a b", "", String(repeating: "a", count: 65), "ä"] {
                    let words = ["4173", "--gateway", "ws://127.0.0.1:9/agent", "--id", id]
                    let (ending, output) = try fixture.run("agentd", words)
                    #expect(ending == .exited(78), "\(id)")
                    #expect(output.contains("--id"), "\(output)")
                }
                #expect(try fixture.run("agentd", ["--id", "pi"]).output.contains("gatewayUrl"))
            }
        }

        @Test(arguments: ["gateway.example.com", "0.0.0.0:3000", "[::1]:3000", "[127.0.0.1]", "http://127.0.0.1", "*", ""])
        func aHostThatIsNoAddressIsASettingsErrorThatSaysWhatIs(_ host: String) throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run("gatewayd", ["--check-config", "--host", host])
                #expect(ending == .exited(78), "\(host): \(output)")
                #expect(output.contains("--host") && output.contains("0.0.0.0"), "\(output)")
            }
        }

        @Test func anAgentWithNothingToServeSaysSo() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let agent = try fixture.daemon("agentd", ["--gateway", "127.0.0.1:\(gateway.port)", "--id", "pi"])
                try agent.waitForLine(with: "agent.without-service", "name a port")
            }
        }

        @Test func anAgentWhoseGatewayIsNotThereAsksForIt() throws {
            try withDaemons { fixture in
                let socket = try Socket.listening()
                let port = try socket.port
                socket.close()
                let agent = try fixture.daemon("agentd", ["4173", "--gateway", "127.0.0.1:\(port)", "--id", "pi"])
                try agent.waitForLine(
                    with: "cannot connect to 127.0.0.1:\(port): Connection refused; is gatewayd running there")
            }
        }

        // MARK: 1

        @Test func aPortThatIsInUseIsARuntimeError() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let words = ["--host", "127.0.0.1", "--port", "\(gateway.port)"]
                let (ending, output) = try fixture.run("gatewayd", words)
                #expect(ending == .exited(1))
                #expect(output.contains("\(gateway.port)") && output.contains("another program listens there"))
                try gateway.expectHealthy()
            }
        }
    }
}
