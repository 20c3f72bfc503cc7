// The detectors of this folder against good and bad samples: a rule that finds nothing anywhere proves nothing.

import Testing

@Suite struct DetectorTests {
    private func lines(ofUnwrapsIn code: String) -> [Int] {
        forceUnwraps(in: swiftTokens(of: code), path: "a.swift").map(\.line)
    }

    @Test(arguments: [
        "let a = b!", "let a = f()!", "let a = b[0]!", "let a = { 1 }()!", "var a: Int!", "let a = b!.c", "let a = b?.c!",
        "f(a!, b)", "let a: Array<Int>! = nil", "a! = 1", "a! + 1", "let a = \"\\(b!)\"", "let a = \"1\"!", "let a = b!!",
        "let a = `in`!", "let a = \"\"\"\n  \\(b!)\n  \"\"\"", "let a = #\"\\#(b!)\"#",
    ]) func unwrappingByForceIsFound(_ code: String) {
        #expect(!lines(ofUnwrapsIn: code).isEmpty)
    }

    @Test(arguments: [
        "if a != b {}", "if a!=b {}", "if !a {}", "if a, !b {}", "f(!a)", "[!a]", "return !a", "a && !b", "a &&!b", "a !== b",
        "// b!", "/* b! /* c! */ d! */", "let a = \"b!\"", "let a = #\"\\(b!)\"#", "let a = \"\\\"b!\"",
        "#if !os(Linux)\n#endif",
        "let a = \"\"\"\n  \"b!\"\n  \"\"\"", "try! f()", "a as! B", "let a = \"\"\nlet b = !c", "func ! (a: Int) {}",
    ]) func whatOnlyLooksLikeUnwrappingIsLeftAlone(_ code: String) {
        #expect(lines(ofUnwrapsIn: code).isEmpty)
    }

