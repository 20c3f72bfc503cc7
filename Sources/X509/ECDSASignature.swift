// The two forms of an ECDSA signature of P-256: r and s of 32 bytes each (RFC 7518 §3.4), and a DER sequence of two integers
// (RFC 3279 §2.2.3).

/// ECDSA signatures of P-256.
public enum ECDSASignature {
    /// r and s of a DER sequence, 32 bytes each, zero-padded on the left; nil if it is no such sequence.
    public static func raw(fromDER der: [UInt8]) -> [UInt8]? {
        var outer = DERReader(der[...])
        guard let sequence = outer.next(.sequence), outer.isAtEnd else { return nil }
        var inner = DERReader(sequence.content)
        guard let r = inner.next(.integer), let s = inner.next(.integer), inner.isAtEnd,
            let first = padded(r.content), let second = padded(s.content)
        else { return nil }
        return first + second
    }

    /// The DER sequence of a signature's 64 bytes; nil for any other count.
    public static func der(fromRaw raw: [UInt8]) -> [UInt8]? {
        guard raw.count == 64 else { return nil }
        return DER.sequence(DER.integer(raw[..<32]), DER.integer(raw[32...]))
    }

    /// A positive integer's content as 32 bytes.
    private static func padded(_ content: ArraySlice<UInt8>) -> [UInt8]? {
        guard let first = content.first, first < 0x80 else { return nil }
        let digits = content.drop { $0 == 0 }
        return digits.count <= 32 ? Array(repeating: 0, count: 32 - digits.count) + digits : nil
    }
}
