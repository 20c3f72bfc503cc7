// The command line: each form of an option, each refusal, and the layout of the help.

import Testing

@testable import SocketKit

@Suite struct CommandLineTests {
    let parser = CommandLineParser(
        program: "gatewayd", summary: "Carries requests from the public to agents that dialled in.",
        synopsis: ["[--config FILE] [options]", "--check-config"],
        options: [
            .init(name: "--config", short: "-c", valueName: "FILE", help: "Read the settings from FILE."),
            .init(name: "--port", short: "-p", valueName: "PORT", settingsPath: "port", help: "Listen on PORT."),
            .init(
                name: "--trusted-proxy", valueName: "ADDRESS", settingsPath: "trustedProxies", isRepeatable: true,
                help: "Believe what this peer says of the visitor's address."),
            .init(name: "--gateway-token", valueName: "TOKEN", settingsPath: "gatewayToken", help: "What agents present."),
            .init(name: "--status-page", settingsPath: "statusPage.enabled", help: "Serve a page of agents."),
            .init(name: "--check-config", help: "Read the settings, report what is wrong with them, and end."),
            .init(name: "--verbose", short: "-v", help: "Log more."),
        ])

    func error(_ arguments: String...) -> String? {
        do throws(CommandLineError) {
            _ = try parser.parse(arguments)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ["--port", "3000"], ["--port=3000"], ["-p", "3000"], ["-p3000"], ["-v", "-p", "3000"], ["-v", "--port=3000", "-v"],
    ])
    func aValueMayBeGivenInEachForm(_ arguments: [String]) throws {
        let parsed = try parser.parse(arguments)
        #expect(parsed.value("--port") == "3000")
        #expect(parsed.has("--port"))
        #expect(parsed.has("--verbose") == (arguments[0] == "-v"))
        #expect(parsed.positionals.isEmpty)
    }

