// Tokens in settings: what they may consist of, and that an empty one opens nothing, from wherever it comes.

import SettingsCore
import Testing

@Suite struct SettingsTokenTests {
    private func reader(_ text: String = "{}", _ environment: [String: String] = [:], flag: String? = nil) -> SettingsReader {
        let flags = flag.map { [SettingsFlag(name: "--token", path: "gatewayToken", value: $0)] } ?? []
        return SettingsReader(file: ("f", Array(text.utf8)), environment: environment, flags: flags)
    }

    @Test(
        arguments: [
            (#"{"gatewayToken": ""}"#, [:], nil), (#"{"gatewayToken": []}"#, [:], nil),
            (#"{"gatewayToken": ["a", ""]}"#, [:], nil),
            (#"{"gatewayToken": " "}"#, [:], nil), (#"{"gatewayToken": "good"}"#, [:], ""),
            (#"{"gatewayToken": "good"}"#, [:], ","),
            ("{}", [:], "a,,b"), ("{}", [:], " "), ("{}", ["MIAGENT_GATEWAY_TOKEN": ""], nil),
            (#"{"gatewayToken": "good"}"#, ["MIAGENT_GATEWAY_TOKEN": ""], nil), ("{}", ["MIAGENT_GATEWAY_TOKEN": "a,"], nil),
            ("{}", ["MIAGENT_GATEWAY_TOKEN": "good"], ""),
        ] as [(String, [String: String], String?)])
    func anEmptyTokenIsAMistake(text: String, environment: [String: String], flag: String?) {
        var several = reader(text, environment, flag: flag)
        let tokens = several.read(.tokens("gatewayToken", "")) ?? []
        #expect(!tokens.contains("") && !tokens.contains(" "))
        #expect(several.finish().map(\.path) == ["gatewayToken"])
    }

    @Test func oneTokenIsAsStrict() {
        for (text, environment, flag) in [
            (#"{"gatewayToken": ""}"#, [:], nil), ("{}", ["MIAGENT_GATEWAY_TOKEN": ""], nil), ("{}", [:], ""),
            (#"{"gatewayToken": "a b"}"#, [:], nil), ("{}", ["MIAGENT_GATEWAY_TOKEN": "a,b"], nil),
            (#"{"gatewayToken": []}"#, [:], nil),
        ] as [(String, [String: String], String?)] {
            var one = reader(text, environment, flag: flag)
            #expect(one.read(.token("gatewayToken", "")) == nil)
            #expect(one.finish().map(\.path) == ["gatewayToken"], "\(text) \(environment) \(flag ?? "-")")
        }
        var good = reader("{}", ["MIAGENT_GATEWAY_TOKEN": "s3cret"])
        #expect(good.read(.token("gatewayToken", "")) == "s3cret" && good.finish().isEmpty)
        var none = reader()
        #expect(none.read(.token("gatewayToken", "")) == nil && none.read(.tokens("authToken", "")) == nil)
        #expect(none.finish().isEmpty)
    }

    @Test func severalAreRead() {
        for (text, environment, flag) in [
            (#"{"gatewayToken": ["old", "new"]}"#, [:], nil), ("{}", ["MIAGENT_GATEWAY_TOKEN": "old, new"], nil),
            ("{}", [:], "old,new"),
        ] as [(String, [String: String], String?)] {
            var several = reader(text, environment, flag: flag)
            #expect(several.read(.tokens("gatewayToken", "")) == ["old", "new"])
            #expect(several.finish().isEmpty)
        }
    }

    @Test func theNameOfATokensFileIsNotEmpty() {
        for (text, environment) in [
            (#"{"gatewayTokenFile": ""}"#, [:]), ("{}", ["MIAGENT_GATEWAY_TOKEN_FILE": ""]),
        ] as [(String, [String: String])] {
            var one = reader(text, environment)
            #expect(one.read(.tokenFile("gatewayTokenFile", "", read: { _ in "s3cret" })) == nil)
            #expect(one.finish().map(\.path) == ["gatewayTokenFile"])
        }
    }

    @Test func agentsTokensAreAsStrict() {
        var several = reader(#"{"agents": {"a": {"token": []}, "b": {"token": ["x", "y z"]}, "c": {"token": "ok"}}}"#)
        var tokens: [[String]] = []
        several.each(.agents) { _, agent in tokens.append(agent.read(.tokens("token", "")) ?? []) }
        #expect(tokens == [[], ["x"], ["ok"]])
        #expect(several.finish().map(\.path) == ["agents.a.token", "agents.b.token"])
    }

    @Test(arguments: [
        ("", "empty"), ("hush hush", "a blank at place 5"), ("hush,", "a comma at place 5"), ("hush\n", "a blank at place 5"),
        ("\u{feff}hush", "not ASCII at place 1"), ("hush\u{0}", "a control character at place 5"),
        ("schl\u{fc}ssel", "not ASCII at place 5"),
    ]) func whatIsWrongIsSaidWithoutTheToken(token: String, text: String) throws {
        let problem = try #require(TokenGrammar.problem(token))
        #expect(problem.contains(text) && !problem.contains("hush"))
    }

    @Test func allVisibleASCIIButTheCommaIsAllowed() {
        let all = String(String.UnicodeScalarView((0x21...0x7e).filter { $0 != 0x2c }.compactMap { Unicode.Scalar(UInt8($0)) }))
        #expect(TokenGrammar.problem(all) == nil)
    }

    @Test(
        arguments: [
            ("t", "s3cret", nil), ("empty", nil, "names an empty file"),
            ("odd", "a,b", "names a file that begins with a token with a comma at place 2"),
            ("gone", "", "names a file that cannot be read: it is not there"),
        ] as [(String, String?, String?)])
    func aFileMayHoldTheToken(file: String, first: String?, problem: String?) {
        struct Gone: Error, CustomStringConvertible { let description = "it is not there" }
        var reader = reader("{\"tokenFile\": \"\(file)\"}")
        let setting = Setting.tokenFile("tokenFile", "") { name in
            #expect(name == file)
            if first == "" { throw Gone() }
            return first
        }
        #expect(reader.read(setting) == (problem == nil ? first : nil))
        let messages = reader.finish().map(\.message)
        #expect(messages.count == (problem == nil ? 0 : 1))
        #expect(messages.allSatisfy { $0.hasPrefix("\"tokenFile\" \(problem ?? "")") })
    }
}
