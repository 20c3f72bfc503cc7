// Numbers that OpenSSL's headers define and that its binary interface has kept since 1.1.1: commands, options, result codes.

/// How OpenSSL starts.
enum OpenSSLStart {
    /// Texts of errors are loaded (`OPENSSL_INIT_LOAD_SSL_STRINGS`, `…_CRYPTO_STRINGS`), and nothing is done at the end
    /// (`OPENSSL_INIT_NO_ATEXIT`).
    static let options: UInt64 = 0x0020_0000 | 0x2 | 0x0008_0000
}

/// The commands of `SSL_ctrl` and `SSL_CTX_ctrl`, for which the headers have macros.
enum SSLControl {
    static let mode: Int32 = 33
    static let sessionCacheMode: Int32 = 44
    static let serverName: Int32 = 55
    static let ticketKeyCallback: Int32 = 72
    static let minimumVersion: Int32 = 123
    static let maximumVersion: Int32 = 124
}

/// Options of a context.
enum SSLOption {
    static let noCompression: UInt = 1 << 17
    static let prioritizeChaCha: UInt = 1 << 21
    static let cipherServerPreference: UInt = 1 << 22
    static let noRenegotiation: UInt = 1 << 30
}

/// Modes of a context.
enum SSLMode {
    /// The two buffers of a connection, 17 KiB each, are freed whenever they are empty.
    static let releaseBuffers: Int = 0x10
}

/// What `SSL_get_error` says.
enum SSLResult {
    static let wantsRead: Int32 = 2
    static let peerClosed: Int32 = 6
}

/// What was said of the end of a connection.
enum SSLShutdown {
    static let sent: Int32 = 1
}

/// Versions as the protocol writes them.
enum SSLVersion {
    static let tls12 = 0x0303
    static let tls13 = 0x0304
}

/// Whether, and how, the peer's certificate is asked for.
enum SSLVerification {
    static let none: Int32 = 0
    static let peer: Int32 = 1
    static let failWithoutCertificate: Int32 = 2
}

/// How the session caches of contexts work.
enum SSLSessionCache {
    static let off: Int = 0
    /// Sessions of clients are handed to the callback and kept nowhere else.
    static let clientWithoutStore: Int = 0x1 | 0x300
}

/// Numbers of extensions, alerts and results of callbacks.
enum SSLExtension {
    static let serverName: UInt32 = 0
    static let applicationProtocols: UInt32 = 16
    static let accepted: Int32 = 0
    static let fatalAlert: Int32 = 2
    static let ignored: Int32 = 3
    static let helloFailed: Int32 = 0
    static let helloAccepted: Int32 = 1
    static let alertUnrecognizedName: Int32 = 112
}

/// What the verification of a certificate came to (`X509_V_ERR_…`), as far as we tell the cases apart.
enum X509Result {
    static let valid: Int32 = 0
    static let issuerMissing: Int32 = 2
    static let notYetValid: Int32 = 9
    static let expired: Int32 = 10
    static let selfSigned: Int32 = 18
    static let selfSignedAuthority: Int32 = 19
    static let issuerUnknown: Int32 = 20
    static let leafUnverifiable: Int32 = 21
    static let revoked: Int32 = 23
    static let rejected: Int32 = 28
    static let hostMismatch: Int32 = 62
    static let addressMismatch: Int32 = 64
}

/// Flags of the verification of chains (`X509_V_FLAG_…`).
enum X509Chain {
    /// A chain may end at any certificate that is named as an authority, not only at one that signs itself.
    static let mayEndEarly: UInt = 0x8_0000
}

/// Flags of the comparison of names (`X509_CHECK_FLAG_…`).
enum X509NameCheck {
    /// Names stand in the subject alternative names, never in the common name (RFC 9525 §2).
    static let neverSubject: UInt32 = 0x20
    /// `w*.example.com` matches nothing (RFC 9525 §6.3).
    static let noPartialWildcards: UInt32 = 0x4
}

/// Reasons of failures in libssl that we tell apart. From 1000 on they are alerts that the peer sent, plus 1000.
enum SSLReason {
    static let noSharedCipher = 193
    static let peerDidNotReturnCertificate = 199
    static let noProtocolsAvailable = 191
    static let noApplicationProtocol = 235
    static let unsupportedProtocol = 258
    static let versionTooLow = 396
    static let wrongVersionNumber = 267
    static let wrongSSLVersion = 266
    static let unknownProtocol = 252
    static let alerts = 1000
}

/// The flags and commands of our own BIO.
enum BIOControl {
    static let flush: Int32 = 11
    static let flagRead: Int32 = 0x1
    static let flagShouldRetry: Int32 = 0x8
    static let flagsOfRetry: Int32 = 0xf
    static let typeSourceSink: Int32 = 0x0400
    /// Where a memory BIO has its bytes.
    static let info: Int32 = 3
}

/// Kinds of keys, curves.
enum EVPKind {
    static let ellipticCurve: Int32 = 408
    static let prime256v1: Int32 = 415
    static let curveCommand: Int32 = 0x1001
}

/// Kinds of parameters of OpenSSL 3 (`OSSL_PARAM_…`).
enum OSSLParameter {
    static let text: UInt32 = 4
    static let octets: UInt32 = 5
}