    @Test func whatPeopleWriteInsteadIsToldTheRightForm() {
        var parser = parser
        parser.misnomers["--listen"] = "did you mean --port?"
        func error(_ words: String...) -> String? {
            do throws(CommandLineError) {
                _ = try parser.parse(words)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(error("--listen", "80") == "unknown option --listen; did you mean --port?")
        #expect(error("--listen=80") == "unknown option --listen; did you mean --port?")
        #expect(error("3000") == "unexpected argument \"3000\"; did you mean --port 3000?")
        #expect(error("x") == "unexpected argument \"x\"")
    }

    @Test func nothingGivenIsNothingSaid() throws {
        let parsed = try parser.parse([])
        #expect(parsed == ParsedCommandLine())
        #expect(!parsed.has("--port"))
        #expect(parsed.value("--port") == nil)
        #expect(parsed.values("--port").isEmpty)
        #expect(parsed.settings.isEmpty)
    }

    @Test func settingsCarryFlagPathAndValueInOrder() throws {
        let parsed = try parser.parse([
            "--trusted-proxy", "10.0.0.1", "--status-page", "-p", "80", "--trusted-proxy=::1", "-c", "x.json",
        ])
        #expect(
            parsed.settings.map { "\($0.flag) \($0.path) \($0.value)" } == [
                "--trusted-proxy trustedProxies 10.0.0.1", "--status-page statusPage.enabled true", "--port port 80",
                "--trusted-proxy trustedProxies ::1",
            ])
        #expect(parsed.values("--trusted-proxy") == ["10.0.0.1", "::1"])
        #expect(parsed.value("--trusted-proxy") == "::1")
    }

    @Test func valuesMayBeEmptyHoldEqualsSignsOrBeginWithADash() throws {
        #expect(try parser.parse(["--gateway-token="]).value("--gateway-token") == "")
        #expect(try parser.parse(["--gateway-token=a=b=="]).value("--gateway-token") == "a=b==")
        #expect(try parser.parse(["--port", "-1"]).value("--port") == "-1")
        #expect(try parser.parse(["--config", "-"]).value("--config") == "-")
        #expect(try parser.parse(["--gateway-token=--port"]).value("--gateway-token") == "--port")
    }

    @Test func missingValuesAreSaidSo() {
        #expect(error("--port") == "--port needs a value: --port PORT")
        #expect(error("-v", "-p") == "--port needs a value: --port PORT")
        #expect(error("--port", "--config", "x") == "--port needs a value: --port PORT")
        #expect(error("--port", "--config=x") == "--port needs a value: --port PORT")
        #expect(error("--port", "-v") == "--port needs a value: --port PORT")
        #expect(error("--port", "--") == "--port needs a value: --port PORT")
    }

    @Test func unknownOptionsNameTheNearest() {
        #expect(error("--prot", "80") == "unknown option --prot; did you mean --port?")
        #expect(error("--Port=80") == "unknown option --Port; did you mean --port?")
        #expect(error("--trusted-proxies=x") == "unknown option --trusted-proxies")
        #expect(error("--trusted-prox=x") == "unknown option --trusted-prox; did you mean --trusted-proxy?")
        #expect(error("--verbos") == "unknown option --verbos; did you mean --verbose?")
        #expect(error("--check") == "unknown option --check; did you mean --check-config?")
        #expect(error("--zzz") == "unknown option --zzz")
        #expect(error("-x") == "unknown option -x")
        #expect(error("-verbose") == "unknown option -verbose; did you mean --verbose?")
    }

    @Test func noErrorShowsAValue() {
        for arguments in [["--gateway-tokn=s3cret"], ["-xs3cret="], ["-x=s3cret"], ["--verbose=s3cret"], ["-v=s3cret"]] {
            do throws(CommandLineError) {
                _ = try parser.parse(arguments)
                Issue.record("\(arguments) was accepted")
            } catch {
                let isShown = error.description.contains("s3cret")
                #expect(isShown == (arguments == ["-xs3cret="]), "\(error)")  // there it is the unknown option
            }
        }
    }

    @Test func switchesTakeNoValueAndOtherOptionsComeOnce() {
        #expect(error("--verbose=yes") == "--verbose takes no value")
        #expect(error("-v=yes") == "-v takes no value")
        #expect(error("-vv") == "unknown option -vv")
        #expect(error("--port=1", "-p", "2") == "--port was given more than once")
        #expect(error("-v", "--verbose") == nil)
    }

    @Test func otherWordsAreRefusedUnlessTheyAreExpected() throws {
        #expect(error("extra") == "unexpected argument \"extra\"")
        #expect(error("--", "--port") == "unexpected argument \"--port\"")
        var files = parser
        files.positional = .init(valueName: "FILE", count: 1...2, help: "Files to read.")
        let parsed = try files.parse(["a", "-v", "--", "-p"])
        #expect(parsed.positionals == ["a", "-p"])
        #expect(parsed.has("--verbose") && !parsed.has("--port"))
        #expect(throws: CommandLineError.missingArgument(valueName: "FILE")) { try files.parse([]) }
        #expect(throws: CommandLineError.unexpectedArgument("c")) { try files.parse(["a", "b", "c"]) }
        #expect(try files.parse(["-"]).positionals == ["-"])
    }

    @Test func noSequenceOfOddWordsIsAnythingButAResultOrAnError() {
        let words = ["", "-", "--", "=", "--=", "-=", "--port", "--port=", "-p", "-v", "é", "-é", "--é=", "x", "---", "- -"]
        for first in words {
            for second in words {
                for third in words { _ = try? parser.parse([first, second, third]) }
            }
        }
    }

    @Test func theHelpIsAlignedAndWrapped() {
        #expect(
            parser.help() == """
                usage: gatewayd [--config FILE] [options]
                       gatewayd --check-config

                Carries requests from the public to agents that dialled in.

                  -c, --config FILE           Read the settings from FILE.
                  -p, --port PORT             Listen on PORT.
                      --trusted-proxy ADDRESS
                                              Believe what this peer says of the visitor's
                                              address.
                      --gateway-token TOKEN   What agents present.
                      --status-page           Serve a page of agents.
                      --check-config          Read the settings, report what is wrong with them,
                                              and end.
                  -v, --verbose               Log more.

                """)
        #expect(parser.help().split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func helpWithoutShortNamesStartsAtTheMargin() {
        let small = CommandLineParser(
            program: "x", summary: "Does x.", synopsis: [], options: [.init(name: "--help", help: "Show this.")],
            positional: .init(valueName: "FILE", count: 0...1, help: "What to read."))
        #expect(small.help() == "usage: x\n\nDoes x.\n\n  FILE    What to read.\n  --help  Show this.\n")
        #expect(CommandLineParser(program: "x", summary: "", options: []).help() == "usage: x [options]\n\n\n")
    }

    @Test func theExitCodesAreThoseOfSysexits() {
        #expect([ExitCode.ok, ExitCode.runtime, ExitCode.usage, ExitCode.configuration] == [0, 1, 64, 78])
    }
}
