// What a certificate says of itself (RFC 5280 §4.1). Signatures are not checked here: that is for whoever is shown the
// certificate. Whatever the bytes, reading ends with a value or with nil.

import Primitives

/// Facts of a certificate.
public struct Certificate: Sendable, Hashable {
    /// Whom it is about, as `CN=gw.example.com, O=Example`; empty if it names none.
    public let subject: String
    /// Who vouches for it, in the same form.
    public let issuer: String
    /// What it is for (RFC 5280 §4.2.1.6): host names in small letters, `*.example.com` among them, and addresses.
    public let names: [String]
    /// The first second of its life, since 1970.
    public let notBefore: Int64
    /// The last second of its life, since 1970.
    public let notAfter: Int64
    /// Its number with its authority, as it is written: big-endian, perhaps with a zero before it.
    public let serialNumber: [UInt8]
    /// SubjectPublicKeyInfo in DER.
    public let publicKey: [UInt8]
    /// Which key of the authority signed it (RFC 5280 §4.2.1.1), if it says so.
    public let authorityKeyIdentifier: [UInt8]?
    /// The name of its key (RFC 5280 §4.2.1.2), if it has one.
    public let subjectKeyIdentifier: [UInt8]?
    /// Whether it may vouch for others.
    public let isAuthority: Bool

    /// x and y of its key, 32 bytes each; nil if that is not of P-256 and uncompressed (RFC 5480 §2).
    public var publicPoint: [UInt8]? {
        var outer = DERReader(publicKey[...])
        guard let key = outer.next(.sequence) else { return nil }
        var reader = DERReader(key.content)
        guard let algorithm = reader.next(.sequence), let bits = reader.next(.bitString), bits.content.count == 66,
            algorithm.content.elementsEqual(DER.identifier(.ecPublicKey) + DER.identifier(.p256)),
            bits.content.starts(with: [0x00, 0x04])
        else { return nil }
        return Array(bits.content.dropFirst(2))
    }

    /// Whether it names itself as the one that vouches for it.
    public var isSelfIssued: Bool { issuer == subject }

    /// The facts of a certificate in DER; nil if it cannot be read.
    public init?(der: [UInt8]) {
        var outer = DERReader(der[...])
        guard let certificate = outer.next(.sequence), outer.isAtEnd else { return nil }
        var parts = DERReader(certificate.content)
        guard let info = parts.next(.sequence) else { return nil }
        var fields = DERReader(info.content)
        _ = fields.next(.constructed(0))  // version
        guard let serial = fields.next(.integer), !serial.content.isEmpty, fields.next(.sequence) != nil,
            let issuer = fields.next(.sequence), let validity = fields.next(.sequence), let subject = fields.next(.sequence),
            let key = fields.next(.sequence), let dates = Self.dates(validity)
        else { return nil }
        _ = fields.next(.implicit(1))
        _ = fields.next(.implicit(2))
        guard let extensions = CertificateExtensions(fields.next(.constructed(3))) else { return nil }
        self.issuer = DistinguishedName.text(issuer.content)
        self.subject = DistinguishedName.text(subject.content)
        (notBefore, notAfter) = dates
        serialNumber = Array(serial.content)
        publicKey = DER.value(.sequence, key.content)
        names = extensions.names
        authorityKeyIdentifier = extensions.authorityKey
        subjectKeyIdentifier = extensions.subjectKey
        isAuthority = extensions.isAuthority
    }

    private static func dates(_ validity: DERValue) -> (Int64, Int64)? {
        var reader = DERReader(validity.content)
        guard let start = reader.next().flatMap(time), let end = reader.next().flatMap(time) else { return nil }
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
}

/// The extensions that matter here. An extension whose content is not what it should be counts as missing.
private struct CertificateExtensions {
    var names: [String] = []
    var authorityKey: [UInt8]?
    var subjectKey: [UInt8]?
    var isAuthority = false

    /// Nil if the list is none; empty if there is none.
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
            read(DERObject(bytes: Array(object.content)), DERReader(value.content))
        }
    }

    private mutating func read(_ object: DERObject, _ reader: DERReader) {
        var reader = reader
        if object == .subjectAlternativeName, let list = reader.next(.sequence) { readNames(DERReader(list.content)) }
        if object == .subjectKeyIdentifier { subjectKey = reader.next(.octetString).map { Array($0.content) } }
        if object == .authorityKeyIdentifier, let list = reader.next(.sequence) {
            var parts = DERReader(list.content)
            authorityKey = parts.next(.implicit(0)).map { Array($0.content) }
        }
        if object == .basicConstraints, let list = reader.next(.sequence) {
            var parts = DERReader(list.content)
            isAuthority = parts.next(.boolean)?.content.first.map { $0 != 0 } ?? false
        }
    }

    /// `dNSName [2]` and `iPAddress [7]`.
    private mutating func readNames(_ reader: DERReader) {
        var reader = reader
        while let name = reader.next() {
            if name.tag == .implicit(2) { names.append(printable(name.content).lowercased()) }
            if name.tag == .implicit(7), let address = IPAddress(bytes: name.content) { names.append(address.text) }
        }
    }
}

/// Text as it may be shown: what is no printable ASCII stands as `?`.
private func printable(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
}
