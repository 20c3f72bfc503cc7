// What a certificate says of itself (RFC 5280 §4.1), as far as its holder needs it: for how long, for which names, for which
// key, and what a CA calls it by (RFC 9773 §4.1). Signatures are not checked: that is for whoever is shown the certificate.

import Primitives
import RPCCore

/// Facts read from a certificate.
public struct CertificateFacts: Sendable, Hashable {
    /// The first second of its life, since 1970.
    public let notBefore: Int64
    /// The last second of its life, since 1970.
    public let notAfter: Int64
    /// The names that it is for: DNS names in small letters, and addresses.
    public let names: Set<ACMEIdentifier>
    /// x and y of its key, 32 bytes each; nil if that is not of P-256.
    public let publicPoint: [UInt8]?
    /// By what the CA knows it (RFC 9773 §4.1); nil if it does not say which key of the CA signed it.
    public let renewalID: String?

    /// The facts of the first certificate of `chainPEM`; nil if it cannot be read, or if any of the others is not even DER.
    public init?(chainPEM: String) {
        guard let blocks = PEM.blocks("CERTIFICATE", in: chainPEM, maximumCount: Self.maximumChain), let leaf = blocks.first,
            blocks.allSatisfy({ Self.isOneSequence($0) })
        else { return nil }
        self.init(der: leaf)
    }

    /// The facts of a certificate; nil if it cannot be read.
    public init?(der: [UInt8]) {
        var outer = DERReader(der[...])
        guard let certificate = outer.next(.sequence), outer.isAtEnd else { return nil }
        var parts = DERReader(certificate.content)
        guard let info = parts.next(.sequence) else { return nil }
        var fields = DERReader(info.content)
        _ = fields.next(.constructed(0))  // version
        guard let serial = fields.next(.integer), !serial.content.isEmpty, fields.next(.sequence) != nil,
            fields.next(.sequence) != nil, let validity = fields.next(.sequence), fields.next(.sequence) != nil,
            let key = fields.next(.sequence), let dates = Self.dates(validity)
        else { return nil }
        _ = fields.next(.implicit(1))
        _ = fields.next(.implicit(2))
        guard let extensions = Extensions(fields.next(.constructed(3))) else { return nil }
        (notBefore, notAfter) = dates
        names = extensions.names
        publicPoint = Self.point(key)
        renewalID = extensions.authorityKey.map { Base64URL.encode($0) + "." + Base64URL.encode(serial.content) }
    }

    /// Certificates that one chain may have.
    private static let maximumChain = 10

    private static func isOneSequence(_ der: [UInt8]) -> Bool {
        var reader = DERReader(der[...])
        return reader.next(.sequence) != nil && reader.isAtEnd
    }

    private static func dates(_ validity: DERValue) -> (Int64, Int64)? {
        var reader = DERReader(validity.content)
        guard let start = reader.next().flatMap(time), let end = reader.next().flatMap(time), start < end else { return nil }
        return (start, end)
    }

    /// UTCTime, whose years are 1950 to 2049, or GeneralizedTime, both to the second and in UTC (RFC 5280 §4.1.2.5).
    private static func time(_ value: DERValue) -> Int64? {
        let isShort = value.tag == .utcTime
        guard isShort || value.tag == .generalizedTime, value.content.last == UInt8(ascii: "Z") else { return nil }
        let digits = value.content.dropLast()
        let start = digits.startIndex + (isShort ? 2 : 4)
        guard digits.count == (isShort ? 12 : 14), let year = UTCTime.number(digits[..<start]),
            let month = UTCTime.number(digits[start..<start + 2]), let day = UTCTime.number(digits[start + 2..<start + 4]),
            let date = CivilDate(year: !isShort ? year : year < 50 ? year + 2000 : year + 1900, month: month, day: day),
            let clock = UTCTime.secondOfDay(
                digits[start + 4..<start + 6], digits[start + 6..<start + 8], digits[start + 8..<start + 10])
        else { return nil }
        return date.daysSince1970 * 86_400 + clock
    }

    /// The point of a SubjectPublicKeyInfo, if its algorithm is P-256 and it is uncompressed.
    private static func point(_ key: DERValue) -> [UInt8]? {
        var reader = DERReader(key.content)
        guard let algorithm = reader.next(.sequence), let bits = reader.next(.bitString), bits.content.count == 66,
            algorithm.content.elementsEqual(DER.identifier(.ecPublicKey) + DER.identifier(.p256)),
            bits.content.starts(with: [0x00, 0x04])
        else { return nil }
        return Array(bits.content.dropFirst(2))
    }
}

/// The two extensions that matter here.
private struct Extensions {
    var names: Set<ACMEIdentifier> = []
    var authorityKey: ArraySlice<UInt8>?

    /// Nil if they are not what they should be; empty if there are none.
    init?(_ wrapper: DERValue?) {
        guard let wrapper else { return }
        var outer = DERReader(wrapper.content)
        guard let list = outer.next(.sequence) else { return nil }
        var reader = DERReader(list.content)
        while !reader.isAtEnd {
            guard let entry = reader.next(.sequence) else { return nil }
            var fields = DERReader(entry.content)
            guard let object = fields.next(.objectIdentifier) else { return nil }
            _ = fields.next(.boolean)
            guard let value = fields.next(.octetString) else { return nil }
            if object.content.elementsEqual(DERObject.subjectAlternativeName.bytes) { readNames(value) }
            if object.content.elementsEqual(DERObject.authorityKeyIdentifier.bytes) { readAuthority(value) }
        }
    }

    private mutating func readNames(_ value: DERValue) {
        var outer = DERReader(value.content)
        guard let list = outer.next(.sequence) else { return }
        var reader = DERReader(list.content)
        while let name = reader.next() {
            if name.tag == .implicit(2) { names.insert(.dns(String(decoding: name.content, as: UTF8.self).lowercased())) }
            if name.tag == .implicit(7), let address = IPAddress(bytes: name.content) { names.insert(.ip(address)) }
        }
    }

    private mutating func readAuthority(_ value: DERValue) {
        var outer = DERReader(value.content)
        guard let list = outer.next(.sequence) else { return }
        var reader = DERReader(list.content)
        if let key = reader.next(.implicit(0)), !key.content.isEmpty { authorityKey = key.content }
    }
}
