// What OpenSSL asks during a handshake. Each callback finds its connection, and through it its context, in the data of the
// `SSL *`; the connection lives as long as the call that it is part of.
//
// Unsafe here: OpenSSL's arguments, each of which lives until the callback returns and is as long as the count beside it.

import X509

/// The connection that a callback is about.
private func connection(_ pointer: OpaquePointer?) -> SSLConnection? {
    guard case .success(let library) = OpenSSL.loaded else { return nil }
    return unsafe SSLConnection.of(pointer, library)
}

/// At a server, first of all: keeps what the hello asks for. A challenge that nobody awaits is refused.
func readHello(
    _ pointer: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = unsafe connection(pointer) else { return SSLExtension.helloFailed }
    let hello = ClientHello(
        serverName: connection.helloExtension(SSLExtension.serverName),
        protocols: connection.helloExtension(SSLExtension.applicationProtocols))
    connection.hello = hello
    guard hello.isChallenge else { return SSLExtension.helloAccepted }
    connection.challenge = connection.context.challenge(for: hello.serverName)
    if connection.challenge != nil { return SSLExtension.helloAccepted }
    connection.refusal = .handshake("a certificate authority's challenge (acme-tls/1) for a name that awaits none")
    unsafe alert?.pointee = SSLExtension.alertUnrecognizedName
    return SSLExtension.helloFailed
}

/// At a server, before its certificate is needed (not when a session is resumed).
func chooseCertificate(_ pointer: OpaquePointer?, _: UnsafeMutableRawPointer?) -> Int32 {
    guard let connection = unsafe connection(pointer), let choice = connection.context.credentials else { return 0 }
    if let challenge = connection.challenge { return connection.present([challenge]) ? 1 : 0 }
    let credentials = choice.credentials(for: connection.hello?.serverName)
    // The context has the standard ones already.
    let isStandard = credentials.count == choice.standard.count && zip(credentials, choice.standard).allSatisfy { $0 === $1 }
    return isStandard || connection.present(credentials) ? 1 : 0
}

/// At a server whose client offers protocols (RFC 7301 §3.2): ours decide the order.
func chooseProtocol(
    _ pointer: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: UnsafeMutablePointer<UInt8>?,
    _ offers: UnsafePointer<UInt8>?, _ offersCount: UInt32, _: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = unsafe connection(pointer), let offers = unsafe offers else { return SSLExtension.fatalAlert }
    let ours = connection.challenge == nil ? connection.context.protocols : [ClientHello.challengeProtocol]
    if ours.isEmpty { return SSLExtension.ignored }
    // The choice points into the offers, which outlive the call.
    let bytes = unsafe UnsafeBufferPointer(start: offers, count: Int(offersCount))
    for name in ours {
        var index = 0
        while index < bytes.count {
            let (start, length) = unsafe (index + 1, Int(bytes[index]))
            index = start + length
            guard index <= bytes.count else { break }
            guard unsafe bytes[start..<index].elementsEqual(name) else { continue }
            unsafe chosen?.pointee = unsafe offers + start
            unsafe count?.pointee = UInt8(truncatingIfNeeded: length)
            return SSLExtension.accepted
        }
    }
    return SSLExtension.fatalAlert
}

/// At a client: a session came that it can resume. 1 takes it over.
func keepSession(_ pointer: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
    guard let connection = unsafe connection(pointer), let session = unsafe session, let host = connection.host else {
        return 0
    }
    let context = connection.context
    context.sessions?.keep(unsafe LoadedSession(owning: session, context.library), for: host)
    return 1
}

/// Verifies the peer's certificate. 1 believes it; else the connection knows why not.
func verifyPeer(_ verification: OpaquePointer?, _: UnsafeMutableRawPointer?) -> Int32 {
    guard case .success(let library) = OpenSSL.loaded else { return 0 }
    let data = unsafe library.x509.verificationData(verification, library.ssl.dataOfVerification())
    guard let connection = unsafe connection(OpaquePointer(data)) else { return 0 }
    let trust = connection.context.trust
    if let trust, trust.isInsecure || !trust.hasAuthorities {
        unsafe library.x509.setVerificationResult(verification, X509Result.valid)
    } else if unsafe library.x509.verify(verification) != 1 {
        connection.refusal = unsafe refusal(of: verification, at: connection)
        return 0
    }
    guard let trust, !trust.isInsecure, !trust.pins.isEmpty else { return 1 }
    let leaf = unsafe library.x509.verifiedLeaf(verification).flatMap { unsafe library.encodedCertificate($0) }
    let pin = leaf.flatMap { Certificate(der: $0)?.pin }
    if let pin, trust.pins.contains(pin) { return 1 }
    connection.refusal = pin.map { .pinMismatch(seen: $0) } ?? .certificateRefused("it cannot be read")
    unsafe library.x509.setVerificationResult(verification, X509Result.rejected)
    return 0
}

/// What a failed verification came to, in our words.
private func refusal(of verification: OpaquePointer?, at connection: SSLConnection) -> TLSError {
    let library = connection.library
    let result = unsafe library.x509.verificationResult(verification)
    let failed = unsafe library.x509.failedCertificate(verification) ?? library.x509.verifiedLeaf(verification)
    let certificate = unsafe failed.flatMap { unsafe library.encodedCertificate($0) }.flatMap { Certificate(der: $0) }
    let text = unsafe library.x509.resultText(Int(result)).map { unsafe String(cString: $0) } ?? "error \(result)"
    guard let certificate else { return .certificateRefused(text) }
    switch result {
    case X509Result.expired: return .expired(subject: certificate.subject, since: certificate.notAfter)
    case X509Result.notYetValid: return .notYetValid(subject: certificate.subject, from: certificate.notBefore)
    case X509Result.hostMismatch, X509Result.addressMismatch:
        return .nameMismatch(host: connection.host ?? "", names: certificate.names)
    case X509Result.selfSigned: return .selfSigned(subject: certificate.subject, pin: certificate.pin)
    case X509Result.issuerMissing, X509Result.issuerUnknown, X509Result.leafUnverifiable, X509Result.selfSignedAuthority:
        return connection.context.lacksAuthorities ? .noAuthorities : .unknownAuthority(certificate.issuer)
    case X509Result.revoked: return .revoked(subject: certificate.subject)
    default: return .certificateRefused(text)
    }
}
