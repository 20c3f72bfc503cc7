// Base64 with the alphabet for URLs and file names, without padding (RFC 4648 §5 as RFC 7515 §2 uses it). As strict as
// `Base64`: one sequence of bytes has one text only.

/// base64url without padding.
public enum Base64URL {
    /// The text of `bytes`.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text = Base64.encode(Array(bytes)[...])
        while text.last == Base64Tables.padding { text.removeLast() }
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "+"): text[index] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): text[index] = UInt8(ascii: "_")
            default: break
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` stands for; nil if it is not base64url, has padding, or bits at its end that are not zero.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var standard: [UInt8] = []
        standard.reserveCapacity(text.utf8.count + 3)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), Base64Tables.padding: return nil
            default: standard.append(byte)
            }
        }
        while standard.count % 4 != 0 { standard.append(Base64Tables.padding) }
        var bytes: [UInt8] = []
        do { try Base64.decode(standard[...], into: &bytes) } catch { return nil }
        return bytes
    }

    /// Whether all of `text` is in the alphabet, and there is something.
    public static func isAlphabet(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "-"), UInt8(ascii: "_"): true
                case UInt8(ascii: "+"), UInt8(ascii: "/"): false
                default: Base64Tables.value(of: byte) != nil
                }
            }
    }
}
