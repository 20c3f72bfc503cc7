// What is made of certificates here: the request that a CA signs (RFC 8555 §7.4) and the proof of tls-alpn-01 (RFC 8737 §3).

import Primitives
import X509

extension ACMECrypto {
    /// The DER of a request for `names`, signed by `key`. The subject is empty; the CA makes one if it wants.
    func certificateRequest(for names: ACMENames, key: String) throws(ACMECryptoError) -> [UInt8] {
        // A request says nothing of times.
        let template = CertificateTemplate(names: names.identifiers.map(\.text), notBefore: 0, notAfter: 0)
        return try template.request(point: try publicPoint(ofKey: key)) { info throws(ACMECryptoError) in
            try encodedSignature(of: info, byKey: key)
        }
    }

    /// The certificate that proves control over `identifier`, with a new key: its one name, and the digest of the key
    /// authorization in a critical extension.
    func challengeCredential(
        for identifier: ACMEIdentifier, keyAuthorization: String, unixSeconds: Int64
    ) throws(ACMECryptoError) -> TLSCredential {
        let key = try makePrivateKey()
        // A week, and an hour before it for clocks that are behind.
        var template = CertificateTemplate(
            commonName: "miagent (acme-tls/1)", names: [identifier.text], notBefore: unixSeconds - 3_600,
            notAfter: unixSeconds + 7 * 86_400, purposes: [])
        template.challengeDigest = SHA256.digest(keyAuthorization.utf8)
        let der = try template.certificate(point: try publicPoint(ofKey: key)) { info throws(ACMECryptoError) in
            try encodedSignature(of: info, byKey: key)
        }
        return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: key)
    }

    /// A signature as certificates carry it.
    private func encodedSignature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        guard let signature = ECDSASignature.der(fromRaw: try signature(of: message, byKey: pem)) else {
            throw ACMECryptoError("a signature of another length than 64 bytes")
        }
        return signature
    }
}