    @Test func findingsNameTheirLine() {
        let code = "// a!\nlet a = \"\"\"\n  text\n  \"\"\"\n/* b!\n */ let c = d!\n"
        #expect(
            forceUnwraps(in: swiftTokens(of: code), path: "a.swift").map(\.description) == [
                "a.swift:6: a force unwrap, or a type that is unwrapped by force"
            ])
    }

    @Test(arguments: forbiddenSamples) func whatAMachineMayNotHoldIsFound(_ code: String, _ sequence: String) {
        let findings = violations(of: pureRules, in: swiftTokens(of: code), path: "a.swift")
        #expect(findings.count == 1 && findings[0].what.hasPrefix("`\(sequence)`"), "\(findings)")
    }

    @Test func everyRuleHasItsSample() {
        #expect(forbiddenSamples.map(\.sequence).sorted() == pureRules.map { $0.sequence.joined(separator: " ") }.sorted())
    }

    @Test func forbiddenCallsAreFoundInTextAndUnderTheirFullName() {
        for code in ["Swift.fatalError()", "\"\\(fatalError(a))\"", "let a = b ?? fatalError()"] {
            #expect(violations(of: pureRules, in: swiftTokens(of: code), path: "a.swift").count == 1, "\(code)")
        }
    }

    @Test(arguments: [
        "let a = cachedDate()", "fingerprint(a)", "writer.print(a)", "func print(_ a: Int) {}", "try !a", "a as B",
        "// fatalError()", "let a = \"print(1)\"", "let task = TaskList()", "a.precondition(b)", "Dates()",
    ]) func whatOnlyLooksForbiddenIsLeftAlone(_ code: String) {
        #expect(violations(of: pureRules, in: swiftTokens(of: code), path: "a.swift").isEmpty)
    }

    @Test func randomnessNeedsAGenerator() {
        func findings(_ code: String) -> Int { unseededRandomness(in: swiftTokens(of: code), path: "a.swift").count }
        for code in ["Int.random(in: 0...f(using: a))", "Bool.random()", "a.shuffled()", "a.shuffle()", "a.randomElement()"] {
            #expect(findings(code) == 1, "\(code)")
        }
        for code in ["Int.random(in: 0..<max(1, b), using: &keys)", "a.shuffled(using: &keys)", "random(upTo: a)", "a.random"] {
            #expect(findings(code) == 0, "\(code)")
        }
    }

    @Test func importsAreReadInEveryForm() {
        let code = """
            // import Comment
            import Plain; import Second
            @preconcurrency import Attributed
            public import Leveled
            import struct Scoped.Member
            #if canImport(Asked)
                import Conditional
            #endif
            let text = "import Text"
            let `import` = 1
            """
        let found = imports(in: swiftTokens(of: code))
        #expect(found.map(\.module) == ["Plain", "Second", "Attributed", "Leveled", "Scoped", "Conditional"])
        #expect(found.map(\.line) == [2, 2, 3, 4, 5, 7])
    }

    @Test func anImportOutsideTheRowIsFound() throws {
        let file = SourceFile(module: "AgentKit", path: "a.swift", text: "// A.\n\nimport MachineCore\nimport SocketKit\n")
        let rule = try #require(moduleRules.first { $0.name == "AgentKit" })
        #expect(forbiddenImports(in: file, rule: rule).map(\.description) == ["a.swift:4: AgentKit may not import SocketKit"])
    }

    @Test func theTableHasOnlyArrowsDown() {
        // In order of the table no module imports itself or one that comes after it.
        for (index, rule) in moduleRules.enumerated() {
            #expect(rule.mayImport.isDisjoint(with: moduleRules[index...].map(\.name)), "\(rule.name)")
            guard rule.layer == .pure else { continue }
            #expect(rule.mayImport.isSubset(of: moduleRules[..<index].map(\.name)), "\(rule.name)")
            #expect(rule.mayImport.isDisjoint(with: ["GatewayKit", "AgentKit", "SocketKit"]), "\(rule.name)")
        }
    }

    @Test func shapeFindsLongFilesAndMissingHeaders() {
        func lines(_ text: String) -> [Int] {
            shapeFindings(of: SourceFile(module: "A", path: "a.swift", text: text)).map(\.line)
        }
        #expect(lines("// What it is for.\n" + String(repeating: "\n", count: 349)) == [])
        #expect(lines("// What it is for.\n" + String(repeating: "\n", count: 350)) == [351])
        #expect(lines("import A\n") == [1])
        #expect(lines("") == [1])
    }

    @Test func targetsAreReadFromThePackage() {
        let code = """
            let package = Package(products: [.library(name: "A", targets: ["A"])], targets: [
                .target(name: "A", swiftSettings: settings),
                .target(name: "B", dependencies: ["A", .target(name: "C", condition: .when(platforms: [.linux]))], path: "X/B"),
                .systemLibrary(name: "C", path: "X/C"), .executableTarget(name: "d", dependencies: ["B"]),
                .testTarget(name: "ATests", dependencies: codecs + ["A"]),
            ])
            """
        let targets = packageTargets(in: swiftTokens(of: code))
        #expect(targets.map(\.name) == ["A", "B", "C", "d", "ATests"])
        #expect(targets.map(\.path) == ["Sources/A", "X/B", "X/C", "Sources/d", "Tests/ATests"])
        #expect(targets.map(\.dependencies) == [[], ["A", "C"], [], ["B"], nil])
        #expect(targets.map(\.line) == [2, 3, 4, 4, 5])
    }

    @Test func dependenciesThatAreMissingOrSuperfluousAreFound() {
        func target(_ name: String, _ kind: PackageTarget.Kind, _ dependencies: [String]?) -> PackageTarget {
            PackageTarget(kind: kind, name: name, path: "", dependencies: dependencies, line: 7)
        }
        let targets = [target("A", .library, []), target("B", .library, []), target("c", .executable, [])]
        func findings(_ dependencies: [String]?, _ imports: Set<String>) -> [String] {
            dependencyFindings(of: target("D", .library, dependencies), imports: imports, among: targets).map(\.description)
        }
        #expect(findings(["A", "c"], ["A", "Foundation", "D"]) == [])
        #expect(
            findings(["A"], ["B"]) == [
                "Package.swift:7: D imports B and does not name it", "Package.swift:7: D names A and does not import it",
            ])
        #expect(findings(nil, []) == ["Package.swift:7: D does not write its dependencies out as one list"])
    }

    @Test func productsAreReadFromThePackage() {
        let code =
            ".library(name: \"A\", targets: [\"A\"]), // .library(name: \"B\")\n.executable(name: \"c\"), .target(name: \"D\")"
        #expect(productNames(in: swiftTokens(of: code)) == ["A", "c"])
    }

    @Test func deadLinksAreFoundFromThePagesOwnFolder() {
        let page = """
            [one](Docs/One.md) and [two](Two.md#part), [web](https://example.com/Three.md), [here](#here)
            ```
            [code](Four.md)
            ```
            ![picture](Five.png "title")
            """
        #expect(localLinks(in: page).map(\.target) == ["Docs/One.md", "Two.md", "Five.png"])
        let dead = deadLinks(in: page, at: "Docs/Page.md") { $0 == "Docs/Docs/One.md" }
        #expect(dead.map(\.line) == [1, 5])
        #expect(dead.first?.what == "links to Two.md, which does not exist")
    }

    @Test func wideCommentsAreFound() {
        func long(_ count: Int) -> String { String(repeating: "é", count: count) }
        let text = "// \(long(125))\n    /// \(long(121))\nlet a = \"// \(long(130))\"\n"
        #expect(wideComments(in: text, path: "Sources/Inspection/A.swift").map(\.line) == [2])
    }

    @Test func testsThatAPageNamesAreLookedFor() {
        let page = """
            Told by `nothing` (ATests/One).

            Tests: `one`, `two`
            (ATests/One), `three` (Interop/test_a).

            `four` (ATests/One)
            """
        let files = ["Tests/ATests/One.swift": "@Test func one() {}", "Tests/Interop/test_a.py": "def test_three():"]
        #expect(testReferences(in: page).map(\.name) == ["one", "two", "three"])
        let dead = deadTestReferences(in: page, at: "Docs/A.md") { files[$0] }
        #expect(dead.map(\.line) == [3, 4])
        #expect(dead.first?.what == "names the test two, which is not in Tests/ATests/One")
    }
}

