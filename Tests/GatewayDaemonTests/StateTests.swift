// Where the gateway keeps what it must not lose, and the tokens that it makes: once, for this user alone, and never in the
// place of a file that it does not understand.

import Foundation
import SocketKit
import Testing

@testable import gatewayd

@Suite struct StateTests {
    private func withFolder(_ body: (PrivateFolder) throws -> Void) throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        try body(try PrivateFolder(place.path))
    }

    // MARK: Where

    private struct Case: Sendable {
        let environment: [String: String]
        var isRoot = false
        let path: String?
    }

    private static let cases = [
        Case(environment: ["STATE_DIRECTORY": "/var/lib/private/miagent"], isRoot: true, path: "/var/lib/private/miagent"),
        Case(environment: ["STATE_DIRECTORY": "/a:/b"], path: "/a"),
        Case(environment: ["HOME": "/root"], isRoot: true, path: "/var/lib/miagent"),
        Case(environment: ["HOME": "/home/ann", "XDG_STATE_HOME": "/state"], path: "/state/miagent"),
        Case(environment: ["HOME": "/home/ann", "XDG_STATE_HOME": "relative"], path: "/home/ann/.local/state/miagent"),
        Case(environment: ["HOME": "/home/ann"], path: "/home/ann/.local/state/miagent"),
        Case(environment: ["HOME": ""], path: nil), Case(environment: [:], path: nil),
    ]

    @Test func theUsualPlace() {
        for one in Self.cases {
            #expect(StatePath.standard(one.environment, isRoot: one.isRoot) == one.path, "\(one.environment)")
        }
    }

    // MARK: Tokens

    @Test func tokensAreKept() throws {
        try withFolder { folder in
            #expect(try StoredTokens(from: folder) == StoredTokens())
            var tokens = StoredTokens()
            tokens.agent = StoredTokens.make()
            try tokens.write(to: folder)
            #expect(try StoredTokens(from: folder) == tokens)
            tokens.status = StoredTokens.make()
            try tokens.write(to: folder)
            #expect(try StoredTokens(from: folder) == tokens)
            #expect(tokens.agent != tokens.status)
            #expect(tokens.agent?.count == 43, "32 bytes")
        }
    }

    @Test(arguments: [
        ("", "is torn"), ("{\"kind\":\"miagent-tokens\",\"form", "is torn"), ("[]", "is not ours"),
        ("{\"kind\":\"other\",\"format\":1}", "is not ours"), ("{\"kind\":\"miagent-tokens\"}", "is not ours"),
        ("{\"kind\":\"miagent-tokens\",\"format\":2,\"agentToken\":\"a\"}", "has the format 2"),
        ("{\"kind\":\"miagent-tokens\",\"format\":1,\"agentToken\":\"\"}", "no token in its member agentToken"),
        ("{\"kind\":\"miagent-tokens\",\"format\":1,\"statusToken\":7}", "no token in its member statusToken"),
    ]) func aFileThatIsTornOrForeignIsRefusedWithWords(_ text: String, _ reason: String) throws {
        try withFolder { folder in
            try folder.write(Array(text.utf8), to: StoredTokens.fileName)
            do throws(SettingsRefused) {
                _ = try StoredTokens(from: folder)
                Issue.record("\(text) is taken")
            } catch {
                #expect(error.description.hasPrefix("\(folder.path)/tokens.json: "))
                #expect(error.description.contains(reason) && !error.description.contains("\n"))
            }
            #expect(try folder.read(StoredTokens.fileName) == Array(text.utf8), "it is as it was")
        }
    }
}
