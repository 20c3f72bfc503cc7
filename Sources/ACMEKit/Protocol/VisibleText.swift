// Text of others and bytes, made fit to be shown: what a CA says, without controls and not at any length; digests in digits.

import Primitives

enum VisibleText {
    /// `text` with a blank for each control character, cut off after `maximumCount` characters.
    static func make(_ text: String, maximumCount: Int) -> String {
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == maximumCount { return result + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result.unicodeScalars.append(" ")
            default: result.unicodeScalars.append(scalar)
            }
            count += 1
        }
        return result
    }
}

enum Hexadecimal {
    /// Two small digits for each byte.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { [HexDigit.lowercase($0 >> 4), HexDigit.lowercase($0)] }, as: UTF8.self)
    }
}
