// What ACMEKit needs and cannot do itself: keys and signatures, which the host has from its TLS library. Hashes, certificate
// requests and certificates are made here and in X509.

/// Keys of NIST P-256 and ECDSA with SHA-256 (ES256, RFC 7518 §3.4).
public protocol ACMECrypto: Sendable {
    /// A new private key as PKCS #8 PEM, unencrypted.
    func makePrivateKey() throws(ACMECryptoError) -> String

    /// The public point of a key: x and then y, 32 bytes each, big-endian, zero-padded on the left. A key of another kind or
    /// curve is an error; other PEM forms of a private key than PKCS #8 may be.
    func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8]

    /// ECDSA over the SHA-256 of `message`: r and then s, 32 bytes each, big-endian, zero-padded on the left.
    /// `ECDSASignature.raw(fromDER:)` makes it of what most libraries return.
    func signature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8]
}

/// Why a key could not be made, read or used.
public struct ACMECryptoError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence for people, without secrets.
    public var description: String
    /// An error with this sentence.
    public init(_ description: String) { self.description = description }
}
