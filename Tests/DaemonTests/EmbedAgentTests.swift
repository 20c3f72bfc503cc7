// The example of an agent inside a program (Docs/Examples/EmbedAgent): that it builds as any user would build it, against the
// package's products alone, and does what its README says. The build has a folder of its own at the top of the repository, so
// that only the first takes long.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct EmbedAgent {
        @Test func theExampleBuildsAndServesFromInside() throws {
            let program = try Example.build()
            try onStage { stage in
                let gateway = try stage.gateway()
                let example = try stage.daemon(program, ["ws://127.0.0.1:\(gateway.port)/agent"])
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
    }
}

private enum Example {
    private static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Builds it; the program, as a path from where the daemons are.
    static func build() throws -> String {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString).log")
        try Data().write(to: log)
        defer { try? FileManager.default.removeItem(at: log) }
        let output = try FileHandle(forWritingTo: log)
        let scratch = top.appendingPathComponent(".build-embed").path
        let status = try run(
            ["swift", "build", "--package-path", "Docs/Examples/EmbedAgent", "--scratch-path", scratch], output)
        guard status == 0 else {
            throw TestFailure("the example does not build:\n\(try String(contentsOf: log, encoding: .utf8))")
        }
        let depth = try Spawning.products.get().split(separator: "/").count
        return String(repeating: "../", count: depth) + scratch.dropFirst() + "/debug/EmbedAgent"
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
