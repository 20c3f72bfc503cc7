// What a handshake came to.

/// What both ends agreed on, and who the peer is.
public struct TLSFacts: Sendable, Hashable {
    /// The name that the client asked for, in small letters: at a server nil if it named none.
    public var serverName: String?
    /// What was agreed on (RFC 7301): `http/1.1`; nil if nothing was. `acme-tls/1` is a certificate authority that has seen
    /// what it wanted: the connection is to be closed.
    public var applicationProtocol: String?
    /// `TLSv1.3` or `TLSv1.2`.
    public var version: String
    /// OpenSSL's name of the cipher: `TLS_AES_256_GCM_SHA384`.
    public var cipher: String
    /// Whom the peer's certificate is about: `CN=laptop, O=Example`. It was verified, unless the client is insecure. Nil if the
    /// peer presented none.
    public var peerSubject: String?
    /// What the peer's certificate is for: host names and addresses.
    public var peerNames: [String] = []
    /// The digest of the peer's public key.
    public var peerPin: TLSPin?
    /// Whether an earlier session was resumed.
    public var isResumed: Bool

    /// What a handshake came to.
    public init(
        serverName: String?, applicationProtocol: String?, version: String, cipher: String, peerSubject: String? = nil,
        peerNames: [String] = [], peerPin: TLSPin? = nil, isResumed: Bool = false
    ) {
        self.serverName = serverName
        self.applicationProtocol = applicationProtocol
        self.version = version
        self.cipher = cipher
        self.peerSubject = peerSubject
        self.peerNames = peerNames
        self.peerPin = peerPin
        self.isResumed = isResumed
    }
}
