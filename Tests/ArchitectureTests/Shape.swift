// What can be said of a source file without reading its code, and of the package's own description.

/// The most lines that a file of Sources may have; about 300 is the aim.
let maximumLines = 350

/// The widest line of `.swift-format`, whose check leaves comments out.
let maximumWidth = 128

/// The comment lines of the file at `path` that are wider than a line may be.
func wideComments(in text: String, path: String) -> [Finding] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
        guard line.count > maximumWidth, line.drop(while: { $0 == " " }).hasPrefix("//") else { return nil }
        return Finding(path: path, line: number + 1, what: "a comment of \(line.count) characters, above \(maximumWidth)")
    }
}

/// Whether `file` is too long, or begins without saying what it is for.
func shapeFindings(of file: SourceFile) -> [Finding] {
    var findings: [Finding] = []
    let lines = file.lines
    // The last line ends with a newline, after which `lines` has an empty one.
    let count = lines.last?.isEmpty == true ? lines.count - 1 : lines.count
    if count > maximumLines {
        findings.append(Finding(path: file.path, line: maximumLines + 1, what: "\(count) lines, above \(maximumLines)"))
    }
    if lines.first?.hasPrefix("// ") != true {
        findings.append(Finding(path: file.path, line: 1, what: "begins without a comment that says what the file decides"))
    }
    return findings
}

/// The names of the products in a package description: what stands in `.library(name: "…"` and `.executable(name: "…"`.
func productNames(in tokens: [Token]) -> Set<String> {
    var names: Set<String> = []
    for index in tokens.indices where index + 5 < tokens.count && tokens[index].isSign(".") {
        let isProduct = tokens[index + 1].isWord("library") || tokens[index + 1].isWord("executable")
        guard isProduct, tokens[index + 2].isSign("("), tokens[index + 3].isWord("name") else { continue }
        if tokens[index + 5].kind == .string { names.insert(tokens[index + 5].text) }
    }
    return names
}
