// Ids that differ in case alone are one name, since they share a host name (RFC 4343).

/// What ids have in common that differ in case alone.
enum AgentName {
    /// The name of an id: what it is in lower case.
    static func of(_ id: String) -> String {
        id.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) } ? id.lowercased() : id
    }
}
