// Keys of NIST P-256 and ECDSA with SHA-256 (ES256, RFC 7518 §3.4): all that making certificates and talking to a certificate
// authority needs of OpenSSL.
//
// Unsafe here: OpenSSL's objects, each freed in the function that made it or owned by a `LoadedKey`; and room for a signature
// of 1024 bytes, whose count OpenSSL is told.

import X509

/// Private keys as PEM, what is signed by them, and their public half.
public struct OpenSSLKeys: Sendable {
    private let library: OpenSSL

    /// Fails where there is no OpenSSL.
    public init() throws(TLSError) { library = try OpenSSL.loaded.get() }

    /// A new private key: PKCS #8 as PEM, not encrypted, curve prime256v1.
    public func makePrivateKey() throws(TLSError) -> String {
        defer { library.crypto.clearErrors() }
        guard let context = unsafe library.crypto.newKeyContext(EVPKind.ellipticCurve, nil) else { throw failure("make a key") }
        defer { unsafe library.crypto.freeKeyContext(context) }
        var key: OpaquePointer?
        guard unsafe library.crypto.prepareGeneration(context) == 1,
            unsafe library.crypto.controlKeyContext(context, -1, -1, EVPKind.curveCommand, EVPKind.prime256v1, nil) == 1,
            unsafe library.crypto.generateKey(context, &key) == 1, let key = unsafe key
        else { throw failure("make a key") }
        return try pem(of: unsafe LoadedKey(owning: key, library))
    }

    /// The public point of a key on P-256: x and then y, 32 bytes each, big-endian.
    public func publicPoint(ofKey pem: String) throws(TLSError) -> [UInt8] {
        let encoded = try publicKey(ofKey: pem)
        guard encoded.count == 91, encoded[26] == 0x04, Array(encoded.prefix(26)) == Self.headOfP256 else {
            throw .settings("the key is not one of the elliptic curve P-256")
        }
        return Array(encoded.suffix(64))
    }

    /// The public half of a key of any kind: SubjectPublicKeyInfo in DER.
    public func publicKey(ofKey pem: String) throws(TLSError) -> [UInt8] {
        let key = try LoadedKey(pem: Array(pem.utf8), library)
        guard let encoded = unsafe library.encodedPublicKey(key.pointer) else { throw failure("write a public key") }
        return encoded
    }

    /// ECDSA over the SHA-256 of `message` by a key on P-256: r and then s, 32 bytes each, big-endian.
    public func signature(of message: [UInt8], byKey pem: String) throws(TLSError) -> [UInt8] {
        _ = try publicPoint(ofKey: pem)
        guard let raw = ECDSASignature.raw(fromDER: try encodedSignature(of: message, byKey: pem)) else {
            throw .internalFailure("OpenSSL's signature has another form than ECDSA's on P-256")
        }
        return raw
    }

    /// The signature over the SHA-256 of `message`, as certificates carry it: for ECDSA SEQUENCE { r, s } in DER.
    public func encodedSignature(of message: [UInt8], byKey pem: String) throws(TLSError) -> [UInt8] {
        defer { library.crypto.clearErrors() }
        let key = try LoadedKey(pem: Array(pem.utf8), library)
        guard let digest = unsafe library.crypto.newDigest() else { throw failure("sign") }
        defer { unsafe library.crypto.freeDigest(digest) }
        guard unsafe library.crypto.prepareSignature(digest, nil, library.crypto.sha256(), nil, key.pointer) == 1 else {
            throw failure("sign")
        }
        var signature = [UInt8](repeating: 0, count: 1024)
        var count = signature.count
        let isSigned = unsafe message.withUnsafeBufferPointer { message in
            unsafe signature.withUnsafeMutableBufferPointer { signature in
                unsafe library.crypto.sign(digest, signature.baseAddress, &count, message.baseAddress, message.count)
            }
        }
        guard isSigned == 1, count <= signature.count else { throw failure("sign") }
        return Array(signature.prefix(count))
    }

    /// A credential with a new key that signs itself, good for `days` days from `unixSeconds` on, and an hour before it for
    /// clocks that are behind. Nobody trusts it unless told to.
    /// - Throws: `settings` if a name is neither a host name in ASCII nor an address.
    public func selfSigned(
        for names: [String], unixSeconds: Int64, days: Int64 = 90, challengeDigest: [UInt8]? = nil
    ) throws(TLSError) -> TLSCredential {
        for name in names where !name.utf8.allSatisfy({ (0x21..<0x7f).contains($0) }) || name.isEmpty || name.utf8.count > 253 {
            throw .settings("`\(name)` cannot be a server's name (beyond ASCII it is written as xn--…)")
        }
        let key = try makePrivateKey()
        var template = CertificateTemplate(
            commonName: "miagent (self-signed)", names: names, notBefore: unixSeconds - 3600,
            notAfter: unixSeconds + min(days, 36_500) * 86_400)
        template.challengeDigest = challengeDigest
        let der = try template.certificate(point: try publicPoint(ofKey: key)) { info throws(TLSError) in
            try encodedSignature(of: info, byKey: key)
        }
        return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: key)
    }

    /// SubjectPublicKeyInfo of a P-256 key up to the point: the algorithm's identifiers and the head of the bit string.
    private static let headOfP256: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]

    private func pem(of key: LoadedKey) throws(TLSError) -> String {
        guard let writer = unsafe library.crypto.newWriter(library.crypto.memory()) else { throw failure("write a key") }
        defer { _ = unsafe library.crypto.freeTransport(writer) }
        guard unsafe library.crypto.writePrivateKey(writer, key.pointer, nil, nil, 0, nil, nil) == 1 else {
            throw failure("write a key")
        }
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe withUnsafeMutablePointer(to: &start) {
            unsafe library.crypto.controlTransport(writer, BIOControl.info, 0, $0)
        }
        guard count > 0, let start = unsafe start else { throw failure("write a key") }
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private func failure(_ what: String) -> TLSError { .internalFailure("OpenSSL cannot \(what): \(library.takeError().text)") }
}
