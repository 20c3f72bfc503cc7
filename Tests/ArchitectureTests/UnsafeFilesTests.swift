// Unsafe code lies in the files that are named here, and nowhere else; each says at its head what is unsafe in it and why it is
// sound. What is in another file's hands is safe there: a value that checks what it is asked for (`ByteView`, `ByteRoom`), a
// call with Swift's types (`Descriptors`). Docs/Decisions/0019 has the reasons.

import Testing

/// The files, by module.
private let unsafeFiles: [String: Set<String>] = [
    "HTTPCodec": ["HTTPFieldBuffer"],
    "RPCCore": ["Base64/Base64Tables", "JSON/JSONTapeRoom", "Memory/ByteRoom", "Memory/ByteView"],
    "SocketKit": [
        "Engine/SocketLoop+Detaching",
        "Platform/Datagram", "Platform/Descriptors", "Platform/Mutex", "Platform/Platform", "Platform/Resolver",
        "Platform/Signals", "Platform/SocketAddress", "Platform/SystemCalls", "Platform/TerminalCalls", "Pollers/EpollPoller",
        "Process/ChildProcess", "Process/ProcessFacts", "TLS/OpenSSL/ByteTransport", "TLS/OpenSSL/CryptoFunctions",
        "TLS/OpenSSL/LoadedCredential", "TLS/OpenSSL/OpenSSL", "TLS/OpenSSL/OpenSSLEncoding", "TLS/OpenSSL/OpenSSLErrors",
        "TLS/OpenSSL/OpenSSLKeys", "TLS/OpenSSL/OpenSSLLibrary", "TLS/OpenSSL/SSLConnection", "TLS/OpenSSL/SSLFunctions",
        "TLS/OpenSSL/SystemAuthorities", "TLS/OpenSSL/TLSCallbacks", "TLS/OpenSSL/TLSContext+Making",
        "TLS/OpenSSL/TicketSealing", "TLS/TLSContext",
    ],
]

/// The modules whose files have not been named yet.
private let unlisted: Set = ["AgentKit", "GatewayKit", "HTTPCodec", "TunnelLink", "WireWS"]
private let strictModules = moduleRules.map(\.name).filter { !unlisted.contains($0) }

extension SourceFile {
    /// Whether unsafe code may be in it.
    var mayBeUnsafe: Bool {
        unsafeFiles[module]?.contains { path == "Sources/\(module)/\($0).swift" } == true
    }
}

@Suite struct UnsafeFilesTests {
    @Test(arguments: strictModules)
    func unsafeCodeIsInTheFilesThatAreNamed(_ module: String) {
        var count = 0
        for file in Repository.sources where file.module == module {
            let line = firstUnsafeLine(in: file.tokens)
            let isNamed = file.mayBeUnsafe
            if isNamed { count += 1 }
            #expect(
                line == nil || isNamed,
                """
                \(file.path):\(line ?? 0): unsafe code outside of the files for it. Use what they offer, or Span, RawSpan and \
                OutputSpan; if it must be, put it into a small file that checks what it is asked for, and name it here.
                """)
            #expect(line != nil || !isNamed, "\(file.path) is named here and has no unsafe code any more")
            #expect(!isNamed || saysWhy(file), "\(file.path) does not say at its head what is unsafe here and why it is sound")
        }
        #expect(count == unsafeFiles[module]?.count ?? 0, "a file of \(module) that is named here is not there")
    }

    @Test func everyModuleIsHeldToStrictMemorySafety() throws {
        let package = try #require(Repository.text(of: "Package.swift"))
        let targets = package.split(separator: "\n        .").filter { part in
            guard let name = part.split(separator: "\"").dropFirst().first, !part.hasPrefix("library") else { return false }
            return !part.hasPrefix("executable(") && strictModules.contains(String(name))
        }
        #expect(targets.count == strictModules.count)
        for target in targets { #expect(target.contains("swiftSettings: strict"), "\(target)") }
    }

    @Test(arguments: [
        ("let a = unsafe b", true), ("a.withUnsafeBytes { _ in }", true), ("nonisolated(unsafe) var a = 1", true),
        ("@unchecked Sendable", true), ("@safe struct A {}", true), ("@safe @exclusivity(unchecked) var a = 1", false),
        ("// unsafe", false), ("let a = \"unsafe\"", false), ("let safe = 1", false),
    ]) func unsafeCodeIsFound(_ code: String, _ isUnsafe: Bool) {
        #expect((firstUnsafeLine(in: swiftTokens(of: code)) != nil) == isUnsafe)
    }
}

/// The line of the first word that says that code is unsafe, or that what is unsafe in it is sound. Properties whose type shows
/// that no access overlaps another (`@safe @exclusivity(unchecked)`) do not count.
private func firstUnsafeLine(in tokens: [Token]) -> Int? {
    for (index, token) in tokens.enumerated() where token.kind == .word {
        if token.text.lowercased().contains("unsafe") { return token.line }
        guard index > 0, tokens[index - 1].isSign("@") else { continue }
        if token.text == "unchecked" { return token.line }
        let isExclusivity = tokens.dropFirst(index + 1).prefix(2).map(\.text) == ["@", "exclusivity"]
        if token.text == "safe", !isExclusivity { return token.line }
    }
    return nil
}

/// Whether the comment that the file begins with has a paragraph on what is unsafe.
private func saysWhy(_ file: SourceFile) -> Bool {
    file.lines.prefix { $0.hasPrefix("//") }.contains { $0.hasPrefix("// Unsafe here: ") }
}
