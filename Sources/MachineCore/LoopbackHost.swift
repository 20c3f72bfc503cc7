// Which host names and literal addresses are those of this machine alone, by their text; nothing is resolved.

/// Loopback hosts (RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
public enum LoopbackHost {
    /// Whether `host`, in any case, is `localhost`, 127.x.y.z or ::1 (in brackets or without), which no other machine can be.
    public static func contains(_ host: some StringProtocol) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name == "[::1]" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && UInt8(part) != nil
            }
    }

    /// The same of an authority (RFC 3986 §3.2): a host, IPv6 in brackets, with a port or without.
    public static func containsHost(of authority: some StringProtocol) -> Bool {
        guard let colon = authority.lastIndex(of: ":"),
            authority[colon...].utf8.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return contains(authority) }
        return contains(authority[..<colon])
    }
}
