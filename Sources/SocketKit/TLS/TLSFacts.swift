// What a handshake came to.

/// What both ends agreed on, and who the peer is.
public struct TLSFacts: Sendable, Hashable {
    /// The name that the client asked for, in small letters: at a server nil if it named none.
    public var serverName: String?
    /// What was agreed on (RFC 7301): `http/1.1`; nil if nothing was. `acme-tls/1` is a certificate authority that has seen what
    /// it wanted: the connection is to be closed.
    public var applicationProtocol: String?
    /// `TLSv1.3` or `TLSv1.2`.
    public var version: String
    /// OpenSSL's name of the cipher: `TLS_AES_256_GCM_SHA384`.
    public var cipher: String
    /// The peer's certificate, which was verified unless the client is insecure; nil at a server that asked for none.
    public var peer: TLSCertificate?
    /// Whether an earlier session was resumed.
    public var isResumed: Bool
}
