// Certificates and keys as OpenSSL holds them, owned: freed with the last reference.
//
// Unsafe here: OpenSSL's objects, each owned by one of ours that frees it and is held by whoever uses the pointer; and bytes
// that are lent to OpenSSL for one call.

import X509

/// An `X509 *`.
@safe final class LoadedCertificate {
    let pointer: OpaquePointer
    /// The same in DER.
    let der: [UInt8]
    private let library: OpenSSL

    /// The certificate of this DER.
    init(_ der: [UInt8], _ library: OpenSSL) throws(TLSError) {
        let certificate = unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe library.x509.decode(nil, &start, bytes.count)
        }
        guard let certificate = unsafe certificate else {
            throw .settings("a certificate cannot be read: \(library.takeError().text)")
        }
        unsafe pointer = unsafe certificate
        self.der = der
        self.library = library
    }

    deinit { unsafe library.x509.free(pointer) }
}

/// An `EVP_PKEY *` with its private half.
@safe final class LoadedKey {
    let pointer: OpaquePointer
    let library: OpenSSL

    /// Takes over `pointer`.
    init(owning pointer: OpaquePointer, _ library: OpenSSL) {
        unsafe self.pointer = unsafe pointer
        self.library = library
    }

    /// The first private key in `pem`: PKCS #8, or the older forms for RSA and elliptic curves; not encrypted.
    convenience init(pem: [UInt8], _ library: OpenSSL) throws(TLSError) {
        let blocks = try readPEM(pem)
        guard let block = blocks.first(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
            throw .settings("there is no private key in it (a line -----BEGIN PRIVATE KEY-----)")
        }
        if block.label == "ENCRYPTED PRIVATE KEY" || block.isEncrypted {
            throw .settings("the private key is encrypted; decrypt it with `openssl pkey -in key.pem -out plain.pem`")
        }
        let key = unsafe block.bytes.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return unsafe library.crypto.decodeKey(nil, &start, bytes.count)
        }
        guard let key = unsafe key else {
            throw .settings("the private key cannot be read: \(library.takeError().text)")
        }
        unsafe self.init(owning: key, library)
    }

    deinit { unsafe library.crypto.freeKey(pointer) }
}

/// A certificate with its chain and its key, checked to belong together.
@safe final class LoadedCredential {
    let leaf: LoadedCertificate
    let key: LoadedKey
    /// What the leaf is for, in small letters: `gw.example.com`, `*.example.com`, `192.0.2.1`.
    let names: [String]
    /// A `STACK_OF(X509) *` of what follows the leaf.
    let chain: OpaquePointer?
    private let issuers: [LoadedCertificate]
    private let library: OpenSSL

    init(_ credential: TLSCredential, _ library: OpenSSL) throws(TLSError) {
        let certificates = try library.readCertificates(credential.chain)
        guard let leaf = certificates.first else {
            throw .settings("there is no certificate in it (a line -----BEGIN CERTIFICATE-----)")
        }
        key = try LoadedKey(pem: credential.key, library)
        guard unsafe library.x509.matchesKey(leaf.pointer, key.pointer) == 1 else {
            library.crypto.clearErrors()
            throw .settings("the private key does not belong to the (first) certificate")
        }
        self.leaf = leaf
        self.library = library
        names = Certificate(der: leaf.der)?.names.map { $0.lowercased() } ?? []
        issuers = Array(certificates.dropFirst())
        unsafe chain = issuers.isEmpty ? nil : library.x509.newStack()
        for issuer in issuers { _ = unsafe library.x509.push(chain, UnsafeRawPointer(issuer.pointer)) }
    }

    deinit { unsafe library.x509.freeStack(chain) }
}

/// A session that a client can resume: an `SSL_SESSION *`.
@safe final class LoadedSession {
    let pointer: OpaquePointer
    private let library: OpenSSL

    /// Takes over `pointer`.
    init(owning pointer: OpaquePointer, _ library: OpenSSL) {
        unsafe self.pointer = unsafe pointer
        self.library = library
    }

    deinit { unsafe library.ssl.freeSession(pointer) }

    /// Whether a resumed connection brings the next session (RFC 8446 appendix C.4); before TLS 1.3 the same one is used again.
    var isUsedOnce: Bool { unsafe library.ssl.sessionVersion(pointer) > SSLVersion.tls12 }
}
