// Whom a machine wants to speak TLS with. What that takes (authorities, a certificate of one's own) is read from files by the
// host, which prepares it under a name; the machine knows the name.

/// The server that a client expects at the other end of a connection.
public struct TLSPeer: Sendable, Hashable {
    /// The name or literal address that the server's certificate must be for.
    public var host: String
    /// Whom to believe, and what to present.
    public var profile: TLSProfile

    /// The server `host`, judged by `profile`.
    public init(host: String, profile: TLSProfile) {
        self.host = host
        self.profile = profile
    }
}

/// The name of settings for TLS clients that the host has prepared: `gateway`, `service:4173`.
public struct TLSProfile: RawRepresentable, Sendable, Hashable {
    /// The name.
    public var rawValue: String

    /// The profile with this name.
    public init(rawValue: String) { self.rawValue = rawValue }
}
