// Certificates that sign themselves: the proof of control that tls-alpn-01 asks for (RFC 8737 §3), and what a server shows
// while it has none that anybody trusts.

import Primitives

/// Certificates of version 3 whose issuer is their subject (RFC 5280 §4.1).
public enum SelfSignedCertificate {
    /// A certificate for `names` with a new key, good for `days` days from `unixSeconds` on. No client trusts it by itself.
    public static func make(
        for names: ACMENames, unixSeconds: Int64, days: Int64 = 90, crypto: some ACMECrypto
    ) throws(ACMECryptoError) -> TLSCredential {
        let purposes = DER.sequence(DER.identifier(.serverAuthentication))
        let usage = DER.sequence(DER.identifier(.extendedKeyUsage), DER.octets(purposes))
        // digitalSignature alone: bit 0, seven bits unused.
        let keyUsage = DER.sequence(DER.identifier(.keyUsage), DER.yes, DER.octets(DER.value(.bitString, [7, 0x80])))
        let validity = Validity(start: unixSeconds, days: days)
        return try make(for: names.identifiers, extensions: keyUsage + usage, validity, crypto: crypto)
    }

    /// The certificate that proves control over `identifier`: its one name, and the digest of the key authorization in a
    /// critical extension.
    static func challenge(
        for identifier: ACMEIdentifier, keyAuthorization: String, unixSeconds: Int64, crypto: some ACMECrypto
    ) throws(ACMECryptoError) -> TLSCredential {
        let digest = SHA256.digest(keyAuthorization.utf8)
        let proof = DER.sequence(DER.identifier(.acmeIdentifier), DER.yes, DER.octets(DER.octets(digest)))
        return try make(for: [identifier], extensions: proof, Validity(start: unixSeconds, days: 7), crypto: crypto)
    }

    private struct Validity {
        let start: Int64
        let days: Int64
    }

    private static func make(
        for identifiers: [ACMEIdentifier], extensions: [UInt8], _ validity: Validity, crypto: some ACMECrypto
    ) throws(ACMECryptoError) -> TLSCredential {
        let key = try crypto.makePrivateKey()
        let point = try crypto.publicPoint(ofKey: key)
        // Twenty bytes at most, positive, another for each key (RFC 5280 §4.1.2.2).
        let serial = [0x40] + SHA256.digest(point).prefix(15)
        // An hour earlier, for clocks that are behind.
        let dates = DER.sequence(
            DER.time(unixSeconds: validity.start - 3600), DER.time(unixSeconds: validity.start + validity.days * 86_400))
        let all = DER.value(.sequence, X509.alternativeNames(identifiers) + extensions)
        let info = DER.sequence(
            DER.value(.constructed(0), DER.integer([2])), DER.integer(serial), X509.signatureAlgorithm, name, dates, name,
            X509.publicKey(point), DER.value(.constructed(3), all))
        let certificate = try X509.signed(info, by: key, crypto: crypto)
        return TLSCredential(chainPEM: PEM.text("CERTIFICATE", certificate), keyPEM: key)
    }

    private static let name = DER.sequence(
        DER.set(DER.sequence(DER.identifier(.commonName), DER.value(.utf8String, Array("miagent (self-signed)".utf8)))))
}

/// A certificate with its private key, as a TLS server wants them.
public struct TLSCredential: Sendable, Hashable {
    /// The server's certificate and then those that vouch for it, as PEM.
    public var chainPEM: String
    /// The private key as PEM. A secret.
    public var keyPEM: String

    /// A certificate with its key.
    public init(chainPEM: String, keyPEM: String) {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
    }
}
