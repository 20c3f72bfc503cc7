// The tests that a page names, as in "Tests: `one`, `another` (WireWSTests/FrameTests).": that each is where the page says. So
// a test that is renamed or moved takes its mention along.

import Foundation

/// A test that a page names.
struct TestReference: Equatable {
    let name: String
    /// The folder under Tests, and the file without its ending.
    let place: String
    /// Counted from 1.
    let line: Int
}

/// The references in `page`: identifiers in backticks, up to the place in parentheses behind them, in paragraphs that begin
/// with `Test:` or `Tests:`.
func testReferences(in page: String) -> [TestReference] {
    var references: [TestReference] = []
    var names: [(name: String, line: Int)] = []
    var isInside = false
    for (number, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        if line.isEmpty { isInside = false }
        if line.hasPrefix("Test:") || line.hasPrefix("Tests:") { (isInside, names) = (true, []) }
        guard isInside else { continue }
        for match in line.matches(of: /`(\w+)`|\((\w+\/\w+)[);]/) {
            if let name = match.output.1 { names.append((String(name), number + 1)) }
            guard let place = match.output.2 else { continue }
            references += names.map { TestReference(name: $0.name, place: String(place), line: $0.line) }
            names = []
        }
    }
    return references
}

/// The references in the page at `path` that lead to no test; `text` reads a file.
func deadTestReferences(in page: String, at path: String, text: (String) -> String?) -> [Finding] {
    testReferences(in: page).compactMap { reference in
        let files = ["swift", "py"].compactMap { text("Tests/\(reference.place).\($0)") }
        let isThere = files.contains { file in
            ["func", "def"].contains { file.contains("\($0) \(reference.name)(") }
        }
        let what = "names the test \(reference.name), which is not in Tests/\(reference.place)"
        return isThere ? nil : Finding(path: path, line: reference.line, what: what)
    }
}
