// The form of all files: a JSON object that says what it is, in which version of the format, and of which CA. What is torn,
// foreign or of a later version is refused with words and never taken for an empty one.

import Primitives
import RPCCore

/// Why a file is not used.
struct StoredFileError: Error, Sendable, Hashable {
    /// A sentence that names the file.
    var description: String
    /// Whether a later version of the program wrote it, which may be run again.
    var isOfLaterVersion = false
}

/// What a file is about.
enum StoredKind: String, Sendable, CaseIterable {
    case account, ledger, order, certificate
}

enum StoredObject {
    /// The version that is written, and the only one that is read.
    static let format: Int64 = 1

    /// The name of a file; `key` tells several of one kind apart.
    static func name(_ kind: StoredKind, _ key: String? = nil, directory: ACMEURL) -> String {
        let parts = [prefix(directory), kind.rawValue] + (key.map { [$0] } ?? [])
        return parts.joined(separator: "-") + ".json"
    }

    /// What kind of file of this CA has that name; nil if none.
    static func kind(of name: String, directory: ACMEURL) -> StoredKind? {
        let start = prefix(directory) + "-"
        guard name.hasPrefix(start), name.hasSuffix(".json") else { return nil }
        return StoredKind(rawValue: String(name.dropFirst(start.count).prefix { $0 != "-" && $0 != "." }))
    }

    /// What tells the file apart from others of its kind: the last part of its name.
    static func key(of name: String) -> String? { name.split(separator: "-").last.map { String($0.dropLast(".json".count)) } }

    /// A file with these members.
    static func file(_ kind: StoredKind, _ key: String? = nil, directory: ACMEURL, _ members: [JSONMember?]) -> ACMEFile {
        let head = [
            JSONMember("kind", .string("miagent-acme-" + kind.rawValue)), JSONMember("format", .integer(format)),
            JSONMember("directory", .string(directory.description)),
        ]
        var contents: [UInt8] = []
        JSONValue.object(head + members.compactMap { $0 }).encode(into: &contents)
        contents.append(UInt8(ascii: "\n"))
        return ACMEFile(name: name(kind, key, directory: directory), contents: contents)
    }

    /// The object in a file.
    static func read(_ file: ACMEFile, _ kind: StoredKind, directory: ACMEURL) throws(StoredFileError) -> JSONNode {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONDocument(file.contents[...], limits: JSONLimits(maximumBytes: maximumBytes)).root
        } catch {
            throw StoredFileError(description: "\(file.name) is torn, or not ours: \(error)")
        }
        guard root["kind"]?.stringEquals("miagent-acme-" + kind.rawValue) ?? false, let version = root["format"]?.int64 else {
            throw StoredFileError(description: "\(file.name) is not what its name says")
        }
        guard version == format else {
            throw StoredFileError(
                description: "\(file.name) has the format \(version), and this version of the program reads \(format) alone",
                isOfLaterVersion: version > format)
        }
        guard root["directory"]?.stringEquals(directory.description) ?? false else {
            throw StoredFileError(description: "\(file.name) is of another CA")
        }
        return root
    }

    /// Sixteen hexadecimal digits for each CA.
    private static func prefix(_ directory: ACMEURL) -> String {
        Hexadecimal.text(SHA256.digest(directory.description.utf8).prefix(8))
    }

    private static let maximumBytes = 1 << 22
}

extension JSONNode {
    /// The string in the member `name`, which a file must have.
    func text(_ name: String, in file: ACMEFile) throws(StoredFileError) -> String {
        guard let text = self[name]?.string else {
            throw StoredFileError(description: "\(file.name) is damaged: it has no \"\(name)\"")
        }
        return text
    }

    /// The names in the member `names`, which a file must have.
    func names(in file: ACMEFile) throws(StoredFileError) -> ACMENames {
        do throws(ACMENameError) {
            return try ACMENames((self["names"] ?? self).elements.compactMap(\.string))
        } catch {
            throw StoredFileError(description: "\(file.name) is damaged: \(error)")
        }
    }
}

extension ACMENames {
    /// As a file has them.
    var json: JSONValue { .array(identifiers.map { .string($0.text) }) }
}
