// README's tables of settings against the lists by which each daemon knows the other's variables (OtherProgram.swift): a
// setting that is documented and not listed would make one environment for both daemons an error.

import Foundation
import Testing

@Suite struct SettingsListTests {
    @Test(arguments: ["gatewayd", "agentd"])
    func everyDocumentedSettingIsListed(_ program: String) throws {
        let readme = try #require(Repository.text(of: "README.md"))
        let source = try #require(Repository.text(of: "Sources/SettingsCore/OtherProgram.swift"))
        let list = try #require(
            source.components(separatedBy: "name: \"\(program)\"").last?.components(separatedBy: "\"\"\"").dropFirst().first)
        let listed = Set(list.split(whereSeparator: \.isWhitespace).compactMap { $0.split(separator: ".").last })
        let documented = Self.keys(in: readme, of: program)
        #expect(documented.count > 15)
        for key in documented {
            #expect(listed.contains(key[...]), "\(key) is not on the list of \(program)'s settings in OtherProgram.swift")
        }
    }

    /// The last words of the keys in the table beneath `### program`; those of single agents and of routes have no variables.
    static func keys(in readme: String, of program: String) -> [String] {
        let section = readme.components(separatedBy: "### \(program)\n").last?.components(separatedBy: "\n#").first ?? ""
        return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row -> [String] in
            let cell = row.dropFirst().prefix { $0 != "|" }
            let keys = cell.split(separator: "`").map { String($0) }.filter { $0.contains { $0.isLetter } }
            if keys.first?.hasPrefix("agents.{") == true || keys.first == "webService.routes" { return [] }
            return keys.map { $0.drop { $0 == "…" }.split(separator: ".").last.map { String($0) } ?? $0 }
        }
    }
}
