// What can be wrong with a message: of a peer's, `HTTPDecodeError`, with the status of the response to it; of our own,
// `HTTPFieldError`.
//
// After a decode error nothing that follows on the connection can be trusted (RFC 9112 §11.2): a server sends the suggested
// status and closes, a client treats the response as failed (a gateway responds with 502) and closes.

/// Why a decoder gave up; it stays in that state and repeats the error.
public enum HTTPDecodeError: Error, Sendable, Hashable {
    /// The request line or status line is not what RFC 9112 §3 and §4 describe.
    case badStartLine(String)
    /// A field line (of the head, or of the trailers) is malformed, forbidden or repeated where it must not be; `index` counts
    /// field lines from 0.
    case badField(index: Int, reason: String)
    /// The version is well-formed, but its major number is not 1.
    case badVersion
    /// The length of the body is not given in exactly one clear way (RFC 9112 §6).
    case badFraming(String)
    /// The chunked coding is broken (RFC 9112 §7.1).
    case badChunk(String)
    /// The connection ended within a message.
    case unexpectedEOF
    /// A limit was exceeded.
    case tooLarge(HTTPLimitName)
    /// A transfer coding other than `chunked`.
    case unsupportedTransferCoding

    /// The status with which a server refuses such a request.
    public var suggestedStatus: Int {
        switch self {
        case .badStartLine, .badField, .badFraming, .badChunk, .unexpectedEOF: 400
        case .badVersion: 505
        case .unsupportedTransferCoding: 501
        case .tooLarge(.startLine): 414
        case .tooLarge(.fieldSection), .tooLarge(.fieldCount), .tooLarge(.trailers): 431
        case .tooLarge(.chunkLine): 400
        }
    }
}

extension HTTPDecodeError: CustomStringConvertible {
    /// One line for a log; holds nothing of what the peer sent.
    public var description: String {
        switch self {
        case .badStartLine(let reason): "malformed start line: \(reason)"
        case .badField(let index, let reason): "malformed field line \(index): \(reason)"
        case .badVersion: "HTTP major version is not 1"
        case .badFraming(let reason): "ambiguous message framing: \(reason)"
        case .badChunk(let reason): "malformed chunked coding: \(reason)"
        case .unexpectedEOF: "the connection ended within a message"
        case .tooLarge(let limit): "limit exceeded: \(limit)"
        case .unsupportedTransferCoding: "transfer coding is not \"chunked\""
        }
    }
}

/// Something that we were about to send is not HTTP; refusing it is what makes header splitting impossible.
public struct HTTPFieldError: Error, Sendable, Hashable {
    /// The part of a message that cannot be written.
    public enum Part: Sendable, Hashable {
        /// A field name that is no token.
        case name
        /// A field value with CR, LF, NUL, another control character, or text outside ISO 8859-1.
        case value
        /// A method that is no token.
        case method
        /// A request target that is empty, or has whitespace or control characters.
        case target
        /// A status outside 100...999.
        case status
        /// A reason phrase with control characters, or text outside ISO 8859-1.
        case reason
        /// A field that must not stand in a trailer section.
        case trailer
    }

    /// What is wrong.
    public var part: Part

    /// An error about `part`.
    public init(_ part: Part) { self.part = part }
}
