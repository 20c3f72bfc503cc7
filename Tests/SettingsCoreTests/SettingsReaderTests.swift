// The settings reader: layers and their order, each kind of value, objects with free names, and questions.

import Testing

@testable import SettingsCore

func reader(
    _ text: String? = nil, environment: [String: String] = [:], flags: [(String, String, String)] = [],
    ignoring: [String] = [], beside other: OtherProgram? = nil
) -> SettingsReader {
    SettingsReader(
        file: text.map { ("config.json", Array($0.utf8)) }, environment: environment,
        flags: flags.map { SettingsFlag(name: $0.0, path: $0.1, value: $0.2) }, ignoredEnvironment: ignoring, beside: other)
}

extension SettingsObject {
    static let agents = SettingsObject("agents", name: "id", "Agents by id.")
}

extension SettingsReader {
    /// The problems as they are printed.
    mutating func sentences() -> [String] { finish().map(\.description) }
}

@Suite struct SettingsLayerTests {
    @Test func aFlagWinsOverAVariableOverTheFileOverTheDefault() {
        let file = #"{"port": 1, "web": {"pathPrefix": "/file"}}"#
        let variables = ["MIAGENT_PORT": "2", "MIAGENT_WEB_PATH_PREFIX": "/variable"]
        let flags = [("--port", "port", "3"), ("--path-prefix", "web.pathPrefix", "/flag")]
        var all = reader(file, environment: variables, flags: flags)
        #expect(all.integer("port", in: 0...9) == 3)
        #expect(all.text("web.pathPrefix") == "/flag")
        #expect(all.finish().isEmpty)
        var two = reader(file, environment: variables)
        #expect(two.integer("port", in: 0...9) == 2)
        #expect(two.text("web.pathPrefix") == "/variable")
        #expect(two.finish().isEmpty)
        var one = reader(file)
        #expect(one.integer("port", in: 0...9) == 1)
        #expect(one.text("web.pathPrefix") == "/file")
        #expect(one.finish().isEmpty)
        var none = reader()
        #expect(none.integer("port", in: 0...9) == nil)
        #expect(none.read(.integer("port", in: 0...9, ""), default: 7) == 7)
        #expect(none.read(.text("web.pathPrefix", ""), default: "/") == "/")
        #expect(none.finish().isEmpty)
    }

