// What the settings reader refuses, with which text and in which order; and that it never shows a secret.

import TestSupport
import Testing

@testable import SettingsCore

@Suite struct SettingsUnknownTests {
    /// The settings that these tests know.
    func ask(_ settings: inout SettingsReader) {
        _ = settings.integer("port", in: 0...65535)
        _ = settings.text("host")
        _ = settings.texts("gatewayToken")
        _ = settings.integer("channels.webService.timeoutMs", in: 0...60_000)
        _ = settings.text("channels.webService.pathPrefix")
        settings.each(.agents) { _, agent in
            _ = agent.texts("token")
            _ = agent.text("authToken")
        }
    }

    func problems(
        _ text: String? = nil, environment: [String: String] = [:], ignoring: [String] = []
    ) -> [String] {
        var settings = reader(text, environment: environment, ignoring: ignoring)
        ask(&settings)
        return settings.sentences()
    }

    @Test func unknownKeysNameTheNearest() {
        let file = """
            {
              "prot": 3000, // a comment
              "channels": {
                "webService": {
                  "timeoutMS": 5, "pathprefixes": "/", "banana": 1
                },
                "websocket": {}
              },
              "agents": {"my-agent": {"tokens": "x", "authtoken": "y", "zzz": 1}},
              "timeoutMs": 3,
              "GATEWAYTOKEN": "s"
            }
            """
        #expect(
            problems(file) == [
                #"config.json:2:3: unknown key "prot"; did you mean "port"?"#,
                #"config.json:5:7: unknown key "channels.webService.timeoutMS"; did you mean "timeoutMs"?"#,
                #"config.json:5:23: unknown key "channels.webService.pathprefixes"; did you mean "pathPrefix"?"#,
                #"config.json:5:44: unknown key "channels.webService.banana""#,
                #"config.json:7:5: unknown key "channels.websocket""#,
                #"config.json:9:27: unknown key "agents.my-agent.tokens"; did you mean "token"?"#,
                #"config.json:9:42: unknown key "agents.my-agent.authtoken"; did you mean "authToken"?"#,
                #"config.json:9:60: unknown key "agents.my-agent.zzz""#,
                #"config.json:10:3: unknown key "timeoutMs"; did you mean "channels.webService.timeoutMs"?"#,
                #"config.json:11:3: unknown key "GATEWAYTOKEN"; did you mean "gatewayToken"?"#,
            ])
    }

    @Test func unknownVariablesNameTheNearestUnlessTheyAreIgnored() {
        let variables = [
            "MIAGENT_PROT": "s3cret", "MIAGENT_CHANNELS_WEBSERVICE_TIMEOUTMS": "1", "MIAGENT_CONFIG": "x", "MIAGENT_": "",
            "MIAGENT_BANANA": "1", "PATH": "/bin", "MIAGENT_A\u{1b}B": "", "miagent_port": "1",
        ]
        #expect(
            problems(environment: variables, ignoring: ["MIAGENT_CONFIG"]) == [
                "MIAGENT_: unknown variable", "\"MIAGENT_A\\u{1b}B\": unknown variable", "MIAGENT_BANANA: unknown variable",
                "MIAGENT_CHANNELS_WEBSERVICE_TIMEOUTMS: unknown variable; "
                    + "did you mean MIAGENT_CHANNELS_WEB_SERVICE_TIMEOUT_MS?",
                "MIAGENT_PROT: unknown variable; did you mean MIAGENT_PORT?",
            ])
    }

    @Test func variablesOfTheOtherProgramAreNoMistake() {
        let other = OtherProgram(name: "other", paths: ["agentId", "webService.port", "logLevel"])
        let variables = [
            "MIAGENT_AGENT_ID": "pi", "MIAGENT_WEB_SERVICE_PORT": "4173", "MIAGENT_LOG_LEVEL": "", "MIAGENT_PORT": "80",
            "MIAGENT_AGENT_IDD": "pi", "MIAGENT_WEB_SERVICE": "x",
        ]
        var settings = reader(nil, environment: variables, beside: other)
        ask(&settings)
        #expect(
            settings.sentences() == [
                "MIAGENT_AGENT_IDD: unknown variable; did you mean MIAGENT_AGENT_ID?",
                "MIAGENT_WEB_SERVICE: unknown variable; did you mean MIAGENT_WEB_SERVICE_PORT?",
            ])
        var file = reader(#"{"agentId": "pi", "webService": {"port": 1}, "banana": 1}"#, beside: other)
        ask(&file)
        #expect(
            file.sentences() == [
                #"config.json:1:2: unknown key "agentId"; it is a setting of other"#,
                #"config.json:1:19: unknown key "webService"; it is a setting of other"#,
                #"config.json:1:46: unknown key "banana""#,
            ])
    }

    @Test func whatIsMeantByAnotherNameOrStandsElsewhereIsNamed() {
        var settings = reader(
            #"{"token": "s3cret", "timeoutms": 1, "pathPrefix": "/", "hots": 1, "web": {}}"#,
            environment: ["MIAGENT_TOKEN": "s3cret", "MIAGENT_WEB": "1"])
        settings.misnomers = ["token": "gatewayToken", "web": "channels.webService"]
        ask(&settings)
        #expect(
            settings.sentences() == [
                #"config.json:1:2: unknown key "token"; did you mean "gatewayToken"?"#,
                #"config.json:1:21: unknown key "timeoutms"; did you mean "channels.webService.timeoutMs"?"#,
                #"config.json:1:37: unknown key "pathPrefix"; did you mean "channels.webService.pathPrefix"?"#,
                #"config.json:1:56: unknown key "hots"; did you mean "host"?"#,
                #"config.json:1:67: unknown key "web"; did you mean "channels.webService"?"#,
                "MIAGENT_TOKEN: unknown variable; did you mean MIAGENT_GATEWAY_TOKEN?",
                "MIAGENT_WEB: unknown variable; did you mean MIAGENT_CHANNELS_WEB_SERVICE?",
            ])
    }

    @Test func aValueWhereAnObjectBelongsIsReportedOnce() {
        #expect(
            problems(#"{"channels": 5, "port": {"x": 1}}"#) == [
                #"config.json:1:14: "channels" must be an object, not a number"#,
                #"config.json:1:25: "port" must be a whole number from 0 to 65535, not an object"#,
            ])
        #expect(problems(#"{"channels": {"webService": null}, "agents": null}"#).isEmpty)
    }

    @Test func manyUnknownKeysCostNoMoreThanTheirNumber() {
        let members = (0..<20_000).map { "\"key\($0)\": 1" }.joined(separator: ",\n")
        let start = ContinuousClock.now
        let found = problems("{\(members)}")
        #expect(found.count == 20_000)
        #expect(found.last == #"config.json:20000:1: unknown key "key19999""#)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test func manyEntriesAreReadInOnePass() {
        let members = (0..<10_000).map { "\"agent-\($0)\": {\"token\": \"t\($0)\"}" }.joined(separator: ",")
        var settings = reader("{\"agents\": {\(members)}}")
        var last: String?
        let start = ContinuousClock.now
        settings.each(.agents) { _, agent in last = agent.text("token") }
        #expect(settings.finish().isEmpty)
        #expect(last == "t9999")
        #expect(ContinuousClock.now - start < .seconds(30))
    }
}

