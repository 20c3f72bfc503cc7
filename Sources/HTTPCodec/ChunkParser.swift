// The lines between chunks (RFC 9112 §7.1), read byte by byte as they come, so that nothing has to be kept.
//
//     chunk      = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//     chunk-size = 1*HEXDIG
//     chunk-ext  = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//
// Extensions are checked and forgotten. Refused: anything but hexadecimal digits as the size, more than 16 of them or a size
// above 2^63-1, whitespace that no ";" follows, a bare LF, and anything but CR LF after the data. A recipient that skips any of
// these unread can be made to see another message than the next reader does. Extensions far in excess of data are refused as
// well.

import Primitives

/// Reads what stands between the data of two chunks: the CRLF after data, and the next chunk's line.
struct ChunkParser: Sendable {
    private enum State: Sendable {
        case footerCR
        case footerLF
        case sizeStart
        case size
        /// Whitespace after the size or after an extension: ";" must follow.
        case beforeSemicolon
        case beforeName
        case name
        /// Whitespace after an extension's name: "=" or ";" must follow.
        case afterName
        case beforeValue
        case token
        case quoted
        case quotedPair
        case afterQuoted
        case lineFeed
        case done
    }

    private var state = State.sizeStart
    private var size: UInt64 = 0
    private var digits = 0
    /// Bytes of the current line.
    private var lineBytes = 0
    /// How far framing exceeds 16 bytes a chunk and twice the data, over the whole body.
    private var excess = 0

    /// Excess of framing over data that is tolerated in one body.
    private static let maximumExcess = 16 * 1024

    /// Prepares for the line of the next chunk; after data, its CRLF comes first.
    mutating func beginLine(afterData: Bool) {
        state = afterData ? .footerCR : .sizeStart
        size = 0
        digits = 0
        lineBytes = 0
    }

    /// Reads on. Returns how many bytes it read, and the size if the line is complete.
    mutating func parse(
        _ bytes: ArraySlice<UInt8>, maximumLineBytes: Int
    ) throws(HTTPDecodeError) -> (consumed: Int, size: UInt64?) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            try advance(byte)
            if state == .done {
                try account()
                return (index - bytes.startIndex, size)
            }
            guard lineBytes <= maximumLineBytes else { throw .tooLarge(.chunkLine) }
        }
        return (bytes.count, nil)
    }

    private mutating func advance(_ byte: UInt8) throws(HTTPDecodeError) {
        switch state {
        case .footerCR:
            guard byte == Octet.carriageReturn else { throw .badChunk("no CRLF after the data") }
            state = .footerLF
        case .footerLF:
            guard byte == Octet.lineFeed else { throw .badChunk("no CRLF after the data") }
            state = .sizeStart
        case .sizeStart, .size:
            try advanceSize(byte)
        case .lineFeed:
            guard byte == Octet.lineFeed else { throw .badChunk("bare CR") }
            state = .done
        case .beforeSemicolon, .beforeName, .name, .afterName, .beforeValue, .token, .quoted, .quotedPair, .afterQuoted:
            if byte != Octet.carriageReturn { lineBytes += 1 }
            try advanceExtension(byte)
        case .done:
            break
        }
    }

    private mutating func advanceSize(_ byte: UInt8) throws(HTTPDecodeError) {
        if let value = HexDigit.value(byte) {
            guard digits < 16, size >> 59 == 0 else { throw .badChunk("size above 2^63-1") }
            size = size << 4 | UInt64(value)
            digits += 1
            lineBytes += 1
            state = .size
            return
        }
        guard state == .size else { throw .badChunk("no hexadecimal size") }
        if byte != Octet.carriageReturn { lineBytes += 1 }
        try endItem(byte)
    }

    /// What may follow a complete size or extension.
    private mutating func endItem(_ byte: UInt8) throws(HTTPDecodeError) {
        switch byte {
        case Octet.carriageReturn where state != .beforeSemicolon: state = .lineFeed
        case Octet.semicolon: state = .beforeName
        case Octet.space, Octet.horizontalTab: state = .beforeSemicolon
        default: throw .badChunk(byte == Octet.lineFeed ? "bare LF" : "illegal character in the chunk line")
        }
    }

    private mutating func advanceExtension(_ byte: UInt8) throws(HTTPDecodeError) {
        let isWhitespace = Octet.isWhitespace(byte)
        let isToken = Octet.isTokenCharacter(byte)
        switch state {
        case .beforeName where isToken: state = .name
        case .beforeName where isWhitespace: break
        case .name where isToken: break
        case .name where byte == Octet.equals, .afterName where byte == Octet.equals: state = .beforeValue
        case .name where isWhitespace, .afterName where isWhitespace: state = .afterName
        case .afterName where byte == Octet.semicolon: state = .beforeName
        case .beforeValue where isToken: state = .token
        case .beforeValue where byte == Octet.quote: state = .quoted
        case .beforeValue where isWhitespace: break
        case .token where isToken: break
        case .quoted where byte == Octet.quote: state = .afterQuoted
        case .quoted where byte == Octet.backslash: state = .quotedPair
        case .quoted where Octet.isValueCharacter(byte): break
        case .quotedPair where Octet.isValueCharacter(byte): state = .quoted
        case .name, .token, .afterQuoted, .beforeSemicolon: try endItem(byte)
        case .beforeName, .afterName, .beforeValue, .quoted, .quotedPair, .footerCR, .footerLF, .sizeStart, .size, .lineFeed,
            .done:
            throw .badChunk(byte == Octet.lineFeed ? "bare LF" : "illegal chunk extension")
        }
    }

    /// One-byte chunks with long extensions would make a recipient read hundreds of bytes for each byte of data.
    private mutating func account() throws(HTTPDecodeError) {
        let data = Int(truncatingIfNeeded: min(size, 1 << 20))
        excess = max(0, excess + lineBytes + 4 - 16 - 2 * data)
        guard excess <= Self.maximumExcess else { throw .tooLarge(.chunkLine) }
    }
}
