// A quiet stream of server-sent events is cut by many a thing on its way. A comment now and then (`:` and a blank line, which
// every reader of events ignores) keeps it open: WHATWG HTML §9.2.7 recommends it, and the gateway may do it for a service that
// does not.
//
// It may stand between two events only, and only where a body can take more bytes: never under a Content-Length, never inside a
// Content-Encoding. Nothing but the last four bytes is looked at, and nothing at all where it is off.

import HTTPCodec

/// The end of what was sent of an event stream.
struct EventStreamTail: Sendable, Hashable {
    /// What is sent between events.
    static let comment = ServerSentEvent.comment[...]

    /// The last four bytes, the latest in the low byte.
    private var last: UInt32 = 0
    private var isEmpty = true

    /// The stream's beginning, if this response is one and may be added to; nil otherwise.
    init?(_ head: ForwardedResponse, method: String) {
        guard head.status == 200, method == "GET", head.framing == .chunked || head.framing == .untilClose else { return nil }
        guard head.first(.contentEncoding) == nil, let type = head.first(.contentType), Self.isEventStream(type) else {
            return nil
        }
    }

    /// These bytes were sent.
    mutating func append(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes.suffix(4) { last = last << 8 | UInt32(byte) }
        if !bytes.isEmpty { isEmpty = false }
    }

    /// Whether the last bytes are a blank line, or there are none: LF LF, CR CR or CR LF CR LF.
    var isBetweenEvents: Bool {
        isEmpty || last & 0xffff == 0x0a0a || last & 0xffff == 0x0d0d || last == 0x0d0a_0d0a
    }

    /// `text/event-stream`, with or without parameters.
    private static func isEventStream(_ type: ArraySlice<UInt8>) -> Bool {
        let name = Array("text/event-stream".utf8)
        guard type.count >= name.count, zip(type, name).allSatisfy({ $0 | 0x20 == $1 || $0 == $1 }) else { return false }
        guard let next = type.dropFirst(name.count).first else { return true }
        return next == UInt8(ascii: ";") || next == UInt8(ascii: " ")
    }
}
