// What code may not hold, as sequences of tokens, and two rules that a sequence cannot express: the force unwrap, and
// randomness without a generator. The rules judge spelling, not types; a member or a function of one's own that is named like a
// global function of the standard library (`.print(`, `func print(`) is let through.

/// A sequence of words and signs that may not occur. A "!" in it counts only directly after what stands before it.
struct CodeRule: Sendable {
    let sequence: [String]
    let why: String

    /// `text` is the sequence with spaces between its tokens.
    init(_ text: String, _ why: String) {
        sequence = text.split(separator: " ").map(String.init)
        self.why = why
    }
}

/// Traps by choice, which nothing outside the tests may hold.
let trapRules = [
    CodeRule("try !", "a failure must not end the process"),
    CodeRule("as !", "an unchecked cast"),
    CodeRule("fatalError (", "nothing that happens may end the process"),
]

/// What a codec or a machine may not hold besides: other traps, time, randomness, output, concurrency.
let pureRules =
    trapRules + [
        CodeRule("precondition (", "input must not end the process"),
        CodeRule("preconditionFailure (", "input must not end the process"),
        CodeRule("assert (", "input must not end the process, not even in a debug build"),
        CodeRule("assertionFailure (", "input must not end the process, not even in a debug build"),
        CodeRule("unsafeBitCast (", "an unchecked cast"),
        CodeRule("unsafeDowncast (", "an unchecked cast"),
        CodeRule("Date (", "a machine has no clock"),
        CodeRule("Date . now", "a machine has no clock"),
        CodeRule("ContinuousClock", "a machine has no clock"),
        CodeRule("SuspendingClock", "a machine has no clock"),
        CodeRule("DispatchTime", "a machine has no clock"),
        CodeRule("SystemRandomNumberGenerator", "randomness comes from a seed"),
        CodeRule("print (", "a machine does no output"),
        CodeRule("debugPrint (", "a machine does no output"),
        CodeRule("Task {", "a machine has no tasks"),
        CodeRule("Task (", "a machine has no tasks"),
        CodeRule("Task .", "a machine has no tasks"),
        CodeRule("DispatchQueue", "a machine has no threads"),
        CodeRule("unowned", "traps when its object is gone"),
        CodeRule("@ unchecked Sendable", "values need no such promise"),
        CodeRule("nonisolated ( unsafe )", "values need no such promise"),
    ]

/// Where `tokens` break one of `rules`.
func violations(of rules: [CodeRule], in tokens: [Token], path: String) -> [Finding] {
    let rulesByFirst = Dictionary(grouping: rules, by: \.sequence[0])
    var findings: [Finding] = []
    for index in tokens.indices where tokens[index].kind != .string {
        for rule in rulesByFirst[tokens[index].text] ?? [] where matches(rule, at: index, in: tokens) {
            let code = rule.sequence.joined(separator: " ")
            findings.append(Finding(path: path, line: tokens[index].line, what: "`\(code)`: \(rule.why)"))
        }
    }
    return findings
}

private func matches(_ rule: CodeRule, at index: Int, in tokens: [Token]) -> Bool {
    guard index + rule.sequence.count <= tokens.count else { return false }
    for (offset, expected) in rule.sequence.enumerated() {
        let token = tokens[index + offset]
        guard token.kind != .string, token.text == expected else { return false }
        if expected == "!", token.followsSpace { return false }
    }
    guard rule.sequence.last == "(", index > 0 else { return true }
    let before = tokens[index - 1]
    let isOfStandardLibrary = index > 1 && tokens[index - 2].isWord("Swift")
    return !(before.isWord("func") || before.isSign(".") && !isOfStandardLibrary)
}

/// Where `tokens` unwrap by force (`x!`, `f()!`, `a[0]!`, `p?!`) or declare what does (`Int!`). A `!` belongs to what it
/// follows without a space, unless `=` follows it in turn (`!=`) or a keyword stands before it; `try!` and `as!` have rules of
/// their own.
func forceUnwraps(in tokens: [Token], path: String) -> [Finding] {
    let notOperands: Set = [
        "try", "as", "return", "if", "guard", "while", "in", "where", "case", "else", "repeat", "await", "throw",
    ]
    return tokens.indices.dropFirst().compactMap { index in
        let token = tokens[index]
        guard token.isSign("!"), !token.followsSpace else { return nil }
        if index + 1 < tokens.count, tokens[index + 1].isSign("="), !tokens[index + 1].followsSpace { return nil }
        let before = tokens[index - 1]
        switch before.kind {
        case .word: if notOperands.contains(before.text) { return nil }
        case .sign: if !")]}?>!".contains(before.text) { return nil }
        case .string: break
        }
        return Finding(path: path, line: token.line, what: "a force unwrap, or a type that is unwrapped by force")
    }
}

/// Where `tokens` draw at random and do not say from what: `.random(`, `.randomElement(`, `.shuffled(` or `.shuffle(` without
/// `using:`.
func unseededRandomness(in tokens: [Token], path: String) -> [Finding] {
    let names: Set = ["random", "randomElement", "shuffled", "shuffle"]
    return tokens.indices.compactMap { index in
        guard index + 2 < tokens.count, tokens[index].isSign("."), names.contains(tokens[index + 1].text) else { return nil }
        guard tokens[index + 2].isSign("("), !hasLabel("using", inCallAt: index + 2, of: tokens) else { return nil }
        let what = "`.\(tokens[index + 1].text)(` without `using:`: randomness comes from a seed"
        return Finding(path: path, line: tokens[index].line, what: what)
    }
}

/// Whether the call whose parenthesis opens at `open` has an argument of that label.
private func hasLabel(_ label: String, inCallAt open: Int, of tokens: [Token]) -> Bool {
    var depth = 0
    for index in open..<tokens.count {
        if tokens[index].isSign("(") { depth += 1 }
        if tokens[index].isSign(")") { depth -= 1 }
        if depth == 0 { return false }
        let isLabel = index + 1 < tokens.count && tokens[index + 1].isSign(":")
        if depth == 1, isLabel, tokens[index].isWord(label) { return true }
    }
    return false
}
