// What stands in the place of a secret, and whether bytes hold it. Names stay, so that a person sees that there was a secret.

/// The mask that replaces secrets.
public enum SecretMask {
    /// As text.
    public static let text = "•••"
    /// As UTF-8.
    static let bytes = Array(text.utf8)

    /// Whether `encoded`, a target or the value of a field, holds a mask, as written or percent-encoded.
    static func isIn(encoded: some Collection<UInt8>) -> Bool {
        let encoded = Array(encoded)
        return isIn(encoded) || isIn(Array(QueryText.decoded(encoded[...]).utf8))
    }

    /// Whether `bytes` hold a mask as written.
    static func isIn(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while let start = rest.firstIndex(of: Self.bytes[0]) {
            if rest[start...].starts(with: Self.bytes) { return true }
            rest = rest[(start + 1)...]
        }
        return false
    }
}
