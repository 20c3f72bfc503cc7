// The addresses that a CA gives for its resources (RFC 8555 §7.1). All of ACME is over HTTPS (§6.1); plain HTTP is let through
// to this machine alone, for tests.
//
// Refuses user information, fragments, blanks, and what is longer than any CA has use for.

import HTTPCodec
import MachineCore

/// An absolute URL with the scheme https, or http to a loopback host.
public struct ACMEURL: Sendable, Hashable, CustomStringConvertible {
    /// As it was written: what a request signs must be equal to it byte by byte (RFC 8555 §6.4).
    public let description: String
    /// Whether it is https.
    public let isSecure: Bool
    /// A host name or literal address, IPv6 without brackets.
    public let host: String
    /// The port, given or of the scheme.
    public let port: UInt16
    /// The host with brackets and with the port if it was given: what the Host field says.
    public let authority: String
    /// Path and query, at least `/`.
    public let target: String

    /// The longest URL in bytes.
    public static let maximumCount = 2048

    /// The URL in `text`; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumCount, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x23 }) else {
            return nil
        }
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "https" || scheme == "http", text.dropFirst(scheme.count).hasPrefix("://") else { return nil }
        let rest = text.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest[authority.endIndex...]
        guard !authority.contains("@"), !authority.contains("\\"), let (host, port) = Self.split(authority) else { return nil }
        isSecure = scheme == "https"
        guard isSecure || LoopbackHost.contains(host), port != 0 else { return nil }
        description = text
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        self.authority = String(authority)
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    /// Host and port of an authority.
    private static func split(_ authority: Substring) -> (host: String, port: UInt16?)? {
        var host = authority
        var port: UInt16?
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count), let number = UInt16(digits), digits.first != "+" else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") || host.contains("]") {
            return nil
        }
        let isPlain = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
        return isPlain && (1...253).contains(host.utf8.count) ? (host.lowercased(), port) : nil
    }
}
