// What is sent to a CA to be signed (PKCS #10, RFC 2986): the public key and the names, which stand in the extension that all
// clients read (RFC 8555 §7.4). The subject is empty; the CA makes one if it wants.

/// A certificate signing request.
enum CertificateRequest {
    /// The DER of a request for `names`, signed by `key`.
    static func make(for names: ACMENames, key: String, crypto: some ACMECrypto) throws(ACMECryptoError) -> [UInt8] {
        let extensions = DER.sequence(X509.alternativeNames(names.identifiers))
        let attribute = DER.sequence(DER.identifier(.extensionRequest), DER.set(extensions))
        let info = DER.sequence(
            DER.integer([0]), DER.sequence(), X509.publicKey(try crypto.publicPoint(ofKey: key)),
            DER.value(.constructed(0), attribute))
        return try X509.signed(info, by: key, crypto: crypto)
    }
}

/// What requests and certificates have in common.
enum X509 {
    /// `info`, how it is signed, and the signature.
    static func signed(_ info: [UInt8], by key: String, crypto: some ACMECrypto) throws(ACMECryptoError) -> [UInt8] {
        guard let signature = ECDSASignature.der(fromRaw: try crypto.signature(of: info, byKey: key)) else {
            throw ACMECryptoError("a signature of another length than 64 bytes")
        }
        return DER.sequence(info, signatureAlgorithm, DER.bits(signature))
    }

    /// RFC 5758 §3.2: without parameters.
    static let signatureAlgorithm = DER.sequence(DER.identifier(.ecdsaWithSHA256))

    /// SubjectPublicKeyInfo of a point of P-256, uncompressed (RFC 5480 §2).
    static func publicKey(_ point: [UInt8]) -> [UInt8] {
        DER.sequence(DER.sequence(DER.identifier(.ecPublicKey), DER.identifier(.p256)), DER.bits([0x04] + point))
    }

    /// The extension with the names (RFC 5280 §4.2.1.6): `dNSName [2]`, `iPAddress [7]`.
    static func alternativeNames(_ identifiers: [ACMEIdentifier]) -> [UInt8] {
        let names = identifiers.flatMap { identifier in
            switch identifier {
            case .dns(let name): DER.value(.implicit(2), Array(name.utf8))
            case .ip(let address): DER.value(.implicit(7), address.bytes)
            }
        }
        return DER.sequence(DER.identifier(.subjectAlternativeName), DER.octets(DER.value(.sequence, names)))
    }
}
