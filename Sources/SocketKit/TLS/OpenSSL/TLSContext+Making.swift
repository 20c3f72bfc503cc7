// How settings become an SSL_CTX. TLS 1.2 at least, forward secrecy and authenticated ciphers only, no compression, no
// renegotiation, and buffers that are freed while a connection is idle.
//
// Unsafe here: an `SSL_CTX *` that the context owns, and texts and lists that OpenSSL copies before its call returns.

import Primitives

/// Ciphers of TLS 1.2, as Mozilla's "intermediate" has them but for those without elliptic curves. Those of TLS 1.3 are
/// OpenSSL's own, all of which will do.
private let ciphers = """
    ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
    """

/// An SSL_CTX with what holds for servers and clients alike.
func makeContext(_ library: OpenSSL) throws(TLSError) -> OpaquePointer {
    let ssl = library.ssl
    guard let context = unsafe ssl.newContext(ssl.method()) else {
        throw .internalFailure("OpenSSL cannot make a context: \(library.takeError().text)")
    }
    let options =
        SSLOption.noCompression | SSLOption.noRenegotiation | SSLOption.cipherServerPreference | SSLOption.prioritizeChaCha
    _ = unsafe ssl.setOptions(context, options)
    _ = unsafe ssl.controlContext(context, SSLControl.mode, SSLMode.releaseBuffers, nil)
    _ = unsafe library.x509.setFlags(ssl.contextParameters(context), X509Chain.mayEndEarly)
    guard unsafe ssl.controlContext(context, SSLControl.minimumVersion, SSLVersion.tls12, nil) == 1,
        unsafe ssl.controlContext(context, SSLControl.maximumVersion, 0, nil) == 1,
        unsafe ssl.setCipherList(context, ciphers) == 1
    else {
        unsafe ssl.freeContext(context)
        throw .internalFailure("OpenSSL refuses TLS 1.2 and its ciphers: \(library.takeError().text)")
    }
    return unsafe context
}

extension TLSContext {
    /// What a server presents, asks for and hands out.
    func configure(_ settings: TLSServerSettings) throws(TLSError) {
        guard protocolList(settings.protocols) != nil else { throw .settings("an application protocol has 1 to 255 bytes") }
        for credential in credentials?.standard ?? [] {
            try use(credential)
        }
        unsafe library.ssl.setHelloReader(pointer, { unsafe readHello($0, $1, $2) }, nil)
        unsafe library.ssl.setCertificateChoice(pointer, { unsafe chooseCertificate($0, $1) }, nil)
        unsafe library.ssl.setProtocolChoice(pointer, { unsafe chooseProtocol($0, $1, $2, $3, $4, $5) }, nil)
        setTickets()
        // Sessions are in tickets alone. A ticket counts only where clients are asked for the same.
        _ = unsafe library.ssl.controlContext(pointer, SSLControl.sessionCacheMode, SSLSessionCache.off, nil)
        let policy = SHA256.digest(Array("\(settings.clients.mode):".utf8) + settings.clients.authorities)
        _ = unsafe policy.withUnsafeBufferPointer {
            unsafe library.ssl.setSessionIDContext(pointer, $0.baseAddress, UInt32($0.count))
        }
        try askForCertificates(settings.clients)
    }

    /// Whom a client believes, and what it presents and offers.
    func configure(_ settings: TLSClientSettings) throws(TLSError) {
        let trust = settings.trust
        guard trust.hasAuthorities || !trust.pins.isEmpty || trust.isInsecure else {
            throw .settings("there are neither authorities nor pins, so that no server would be believed")
        }
        if trust.includesSystem {
            believeSystem()
            lacksAuthorities = trust.authorities.isEmpty && !SystemAuthorities(library).exist
        }
        for authority in try authorities(trust.authorities) { try believe(authority) }
        unsafe library.ssl.setVerification(pointer, SSLVerification.peer, nil)
        unsafe library.ssl.setVerifier(pointer, { unsafe verifyPeer($0, $1) }, nil)
        if let credential = settings.credential { try use(LoadedCredential(credential, library)) }
        guard let list = protocolList(settings.protocols) else { throw .settings("an application protocol has 1 to 255 bytes") }
        if !list.isEmpty {
            _ = unsafe list.withUnsafeBufferPointer {
                unsafe library.ssl.setProtocols(pointer, $0.baseAddress, UInt32($0.count))
            }
        }
        _ = unsafe library.ssl.controlContext(pointer, SSLControl.sessionCacheMode, SSLSessionCache.clientWithoutStore, nil)
        unsafe library.ssl.setSessionReceiver(pointer) { unsafe keepSession($0, $1) }
    }

