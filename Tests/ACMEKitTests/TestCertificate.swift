// Certificates as a CA makes them, and requests and challenge certificates as one reads them, written from the RFCs apart from
// the code under test as far as DER allows.

import Primitives
import X509

@testable import ACMEKit

enum TestCertificate {
    /// The key identifier of the CA.
    static let authority: [UInt8] = Array(repeating: 0xab, count: 20)

    /// Something that is a sequence, and stands for an intermediate certificate.
    static let intermediate = DER.sequence(DER.integer([1]))

    private static let signatureAlgorithm = DER.sequence(DER.identifier(.ecdsaWithSHA256))

    static func make(
        names: [ACMEIdentifier], point: [UInt8], serial: [UInt8], notBefore: Int64, notAfter: Int64, hasAuthority: Bool = true
    ) -> [UInt8] {
        let name = DER.sequence()
        let key = DER.sequence(
            DER.sequence(DER.identifier(.ecPublicKey), DER.identifier(.p256)), DER.bits([0x04] + point))
        let authority = DER.sequence(
            DER.identifier(.authorityKeyIdentifier), DER.octets(DER.sequence(DER.value(.implicit(0), authority))))
        let alternatives = names.flatMap { name in
            switch name {
            case .dns(let text): DER.value(.implicit(2), Array(text.utf8))
            case .ip(let address): DER.value(.implicit(7), address.bytes)
            }
        }
        let extensions =
            (hasAuthority ? authority : [])
            + DER.sequence(DER.identifier(.subjectAlternativeName), DER.octets(DER.value(.sequence, alternatives)))
        let info = DER.sequence(
            DER.value(.constructed(0), DER.integer([2])), DER.integer(serial), signatureAlgorithm, name,
            DER.sequence(DER.time(unixSeconds: notBefore), DER.time(unixSeconds: notAfter)), name, key,
            DER.value(.constructed(3), DER.value(.sequence, extensions)))
        return DER.sequence(info, signatureAlgorithm, DER.bits([1, 2, 3]))
    }

    /// Whether a challenge certificate is as RFC 8737 §3 wants it: signed by itself, one name, the digest in a critical
    /// extension.
    static func proves(_ credential: TLSCredential, _ identifier: ACMEIdentifier, _ digest: [UInt8]) -> Bool {
        guard let blocks = try? PEMBlock.all(in: credential.chain), blocks.count == 1, let der = blocks.first?.bytes,
            let facts = Certificate(der: der), facts.identifiers == [identifier], let point = facts.publicPoint
        else { return false }
        let wanted = DER.sequence(DER.identifier(.acmeIdentifier), DER.yes, DER.octets(DER.octets(digest)))
        var outer = DERReader(der[...])
        guard let whole = outer.next(.sequence) else { return false }
        var parts = DERReader(whole.content)
        guard let info = parts.next(.sequence), parts.next(.sequence) != nil, let bits = parts.next(.bitString),
            let signature = ECDSASignature.raw(fromDER: Array(bits.content.dropFirst()))
        else { return false }
        let message = DER.value(.sequence, info.content)
        return contains(wanted, in: der) && signature == FakeCrypto.signature(of: message, point: point)
    }

    static func contains(_ part: [UInt8], in whole: [UInt8]) -> Bool {
        whole.count >= part.count && (0...whole.count - part.count).contains { whole[$0...].starts(with: part) }
    }
}

/// A certificate request that was read and whose signature is right.
struct ParsedRequest {
    let point: [UInt8]
    let names: Set<ACMEIdentifier>

    init?(_ der: [UInt8]) {
        var outer = DERReader(der[...])
        guard let whole = outer.next(.sequence), outer.isAtEnd else { return nil }
        var parts = DERReader(whole.content)
        guard let info = parts.next(.sequence), parts.next(.sequence) != nil, let bits = parts.next(.bitString) else {
            return nil
        }
        var fields = DERReader(info.content)
        guard let version = fields.next(.integer), version.content.elementsEqual([0]), fields.next(.sequence) != nil,
            let key = fields.next(.sequence), let attributes = fields.next(.constructed(0)), fields.isAtEnd
        else { return nil }
        point = Array(key.content.suffix(64))
        guard let signature = ECDSASignature.raw(fromDER: Array(bits.content.dropFirst())),
            signature == FakeCrypto.signature(of: DER.value(.sequence, info.content), point: point)
        else { return nil }
        names = Self.names(attributes)
    }

    /// attributes → extensionRequest → extensions → subjectAltName.
    private static func names(_ attributes: DERValue) -> Set<ACMEIdentifier> {
        var content = attributes.content
        for tag in [DERTag.sequence, .set, .sequence, .sequence] {
            var reader = DERReader(content)
            if tag == .set { _ = reader.next(.objectIdentifier) }
            content = reader.next(tag)?.content ?? []
        }
        var reader = DERReader(content)
        _ = reader.next(.objectIdentifier)
        var inner = DERReader(reader.next(.octetString)?.content ?? [])
        var list = DERReader(inner.next(.sequence)?.content ?? [])
        var names: Set<ACMEIdentifier> = []
        while let name = list.next() {
            if name.tag == .implicit(2) { names.insert(.dns(String(decoding: name.content, as: UTF8.self))) }
            if name.tag == .implicit(7), let address = IPAddress(bytes: name.content) { names.insert(.ip(address)) }
        }
        return names
    }
}
