// Invariant: any bytes decode to responses or to one error, never a trap; the events, the error and the bytes left after HTTP
// are the same however the bytes are cut; and a response that decodes, encoded again, decodes to an equal response.
//
// The first byte chooses which methods the responses are to.

import HTTPCodec

/// Runs the invariant over `bytes` as what a server sent before it ended the connection.
public func fuzzHTTPResponse(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let methods = [["GET"], ["HEAD", "GET"], ["CONNECT"], ["POST", "HEAD"]][Int(choice & 3)]
    let rest = Array(bytes.dropFirst())
    let whole = HTTPResponseTranscript(of: [rest[...]], to: methods)
    for pieces in cuts(of: rest) {
        precondition(HTTPResponseTranscript(of: pieces, to: methods) == whole, "the cut made a difference")
    }
    for message in whole.messages where message.isComplete {
        let again = HTTPResponseTranscript(of: [message.encoded()[...]], to: [message.method])
        precondition(again.messages.count == 1 && again.messages[0] == message && again.error == nil, "encoding lost something")
    }
}

/// One response as it came, with the informational heads before it.
private struct HTTPResponseMessage: Equatable {
    var method: String
    var heads: [HTTPResponseHead] = []
    var framing = HTTPBodyFraming.none
    var body: [UInt8] = []
    var trailers = HTTPFields()
    var isComplete = false

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        var encoder = HTTPBodyEncoder(framing)
        do {
            for head in heads { try head.encode(into: &bytes) }
            try encoder.encode(body[...], into: &bytes)
            try encoder.finish(trailers: trailers, into: &bytes)
        } catch {
            preconditionFailure("what was decoded cannot be encoded: \(error)")
        }
        return bytes
    }
}

/// All that a decoder tells, for responses to `methods` in turn and then to GET.
private struct HTTPResponseTranscript: Equatable {
    var messages: [HTTPResponseMessage] = []
    var isClosed = false
    var unread: [UInt8] = []
    var error: HTTPDecodeError?
    private var startsMessage = true

    init(of pieces: [ArraySlice<UInt8>], to methods: [String]) {
        var decoder = HTTPResponseDecoder()
        decoder.expectResponse(to: methods[0])
        do {
            for piece in pieces {
                decoder.receive(piece)
                try drain(&decoder, methods)
            }
            decoder.receiveEOF()
            try drain(&decoder, methods)
            unread = Array(decoder.takeUnread())
        } catch {
            self.error = error
            precondition((try? decoder.next()) == nil && decoder.unreadCount == 0, "something came after the error")
        }
    }

    private mutating func drain(_ decoder: inout HTTPResponseDecoder, _ methods: [String]) throws(HTTPDecodeError) {
        while true {
            while let event = try decoder.next() { note(event, methods) }
            guard decoder.isPaused else { return }
            decoder.expectResponse(to: method(methods))
            if decoder.isPaused { return }
        }
    }

    private func method(_ methods: [String]) -> String { messages.count < methods.count ? methods[messages.count] : "GET" }

    private mutating func note(_ event: HTTPResponseDecoder.Event, _ methods: [String]) {
        precondition(!isClosed, "something came after the end")
        switch event {
        case .head(let head, let framing):
            if startsMessage { messages.append(HTTPResponseMessage(method: method(methods))) }
            startsMessage = false
            messages[messages.count - 1].heads.append(head)
            messages[messages.count - 1].framing = framing
        case .body(let bytes):
            precondition(!bytes.isEmpty)
            messages[messages.count - 1].body += bytes
        case .end(let trailers):
            messages[messages.count - 1].trailers = trailers
            messages[messages.count - 1].isComplete = true
            startsMessage = true
        case .closed: isClosed = true
        }
    }
}
