// The SHA-256 of a public key: what a client can be told of a server that no authority vouches for.

import Primitives

/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 §2.4): it stays the same when the certificate is renewed with
/// the same key.
public struct TLSPin: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes.
    public let digest: [UInt8]

    /// The pin of these 32 bytes; nil if there are more or fewer.
    public init?(digest: [UInt8]) {
        guard digest.count == SHA256.digestCount else { return nil }
        self.digest = digest
    }

    /// The pin of a public key (SubjectPublicKeyInfo in DER).
    public init(ofPublicKey encoded: [UInt8]) { digest = SHA256.digest(encoded) }

    /// A pin as people write it: `sha256:` and 64 hexadecimal digits, or `sha256/` (as curl has it, `sha256//`) and base64. In
    /// digits the prefix may be missing, and colons may stand between them. nil if it is none of these.
    public init?(_ text: String) {
        let prefix = text.prefix(7).lowercased()
        let rest = prefix == "sha256:" || prefix == "sha256/" ? text.dropFirst(7) : text[...]
        let digest = prefix == "sha256/" ? Self.base64(rest.hasPrefix("/") ? rest.dropFirst() : rest) : Self.digits(rest)
        guard let digest else { return nil }
        self.init(digest: digest)
    }

    /// `sha256:` and 64 digits.
    public var description: String {
        let digits = digest.flatMap { [HexDigit.lowercase($0 >> 4), HexDigit.lowercase($0)] }
        return "sha256:" + String(decoding: digits, as: UTF8.self)
    }

    private static func digits(_ text: Substring) -> [UInt8]? {
        let values = text.utf8.filter { $0 != UInt8(ascii: ":") }.map(HexDigit.value)
        guard values.count == 2 * SHA256.digestCount, !values.contains(nil) else { return nil }
        let digits = values.compactMap { $0 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// 32 bytes of base64 (RFC 4648 §4): 43 digits and perhaps a `=`.
    private static func base64(_ text: Substring) -> [UInt8]? {
        var (bits, count) = (UInt32(0), 0)
        var bytes: [UInt8] = []
        let digits = text.hasSuffix("=") ? text.dropLast().utf8 : text.utf8
        guard digits.count == 43 else { return nil }
        for digit in digits {
            guard let value = base64Value(digit) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }

    private static func base64Value(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
