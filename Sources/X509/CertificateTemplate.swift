// Certificates of one's own (RFC 5280 §4.1): what a server shows while it has none that anybody trusts, what proves a name to a
// certificate authority (RFC 8737 §3), and authorities for tests. And requests for certificates (PKCS #10, RFC 2986). All keys
// are of P-256 and all signatures ECDSA with SHA-256; whoever has the key signs.

import Primitives

/// What is to stand in a certificate.
public struct CertificateTemplate: Sendable, Hashable {
    /// What a certificate's key is used for (RFC 5280 §4.2.1.12).
    public enum Purpose: Sendable, Hashable {
        case server, client, authority
    }

    /// Whom it is about.
    public var commonName: String
    /// Host names, wildcards among them, and literal addresses.
    public var names: [String]
    /// The first second of its life, since 1970.
    public var notBefore: Int64
    /// The last second of its life, since 1970.
    public var notAfter: Int64
    /// What it is for.
    public var purposes: Set<Purpose>
    /// The digest of a key authorisation, which makes it the proof of tls-alpn-01 (RFC 8737 §3).
    public var challengeDigest: [UInt8]?

    /// A certificate for these names.
    public init(
        commonName: String = "", names: [String], notBefore: Int64, notAfter: Int64, purposes: Set<Purpose> = [.server]
    ) {
        self.commonName = commonName
        self.names = names
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.purposes = purposes
    }

    /// The certificate in DER for the key with this point (x and y, 64 bytes), signed by `sign` (of DER to ECDSA's DER).
    /// `issuer` is who signs; without, it signs itself.
    public func certificate<Failure>(
        point: [UInt8], issuer: CertificateTemplate? = nil, sign: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        // Twenty bytes at most, positive, another for each key and time (RFC 5280 §4.1.2.2).
        let serial = [0x40] + SHA256.digest(point + DER.time(unixSeconds: notBefore)).prefix(15)
        let dates = DER.sequence(DER.time(unixSeconds: notBefore), DER.time(unixSeconds: notAfter))
        let info = DER.sequence(
            DER.value(.constructed(0), DER.integer([2])), DER.integer(serial), Self.algorithm,
            DistinguishedName.encoded(commonName: issuer?.commonName ?? commonName), dates,
            DistinguishedName.encoded(commonName: commonName), Self.publicKey(point),
            DER.value(.constructed(3), DER.value(.sequence, extensions)))
        return DER.sequence(info, Self.algorithm, DER.bits(try sign(info)))
    }

    /// A request for a certificate of these names: the subject is empty, the names stand in the extension.
    public func request<Failure>(
        point: [UInt8], sign: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        let attribute = DER.sequence(DER.identifier(.extensionRequest), DER.set(DER.sequence(alternativeNames)))
        let info = DER.sequence(
            DER.integer([0]), DER.sequence(), Self.publicKey(point), DER.value(.constructed(0), attribute))
        return DER.sequence(info, Self.algorithm, DER.bits(try sign(info)))
    }

    // MARK: Parts

    /// RFC 5758 §3.2: without parameters.
    private static let algorithm = DER.sequence(DER.identifier(.ecdsaWithSHA256))

    /// SubjectPublicKeyInfo of a point of P-256, uncompressed (RFC 5480 §2).
    private static func publicKey(_ point: [UInt8]) -> [UInt8] {
        DER.sequence(DER.sequence(DER.identifier(.ecPublicKey), DER.identifier(.p256)), DER.bits([0x04] + point))
    }

    private var extensions: [UInt8] {
        var all: [UInt8] = []
        let isAuthority = purposes.contains(.authority)
        if isAuthority {
            all += DER.sequence(DER.identifier(.basicConstraints), DER.yes, DER.octets(DER.sequence(DER.yes)))
        }
        // keyCertSign (bit 5) and cRLSign (6); digitalSignature (0).
        let usage: [UInt8] = isAuthority ? [1, 0x06] : [7, 0x80]
        all += DER.sequence(DER.identifier(.keyUsage), DER.yes, DER.octets(DER.value(.bitString, usage)))
        var uses: [UInt8] = []
        if purposes.contains(.server) { uses += DER.identifier(.serverAuthentication) }
        if purposes.contains(.client) { uses += DER.identifier(.clientAuthentication) }
        if !uses.isEmpty { all += DER.sequence(DER.identifier(.extendedKeyUsage), DER.octets(DER.value(.sequence, uses))) }
        if !names.isEmpty { all += alternativeNames }
        if let challengeDigest {
            all += DER.sequence(DER.identifier(.acmeIdentifier), DER.yes, DER.octets(DER.octets(challengeDigest)))
        }
        return all
    }

    /// The extension with the names (RFC 5280 §4.2.1.6): `dNSName [2]`, `iPAddress [7]`.
    private var alternativeNames: [UInt8] {
        let list = names.flatMap { name in
            IPAddress(name).map { DER.value(.implicit(7), $0.bytes) } ?? DER.value(.implicit(2), Array(name.utf8))
        }
        return DER.sequence(DER.identifier(.subjectAlternativeName), DER.octets(DER.value(.sequence, list)))
    }
}
