// What is wrong with a configuration, as a value: where it was given, which key, and a sentence. All problems are collected;
// none ends the reading. The value of a key that holds a secret is never part of the sentence, and what is shown of other
// values is cut short and cannot steer a terminal.

import RPCCore

/// One thing that is wrong with a configuration.
public struct SettingsProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sentence, without the place. If the place is a file it names the key, since a line may hold several.
    public var message: String
    /// The key that it is about, such as `channels.webService.timeoutMs`; empty if it is about the file as a whole.
    public var path: String
    /// Where the value was given: `gateway.json:12:5` (line and column), `MIAGENT_PORT` or `--port`.
    public var source: String

    /// A problem with the key `path`.
    public init(message: String, path: String, source: String) {
        self.message = message
        self.path = path
        self.source = source
    }

    /// Such as `--port: must be a whole number from 0 to 65535, not "abc"`.
    public var description: String { "\(source): \(message)" }
}

/// Whether the key holds a secret, by its last word: `gatewayToken` does, `gatewayTokenFile` does not.
func isSecretPath(_ path: String) -> Bool {
    let key = path.lowercased()
    return ["token", "tokens", "secret", "secrets", "password", "passwords", "passphrase"].contains { key.hasSuffix($0) }
}

/// `text` in quotes for a sentence: at most 60 characters of it, controls and invisible characters as `\u{…}`.
func quotedForPeople(_ text: some StringProtocol) -> String {
    var shown = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
        if count == maximumShownCharacters { return "\"\(shown)…\"" }
        switch scalar.value {
        case 0...0x1f, 0x7f...0x9f, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xfeff:
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return "\"\(shown)\""
}

private let maximumShownCharacters = 60

extension JSONNode {
    /// What stands there, for a sentence that says what should: `"abc"`, `12`, `a list`.
    var shownToPeople: String {
        guard let scalar = string.map({ quotedForPeople($0) }) ?? shownNumber else { return kind.withArticle }
        return scalar
    }

    private var shownNumber: String? {
        switch value {
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        case .number(let text): String(text.prefix(maximumShownCharacters))
        case .null, .bool, .string, .array, .object: nil
        }
    }
}

extension JSONNode.Kind {
    /// The kind in a sentence.
    var withArticle: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
