// Writes DER (ITU-T X.690 §10): as much of it as a certificate request and a certificate of one's own need.

import Primitives

/// DER values, each a whole of tag, length and content.
enum DER {
    /// A value of this tag with this content.
    static func value(_ tag: DERTag, _ content: some Collection<UInt8>) -> [UInt8] {
        [tag.rawValue] + length(content.count) + content
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { value(.sequence, parts.flatMap { $0 }) }

    static func set(_ parts: [UInt8]...) -> [UInt8] { value(.set, parts.flatMap { $0 }) }

    /// An integer that is not negative, from its big-endian bytes.
    static func integer(_ magnitude: some Collection<UInt8>) -> [UInt8] {
        let digits = Array(magnitude.drop { $0 == 0 })
        guard let first = digits.first else { return value(.integer, [0]) }
        return value(.integer, first < 0x80 ? digits : [0] + digits)
    }

    static func octets(_ bytes: some Collection<UInt8>) -> [UInt8] { value(.octetString, bytes) }

    /// A bit string whose bits fill its bytes.
    static func bits(_ bytes: some Collection<UInt8>) -> [UInt8] { value(.bitString, [0] + bytes) }

    static func identifier(_ object: DERObject) -> [UInt8] { value(.objectIdentifier, object.bytes) }

    static let yes = value(.boolean, [0xff])

    /// A second as RFC 5280 §4.1.2.5 has it: UTCTime until 2049, GeneralizedTime from then on.
    static func time(unixSeconds: Int64) -> [UInt8] {
        let text = UTCTime.text(min(max(unixSeconds, 0), lastSecond)).utf8.filter {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        let zulu = [UInt8(ascii: "Z")]
        return unixSeconds < firstOf2050 ? value(.utcTime, text.dropFirst(2) + zulu) : value(.generalizedTime, text + zulu)
    }

    private static let firstOf2050: Int64 = 2_524_608_000
    /// 9999-12-31 23:59:59.
    private static let lastSecond: Int64 = 253_402_300_799

    private static func length(_ count: Int) -> [UInt8] {
        guard count >= 0x80 else { return [UInt8(count)] }
        let digits = (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }.drop { $0 == 0 }
        return [0x80 | UInt8(digits.count)] + digits
    }
}

/// The first byte of a DER value: class, form and number of its tag, which here are all below 31.
struct DERTag: RawRepresentable, Sendable, Hashable {
    var rawValue: UInt8

    static let boolean = DERTag(rawValue: 0x01)
    static let integer = DERTag(rawValue: 0x02)
    static let bitString = DERTag(rawValue: 0x03)
    static let octetString = DERTag(rawValue: 0x04)
    static let objectIdentifier = DERTag(rawValue: 0x06)
    static let utf8String = DERTag(rawValue: 0x0c)
    static let utcTime = DERTag(rawValue: 0x17)
    static let generalizedTime = DERTag(rawValue: 0x18)
    static let sequence = DERTag(rawValue: 0x30)
    static let set = DERTag(rawValue: 0x31)

    /// `[number]` around other values.
    static func constructed(_ number: UInt8) -> DERTag { DERTag(rawValue: 0xa0 | number & 0x1f) }
    /// `[number]` instead of another tag.
    static func implicit(_ number: UInt8) -> DERTag { DERTag(rawValue: 0x80 | number & 0x1f) }
}

/// An object identifier, encoded.
struct DERObject: Sendable, Hashable {
    let bytes: [UInt8]

    /// 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
    static let ecPublicKey = DERObject(bytes: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01])
    /// 1.2.840.10045.3.1.7, secp256r1 (RFC 5480 §2.1.1.1)
    static let p256 = DERObject(bytes: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07])
    /// 1.2.840.10045.4.3.2 (RFC 5758 §3.2)
    static let ecdsaWithSHA256 = DERObject(bytes: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])
    /// 1.2.840.113549.1.9.14 (RFC 2985 §5.4.2)
    static let extensionRequest = DERObject(bytes: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e])
    /// 2.5.4.3 (RFC 5280 appendix A.1)
    static let commonName = DERObject(bytes: [0x55, 0x04, 0x03])
    /// 2.5.29.15 (RFC 5280 §4.2.1.3)
    static let keyUsage = DERObject(bytes: [0x55, 0x1d, 0x0f])
    /// 2.5.29.17 (RFC 5280 §4.2.1.6)
    static let subjectAlternativeName = DERObject(bytes: [0x55, 0x1d, 0x11])
    /// 2.5.29.35 (RFC 5280 §4.2.1.1)
    static let authorityKeyIdentifier = DERObject(bytes: [0x55, 0x1d, 0x23])
    /// 2.5.29.37 (RFC 5280 §4.2.1.12)
    static let extendedKeyUsage = DERObject(bytes: [0x55, 0x1d, 0x25])
    /// 1.3.6.1.5.5.7.3.1 (RFC 5280 §4.2.1.12)
    static let serverAuthentication = DERObject(bytes: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01])
    /// 1.3.6.1.5.5.7.1.31 (RFC 8737 §6.1)
    static let acmeIdentifier = DERObject(bytes: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f])
}
