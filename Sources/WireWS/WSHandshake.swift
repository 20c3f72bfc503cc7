// The two computed fields of the opening handshake (RFC 6455 §4): Sec-WebSocket-Key and Sec-WebSocket-Accept.
//
// Strings in, strings out: what else the handshake demands of the HTTP request and response is checked where those are
// known. The key is refused unless it can be decoded to 16 bytes (§4.2.1); base64 is RFC 4648 §4, with padding.

/// Keys of the opening handshake.
public enum WSHandshake {
    /// `Sec-WebSocket-Accept` for `key`: base64 of SHA-1 of the key and a fixed GUID (RFC 6455 §4.2.2 step 5.4). A client
    /// calls it with its own key and compares. Nil: not the base64 form of 16 bytes, which is 22 digits and `==`.
    public static func accept(forKey key: String) -> String? {
        let text = Array(key.utf8)
        guard text.count == 24, text[22...] == [pad, pad], text[..<22].allSatisfy(digits.contains) else { return nil }
        return base64(SHA1.digest(of: text + guid).bytes)
    }

    /// A key for a client's handshake: 16 bytes from `random` in base64 (RFC 6455 §4.1).
    public static func makeKey(using random: inout some RandomNumberGenerator) -> String {
        let words = [random.next(), random.next()]
        return base64((0..<16).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64($0 % 8 * 8)) })
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : pad)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let guid = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let pad = UInt8(ascii: "=")
}
