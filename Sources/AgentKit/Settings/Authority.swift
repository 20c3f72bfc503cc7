// The part of an address that says where: `host[:port]` (RFC 3986 §3.2), as gateways and web services are given.

/// What is wrong with an address, and what a gateway's looks like.
public struct GatewayURLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public var reason: String

    /// The reason and an example.
    public var description: String { "\(reason); it should look like wss://gateway.example.com/agent" }
}

/// A host, and a port if one is given.
enum Authority {
    /// authority = host [ ":" port ], where an IPv6 address stands in brackets (RFC 3986 §3.2).
    static func split(
        _ authority: Substring, defaultPort: UInt16
    ) throws(GatewayURLError) -> (host: String, port: UInt16) {
        guard !authority.contains("@") else {
            throw GatewayURLError(reason: "the address has a user or a password; the token goes into gatewayToken")
        }
        let host: Substring
        let portText: Substring
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw GatewayURLError(reason: "the bracket [ is not closed") }
            host = authority[..<end].dropFirst()
            portText = authority[authority.index(after: end)...]
            guard host.contains(":"), host.utf8.allSatisfy(isIPv6Byte) else {
                throw GatewayURLError(reason: "what stands in brackets is not an IPv6 address")
            }
        } else {
            host = authority.prefix { $0 != ":" }
            portText = authority[host.endIndex...]
            guard !host.isEmpty else { throw GatewayURLError(reason: "the host is missing") }
            guard host.utf8.allSatisfy(isNameByte) else {
                throw GatewayURLError(reason: "the host has a character that no host name has")
            }
        }
        if portText.isEmpty || portText == ":" { return (String(host), defaultPort) }
        let digits = portText.dropFirst()
        guard portText.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0
        else { throw GatewayURLError(reason: "the port is not a number from 1 to 65535") }
        return (String(host), port)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isIPv6Byte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    /// Whether `text` has the form `host:port`, perhaps with a path: a host name or a literal address before the last colon,
    /// and digits behind it. Whether they are a port is not asked.
    static func isHostAndPort(_ text: String) -> Bool {
        let authority = text.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let colon = authority.lastIndex(of: ":") else { return false }
        let digits = authority[colon...].dropFirst()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        return (try? split(authority[..<colon], defaultPort: 80)) != nil
    }
}
