// Which hosts are of this machine alone, as they are written in settings and in `Host`.

/// Tells hosts that only this machine can be from others.
public enum LoopbackAddress {
    /// Whether `host` is `localhost`, 127.x.y.z or ::1 (in brackets or without), which no other machine can be.
    public static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && UInt8(part) != nil
            }
    }
}
