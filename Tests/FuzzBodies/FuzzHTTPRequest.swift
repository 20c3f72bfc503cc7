// Invariant: any bytes decode to requests or to one error, never a trap; the events and the error are the same however the
// bytes are cut; after an error nothing comes but that error; and a request that decodes, encoded again, decodes to an equal
// request.

import HTTPCodec

/// Runs the invariant over `bytes` as what a client sent before it ended the connection.
public func fuzzHTTPRequest(_ bytes: [UInt8]) {
    let whole = HTTPRequestTranscript(of: [bytes[...]])
    for pieces in cuts(of: bytes) {
        precondition(HTTPRequestTranscript(of: pieces) == whole, "the cut made a difference")
    }
    for message in whole.messages where message.isComplete {
        let again = HTTPRequestTranscript(of: [message.encoded()[...]])
        precondition(again.messages.count == 1 && again.messages[0] == message && again.error == nil, "encoding lost something")
    }
    let header = proxyHeader([bytes[...]])
    for pieces in cuts(of: bytes) { precondition(proxyHeader(pieces) == header, "the cut made a difference to a PROXY header") }
}

/// What a proxy said before, if it is that: the header with the count of bytes after it, or the error.
private func proxyHeader(_ pieces: [ArraySlice<UInt8>]) -> [String] {
    var decoder = ProxyHeaderDecoder()
    var (header, rest) = ("", 0)
    for piece in pieces {
        guard header.isEmpty else {
            rest += piece.count
            continue
        }
        do throws(ProxyHeaderError) {
            guard let found = try decoder.receive(piece) else { continue }
            (header, rest) = ("\(found)", decoder.rest.count)
        } catch { return [error.description] }
    }
    return [header, "\(rest)"]
}

/// `bytes` whole, in single bytes, and in two parts at places that depend on the input.
func cuts(of bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
    guard bytes.count > 1 else { return [] }
    var ways = [bytes.indices.map { bytes[$0...$0] }]
    let seed = bytes.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xffff_ffff }
    for number in 1...4 {
        let cut = 1 + (seed &* number) % (bytes.count - 1)
        ways.append([bytes[..<cut], bytes[cut...]])
    }
    return ways
}

/// One request as it came.
private struct HTTPRequestMessage: Equatable {
    var head: HTTPRequestHead
    var framing: HTTPBodyFraming
    var body: [UInt8] = []
    var trailers = HTTPFields()
    var isComplete = false

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        var encoder = HTTPBodyEncoder(framing)
        do {
            try head.encode(into: &bytes)
            try encoder.encode(body[...], into: &bytes)
            try encoder.finish(trailers: trailers, into: &bytes)
        } catch {
            preconditionFailure("what was decoded cannot be encoded: \(error)")
        }
        return bytes
    }
}

/// All that a decoder tells.
private struct HTTPRequestTranscript: Equatable {
    var messages: [HTTPRequestMessage] = []
    var isClosed = false
    var error: HTTPDecodeError?

    init(of pieces: [ArraySlice<UInt8>]) {
        var decoder = HTTPRequestDecoder()
        do {
            for piece in pieces {
                decoder.receive(piece)
                try drain(&decoder)
            }
            decoder.receiveEOF()
            try drain(&decoder)
            precondition(isClosed, "the end of the connection was not told")
        } catch {
            self.error = error
            precondition((try? decoder.next()) == nil && decoder.unreadCount == 0, "something came after the error")
        }
    }

    private mutating func drain(_ decoder: inout HTTPRequestDecoder) throws(HTTPDecodeError) {
        while true {
            while let event = try decoder.next() {
                precondition(!isClosed, "something came after the end")
                switch event {
                case .head(let head, let framing): messages.append(HTTPRequestMessage(head: head, framing: framing))
                case .body(let bytes):
                    precondition(!bytes.isEmpty)
                    messages[messages.count - 1].body += bytes
                case .end(let trailers):
                    messages[messages.count - 1].trailers = trailers
                    messages[messages.count - 1].isComplete = true
                case .closed: isClosed = true
                }
            }
            guard decoder.isPaused else { return }
            decoder.startNextMessage()
        }
    }
}
