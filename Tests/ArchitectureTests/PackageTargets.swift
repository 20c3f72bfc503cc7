// The targets of Package.swift, read as text, and whether each names as dependencies exactly what its files import. A
// dependency too few fails only in some order of building; one too many is linked, and waited for, without use. Dependencies
// must be written out: what is computed cannot be read here.

/// A target as Package.swift describes it.
struct PackageTarget: Equatable {
    enum Kind: String {
        case library = "target"
        case executable = "executableTarget"
        case test = "testTarget"
        case system = "systemLibrary"
    }

    let kind: Kind
    let name: String
    /// From the root of the repository.
    let path: String
    /// Empty if it has none; nil if they are not written out as one list.
    let dependencies: [String]?
    /// Counted from 1.
    let line: Int
}

/// The targets in a package description: `.target(name: "…", …)` and its like, but for the dependencies that are written so
/// too.
func packageTargets(in tokens: [Token]) -> [PackageTarget] {
    var targets: [PackageTarget] = []
    var index = 0
    while index + 5 < tokens.count {
        let kind = tokens[index].isSign(".") ? PackageTarget.Kind(rawValue: tokens[index + 1].text) : nil
        guard let kind, tokens[index + 2].isSign("("), tokens[index + 3].isWord("name"), tokens[index + 5].kind == .string
        else {
            index += 1
            continue
        }
        let name = tokens[index + 5].text
        let end = closing(of: index + 2, in: tokens[...])
        let arguments = tokens[(index + 6)..<end]
        let path = argument("path", in: arguments).flatMap { $0.first?.text }
        targets.append(
            PackageTarget(
                kind: kind, name: name, path: path ?? "\(kind == .test ? "Tests" : "Sources")/\(name)",
                dependencies: dependencies(in: arguments), line: tokens[index].line))
        index = end
    }
    return targets
}

/// What `target` names and its files do not import, and the reverse. `imports` are those of its files; `targets` are all of the
/// package.
func dependencyFindings(of target: PackageTarget, imports: Set<String>, among targets: [PackageTarget]) -> [Finding] {
    func finding(_ what: String) -> Finding {
        Finding(path: "Package.swift", line: target.line, what: "\(target.name) \(what)")
    }
    guard let dependencies = target.dependencies else { return [finding("does not write its dependencies out as one list")] }
    // Nothing imports an executable: who names one wants it built.
    let importable = Set(targets.filter { $0.kind != .executable }.map(\.name))
    let named = Set(dependencies)
    let missing = imports.intersection(importable).subtracting(named).subtracting([target.name])
    let superfluous = named.intersection(importable).subtracting(imports)
    return missing.sorted().map { finding("imports \($0) and does not name it") }
        + superfluous.sorted().map { finding("names \($0) and does not import it") }
}

/// The place of the sign that closes the parenthesis or bracket at `open`; the last place of all if nothing does.
private func closing(of open: Int, in tokens: ArraySlice<Token>) -> Int {
    var depth = 0
    for index in open..<tokens.endIndex where tokens[index].kind == .sign {
        if "([{".contains(tokens[index].text) { depth += 1 }
        if ")]}".contains(tokens[index].text) { depth -= 1 }
        if depth == 0 { return index }
    }
    return tokens.endIndex - 1
}

/// What stands behind `label:`, up to the comma that ends the argument; nil without such an argument.
private func argument(_ label: String, in arguments: ArraySlice<Token>) -> ArraySlice<Token>? {
    var index = arguments.startIndex
    while index + 1 < arguments.endIndex {
        if arguments[index].isWord(label), arguments[index + 1].isSign(":") {
            var end = index + 2
            while end < arguments.endIndex, !arguments[end].isSign(",") { end = next(after: end, in: arguments) }
            return arguments[(index + 2)..<end]
        }
        index = next(after: index, in: arguments)
    }
    return nil
}

/// The place behind the token at `index`, and behind all that it opens.
private func next(after index: Int, in tokens: ArraySlice<Token>) -> Int {
    let opens = tokens[index].kind == .sign && "([{".contains(tokens[index].text)
    return (opens ? closing(of: index, in: tokens) : index) + 1
}

/// The names of the argument `dependencies`, those in `.target(name: "…", …)` too.
private func dependencies(in arguments: ArraySlice<Token>) -> [String]? {
    guard let list = argument("dependencies", in: arguments) else { return [] }
    guard let first = list.first, first.isSign("["), closing(of: list.startIndex, in: list) == list.endIndex - 1 else {
        return nil
    }
    return list.filter { $0.kind == .string }.map(\.text)
}
