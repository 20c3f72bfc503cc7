// Where the gateway is: `wss://host[:port][/path][?query]`, or `ws://` without TLS (RFC 6455 §3), `https://` and `http://` for
// those who copy it from a browser, or `host:port` for those who type it. A host alone is refused: whether it means TLS is not
// ours to guess, with a token at stake.
//
// The path and the query are kept byte for byte, but for a slash at the path's end, which is dropped; an empty path stands for
// "/agent". Refused, each with its reason: other schemes, a user or password (the token has a place of its own), a fragment
// (RFC 6455 §3), characters that are not plain ASCII, and ports outside 1 to 65535. An error never repeats the text, for a
// query may hold a secret.

/// The address of a gateway.
public struct GatewayURL: Sendable, Hashable, CustomStringConvertible {
    /// Whether TLS is asked for: `wss://` or `https://`.
    public let isSecure: Bool
    /// A host name or a literal address; IPv6 without brackets.
    public let host: String
    /// The port; 80 or 443 if none was given.
    public let port: UInt16
    /// Path and query as given; begins with `/`.
    public let target: String

    /// What stands in the `Host` field (RFC 9112 §3.2): IPv6 in brackets, the port unless it is the scheme's own.
    public var hostField: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Whether `text`, an address, has no path, so that the default one is taken.
    public static func hasDefaultPath(_ text: String) -> Bool {
        let rest = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
        return rest.prefix { $0 != "?" }.drop { $0 != "/" }.allSatisfy { $0 == "/" }
    }

    /// The address as `ws://` or `wss://`, without its query, which may hold a secret.
    public var description: String { "\(isSecure ? "wss" : "ws")://\(hostField)\(target.prefix { $0 != "?" })" }

    /// The address in `text`.
    public init(_ text: String) throws(GatewayURLError) {
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw GatewayURLError(reason: "the address has a blank or a character that is not plain ASCII")
        }
        let rest: Substring
        (isSecure, rest) = try Self.splitScheme(text)
        guard !rest.contains("#") else { throw GatewayURLError(reason: "the address has a fragment (#)") }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        (host, port) = try Authority.split(authority, defaultPort: isSecure ? 443 : 80)
        target = Self.target(rest[authority.endIndex...])
    }

    /// Stands in for an address that could not be read, while the rest of a configuration is.
    static let unknown = GatewayURL(host: "localhost", port: 80, target: "/agent")

    private init(host: String, port: UInt16, target: String) {
        isSecure = false
        self.host = host
        self.port = port
        self.target = target
    }

    /// Whether TLS is asked for, and what follows the scheme. `host:port` is plain, unless the port is that of TLS.
    private static func splitScheme(_ text: String) throws(GatewayURLError) -> (isSecure: Bool, rest: Substring) {
        guard let mark = text.firstRange(of: "://") else {
            guard Authority.isHostAndPort(text) else {
                throw GatewayURLError(reason: "the address has neither a scheme nor a port")
            }
            return (text.prefix { $0 != "/" && $0 != "?" }.hasSuffix(":443"), text[...])
        }
        switch text[..<mark.lowerBound].lowercased() {
        case "ws", "http": return (false, text[mark.upperBound...])
        case "wss", "https": return (true, text[mark.upperBound...])
        case let other: throw GatewayURLError(reason: "the scheme \(other):// is not ws:// or wss://")
        }
    }

    private static func target(_ text: Substring) -> String {
        var path = text.prefix { $0 != "?" }
        let query = text[path.endIndex...]
        while path.last == "/" { path.removeLast() }
        return (path.isEmpty ? "/agent" : String(path)) + String(query)
    }
}
