// How much of a peer's message a decoder takes before it refuses, and the names of these limits in errors. None of them
// reserves memory: a decoder holds what came, and what came is at most start line + field section + 4 bytes (or one trailer
// section) beside the bytes it was handed and has not yet been asked for.

/// What one message may cost.
public struct HTTPLimits: Sendable, Hashable {
    /// Bytes of the request line or status line, without its CRLF. A longer one gets 414. RFC 9112 §3 asks for at least
    /// 8000; single-page applications keep whole states in an address.
    public var maximumStartLineBytes = 64 * 1024
    /// Bytes of all field lines of a head together, each with its CRLF; room for many cookies and long policies. A breach: 431.
    public var maximumFieldSectionBytes = 64 * 1024
    /// Field lines in a head, and again in a trailer section; what a lookup may have to walk through. A breach: 431.
    public var maximumFieldCount = 200
    /// Bytes of one chunk-size line with its extensions, without its CRLF. A breach: 400.
    public var maximumChunkLineBytes = 256
    /// Bytes of all trailer field lines together, each with its CRLF. A breach: 431.
    public var maximumTrailerBytes = 8 * 1024

    /// The defaults above.
    public init() {}

    /// As many bytes for the start line, and as many for all field lines.
    public mutating func setHead(bytes: Int) {
        maximumStartLineBytes = bytes
        maximumFieldSectionBytes = bytes
    }
}

/// Which limit was exceeded.
public enum HTTPLimitName: Sendable, Hashable, CaseIterable {
    /// `maximumStartLineBytes`.
    case startLine
    /// `maximumFieldSectionBytes`.
    case fieldSection
    /// `maximumFieldCount`.
    case fieldCount
    /// `maximumChunkLineBytes`, or far more framing than data over many chunks.
    case chunkLine
    /// `maximumTrailerBytes`.
    case trailers
}
