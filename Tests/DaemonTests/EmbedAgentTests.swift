// Agents inside programs (Docs/Examples/EmbedAgent): that they build as others would build them, against the package's products
// alone, and do what Docs/Embedding.md says. The page and README show the very files that are compiled here. The build has a
// folder of its own at the top of the repository, so that only the first takes long.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct EmbedAgent {
        @Test func theExampleBuildsAndServesFromInside() throws {
            let program = try Example.program("EmbedAgent")
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let example = try fixture.daemon(program, ["ws://127.0.0.1:\(gateway.port)/agent"])
                try example.waitForLine(with: "serving http://", "/web/embedded/")
                #expect(try gateway.get("/web/embedded/hello").text == "Hello from inside the program!\n")
                #expect(try gateway.get("/web/embedded/other").verdict == "404")
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/embedded/count")
                #expect(try visitor.responseHead()["transfer-encoding"] == "chunked")
                for number in 1...2 { #expect(try visitor.conversation.readChunk() == Array("\(number)\n".utf8)) }
                visitor.leave()
                try example.waitForLine(with: "a visitor left")
                #expect(try gateway.get("/web/embedded/hello").status == 200)
                #expect(try example.terminate() == .exited(0))
                try example.waitForLine(with: "stopped: drained")
            }
        }

        @Test(arguments: [
            ("TenLines", "hello", "Hello from /x\n"), ("OwnLoop", "polled", "Hello from /x, which sent 300000 bytes\n"),
        ])
        func theProgramsOfThePageServeAndComeBack(_ name: String, _ id: String, _ expected: String) throws {
            let program = try Example.program(name)
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let example = try fixture.daemon(program, ["ws://127.0.0.1:\(gateway.port)/agent"])
                func serves(_ gateway: RunningGateway) throws {
                    try gateway.daemon.waitForLine(with: "agent.registered")
                    let visitor = try gateway.visitor()
                    let response = try visitor.ask("POST", "/web/\(id)/x", body: String(repeating: "a", count: 300_000))
                    #expect(response.status == 200)
                    #expect(response.text == expected)
                    visitor.leave()
                }
                try serves(gateway)
                #expect(try gateway.daemon.terminate() == .exited(0))
                try serves(try fixture.gateway(port: gateway.port))
                #expect(try example.terminate() == .killed(signal: SIGTERM))  // neither catches it
            }
        }

        @Test(arguments: [
            ("Docs/Embedding.md", "TenLines/main.swift"), ("Docs/Embedding.md", "OwnLoop/main.swift"),
            ("Docs/Embedding.md", "OwnLoop/PollLoop.swift"), ("README.md", "TenLines/main.swift"),
        ])
        func thePageShowsWhatIsCompiled(_ page: String, _ source: String) throws {
            let code = try Example.text("Docs/Examples/EmbedAgent/Sources/\(source)")
            #expect(try Example.text(page).contains("```swift\n\(code)```\n"), "\(page) does not show \(source) as it is")
        }
    }
}

private enum Example {
    private static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let scratch = top.appendingPathComponent(".build-embed").path
    private static let isBuilt = Result { try build() }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: top.appendingPathComponent(path), encoding: .utf8)
    }

    /// One of its programs, as a path from where the daemons are.
    static func program(_ name: String) throws -> String {
        try isBuilt.get()
        let depth = try Spawning.products.get().split(separator: "/").count
        return String(repeating: "../", count: depth) + scratch.dropFirst() + "/debug/" + name
    }

    private static func build() throws {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString).log")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        let output = try FileHandle(forWritingTo: log)
        let status = try run(
            ["swift", "build", "--package-path", "Docs/Examples/EmbedAgent", "--scratch-path", scratch], output)
        guard status == 0 else {
            throw TestFailure("the example does not build:\n\(try String(contentsOf: log, encoding: .utf8))")
        }
    }

    /// How a program ends, found as a shell finds it; a cold build on a busy machine takes minutes.
    private static func run(_ words: [String], _ output: FileHandle) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.currentDirectoryURL = top
        process.standardOutput = output
        process.standardError = output
        let end = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in end.signal() }
        try process.run()
        if end.wait(timeout: .now() + .seconds(900)) == .timedOut {
            process.terminate()
            throw TestFailure("does not end: \(words.joined(separator: " "))")
        }
        return process.terminationStatus
    }
}
