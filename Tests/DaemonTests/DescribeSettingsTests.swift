// What the daemons say of their own settings, against the documents made from it: Docs/Configuration.md, the limits in
// Docs/Protocol.md, Docs/*.schema.json, and the lists by which each daemon knows the other's variables.

import Foundation
import SettingsCore
import Testing

extension DaemonTests {
    @Suite struct DescribeSettingsTests {
        private static let advice = "out of date: .ci/generate makes it anew"

        private func describe(_ daemon: String, _ arguments: String...) throws -> String {
            var text = ""
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(daemon, arguments)
                #expect(ending == .exited(0))
                text = output + "\n"
            }
            return text
        }

        private func document(_ path: String) throws -> String {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            return try String(contentsOf: root.appending(path: path), encoding: .utf8)
        }

        @Test(arguments: [
            ("Docs/Configuration.md", "## gatewayd\n", "--describe-settings"),
            ("Docs/Protocol.md", "### Limits of gatewayd\n", "--describe-settings=limits"),
        ]) func thePageEndsWithWhatTheDaemonsSay(path: String, heading: String, option: String) throws {
            let page = try document(path)
            let start = try #require(page.firstRange(of: heading))
            let said = try describe("gatewayd", option) + "\n" + describe("agentd", option)
            #expect(page[start.lowerBound...] == said, "\(path) is \(Self.advice)")
        }

        @Test(arguments: ["gatewayd", "agentd"]) func theSchemaIsWhatTheDaemonSays(_ daemon: String) throws {
            let path = "Docs/\(daemon).schema.json"
            let said = try describe(daemon, "--describe-settings=json-schema")
            #expect(try document(path) == said, "\(path) is \(Self.advice)")
        }

        @Test(arguments: [OtherProgram.gatewayd, .agentd]) func eachDaemonKnowsTheOthersVariables(_ program: OtherProgram)
            throws
        {
            let said = try describe(program.name, "--describe-settings=paths").split(separator: "\n").map { String($0) }
            #expect(program.paths == said, "SettingPaths.swift is \(Self.advice)")
        }

        @Test(arguments: ["gatewayd", "agentd"]) func anotherFormIsRefused(_ daemon: String) throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(daemon, ["--describe-settings=yaml"])
                #expect(ending == .exited(64))
                #expect(output.contains("--describe-settings takes markdown or json-schema, not \"yaml\""))
            }
        }

        @Test(arguments: [("gatewayd", "Listen on PORT (default 3000)."), ("agentd", "v1 or v2 (default v2).")])
        func helpSaysTheDefaultsOfTheSettings(_ daemon: String, _ line: String) throws {
            let help = try describe(daemon, "--help")
            #expect(help.contains(line) && help.contains("--describe-settings[=FORM]"))
        }
    }
}
