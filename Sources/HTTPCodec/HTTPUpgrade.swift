// Protocols that a connection may be switched to (RFC 9110 §7.8), by name.

/// Names of protocols in `Upgrade`.
public enum HTTPUpgrade {
    /// Whether no intermediary may let a client switch to it: what follows would be HTTP again, unseen and unguarded (`h2c`),
    /// or hide the rest of the connection (`TLS/1.0`, RFC 2817). The version after the slash does not matter, nor does case.
    public static func isForbidden(_ name: some StringProtocol) -> Bool {
        let name = name.prefix { $0 != "/" }.lowercased()
        return name == "http" || name == "h2c" || name == "h2" || name == "h3" || name == "tls" || name == "ssl"
    }

    /// Whether `name` is `protocol-name [ "/" protocol-version ]`, both tokens.
    public static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(Octet.isTokenCharacter) }
    }
}
