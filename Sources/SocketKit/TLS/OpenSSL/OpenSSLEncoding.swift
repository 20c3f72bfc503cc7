// DER out of OpenSSL's objects, and PEM (RFC 7468) into DER and back.

/// One block of a PEM file.
struct PEMBlock {
    /// `CERTIFICATE`, `PRIVATE KEY`, …
    var label: String
    /// The lines above the bytes that older forms have: whether, and how, they are encrypted.
    var header: String
    var der: [UInt8]
}

extension OpenSSL {
    /// All blocks of `pem`, in order. What stands between them is passed over.
    func readPEM(_ pem: [UInt8]) throws(TLSError) -> [PEMBlock] {
        guard let count = Int32(exactly: pem.count), count > 0 else { return [] }
        defer { crypto.clearErrors() }
        return unsafe pem.withUnsafeBytes { memory in
            guard let reader = unsafe crypto.newReader(memory.baseAddress, count) else { return [] }
            defer { _ = unsafe crypto.freeTransport(reader) }
            var blocks: [PEMBlock] = []
            while let block = unsafe nextBlock(reader) { blocks.append(block) }
            return blocks
        }
    }

    private func nextBlock(_ reader: OpaquePointer) -> PEMBlock? {
        var label: UnsafeMutablePointer<CChar>?
        var header: UnsafeMutablePointer<CChar>?
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard unsafe crypto.readPEM(reader, &label, &header, &bytes, &count) == 1 else { return nil }
        defer {
            unsafe crypto.freeMemory(label, nil, 0)
            unsafe crypto.freeMemory(header, nil, 0)
            unsafe crypto.freeMemory(bytes, nil, 0)
        }
        guard let label = unsafe label, let header = unsafe header, let bytes = unsafe bytes else { return nil }
        return unsafe PEMBlock(
            label: String(cString: label), header: String(cString: header),
            der: Array(UnsafeBufferPointer(start: bytes, count: max(0, count))))
    }

    /// All certificates in `pem`, in order.
    func readCertificates(_ pem: [UInt8]) throws(TLSError) -> [LoadedCertificate] {
        let labels: Set = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]
        var certificates: [LoadedCertificate] = []
        for block in try readPEM(pem) where labels.contains(block.label) {
            certificates.append(try LoadedCertificate(block.der, self))
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