/// Code that breaks one of `pureRules` each, and the sequence of that rule.
private let forbiddenSamples: [(code: String, sequence: String)] = [
    ("try! f()", "try !"),
    ("a as! B", "as !"),
    ("fatalError(\"a\")", "fatalError ("),
    ("precondition(a)", "precondition ("),
    ("preconditionFailure()", "preconditionFailure ("),
    ("assert(a)", "assert ("),
    ("assertionFailure()", "assertionFailure ("),
    ("let a = Date()", "Date ("),
    ("Date.now", "Date . now"),
    ("let a = ContinuousClock()", "ContinuousClock"),
    ("SuspendingClock.now", "SuspendingClock"),
    ("DispatchTime.now()", "DispatchTime"),
    ("var a = SystemRandomNumberGenerator()", "SystemRandomNumberGenerator"),
    ("print(a)", "print ("),
    ("debugPrint(a)", "debugPrint ("),
    ("Task { a }", "Task {"),
    ("Task(priority: .low) {}", "Task ("),
    ("Task.detached {}", "Task ."),
    ("DispatchQueue.main", "DispatchQueue"),
    ("unowned let a: B", "unowned"),
    ("class A: @unchecked Sendable {}", "@ unchecked Sendable"),
    ("unsafeBitCast(a, to: B.self)", "unsafeBitCast ("),
    ("unsafeDowncast(a, to: B.self)", "unsafeDowncast ("),
    ("nonisolated(unsafe) var a = 1", "nonisolated ( unsafe )"),
]
