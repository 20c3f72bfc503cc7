// PEM, the textual form of keys and certificates (RFC 7468): written with lines of 64 characters, read with lines of any
// length.

import RPCCore

/// Textual encodings.
public enum PEM {
    /// `bytes` as a block with this label, such as `CERTIFICATE`.
    public static func text(_ label: String, _ bytes: [UInt8]) -> String {
        let base64 = Base64.encode(bytes[...])
        let lines = stride(from: 0, to: base64.count, by: 64).map {
            String(decoding: base64[$0..<min($0 + 64, base64.count)], as: UTF8.self) + "\n"
        }
        return "-----BEGIN \(label)-----\n" + lines.joined() + "-----END \(label)-----\n"
    }

    /// The contents of all blocks with this label, in order; nil if there is none, more than `maximumCount`, or one that is cut
    /// short or is not base64. What stands between blocks, and blocks with other labels, do not count.
    public static func blocks(_ label: String, in text: String, maximumCount: Int) -> [[UInt8]]? {
        var blocks: [[UInt8]] = []
        var current: [UInt8]?
        for line in text.utf8.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
            let line = trimmed(line)
            if line.elementsEqual("-----BEGIN \(label)-----".utf8) {
                guard current == nil, blocks.count < maximumCount else { return nil }
                current = []
            } else if line.elementsEqual("-----END \(label)-----".utf8) {
                guard let base64 = current, let bytes = decoded(base64) else { return nil }
                blocks.append(bytes)
                current = nil
            } else {
                current?.append(contentsOf: line)
            }
        }
        return current == nil && !blocks.isEmpty ? blocks : nil
    }

    private static func decoded(_ base64: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        do { try Base64.decode(base64[...], into: &bytes) } catch { return nil }
        return bytes.isEmpty ? nil : bytes
    }

    /// A line without blanks at its end.
    private static func trimmed(_ line: Substring.UTF8View) -> Substring.UTF8View {
        var line = line
        while let last = line.last, last == 0x20 || last == 0x09 { line.removeLast() }
        return line
    }
}
