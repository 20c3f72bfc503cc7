// The tokens that a gateway made when it was first started without any: `tokens.json` in its state directory.

import RPCCore
import SettingsCore
import SocketKit

/// Tokens as they are kept. Secrets.
struct StoredTokens: Sendable, Hashable {
    /// What agents present.
    var agent: String?
    /// What opens the gateway's own pages.
    var status: String?

    static let fileName = "tokens.json"
    private static let kind = "miagent-tokens"
    private static let format: Int64 = 1

    /// No tokens.
    init() {}

    /// The tokens in the folder; none if there is no file.
    /// - Throws: if the file is torn, foreign or of a later version, so that nobody's tokens are replaced.
    init(from folder: PrivateFolder) throws(SettingsRefused) {
        let bytes: [UInt8]?
        do throws(PrivateFolderError) { bytes = try folder.read(Self.fileName) } catch {
            throw SettingsRefused(problems: [error.description])
        }
        guard let bytes else { return }
        let place = folder.path + "/" + Self.fileName
        let root: JSONNode
        do throws(JSONError) { root = try JSONDocument(bytes[...]).root } catch {
            throw Self.refusal(place, "is torn, or not ours: \(error)")
        }
        guard root["kind"]?.stringEquals(Self.kind) == true, let format = root["format"]?.int64 else {
            throw Self.refusal(place, "is not ours")
        }
        guard format == Self.format else {
            throw Self.refusal(place, "has the format \(format), and this version of gatewayd reads \(Self.format) alone")
        }
        agent = try Self.token("agentToken", in: root, place)
        status = try Self.token("statusToken", in: root, place)
    }

    /// Keeps the tokens, also if power fails now.
    func write(to folder: PrivateFolder) throws(PrivateFolderError) {
        var bytes: [UInt8] = []
        let members: [JSONMember?] = [
            JSONMember("kind", .string(Self.kind)), JSONMember("format", .integer(Self.format)),
            agent.map { JSONMember("agentToken", .string($0)) }, status.map { JSONMember("statusToken", .string($0)) },
        ]
        JSONValue.object(members.compactMap { $0 }).encode(into: &bytes)
        try folder.write(bytes + [UInt8(ascii: "\n")], to: Self.fileName)
    }

    /// A new token: 32 random bytes.
    static func make() -> String { Base64URL.encode(secureRandomBytes(32)) }

    private static func token(_ name: String, in root: JSONNode, _ place: String) throws(SettingsRefused) -> String? {
        guard let node = root[name] else { return nil }
        guard let token = node.string, TokenGrammar.problem(token) == nil else {
            throw refusal(place, "has no token in its member \(name)")
        }
        return token
    }

    private static func refusal(_ place: String, _ what: String) -> SettingsRefused {
        SettingsRefused(problems: ["\(place): \(what); mend it, or remove it to have new tokens made"])
    }
}
