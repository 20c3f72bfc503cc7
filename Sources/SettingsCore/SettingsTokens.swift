// Secrets that are presented as tokens. An empty one is refused from wherever it comes: a variable that a script forgot to fill
// would open to everybody what it was to close. What a token may consist of is the same for all who present one and all who ask
// for it.

/// What a token may consist of: visible ASCII without a comma, which parts several in a variable or a flag. So it passes
/// through a header, an address and a line of settings as it is.
public enum TokenGrammar {
    /// What is wrong with a token, as a text that reads on after "a token"; nil: nothing. The token is not in it.
    public static func problem(_ token: some StringProtocol) -> String? {
        guard !token.isEmpty else { return "that is empty" }
        for (place, scalar) in token.unicodeScalars.enumerated() {
            let what: String? =
                switch scalar.value {
                case 0x20, 0x09, 0x0a, 0x0d: "a blank"
                case 0x2c: "a comma"
                case 0x21...0x7e: nil
                case 0x00...0x1f, 0x7f: "a control character"
                default: "a character that is not ASCII"
                }
            if let what { return "with \(what) at place \(place + 1): visible ASCII without blanks and commas is allowed" }
        }
        return nil
    }
}

extension SettingsReader {
    /// The tokens that a setting holds: in the file one or a list, in a variable or a flag parted by commas. Unlike other
    /// settings, one that is there and empty is a problem, be it a variable.
    mutating func tokens(_ path: String) -> [String]? {
        let place = ask(for: path)
        let given: [String]
        if let override = secretOverride(of: place) {
            given = override.values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(trimmed) }
            if let problem = Self.problem(given, isList: false) { report(problem, at: place, given: override) }
        } else {
            guard let texts = texts(path) else { return nil }
            given = texts
            if let problem = Self.problem(given, isList: place.node?.kind == .array) {
                report(problem, at: place, node: place.node)
            }
        }
        return given.filter { TokenGrammar.problem($0) == nil }
    }

    /// The one token that a setting holds.
    mutating func token(_ path: String) -> String? {
        let place = ask(for: path)
        if let override = secretOverride(of: place), override.values == [""] {
            report("must not be empty; leave it out if no token is needed", at: place, given: override)
            return nil
        }
        guard let token = text(path) else { return nil }
        guard let problem = TokenGrammar.problem(token) else { return token }
        self.problem(
            path, token.isEmpty ? "must not be empty; leave it out if no token is needed" : "must not be a token \(problem)")
        return nil
    }

    /// The name of the file that holds a token. An empty one is a problem, be it a variable.
    mutating func tokenFile(_ path: String) -> String? {
        let place = ask(for: path)
        if let override = secretOverride(of: place), override.values.contains("") {
            report("must name a file; leave it out if there is none", at: place, given: override)
            return nil
        }
        guard let name = text(path) else { return nil }
        guard name.isEmpty else { return name }
        problem(path, "must name a file; leave it out if there is none")
        return nil
    }

    /// What flags or the variable say, be it nothing.
    private func secretOverride(of place: SettingsPlace) -> SettingsOverride? {
        if let given = override(of: place) { return given }
        guard !place.isBelowFreeName(in: schema), !place.path.isEmpty else { return nil }
        let name = source.environmentName(ofPath: place.path)
        return source.environment[name] == "" ? SettingsOverride(source: name, rank: .variable, values: [""]) : nil
    }

    /// What is wrong with tokens that were given.
    private static func problem(_ tokens: [String], isList: Bool) -> String? {
        let advice = "leave it out if no token is needed"
        guard !tokens.isEmpty else { return "must not be an empty list; \(advice)" }
        for (place, token) in tokens.enumerated() {
            guard let problem = TokenGrammar.problem(token) else { continue }
            let which = tokens.count > 1 || isList ? ", the \(place + 1). in the list" : ""
            return token.isEmpty ? "must not be empty\(which); \(advice)" : "must not hold a token \(problem)\(which)"
        }
        return nil
    }
}

/// Without the spaces around it.
private func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " || text.first == "\t" { text = text.dropFirst() }
    while text.last == " " || text.last == "\t" { text = text.dropLast() }
    return String(text)
}
