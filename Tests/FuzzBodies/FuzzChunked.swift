// Invariant: any bytes after the head of a chunked request are a body, or lead to one error, never a trap; the same however
// they are cut; and what is accepted is what a plain reading of the grammar of RFC 9112 §7.1 accepts, with the same body and
// the same bytes left over. (The plain reading knows sizes and CRLFs; that extensions and trailers are stricter is checked one
// way only.)

import HTTPCodec

/// Runs the invariant over `bytes` as a chunked body and what follows it.
public func fuzzChunked(_ bytes: [UInt8]) {
    let whole = ChunkedOutcome(of: [bytes[...]])
    for pieces in cuts(of: bytes) {
        precondition(ChunkedOutcome(of: pieces) == whole, "the cut made a difference")
    }
    guard whole.isComplete else { return }
    guard let (body, rest) = plainReading(bytes) else { preconditionFailure("accepted what the grammar does not know") }
    precondition(body == whole.body && rest == whole.rest, "another body than a plain reading gives")
}

/// What became of the body.
private struct ChunkedOutcome: Equatable {
    var body: [UInt8] = []
    var rest: [UInt8] = []
    var isComplete = false
    var error: HTTPDecodeError?

    init(of pieces: [ArraySlice<UInt8>]) {
        var decoder = HTTPRequestDecoder()
        decoder.receive(Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)[...])
        do {
            try drain(&decoder)
            for piece in pieces {
                decoder.receive(piece)
                try drain(&decoder)
            }
            if isComplete { rest = Array(decoder.takeUnread()) }
        } catch {
            self.error = error
        }
    }

    private mutating func drain(_ decoder: inout HTTPRequestDecoder) throws(HTTPDecodeError) {
        while let event = try decoder.next() {
            switch event {
            case .head, .closed: break
            case .body(let bytes): body += bytes
            case .end: isComplete = true
            }
        }
    }
}

/// Lines that end with CRLF, a size before the first ";" or whitespace, data, CRLF; after the last chunk lines up to an empty
/// one.
private func plainReading(_ bytes: [UInt8]) -> (body: [UInt8], rest: [UInt8])? {
    var body: [UInt8] = []
    var rest = bytes[...]
    while true {
        guard let line = takeLine(&rest) else { return nil }
        let digits = line.prefix { $0 != 0x3b && $0 != 0x20 && $0 != 0x09 }
        guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else { return nil }
        if size == 0 { break }
        guard rest.count >= size else { return nil }
        body += rest.prefix(size)
        rest = rest.dropFirst(size)
        guard rest.starts(with: [0x0d, 0x0a]) else { return nil }
        rest = rest.dropFirst(2)
    }
    while let line = takeLine(&rest) {
        if line.isEmpty { return (body, Array(rest)) }
    }
    return nil
}

private func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let end = rest.firstIndex(of: 0x0a), end > rest.startIndex, rest[end - 1] == 0x0d else { return nil }
    defer { rest = rest[(end + 1)...] }
    return rest[rest.startIndex..<(end - 1)]
}
