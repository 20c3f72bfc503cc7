// Text on its way into a page. All untrusted text goes through here, and can then neither run nor rearrange anything:
// characters with a meaning in HTML are escaped, and control and direction marks are made visible.

/// Escapes text for HTML, inside of quoted attributes too.
public enum HTML {
    /// `text` with everything escaped that means something in HTML, and with U+FFFD for each control or direction mark.
    public static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        append(escaping: text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `text`, escaped, as UTF-8.
    public static func append(escaping text: String, to bytes: inout [UInt8]) {
        append(escaping: Array(text.utf8), to: &bytes)
    }

    /// Copies runs of harmless bytes at once; most texts are one such run.
    private static func append(escaping text: [UInt8], to bytes: inout [UInt8]) {
        var start = 0
        var index = 0
        while index < text.count {
            guard isSuspect[Int(text[index])], let (escape, count) = escape(at: index, of: text) else {
                index += 1
                continue
            }
            bytes.append(contentsOf: text[start..<index])
            bytes.append(contentsOf: escape)
            index += count
            start = index
        }
        bytes.append(contentsOf: text[start..<index])
    }

    /// What to write for the character at `index`, and how many bytes it has; nil if it may stand as it is. The text is valid
    /// UTF-8, so the bytes that a first byte announces are there.
    private static func escape(at index: Int, of text: [UInt8]) -> ([UInt8], Int)? {
        switch text[index] {
        case UInt8(ascii: "&"): return (ampersand, 1)
        case UInt8(ascii: "<"): return (less, 1)
        case UInt8(ascii: ">"): return (greater, 1)
        case UInt8(ascii: "\""): return (quote, 1)
        case UInt8(ascii: "'"): return (apostrophe, 1)
        case 0xc2: return text[index + 1] < 0xa0 ? (replacement, 2) : nil
        case 0xd8: return text[index + 1] == 0x9c ? (replacement, 2) : nil
        case 0xe2: return isDirection(text[index + 1], text[index + 2]) ? (replacement, 3) : nil
        default: return (replacement, 1)
        }
    }

    /// Whether U+2000…U+207F, of which these are the last two bytes, is one of U+200E…F, U+2028…E, U+2066…9.
    private static func isDirection(_ second: UInt8, _ third: UInt8) -> Bool {
        switch (second, third) {
        case (0x80, 0x8e...0x8f), (0x80, 0xa8...0xae), (0x81, 0xa6...0xa9): true
        default: false
        }
    }

    /// The bytes that are escaped, or begin what may have to be: controls of ASCII and of U+0080…9F, U+061C, U+2000…
    private static let isSuspect: [Bool] = (0..<256).map { byte in
        byte < 0x20 || byte == 0x7f || [0xc2, 0xd8, 0xe2].contains(byte) || "&<>\"'".utf8.contains(UInt8(byte))
    }

    private static let ampersand = Array("&amp;".utf8)
    private static let less = Array("&lt;".utf8)
    private static let greater = Array("&gt;".utf8)
    private static let quote = Array("&quot;".utf8)
    private static let apostrophe = Array("&#39;".utf8)
    private static let replacement = Array("\u{fffd}".utf8)
}
