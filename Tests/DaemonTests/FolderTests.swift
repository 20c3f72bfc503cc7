// A folder behind an agent, served for real: types, validators, ranges, and large files that take no memory. And what must not
// be reached: the folder's surroundings by any spelling of `..` or by a symbolic link, dot-files, pipes.

import Foundation
import Testing

/// A folder with files in it, and a secret beside it; gone when the test is.
private final class TestFolder {
    let path: String
    private let surroundings: URL

    static let secret = "the secret beside the folder"

    init() throws {
        surroundings = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString)")
        path = surroundings.appendingPathComponent("public").path
        try FileManager.default.createDirectory(atPath: path + "/docs/deep", withIntermediateDirectories: true)
        try Self.secret.write(toFile: surroundings.path + "/secret.txt", atomically: false, encoding: .utf8)
        try write("index.html", "<p>index")
        try write("a.txt", "0123456789")
        try write("with space.json", "{}")
        try write("docs/index.html", "<p>docs")
        try write("docs/deep/x.bin", "x")
        try write(".env", Self.secret)
        try write("docs/.git", Self.secret)
    }

    deinit { try? FileManager.default.removeItem(at: surroundings) }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name)) }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: target)
    }

    /// Makes the file this long; what it did not hold before is zeros that take no room on the disk.
    func setSize(of name: String, _ count: Int) throws {
        guard truncate(path + "/" + name, off_t(count)) == 0 else { throw TestFailure("truncate") }
    }
}

extension DaemonFixture {
    fileprivate func agent(
        serving folder: TestFolder, at gateway: RunningGateway, _ tunnel: Tunnel = .v2, _ more: String = ""
    ) throws -> Daemon {
        let service = "\"webService\": {\"directory\": \"\(folder.path)\"\(more)}"
        return try agent(at: gateway.port, before: nil, tunnel, settings: [service])
    }
}

extension DaemonTests {
    @Suite struct Folders {
        // MARK: Files

        @Test(arguments: Tunnel.allCases)
        func filesAreServedByTheirNames(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                let agent = try fixture.agent(serving: folder, at: gateway, tunnel)
                try agent.waitForLine(with: "agent.registered")
                let visitor = try gateway.visitor()
                for (path, type, text) in [
                    ("/", "text/html; charset=utf-8", "<p>index"), ("/index.html", "text/html; charset=utf-8", "<p>index"),
                    ("/a.txt?x=y", "text/plain; charset=utf-8", "0123456789"), ("/with%20space.json", "application/json", "{}"),
                    ("/docs/", "text/html; charset=utf-8", "<p>docs"), ("/docs/deep/x.bin", "application/octet-stream", "x"),
                ] {
                    let response = try visitor.get("/web/pi" + path)
                    #expect(response.verdict == "200" && response.text == text, "\(path)")
                    #expect(response.head["content-type"] == type)
                    #expect(response.head["content-length"] == "\(text.utf8.count)")
                    #expect(response.head["x-content-type-options"] == "nosniff")
                    #expect(response.head["etag"] != nil && response.head["last-modified"] != nil)
                }
                let redirect = try visitor.get("/web/pi/docs?q=1")
                #expect(redirect.status == 308)
                #expect(redirect.head["location"] == "./docs/?q=1")
                for path in ["/none", "/a.txt/", "/a.txt/x", "/docs/deep/", "/none/"] {
                    #expect(try visitor.get("/web/pi" + path).verdict == "404", "\(path)")
                }
                let refused = try visitor.ask("POST", "/web/pi/a.txt", body: "new")
                #expect(refused.status == 405)
                #expect(refused.head["allow"] == "GET, HEAD")
                try visitor.send("HEAD", "/web/pi/a.txt")
                #expect(try visitor.responseHead()["content-length"] == "10")
                #expect(try visitor.get("/web/pi/a.txt").text == "0123456789")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func rangesAndConditionsHold(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                _ = try fixture.agent(serving: folder, at: gateway, tunnel)
                let visitor = try gateway.visitor()
                let part = try visitor.get("/web/pi/a.txt", ["Range: bytes=2-4"])
                #expect(part.status == 206 && part.text == "234")
                #expect(part.head["content-range"] == "bytes 2-4/10")
                #expect(try visitor.get("/web/pi/a.txt", ["Range: bytes=-3"]).text == "789")
                let beyond = try visitor.get("/web/pi/a.txt", ["Range: bytes=10-"])
                #expect(beyond.status == 416)
                #expect(beyond.head["content-range"] == "bytes */10")
                let tag = try #require(part.head["etag"])
                let date = try #require(part.head["last-modified"])
                for condition in ["If-None-Match: \(tag)", "If-Modified-Since: \(date)"] {
                    try visitor.send("GET", "/web/pi/a.txt", [condition])
                    let head = try visitor.responseHead()
                    #expect(head.words[1] == "304" && head["etag"] == tag)
                }
                #expect(try visitor.get("/web/pi/a.txt", ["Range: bytes=0-1", "If-Range: \(tag)"]).status == 206)
                try folder.write("a.txt", "changed!")
                #expect(try visitor.get("/web/pi/a.txt", ["If-None-Match: \(tag)"]).text == "changed!")
                let stale = try visitor.get("/web/pi/a.txt", ["Range: bytes=0-1", "If-Range: \(tag)"])
                #expect(stale.status == 200 && stale.text == "changed!")
            }
        }

