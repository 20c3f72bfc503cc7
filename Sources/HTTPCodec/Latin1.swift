// Text as ISO 8859-1. Field values, paths and reason phrases are bytes; as text each byte is the character of its number, which
// loses nothing.

/// Bytes as text whose characters have their numbers, and back.
public enum Latin1 {
    /// The text whose scalars have the values of `bytes`.
    static func string(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        if Scan.isASCII(bytes) { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: bytes.map { UInt16($0) }, as: UTF16.self)
    }

    /// The text whose scalars have the values of `bytes`.
    public static func string(_ bytes: ArraySlice<UInt8>) -> String { bytes.withUnsafeBufferPointer { string($0) } }

    /// The text whose scalars have the values of `bytes`.
    public static func string(_ bytes: [UInt8]) -> String { bytes.withUnsafeBufferPointer { string($0) } }

    /// The text whose scalars have the values of `bytes`.
    public static func string(_ bytes: Span<UInt8>) -> String { bytes.withUnsafeBufferPointer { string($0) } }

    /// Appends one byte for each scalar; false, with part of it written, if a scalar lies above U+00FF.
    static func append(_ text: String, to bytes: inout [UInt8]) -> Bool {
        var text = text
        let isPlain = text.withUTF8 { utf8 in
            guard Scan.isASCII(utf8) else { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
        if isPlain { return true }
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { return false }
            bytes.append(byte)
        }
        return true
    }
}
