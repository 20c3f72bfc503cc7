// What stands for a token where the token itself need not be kept: enough to compare it with other tokens, and of no use to
// anybody else.

import Primitives

/// A token's digest under the key that signs cookies.
struct TokenDigest: Sendable, Hashable {
    private let bytes: [UInt8]

    init(_ token: String, key: [UInt8]) { bytes = SHA256.authenticationCode(for: Array(token.utf8), key: key) }

    /// Whether it is that of one of `tokens`. All are compared, each in time that depends on lengths alone.
    func isOne(of tokens: [TokenDigest]) -> Bool {
        tokens.reduce(false) { Authorization.equalInConstantTime(bytes, $1.bytes) || $0 }
    }
}

/// Digests of tokens, each made once.
struct TokenDigests {
    private let key: [UInt8]
    private var made: [String: TokenDigest] = [:]

    init(key: [UInt8]) { self.key = key }

    mutating func digests(of tokens: [String]) -> [TokenDigest] {
        tokens.map { token in
            if let digest = made[token] { return digest }
            let digest = TokenDigest(token, key: key)
            made[token] = digest
            return digest
        }
    }
}