    @Test func aFieldKeepsItsValueIfNoneIsGiven() {
        var (port, name, isOn, list) = (80, "a", true, ["x"])
        var empty = reader("{}")
        empty.read(.integer("port", in: 0...9, ""), into: &port)
        empty.read(.text("name", ""), into: &name)
        empty.read(.flag("on", ""), into: &isOn)
        empty.read(.texts("list", ""), into: &list)
        #expect((port, name, isOn) == (80, "a", true) && list == ["x"])
        var full = reader(#"{"port": 8, "name": "b", "on": false, "list": ["y", "z"]}"#)
        full.read(.integer("port", in: 0...9, ""), into: &port)
        full.read(.text("name", ""), into: &name)
        full.read(.flag("on", ""), into: &isOn)
        full.read(.texts("list", ""), into: &list)
        #expect((port, name, isOn) == (8, "b", false) && list == ["y", "z"])
        #expect(full.finish().isEmpty)
    }

    @Test func anEmptyVariableAndNullCountAsNotSet() {
        var settings = reader(#"{"port": null, "host": "h"}"#, environment: ["MIAGENT_HOST": "", "MIAGENT_PORT": ""])
        #expect(settings.integer("port", in: 0...9) == nil)
        #expect(settings.text("host") == "h")
        #expect(settings.finish().isEmpty)
        var flags = reader(flags: [("--host", "host", "")])
        #expect(flags.text("host") == "")
    }

    @Test func variablesAreNamedByWords() {
        let source = SettingsSource()
        for (path, name) in [
            ("port", "MIAGENT_PORT"), ("channels.webService.timeoutMs", "MIAGENT_CHANNELS_WEB_SERVICE_TIMEOUT_MS"),
            ("publicUrl", "MIAGENT_PUBLIC_URL"), ("maxHTTPHeads", "MIAGENT_MAX_HTTP_HEADS"), ("a1B", "MIAGENT_A1_B"),
            ("a-b.C", "MIAGENT_A_B_C"), ("é", "MIAGENT__"),
        ] { #expect(source.environmentName(ofPath: path) == name) }
        var other = SettingsReader(file: nil, environment: ["X_PORT": "1"], environmentPrefix: "X_")
        #expect(other.integer("port", in: 0...9) == 1)
        #expect(other.finish().isEmpty)
    }
}

@Suite struct SettingsValueTests {
    @Test func integersAreWholeAndInRange() {
        for (text, expected) in [("0", 0), ("65535", 65535), ("80.0", 80), ("8e1", 80)] {
            var settings = reader("{\"port\": \(text)}")
            #expect(settings.integer("port", in: 0...65535) == expected)
            #expect(settings.finish().isEmpty)
        }
        for (text, shown) in [
            ("-1", "-1"), ("65536", "65536"), ("80.5", "80.5"), ("1e400", "1e400"), ("true", "true or false"),
            ("18446744073709551616", "18446744073709551616"), ("\"abc\"", "\"abc\""), ("\"80\"", "\"80\""), ("[]", "a list"),
            ("{}", "an object"),
        ] {
            var settings = reader("{\"port\": \(text)}")
            #expect(settings.integer("port", in: 0...65535) == nil)
            #expect(
                settings.sentences() == [
                    "config.json:1:10: \"port\" must be a whole number from 0 to 65535, not \(shown)"
                ])
        }
        for text in ["abc", "", " 1", "1 ", "99999999999999999999", "0x10", "-1", "1.0"] {
            var settings = reader(flags: [("--port", "port", text)])
            #expect(settings.integer("port", in: 0...65535) == nil)
            #expect(settings.sentences() == ["--port: must be a whole number from 0 to 65535, not \"\(text)\""])
        }
        var extremes = reader(#"{"a": 9223372036854775807, "b": -9223372036854775808}"#)
        #expect(extremes.integer("a", in: .min ... .max) == .max)
        #expect(extremes.integer("b", in: .min ... .max) == .min)
    }

    @Test func truthHasItsUsualWordsOutsideTheFile() {
        for (text, expected) in [("true", true), ("YES", true), ("on", true), ("1", true), ("False", false), ("0", false)] {
            var settings = reader(environment: ["MIAGENT_WEB_ENABLED": text])
            #expect(settings.flag("web.enabled") == expected)
        }
        var wrong = reader(#"{"on": "true"}"#, environment: ["MIAGENT_OFF": "2"])
        #expect(wrong.flag("on") == nil && wrong.read(.flag("off", ""), default: true))
        #expect(
            wrong.sentences() == [
                "config.json:1:8: \"on\" must be true or false, not \"true\"",
                "MIAGENT_OFF: must be true or false, not \"2\"",
            ])
    }

    @Test func aListMayBeOneText() {
        var settings = reader(
            #"{"a": "x,y", "b": ["x", "y"], "c": [], "d": ["x", 1], "e": 5, "f": {}}"#,
            environment: ["MIAGENT_G": "x, y ,,z", "MIAGENT_I": " , "],
            flags: [("--h", "h", "1"), ("--h", "h", "2,3")])
        #expect(settings.texts("a") == ["x,y"])
        #expect(settings.texts("b") == ["x", "y"])
        #expect(settings.texts("c") == [])
        #expect(settings.texts("d") == nil)
        #expect(settings.texts("e") == nil)
        #expect(settings.texts("f") == nil)
        #expect(settings.texts("g") == ["x", "y", "z"])
        #expect(settings.texts("h") == ["1", "2", "3"])
        #expect(settings.texts("i") == [])
        #expect(settings.texts("j") == nil)
        #expect(
            settings.finish().map(\.message) == [
                #""d" must be text or a list of texts, not a list that holds a number"#,
                #""e" must be text or a list of texts, not 5"#,
                #""f" must be text or a list of texts, not an object"#,
            ])
    }

    @Test func aChoiceListsTheChoicesAndTheNearest() {
        let choices = ["replace", "reject", "balance"]
        var good = reader(#"{"duplicateAgents": "rej\u0065ct"}"#)
        #expect(good.choice("duplicateAgents", among: choices) == "reject")
        #expect(good.finish().isEmpty)
        var near = reader(#"{"duplicateAgents": "Replace"}"#)
        #expect(near.read(.choice("duplicateAgents", among: choices, { $0 }, ""), default: "balance") == "balance")
        #expect(
            near.sentences() == [
                #"config.json:1:21: "duplicateAgents" must be one of "replace", "reject", "balance", not "Replace"; "#
                    + #"did you mean "replace"?"#
            ])
        var far = reader(environment: ["MIAGENT_DUPLICATE_AGENTS": "zzz"])
        #expect(far.choice("duplicateAgents", among: choices) == nil)
        #expect(
            far.sentences() == [
                #"MIAGENT_DUPLICATE_AGENTS: must be one of "replace", "reject", "balance", not "zzz""#
            ])
    }

    @Test func textIsTextAlone() {
        var settings = reader(#"{"a": 42, "b": ["x"], "c": "é\n"}"#, flags: [("--d", "d", "1"), ("--d", "d", "2")])
        #expect(settings.text("a") == nil && settings.text("b") == nil)
        #expect(settings.text("c") == "é\n")
        #expect(settings.text("d") == nil)
        #expect(
            settings.sentences() == [
                #"config.json:1:7: "a" must be text, not 42"#, #"config.json:1:16: "b" must be text, not a list"#,
                "--d: was given more than once",
            ])
    }
}

@Suite struct SettingsEntriesTests {
    let file = #"{"agents": {"a": {"token": "1"}, "b.c": {"token": ["2", "3"], "authToken": "4"}, "": {}}, "port": 1}"#

    @Test func eachEntryIsReadInTheOrderOfTheFile() {
        var settings = reader(file)
        var seen: [String] = []
        settings.each(.agents) { name, agent in
            seen.append("\(name) \(agent.texts("token") ?? []) \(agent.text("authToken") ?? "-")")
        }
        #expect(settings.integer("port", in: 0...9) == 1)
        #expect(seen == [#"a ["1"] -"#, #"b.c ["2", "3"] 4"#, " [] -"])
        #expect(settings.finish().isEmpty)
    }

    @Test func entriesNestAndReportTheirFullPath() {
        var settings = reader(#"{"a": {"x": {"in": {"y": {"n": "no"}}, "z": 1}}}"#)
        settings.each(SettingsObject("a", name: "x", "")) { _, outer in
            outer.each(SettingsObject("in", name: "y", "")) { name, inner in
                #expect(inner.integer("n", in: 0...1) == nil)
                inner.problem("", "is not a name")
                #expect(inner.exists("n") && !inner.exists("m"))
            }
            #expect(outer.exists("in.y") && !outer.exists("y"))
        }
        #expect(
            settings.sentences() == [
                #"config.json:1:26: "a.x.in.y" is not a name"#,
                #"config.json:1:32: "a.x.in.y.n" must be a whole number from 0 to 1, not "no""#,
                #"config.json:1:40: unknown key "a.x.z""#,
            ])
    }

    @Test func variablesAndFlagsDoNotReachFreeNames() {
        var settings = reader(
            #"{"agents": {"my-agent": {}}}"#, environment: ["MIAGENT_AGENTS_MY_AGENT_TOKEN": "x"],
            flags: [("--t", "agents.my-agent.token", "y")])
        settings.each(.agents) { _, agent in #expect(agent.text("token") == nil && !agent.exists("token")) }
        #expect(
            settings.sentences() == [
                "MIAGENT_AGENTS_MY_AGENT_TOKEN: unknown variable",
                "--t: gives the unknown setting \"agents.my-agent.token\"",
            ])
    }

    @Test func anEntryThatShouldBeAnObjectIsReportedWithoutItsValue() {
        var settings = reader(#"{"agents": {"a": "s3cret", "b": {"token": "x"}}}"#)
        settings.each(.agents) { _, agent in _ = agent.text("token") }
        #expect(settings.sentences() == [#"config.json:1:18: "agents.a" must be an object, not text"#])
        var list = reader(#"{"agents": ["s3cret"]}"#)
        list.each(.agents) { _, agent in _ = agent.text("token") }
        #expect(list.sentences() == [#"config.json:1:12: "agents" must be an object, not a list"#])
    }
}

@Suite struct SettingsQuestionTests {
    @Test func existsLooksAtEveryLayer() {
        let settings = reader(
            #"{"a": {"b": false}, "n": null}"#, environment: ["MIAGENT_WEB_SERVICE_PORT": "1", "MIAGENT_HOST": "h"],
            flags: [("--x", "tls.cert", "f")])
        for path in ["a", "a.b", "webService", "webService.port", "host", "tls", "tls.cert"] {
            #expect(settings.exists(path), "\(path)")
        }
        for path in ["n", "b", "a.c", "a.b.c", "tl", "tls.key", "ho", "port"] {
            #expect(!settings.exists(path), "\(path)")
        }
        #expect(settings.exists("") && !reader().exists(""))
    }

    @Test func aVariableOfALongerKeyDoesNotMakeTheShorterExist() {
        var settings = reader(environment: ["MIAGENT_GATEWAY_TOKEN_FILE": "/t"])
        #expect(settings.text("gatewayTokenFile") == "/t")
        #expect(!settings.exists("gatewayToken"))
        var other = reader(environment: ["MIAGENT_GATEWAY_TOKEN_FILE": "/t"])
        #expect(other.text("gatewayToken") == nil)
        #expect(!other.exists("gatewayToken"))
    }

}
