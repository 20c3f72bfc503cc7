// Swift source as words and signs, so that a rule such as "no force unwrap" judges code and neither comments nor text.
// Knows nested comments, plain, raw and multi-line strings, and the code inside their interpolations. Does not know regex
// literals, which nothing here uses: a quote inside one would be taken for the beginning of a string.

/// A piece of source.
struct Token: Equatable {
    enum Kind: Equatable {
        /// An identifier, keyword or number; in backticks, if that is how it was written.
        case word
        /// One character of punctuation.
        case sign
        /// A literal string; `text` is what stands between the quotes, escapes as written, interpolations left out.
        case string
    }

    let kind: Kind
    var text: String
    /// Counted from 1.
    let line: Int
    /// Whether whitespace or a comment stands before it.
    let followsSpace: Bool

    func isWord(_ word: String) -> Bool { kind == .word && text == word }
    func isSign(_ sign: String) -> Bool { kind == .sign && text == sign }
}

/// The tokens of `source` in order; those of an interpolation come right after their string.
func swiftTokens(of source: String) -> [Token] {
    var tokenizer = Tokenizer(bytes: Array(source.utf8))
    tokenizer.scanCode(isInterpolation: false)
    return tokenizer.tokens
}

/// `0 <= index <= bytes.count`.
private struct Tokenizer {
    let bytes: [UInt8]
    var index = 0
    var line = 1
    var followsSpace = false
    var tokens: [Token] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads to the end of the source, or past the parenthesis that ends an interpolation.
    mutating func scanCode(isInterpolation: Bool) {
        var depth = 0
        while let byte = peek(0) {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                advance()
                followsSpace = true
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLineComment()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipBlockComment()
            case UInt8(ascii: "\""): scanString(hashes: 0)
            case UInt8(ascii: "#") where hashesBeforeQuote() > 0:
                let hashes = hashesBeforeQuote()
                index += hashes
                scanString(hashes: hashes)
            case _ where isWordByte(byte): scanWord()
            case UInt8(ascii: ")") where isInterpolation && depth == 0:
                advance()
                return
            default:
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                emit(.sign, String(UnicodeScalar(byte)))
                advance()
            }
        }
    }

    private func peek(_ distance: Int) -> UInt8? {
        index + distance < bytes.count ? bytes[index + distance] : nil
    }

    private mutating func advance() {
        if peek(0) == UInt8(ascii: "\n") { line += 1 }
        index += 1
    }

    private mutating func emit(_ kind: Token.Kind, _ text: String) {
        tokens.append(Token(kind: kind, text: text, line: line, followsSpace: followsSpace))
        followsSpace = false
    }

    private mutating func scanWord() {
        let start = index
        while let byte = peek(0), isWordByte(byte) { index += 1 }
        emit(.word, String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func skipLineComment() {
        while let byte = peek(0), byte != UInt8(ascii: "\n") { index += 1 }
        followsSpace = true
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if peek(0) == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                depth += 1
                index += 2
            } else if peek(0) == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                depth -= 1
                index += 2
            } else {
                advance()
            }
        } while depth > 0 && index < bytes.count
        followsSpace = true
    }

    /// How many `#` stand here, if a quote follows them; otherwise 0.
    private func hashesBeforeQuote() -> Int {
        var count = 0
        while peek(count) == UInt8(ascii: "#") { count += 1 }
        return peek(count) == UInt8(ascii: "\"") ? count : 0
    }

    /// Reads a string from its first quote to past its last.
    private mutating func scanString(hashes: Int) {
        let isLong = standsHere("\"\"\"", hashes: 0)
        let quote = isLong ? "\"\"\"" : "\""
        emit(.string, "")
        let own = tokens.count - 1
        var text: [UInt8] = []
        index += quote.utf8.count
        while let byte = peek(0), !standsHere(quote, hashes: hashes), isLong || byte != UInt8(ascii: "\n") {
            if standsHere("\\", hashes: hashes) {
                index += 1 + hashes
                if peek(0) == UInt8(ascii: "(") {
                    index += 1
                    scanCode(isInterpolation: true)
                } else {
                    text.append(byte)
                    if let escaped = peek(0) { text.append(escaped) }
                    advance()
                }
            } else {
                text.append(byte)
                advance()
            }
        }
        if standsHere(quote, hashes: hashes) { index += quote.utf8.count + hashes }
        tokens[own].text = String(decoding: text, as: UTF8.self)
        followsSpace = false
    }

    /// Whether `text` and so many `#` stand here.
    private func standsHere(_ text: String, hashes: Int) -> Bool {
        var distance = 0
        for byte in text.utf8 {
            guard peek(distance) == byte else { return false }
            distance += 1
        }
        return (0..<hashes).allSatisfy { peek(distance + $0) == UInt8(ascii: "#") }
    }
}

private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "`"), 0x80...0xff:
        true
    default: false
    }
}
