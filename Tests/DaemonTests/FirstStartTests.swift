// `gatewayd --domain` from nothing, with a CA that is not there: it makes its tokens, says once what to do with them, keeps
// them for itself, and serves. And folders that it does not put secrets into.

import Foundation
import Testing

extension DaemonTests {
    @Suite(.enabled(if: hasOpenSSL)) struct FirstStartTests {
        private func withFolder(_ body: (String) throws -> Void) throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try body(folder.path + "/state")
        }

        /// Nobody listens at port 1.
        private static let settings = """
            {"domain": "gw.example.com", "redirectPort": 0, "acme": {"directory": "http://127.0.0.1:1/dir"}}
            """

        private func words(_ fixture: DaemonFixture, _ state: String) throws -> [String] {
            ["--config", try fixture.file(Self.settings), "--host", "127.0.0.1", "--port", "0", "--state", state]
        }

        private func mode(_ path: String) throws -> Int {
            try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
        }

        @Test func tokensAreMadeOnceAndSaidOnce() throws {
            try withFolder { state in
                try withDaemons { fixture in
                    let first = try fixture.daemon("gatewayd", try words(fixture, state))
                    let line = try first.waitForLine(with: "agentd 4173 --gateway wss://gw.example.com --token ")
                    let token = try #require(line.split(separator: " ").last)
                    #expect(token.utf8.count == 43)
                    try first.waitForLine(with: "https://gw.example.com/")
                    try first.waitForLine(with: "certificate.self-signed")
                    try first.waitForLine(with: "acme.unreachable")
                    #expect(try mode(state) == 0o700 && mode(state + "/acme") == 0o700 && mode(state + "/tokens.json") == 0o600)
                    let (ending, said) = try fixture.run("gatewayd", try words(fixture, state))
                    #expect(ending == .exited(1))
                    #expect(said.contains("\(state): is in use by another process"))
                    first.signal(SIGTERM)
                    #expect(try first.waitForEnding() == .exited(0))
                    let second = try fixture.daemon("gatewayd", try words(fixture, state))
                    try second.waitForLine(with: "acme.unreachable")
                    #expect(!second.lines.contains { $0.contains(token) || $0.contains("--token") })
                    let kept = try String(contentsOfFile: state + "/tokens.json", encoding: .utf8)
                    #expect(kept.contains("\"\(token)\""))
                }
            }
        }

        @Test func aFolderThatOthersMayUseIsRefused() throws {
            try withFolder { state in
                try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: false)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: state)
                try withDaemons { fixture in
                    let (ending, said) = try fixture.run("gatewayd", try words(fixture, state))
                    #expect(ending == .exited(78))
                    #expect(said.hasPrefix("stateDirectory: \(state): others may use it (mode 755)") && !said.contains("\n"))
                }
            }
        }

        @Test func tokensThatCannotBeReadAreNotReplaced() throws {
            try withFolder { state in
                try FileManager.default.createDirectory(
                    atPath: state, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
                #expect(
                    FileManager.default.createFile(atPath: state + "/tokens.json", contents: Data("{\"kind\":\"miagent-".utf8)))
                try withDaemons { fixture in
                    let (ending, said) = try fixture.run("gatewayd", try words(fixture, state))
                    #expect(ending == .exited(78))
                    #expect(said.contains("tokens.json: is torn") && !said.contains("\n"))
                    #expect(FileManager.default.contents(atPath: state + "/tokens.json") == Data("{\"kind\":\"miagent-".utf8))
                }
            }
        }

        @Test(arguments: [
            (#"{"domain": "https://gw.example.com"}"#, "must be a host name alone, such as \"gw.example.com\""),
            (#"{"tls": {"auto": true}}"#, "needs a name to ask for: set domain, or publicUrl"),
            (#"{"domain": "a.example", "acme": {"directory": "ca.example"}}"#, "must be an https:// URL"),
            (#"{"domain": "a.example", "acme": {"contact": "nobody"}}"#, "must hold mail addresses"),
            (#"{"domain": "a.example", "acme": {"challenges": ["dns-01"]}}"#, "must hold tls-alpn-01, http-01 or both"),
            (#"{"domain": "a.example", "acme": {"caFile": "/dev/null"}}"#, "names a file without certificates"),
            (#"{"domain": "a.example", "acme": {"email": "a@b.example"}}"#, "contact"),
        ]) func settingsThatMakeNoSenseAreRefused(_ settings: String, _ reason: String) throws {
            try withDaemons { fixture in
                let (ending, said) = try fixture.run("gatewayd", ["--check-config", "--config", try fixture.file(settings)])
                #expect(ending == .exited(78))
                #expect(said.contains(reason), "\(said)")
            }
        }
    }
}
