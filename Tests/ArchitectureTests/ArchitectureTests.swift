// Reads the sources as text and holds them to Docs/Architecture.md: which module imports what, what a codec or a machine may
// not hold, how long a file gets and how it begins. Every finding names its file and line. That the detectors detect is tested
// apart.

import Testing

@Suite struct ArchitectureTests {
    @Test func everyModuleHasARowInTheTableOfImports() {
        #expect(Repository.moduleNames.sorted() == moduleRules.map(\.name).sorted())
        for rule in moduleRules { #expect(!Repository.sources.filter { $0.module == rule.name }.isEmpty, "\(rule.name)") }
    }

    @Test(arguments: moduleRules) func everyModuleImportsOnlyWhatItsRowAllows(_ rule: ModuleRule) {
        report(sources(of: rule).flatMap { forbiddenImports(in: $0, rule: rule) })
    }

    @Test(arguments: moduleRules) func noModuleTrapsByChoice(_ rule: ModuleRule) {
        for file in sources(of: rule) {
            report(forceUnwraps(in: file.tokens, path: file.path))
            report(violations(of: trapRules, in: file.tokens, path: file.path))
        }
    }

    @Test(arguments: moduleRules.filter { $0.layer == .pure }) func machinesHoldNoClockRandomnessOutputOrTask(
        _ rule: ModuleRule
    ) {
        for file in sources(of: rule) {
            // In a file that may be unsafe, a precondition stands between a wrong index and other people's memory, and storage
            // that copies itself before it is changed is as good as a value.
            let allowed = [["precondition", "("], ["@", "unchecked", "Sendable"]]
            let rules = file.mayBeUnsafe ? pureRules.filter { !allowed.contains($0.sequence) } : pureRules
            report(violations(of: rules, in: file.tokens, path: file.path))
            report(unseededRandomness(in: file.tokens, path: file.path))
        }
    }

    @Test func thePackageDependsOnNoOther() throws {
        let tokens = swiftTokens(of: try #require(Repository.text(of: "Package.swift")))
        report(violations(of: [CodeRule(". package (", "no package dependencies")], in: tokens, path: "Package.swift"))
    }

    @Test func everyLibraryIsAProduct() throws {
        let tokens = swiftTokens(of: try #require(Repository.text(of: "Package.swift")))
        let products = productNames(in: tokens)
        for rule in moduleRules { #expect(products.contains(rule.name), "\(rule.name) is no product") }
    }

    @Test func everyTargetNamesExactlyWhatItImports() throws {
        let targets = packageTargets(in: swiftTokens(of: try #require(Repository.text(of: "Package.swift"))))
        #expect(targets.count > 2 * moduleRules.count)
        for target in targets {
            let files = Repository.files(under: target.path, suffix: ".swift").compactMap { Repository.text(of: $0) }
            let imported = Set(files.flatMap { imports(in: swiftTokens(of: $0)).map(\.module) })
            report(dependencyFindings(of: target, imports: imported, among: targets))
        }
    }

    @Test func filesAreShortAndAHeaderSaysWhatEachDecides() {
        for file in Repository.sources { report(shapeFindings(of: file)) }
    }

    @Test func commentsAreNoWiderThanCode() {
        for path in ["Sources", "Tests"].flatMap({ Repository.files(under: $0, suffix: ".swift") }) {
            report(wideComments(in: Repository.text(of: path) ?? "", path: path))
        }
    }

    @Test func everyPageAndTestThatAPageNamesExists() throws {
        let pages = ["README.md"] + Repository.files(under: "Docs", suffix: ".md")
        for path in pages {
            let page = try #require(Repository.text(of: path), "\(path) cannot be read")
            report(deadLinks(in: page, at: path, exists: Repository.exists))
            report(deadTestReferences(in: page, at: path, text: Repository.text))
        }
    }
}

private func sources(of rule: ModuleRule) -> [SourceFile] {
    Repository.sources.filter { $0.module == rule.name }
}

/// Fails the test once for each of `findings`.
private func report(_ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation) {
    for finding in findings { Issue.record("\(finding)", sourceLocation: sourceLocation) }
}