@Suite struct SettingsProblemTests {
    @Test func aFileThatIsNotJSONIsReportedWithItsLine() {
        for (text, expected) in [
            ("", "config.json:1:1: unexpected end of the text"), ("{\n  \"a\": tru\n}", "config.json:2:"),
            ("{\n \"port\": 1,\n \"port\": 2\n}", "config.json:3:2: duplicate key \"port\""),
            ("[1]", "config.json:1:1: must be an object, not a list"), ("{} x", "config.json:1:4: "),
            ("{\"a\": \"\u{7}\"}", "config.json:1:8: "), ("{\"a\": 1", "config.json:1:8: unexpected end of the text"),
        ] {
            var settings = reader(text)
            _ = settings.text("a")
            let found = settings.sentences()
            #expect(found.count == 1 && found[0].hasPrefix(expected), "\(found)")
        }
        var large = SettingsReader(file: ("big", [UInt8](repeating: 0x20, count: 2_000_000)))
        #expect(large.finish().count == 1)
        var odd = SettingsReader(file: ("bytes", [0x7b, 0x22, 0xff]))
        #expect(odd.finish().first?.source == "bytes:1:3")
    }

    @Test func anUnreadableFileDoesNotHideVariablesNorRaiseFalseAlarms() {
        var settings = reader("{", environment: ["MIAGENT_PORT": "x", "MIAGENT_HOST": "h"])
        #expect(settings.integer("port", in: 0...9) == nil)
        #expect(settings.text("host") == "h")
        settings.problem("gatewayToken", "is required")
        settings.problem("host", "must be a name")
        #expect(
            settings.sentences() == [
                "config.json:1:2: unexpected end of the text",
                "MIAGENT_PORT: must be a whole number from 0 to 9, not \"x\"", "MIAGENT_HOST: must be a name",
            ])
    }

    @Test func theCallersProblemsPointToWhereTheValueIs() {
        let file = "{\n  \"web\": {\n    \"port\": 0\n  },\n  \"host\": \"h\"\n}"
        var settings = reader(file, environment: ["MIAGENT_HOST": "x"], flags: [("--mode", "mode", "m")])
        _ = (settings.text("host"), settings.integer("web.port", in: 0...9), settings.text("mode"), settings.text("token"))
        settings.problem("mode", "is odd")
        settings.problem("host", "is odd")
        settings.problem("token", "is required")
        settings.problem("web.prefix", "is required")
        settings.problem("web.port", "must not be 0")
        #expect(
            settings.sentences() == [
                #"config.json:2:10: "web.prefix" is required"#, #"config.json:3:13: "web.port" must not be 0"#,
                #"config.json: "token" is required"#, "MIAGENT_HOST: is odd", "--mode: is odd",
            ])
        var bare = reader()
        bare.problem("token", "is required")
        bare.problem("", "must say something")
        #expect(bare.sentences() == [#"settings: "token" is required"#, "settings: must say something"])
    }

    @Test func everyProblemIsReportedOnceAndInOrder() {
        var settings = reader(
            #"{"z": 1, "b": "x", "a": "y"}"#, environment: ["MIAGENT_C": "z", "MIAGENT_ZZ": ""],
            flags: [("--d", "d", "w"), ("--e", "e", "1")])
        for path in ["d", "c", "a", "b", "a", "b"] { _ = settings.integer(path, in: 1...2) }
        let first = settings.finish()
        #expect(
            first.map { "\($0.source) \($0.path)" } == [
                "config.json:1:2 z", "config.json:1:15 b", "config.json:1:25 a", "MIAGENT_C c", "MIAGENT_ZZ ", "--d d",
                "--e e",
            ])
        #expect(settings.finish() == first)
    }

    @Test func noProblemShowsASecret() {
        let values = ["\"s3cret\"", "[\"s3cret\", 1]", "{\"s3cret\": 1}", "[[\"s3cret\"]]", "{\"x\": \"s3cret\"}", "1234567"]
        for key in ["token", "authToken", "gatewayToken", "web.secret", "adminPassword", "TOKEN", "a.tokens"] {
            for value in values {
                let parts = key.split(separator: ".")
                let nested = parts.reversed().reduce(value) { "{\"\($1)\": \($0)}" }
                let name = SettingsSource().environmentName(ofPath: key)
                for source in [reader(nested), reader(environment: [name: value]), reader(flags: [("--x", key, value)])] {
                    var settings = source
                    _ = settings.integer(key, in: 0...1)
                    _ = settings.choice(key, among: ["s3cre"])
                    _ = settings.flag(key)
                    if !value.hasPrefix("\"") { _ = settings.text(key) }
                    let found = settings.sentences().joined()
                    #expect(!found.isEmpty)
                    let shows = ["s3cret", "s3cre\"; did", "1234567"].filter { found.contains($0) }
                    #expect(shows.isEmpty, "\(found)")
                }
            }
        }
        #expect(!isSecretPath("gatewayTokenFile") && !isSecretPath("port") && isSecretPath("agents.x.token"))
    }

    @Test func shownValuesAreCutAndCannotSteerATerminal() {
        var settings = reader("{\"n\": \"a\\u001b[2J\\n\u{202e}\(String(repeating: "é", count: 100))\", \"k\\r\\u009b\": 1}")
        _ = settings.integer("n", in: 0...1)
        let found = settings.sentences()
        #expect(found[0].hasSuffix("not \"a\\u{1b}[2J\\u{a}\\u{202e}" + String(repeating: "é", count: 53) + "…\""))
        #expect(found[1].hasSuffix("unknown key \"k\\u{d}\\u{9b}\""))
    }

    @Test func noFileIsAnythingButSettingsAndProblems() {
        var random = SplitMix(seed: 42)
        let pieces = [
            "{", "}", "[", "]", ":", ",", "\"port\"", "\"a\"", "\"agents\"", "\"token\"", "1", "-0.5", "null", "true", "//x\n",
            "/*", "*/", "\"\\ud800\"", "\u{0}", " ",
        ]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...14, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
            var settings = reader(text.joined(), environment: ["MIAGENT_PORT": text.first ?? ""])
            _ = (settings.integer("port", in: 0...9), settings.texts("a"), settings.text("a.port"), settings.exists("agents.a"))
            settings.each(.agents) { _, agent in
                _ = agent.text("token")
                agent.problem("a", "is odd")
            }
            _ = settings.finish()
        }
    }

    @Test func oddPathsAreHarmless() {
        var settings = reader(#"{"": {"": 1}, "a": {"b": "x"}}"#)
        #expect(settings.text("a..b") == "x" && settings.text(".a.b.") == "x")
        #expect(!settings.exists("...x") && settings.exists(""))
        #expect(settings.text("") == nil)
        _ = settings.finish()
    }
}