        @Test func aFolderThatIsBuiltAnewIsServedAnew() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                _ = try fixture.agent(serving: folder, at: gateway)
                #expect(try gateway.get("/web/pi/a.txt").status == 200)
                try FileManager.default.removeItem(atPath: folder.path)
                #expect(try gateway.get("/web/pi/a.txt").verdict == "404")
                try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
                try folder.write("a.txt", "anew")
                #expect(try gateway.get("/web/pi/a.txt").text == "anew")
            }
        }

        @Test func aFolderAndServicesMakeOneSite() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                let (first, second) = (try fixture.pathService(), try fixture.pathService())
                let routes = """
                    "webService": {"routes": {"/": {"directory": "\(folder.path)"}, "/api": {"port": \(first.port)},
                        "/api/v2/": {"url": "http://127.0.0.1:\(second.port)/base"}}}
                    """
                try fixture.agent(at: gateway.port, before: nil, settings: [routes])
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/a.txt").text == "0123456789")
                #expect(try visitor.get("/web/pi/api/x").text == "service at /api/x")
                #expect(try visitor.get("/web/pi/api/v2/y").text == "service at /base/api/v2/y")
                #expect(try visitor.get("/web/pi/apis").verdict == "404")
                second.stop()
                #expect(try visitor.get("/web/pi/api/v2/y").status == 502)
                #expect(try visitor.get("/web/pi/api/x").text == "service at /api/x")
            }
        }

        // MARK: What must not be reached

        @Test func nothingOutsideOfTheFolderIsReached() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                try folder.link("file-link", to: "../secret.txt")
                try folder.link("folder-link", to: "..")
                try folder.link("absolute-link", to: folder.path + "/../secret.txt")
                try folder.link("inner-link", to: "a.txt")
                #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
                let agent = try fixture.agent(serving: folder, at: gateway)
                for path in [
                    "/../secret.txt", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
                    "/%2e%2e%2fsecret.txt",
                    "/..%5csecret.txt", "/..\\secret.txt", "/docs/..%00/secret.txt", "/.%2e/secret.txt",
                    "/%252e%252e/secret.txt",
                    "/..;/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/\(folder.path)/../secret.txt", "//\(folder.path)/a.txt",
                    "/file-link", "/folder-link/secret.txt", "/folder-link/public/a.txt", "/absolute-link", "/inner-link",
                    "/pipe",
                    "/.env", "/%2eenv", "/docs/.git", "/..", "/.", "/a.txt%00.html", "/a.txt%2f..%2f..%2fsecret.txt",
                ] {
                    let response = try gateway.get("/web/pi" + path)
                    #expect([400, 404].contains(response.status), "\(path): \(response.status)")
                    #expect(!response.text.contains("secret beside"), "\(path)")
                }
                #expect(try gateway.get("/web/pi/a.txt").text == "0123456789")
                #expect(agent.isRunning)
            }
        }

        @Test func dotFilesAreServedWhenAskedFor() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                _ = try fixture.agent(serving: folder, at: gateway, .v2, ", \"dotFiles\": true")
                #expect(try gateway.get("/web/pi/.env").text == TestFolder.secret)
                #expect(try gateway.get("/web/pi/../secret.txt").status == 400)
            }
        }

        // MARK: Large files, many files

        @Test func aLargeFileTakesNoMemory() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                let agent = try fixture.agent(serving: folder, at: gateway)
                let count = 200 << 20
                try folder.write("large.bin", "begin")
                try folder.setSize(of: "large.bin", count)
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/large.bin")
                #expect(try visitor.responseHead()["content-length"] == "\(count)")
                #expect(try visitor.conversation.read(5) == Array("begin".utf8))
                var rest = count - 5
                while rest > 0 { rest -= try visitor.conversation.read(min(rest, 1 << 20)).count }
                #expect(try visitor.get("/web/pi/a.txt").text == "0123456789")
                #if os(Linux)
                    #expect(try agent.peakMemoryKiB < 64 << 10)
                    #expect(try gateway.daemon.peakMemoryKiB < 64 << 10)
                #endif
            }
        }

        @Test func aFileThatIsTooLargeForVersionOneIsAnError() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                _ = try fixture.agent(serving: folder, at: gateway, .v1)
                try folder.write("large.bin", "")
                try folder.setSize(of: "large.bin", 9 << 20)
                #expect(try gateway.get("/web/pi/large.bin").status == 502)
                #expect(try gateway.get("/web/pi/a.txt").status == 200)
            }
        }

        @Test func manyVisitorsGetTheirOwnFiles() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                for index in 0..<20 {
                    try folder.write("\(index).bin", [UInt8](repeating: UInt8(index), count: 300_000 + index))
                }
                _ = try fixture.agent(serving: folder, at: gateway)
                try onThreads(20) { index in
                    let body = try gateway.get("/web/pi/\(index).bin").body
                    guard body == [UInt8](repeating: UInt8(index), count: 300_000 + index) else {
                        throw TestFailure("another body: \(body.count) of \(body.first ?? 0)")
                    }
                }
            }
        }

        #if os(Linux)
            @Test func aVisitorThatLeavesClosesItsFile() throws {
                try withDaemons { fixture in
                    let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                    let agent = try fixture.agent(serving: folder, at: gateway)
                    try folder.write("large.bin", "")
                    try folder.setSize(of: "large.bin", 64 << 20)
                    let before = try agent.descriptorCount
                    let visitors = try (0..<10).map { _ in try TestVisitor(port: gateway.port, receiveBuffer: 4_096) }
                    for visitor in visitors {
                        try visitor.send("GET", "/web/pi/large.bin")
                        #expect(try visitor.responseHead().words[1] == "200")
                    }
                    #expect(try agent.descriptorCount == before + 10)
                    for visitor in visitors { visitor.leave() }
                    try eventually("the files are closed") { try agent.descriptorCount == before }
                }
            }
        #endif

        @Test func aFileThatShrinksIsVisiblyCut() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                _ = try fixture.agent(serving: folder, at: gateway)
                try folder.write("large.bin", "")
                try folder.setSize(of: "large.bin", 64 << 20)
                let visitor = try TestVisitor(port: gateway.port, receiveBuffer: 4_096)
                try visitor.send("GET", "/web/pi/large.bin")
                let head = try visitor.responseHead()
                try folder.setSize(of: "large.bin", 1)
                #expect(throws: CutOff.self) { try visitor.conversation.readBody(of: head, isResponse: true) }
                #expect(try gateway.get("/web/pi/a.txt").status == 200)
            }
        }

        // MARK: Settings

        @Test func theCommandLineTakesAPortAnAddressOrAFolder() throws {
            try withDaemons { fixture in
                let folder = try TestFolder()
                let others = ["--gateway", "ws://127.0.0.1:9/agent", "--id", "pi", "--check-config"]
                for word in ["4173", "localhost:3000", "http://127.0.0.1:3000", "https://localhost:3000", folder.path] {
                    #expect(try fixture.run("agentd", [word] + others).0 == .exited(0), "\(word)")
                }
                for (word, name) in [
                    ("0", "PORT"), ("70000", "PORT"), ("https://h:0", "URL"),
                    (folder.path + "/a.txt", "DIRECTORY"), (folder.path + "/none", "DIRECTORY"),
                ] {
                    let (ending, output) = try fixture.run("agentd", [word] + others)
                    #expect(ending == .exited(78) && output.hasPrefix("\(name): "), "\(word): \(output)")
                }
            }
        }

        @Test func aFolderOnTheCommandLineIsServed() throws {
            try withDaemons { fixture in
                let (folder, gateway) = (try TestFolder(), try fixture.gateway())
                let agent = try fixture.daemon(
                    "agentd", [folder.path, "--gateway", "ws://127.0.0.1:\(gateway.port)/agent", "--id", "pi"])
                try agent.waitForLine(with: "/web/pi/ -> the files in \(folder.path)")
                #expect(try gateway.get("/web/pi/").text == "<p>index")
                try agent.waitForLine(with: "200 GET / ", "8 B")
            }
        }
    }
}

#if os(Linux)
    extension Daemon {
        /// The most memory that it has had at once.
        fileprivate var peakMemoryKiB: Int {
            get throws {
                let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
                let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
                guard let count = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
                    throw TestFailure("no VmHWM")
                }
                return count
            }
        }
    }
#endif
