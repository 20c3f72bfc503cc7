// A dialogue as data: what a decoder makes of bytes, with adjoining body pieces joined, so that two ways to cut the same bytes
// can be compared.

import HTTPCodec
import TestSupport
import Testing

/// What was seen, in order.
enum Seen: Equatable, Sendable {
    case request(HTTPRequestHead, HTTPBodyFraming)
    case response(HTTPResponseHead, HTTPBodyFraming)
    case body([UInt8])
    case end([String])
    case closed
    case unread([UInt8])
    case failed(HTTPDecodeError)

    /// A few words, for comparison with a literal.
    var brief: String {
        switch self {
        case .request(let head, let framing): "\(head.method) \(text(head.target)) \(framing)"
        case .response(let head, let framing): "\(head.status) \(framing)"
        case .body(let bytes): "body \(text(bytes))"
        case .end(let trailers): trailers.isEmpty ? "end" : "end \(trailers.joined(separator: "|"))"
        case .closed: "closed"
        case .unread(let bytes): "unread \(text(bytes))"
        case .failed(let error): "failed \(error.suggestedStatus)"
        }
    }
}

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

extension [Seen] {
    mutating func add(_ seen: Seen) {
        if case .body(let more) = seen, case .body(let bytes)? = last {
            self[count - 1] = .body(bytes + more)
        } else {
            append(seen)
        }
    }

    var brief: [String] { map(\.brief) }

    var error: HTTPDecodeError? {
        guard case .failed(let error)? = last else { return nil }
        return error
    }
}

/// The requests in `pieces`, each begun as soon as the one before has ended.
func requests(_ pieces: [ArraySlice<UInt8>], limits: HTTPLimits = HTTPLimits(), eof: Bool = true) -> [Seen] {
    var decoder = HTTPRequestDecoder(limits: limits)
    var seen: [Seen] = []
    do {
        for piece in pieces {
            decoder.receive(piece)
            try drain(&decoder, into: &seen)
        }
        if eof {
            decoder.receiveEOF()
            try drain(&decoder, into: &seen)
        }
    } catch {
        seen.add(.failed(error))
    }
    return seen
}

private func drain(_ decoder: inout HTTPRequestDecoder, into seen: inout [Seen]) throws(HTTPDecodeError) {
    while true {
        while let event = try decoder.next() {
            switch event {
            case .head(let head, let framing): seen.add(.request(head, framing))
            case .body(let bytes): seen.add(.body(Array(bytes)))
            case .end(let trailers): seen.add(.end(trailers.map { "\($0.nameString)=\($0.valueString)" }))
            case .closed: seen.add(.closed)
            }
        }
        guard decoder.isPaused else { return }
        decoder.startNextMessage()
    }
}

/// The responses in `pieces` to requests with `methods` in turn, and then to GET.
func responses(
    _ pieces: [ArraySlice<UInt8>], to methods: [String] = [], limits: HTTPLimits = HTTPLimits(), eof: Bool = true
) -> [Seen] {
    var decoder = HTTPResponseDecoder(limits: limits)
    var seen: [Seen] = []
    var methods = methods[...]
    decoder.expectResponse(to: methods.popFirst() ?? "GET")
    do {
        for piece in pieces {
            decoder.receive(piece)
            try drain(&decoder, &methods, into: &seen)
        }
        if eof {
            decoder.receiveEOF()
            try drain(&decoder, &methods, into: &seen)
        }
    } catch {
        seen.add(.failed(error))
    }
    if decoder.unreadCount > 0 { seen.add(.unread(Array(decoder.takeUnread()))) }
    return seen
}

private func drain(
    _ decoder: inout HTTPResponseDecoder, _ methods: inout ArraySlice<String>, into seen: inout [Seen]
) throws(HTTPDecodeError) {
    while true {
        while let event = try decoder.next() {
            switch event {
            case .head(let head, let framing): seen.add(.response(head, framing))
            case .body(let bytes): seen.add(.body(Array(bytes)))
            case .end(let trailers): seen.add(.end(trailers.map { "\($0.nameString)=\($0.valueString)" }))
            case .closed: seen.add(.closed)
            }
        }
        guard decoder.isPaused else { return }
        let before = decoder.unreadCount
        decoder.expectResponse(to: methods.popFirst() ?? "GET")
        if decoder.isPaused, decoder.unreadCount == before { return }
    }
}

/// Decodes `message` whole, and checks that it makes no difference how it is cut.
func requests(_ message: String, limits: HTTPLimits = HTTPLimits(), eof: Bool = true) -> [Seen] {
    requests(bytes: Array(message.utf8), limits: limits, eof: eof)
}

/// Decodes `message` whole, and checks that it makes no difference how it is cut.
func requests(bytes: [UInt8], limits: HTTPLimits = HTTPLimits(), eof: Bool = true) -> [Seen] {
    let difference = firstDisagreement(over: bytes, exhaustiveLimit: 120) { requests($0, limits: limits, eof: eof) }
    #expect(difference == nil, "\(text(bytes))")
    return requests([bytes[...]], limits: limits, eof: eof)
}

/// Decodes `message` whole, and checks that it makes no difference how it is cut.
func responses(
    _ message: String, to methods: [String] = [], limits: HTTPLimits = HTTPLimits(), eof: Bool = true
) -> [Seen] {
    let bytes = Array(message.utf8)
    let difference = firstDisagreement(over: bytes, exhaustiveLimit: 120) {
        responses($0, to: methods, limits: limits, eof: eof)
    }
    #expect(difference == nil, "\(message)")
    return responses([bytes[...]], to: methods, limits: limits, eof: eof)
}

/// The fields with these names and values.
func fields(_ pairs: (HTTPFieldName, String)...) throws -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs { try fields.append(name, value) }
    return fields
}
