// README's short table of settings against the whole one in Docs/Configuration.md, which DaemonTests compare with what the
// daemons say of themselves: key, default and meaning are the same.

import Testing

@Suite struct ReadmeKeysTests {
    @Test func theKeysThatMatterMostAreDescribedAsInTheWholeTable() throws {
        let readme = try #require(Repository.text(of: "README.md"))
        let page = try #require(Repository.text(of: "Docs/Configuration.md"))
        let rows = Self.rows(in: readme).filter { $0.first == "gatewayd" || $0.first == "agentd" }
        #expect(rows.count == 11)
        for row in rows where row.count == 4 {
            let whole = Self.rows(in: Self.section(row[0], of: page)).first { $0.first?.hasPrefix(row[1]) == true }
            guard let whole, whole.count == 4 else {
                Issue.record("\(row[0]) has no setting \(row[1])")
                continue
            }
            #expect(row[2] == whole[2], "the default of \(row[1])")
            #expect(whole[3].hasPrefix(row[3]), "the meaning of \(row[1])")
        }
    }

    /// What stands beneath `## program`.
    static func section(_ program: String, of page: String) -> Substring {
        guard let start = page.firstRange(of: "\n## \(program)\n") else { return "" }
        let rest = page[start.upperBound...]
        return rest[..<(rest.firstRange(of: "\n## ")?.lowerBound ?? rest.endIndex)]
    }

    /// The cells of all rows of tables. None of ours has a bar in it.
    static func rows(in page: some StringProtocol) -> [[String]] {
        page.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map { cell in
                String(cell.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
            }
        }
    }
}
