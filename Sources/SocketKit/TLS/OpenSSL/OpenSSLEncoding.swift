// DER out of OpenSSL's objects, and certificates out of PEM.
//
// Unsafe here: memory that OpenSSL has reserved, copied by the count that it returned, and freed.

import X509

/// All blocks of `pem`, in order.
func readPEM(_ pem: [UInt8]) throws(TLSError) -> [PEMBlock] {
    do throws(PEMError) { return try PEMBlock.all(in: pem) } catch { throw .settings(error.description) }
}

extension OpenSSL {
    /// All certificates in `pem`, in order.
    func readCertificates(_ pem: [UInt8]) throws(TLSError) -> [LoadedCertificate] {
        let labels: Set = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]
        var certificates: [LoadedCertificate] = []
        for block in try readPEM(pem) where labels.contains(block.label) {
            certificates.append(try LoadedCertificate(block.bytes, self))
        }
        return certificates
    }

    /// The DER of an `X509 *`; nil if there is no memory.
    func encodedCertificate(_ certificate: OpaquePointer) -> [UInt8]? {
        unsafe encoded { unsafe x509.encode(certificate, $0) }
    }

    /// The DER of the public half of an `EVP_PKEY *` (SubjectPublicKeyInfo, RFC 5280 §4.1).
    func encodedPublicKey(_ key: OpaquePointer) -> [UInt8]? {
        unsafe encoded { unsafe crypto.encodePublicKey(key, $0) }
    }

    private func encoded(_ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8]? {
        var memory: UnsafeMutablePointer<UInt8>?
        let count = unsafe encode(&memory)
        guard count > 0, let memory = unsafe memory else {
            crypto.clearErrors()
            return nil
        }
        defer { unsafe crypto.freeMemory(memory, nil, 0) }
        return unsafe Array(UnsafeBufferPointer(start: memory, count: Int(count)))
    }
}
