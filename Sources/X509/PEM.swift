// PEM, the textual form of keys and certificates (RFC 7468): written with lines of 64 characters, read with lines of any
// length. What stands between blocks is passed over, as the RFC wants.

import RPCCore

/// One block of a PEM text.
public struct PEMBlock: Sendable, Hashable {
    /// What it is: `CERTIFICATE`, `PRIVATE KEY`, …
    public var label: String
    /// What it holds, DER as a rule.
    public var bytes: [UInt8]
    /// Whether lines above the bytes say that they are encrypted, as an older form for keys has it.
    public var isEncrypted = false

    /// A block of these bytes.
    public init(label: String, bytes: [UInt8]) {
        self.label = label
        self.bytes = bytes
    }

    /// The block as text, with a newline at the end.
    public var text: String {
        let base64 = Base64.encode(bytes[...])
        let lines = stride(from: 0, to: base64.count, by: 64).map {
            String(decoding: base64[$0..<min($0 + 64, base64.count)], as: UTF8.self) + "\n"
        }
        return "-----BEGIN \(label)-----\n" + lines.joined() + "-----END \(label)-----\n"
    }

    /// All blocks in `text`, in order.
    /// - Throws: if a block has no end or is not base64.
    public static func all(in text: some Sequence<UInt8>) throws(PEMError) -> [PEMBlock] {
        var blocks: [PEMBlock] = []
        var open: (label: String, base64: [UInt8], isEncrypted: Bool)?
        for line in Array(text).split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }).map(trimmed) {
            if let label = label(of: line, "-----BEGIN ") {
                if let open { throw PEMError("a block of PEM has no end: \(visible(open.label))") }
                open = (label, [], false)
            } else if let current = open {
                if line == Array("-----END \(current.label)-----".utf8)[...] {
                    blocks.append(try block(current))
                    open = nil
                } else if line.contains(UInt8(ascii: ":")) {
                    open?.isEncrypted = current.isEncrypted || String(decoding: line, as: UTF8.self).hasSuffix("ENCRYPTED")
                } else if !current.isEncrypted {
                    open?.base64 += line
                }
            }
        }
        if let open { throw PEMError("a block of PEM has no end: \(visible(open.label))") }
        return blocks
    }

    private static func block(_ open: (label: String, base64: [UInt8], isEncrypted: Bool)) throws(PEMError) -> PEMBlock {
        var block = PEMBlock(label: open.label, bytes: [])
        block.isEncrypted = open.isEncrypted
        if open.isEncrypted { return block }
        do throws(Base64Error) { try Base64.decode(open.base64[...], into: &block.bytes) } catch {
            throw PEMError("a block of PEM is not base64: \(visible(open.label))")
        }
        return block
    }

    private static func label(of line: ArraySlice<UInt8>, _ start: String) -> String? {
        guard line.starts(with: start.utf8), line.count <= 100, line.suffix(5).elementsEqual("-----".utf8) else { return nil }
        return String(decoding: line.dropFirst(start.utf8.count).dropLast(5), as: UTF8.self)
    }

    private static func visible(_ label: String) -> String { String(label.filter { $0.isLetter || $0.isNumber || $0 == " " }) }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line.drop { $0 == 0x20 || $0 == 0x09 }
        while let last = line.last, last == 0x20 || last == 0x09 { line.removeLast() }
        return line
    }
}

/// A PEM text that cannot be read.
public struct PEMError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence for people, without what the text holds.
    public var description: String
    /// An error with this sentence.
    init(_ description: String) { self.description = description }
}
