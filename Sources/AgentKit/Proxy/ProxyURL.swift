// The address of an HTTP proxy: `http://user:password@host:port`, as people write it in settings and in `HTTPS_PROXY`. A user
// and a password are percent-encoded there (RFC 3986 §3.2.1), and go to the proxy as Basic (RFC 7617).
//
// Refused, each with its reason: other schemes, above all SOCKS and proxies behind TLS; a path; what no user may be called. No
// text that is made of it, an error neither, has the password in it.

import HTTPCodec
import RPCCore

/// What is wrong with the address of a proxy, and what one looks like.
public struct ProxyURLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public var reason: String

    /// The reason and an example.
    public var description: String { "\(reason); it should look like http://user:password@proxy.example.com:3128" }
}

/// The address of an HTTP proxy, and who one is there.
public struct ProxyURL: Sendable, Hashable, CustomStringConvertible {
    /// A host name or a literal address; IPv6 without brackets.
    public let host: String
    /// The port; 80 if none was given.
    public let port: UInt16
    /// `user:password`; nil if none was given.
    private let credentials: [UInt8]?

    /// The address, without user and password.
    public var description: String { "http://\(hostAndPort)" }

    /// `host:port`.
    var hostAndPort: String { "\(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host):\(port)" }

    /// Whether a user was given.
    var hasCredentials: Bool { credentials != nil }

    /// The value of `Proxy-Authorization` (RFC 7617 §2). A secret.
    var authorization: String? {
        credentials.map { "Basic \(String(decoding: Base64.encode($0[...]), as: UTF8.self))" }
    }

    /// The address in `text`; `host:port` is enough.
    public init(_ text: String) throws(ProxyURLError) {
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), !text.isEmpty else {
            throw ProxyURLError(reason: "the address is empty, or has a blank or a character that is not plain ASCII")
        }
        let rest = try Self.withoutScheme(text)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard rest.dropFirst(authority.count).allSatisfy({ $0 == "/" }) else {
            throw ProxyURLError(reason: "something follows the port (in a password / is %2F, ? is %3F and # is %23)")
        }
        let mark = authority.lastIndex(of: "@")
        credentials = try mark.map { (end) throws(ProxyURLError) in try Self.credentials(authority[..<end]) }
        do throws(GatewayURLError) {
            let place = mark.map { authority[authority.index(after: $0)...] } ?? authority
            (host, port) = try Authority.split(place, defaultPort: 80)
        } catch {
            throw ProxyURLError(reason: error.reason)
        }
    }

    private static func withoutScheme(_ text: String) throws(ProxyURLError) -> Substring {
        guard let mark = text.firstRange(of: "://") else { return text[...] }
        switch text[..<mark.lowerBound].lowercased() {
        case "http": return text[mark.upperBound...]
        case "https": throw ProxyURLError(reason: "a proxy behind TLS (https://) is not supported")
        case "socks", "socks4", "socks4a", "socks5", "socks5h": throw ProxyURLError(reason: "a SOCKS proxy is not supported")
        case _: throw ProxyURLError(reason: "only http:// is spoken to a proxy")
        }
    }

    /// The user and the password of `user[:password]`, decoded (RFC 7617 §2: no colon in the one, no control characters).
    private static func credentials(_ text: Substring) throws(ProxyURLError) -> [UInt8] {
        let user = text.prefix { $0 != ":" }
        let parts = [user, text.dropFirst(user.count + 1)].map { PercentEncoding.decoded(Array($0.utf8)[...]) }
        guard let name = parts[0], let password = parts[1] else {
            throw ProxyURLError(reason: "in the user or the password % is not followed by two digits (a % itself is %25)")
        }
        guard !name.isEmpty else { throw ProxyURLError(reason: "the user is missing before the @") }
        guard !name.contains(UInt8(ascii: ":")), !(name + password).contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw ProxyURLError(reason: "the user has a colon, or one of both a control character, which Basic cannot carry")
        }
        return name + [UInt8(ascii: ":")] + password
    }
}