    /// Tickets are sealed by our keys, through the interface that this version of OpenSSL has.
    private func setTickets() {
        if let setTicketSealer = unsafe library.ssl.setTicketSealer {
            _ = unsafe setTicketSealer(pointer) { unsafe sealTicket($0, $1, $2, $3, $4, $5) }
        } else {
            _ = unsafe library.ssl.setLegacyTicketSealer(pointer, SSLControl.ticketKeyCallback) {
                unsafe sealTicket($0, $1, $2, $3, $4, $5)
            }
        }
    }

    private func askForCertificates(_ clients: TLSServerSettings.Clients) throws(TLSError) {
        let mode: Int32
        switch clients {
        case .anonymous: mode = SSLVerification.none
        case .mayAuthenticate: mode = SSLVerification.peer
        case .mustAuthenticate: mode = SSLVerification.peer | SSLVerification.failWithoutCertificate
        }
        unsafe library.ssl.setVerification(pointer, mode, nil)
        if mode == SSLVerification.none { return }
        unsafe library.ssl.setVerifier(pointer, { unsafe verifyPeer($0, $1) }, nil)
        let authorities = try authorities(clients.authorities)
        if authorities.isEmpty { throw .settings("there are no authorities for the certificates of clients") }
        for authority in authorities {
            try believe(authority)
            _ = unsafe library.ssl.announceAuthority(pointer, authority.pointer)
        }
    }

    // MARK: Certificates

    private func use(_ credential: LoadedCredential) throws(TLSError) {
        let isUsed = unsafe library.ssl.useCertificateInContext(
            pointer, credential.leaf.pointer, credential.key.pointer, credential.chain, 1)
        guard isUsed == 1 else { throw .settings("the certificate cannot be used: \(library.takeError().text)") }
    }

    private func authorities(_ pem: [UInt8]) throws(TLSError) -> [LoadedCertificate] {
        let certificates = try library.readCertificates(pem)
        if certificates.isEmpty, !pem.isEmpty {
            throw .settings("there is no authority's certificate in it (a line -----BEGIN CERTIFICATE-----)")
        }
        return certificates
    }

    private func believe(_ authority: LoadedCertificate) throws(TLSError) {
        let store = unsafe library.ssl.certificateStore(pointer)
        guard unsafe library.x509.addToStore(store, authority.pointer) == 1 else {
            throw .settings("an authority's certificate cannot be used: \(library.takeError().text)")
        }
    }

    /// OpenSSL's own places (and SSL_CERT_FILE and SSL_CERT_DIR); where those are empty, as with an OpenSSL that did not come
    /// with the system, the first bundle that there is.
    private func believeSystem() {
        let places = SystemAuthorities(library)
        _ = unsafe library.ssl.useSystemAuthorities(pointer)
        if !places.areOpenSSLs, let bundle = places.bundle { _ = unsafe library.ssl.loadAuthorities(pointer, bundle, nil) }
        library.crypto.clearErrors()
    }
}

extension TLSServerSettings.Clients {
    fileprivate var mode: Int {
        switch self {
        case .anonymous: 0
        case .mayAuthenticate: 1
        case .mustAuthenticate: 2
        }
    }
}

extension TLSContext {
    /// Speaks no version above this one.
    func limit(to version: Int) { _ = unsafe library.ssl.controlContext(pointer, SSLControl.maximumVersion, version, nil) }
}
