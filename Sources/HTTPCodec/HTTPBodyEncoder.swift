// Writing a body so that its recipient ends it where we do (RFC 9112 §6, §7.1): counts against a declared length, or wraps
// pieces in the chunked coding. What was declared is kept to, or the caller is told; it must then close the connection.
//
// A piece goes through `encode`, or, when the caller writes the bytes itself, between `encodePrefix` and `encodeSuffix`. A
// piece of no bytes writes nothing, since an empty chunk would end the body.

import Primitives

/// Writes the body of one message.
public struct HTTPBodyEncoder: Sendable {
    /// Why something was not written; nothing was then appended.
    public enum Failure: Error, Sendable, Hashable {
        /// More bytes than `length` declared, any bytes with `none`, or any after `finish`.
        case longerThanDeclared
        /// `finish` came this many bytes too early.
        case shorterThanDeclared(missing: UInt64)
        /// Only the chunked coding can carry trailers.
        case trailersNotAllowed
        /// A trailer field that decides about framing, routing or the connection.
        case fieldError(HTTPFieldError)
    }

    /// As given.
    public let framing: HTTPBodyFraming
    /// Whether `finish` succeeded.
    public private(set) var isFinished = false
    /// Bytes that `length` still demands.
    private var remaining: UInt64 = 0
    /// Whether a chunk still lacks the CRLF after its data.
    private var owesSuffix = false

    /// An encoder for a body that the head declared as `framing`.
    public init(_ framing: HTTPBodyFraming) {
        self.framing = framing
        if case .length(let count) = framing { remaining = count }
    }

    /// Appends `piece` with what surrounds it.
    public mutating func encode(_ piece: ArraySlice<UInt8>, into bytes: inout [UInt8]) throws(Failure) {
        try encodePrefix(piece.count, into: &bytes)
        bytes.append(contentsOf: piece)
        encodeSuffix(into: &bytes)
    }

    /// Appends what stands before a piece of `count` bytes, which the caller writes next, followed by `encodeSuffix`.
    public mutating func encodePrefix(_ count: Int, into bytes: inout [UInt8]) throws(Failure) {
        guard count > 0 else { return }
        guard !isFinished else { throw .longerThanDeclared }
        switch framing {
        case .none: throw .longerThanDeclared
        case .length:
            guard remaining >= UInt64(count) else { throw .longerThanDeclared }
            remaining -= UInt64(count)
        case .untilClose: break
        case .chunked:
            encodeSuffix(into: &bytes)
            appendHex(count, to: &bytes)
            bytes.append(literal: "\r\n")
            owesSuffix = true
        }
    }

    /// Appends what stands after a piece.
    public mutating func encodeSuffix(into bytes: inout [UInt8]) {
        guard owesSuffix else { return }
        bytes.append(literal: "\r\n")
        owesSuffix = false
    }

    /// Ends the body. With `chunked`: the last chunk and the trailer section. Once finished, it does nothing more.
    public mutating func finish(trailers: HTTPFields = HTTPFields(), into bytes: inout [UInt8]) throws(Failure) {
        guard !isFinished else { return }
        switch framing {
        case .chunked:
            if trailers.containsAny(of: .forbiddenInTrailers) { throw .fieldError(HTTPFieldError(.trailer)) }
            encodeSuffix(into: &bytes)
            bytes.append(literal: "0\r\n")
            trailers.encode(into: &bytes)
            bytes.append(literal: "\r\n")
        case .none, .length, .untilClose:
            guard trailers.isEmpty else { throw .trailersNotAllowed }
            guard remaining == 0 else { throw .shorterThanDeclared(missing: remaining) }
        }
        isFinished = true
    }

    /// `chunk-size = 1*HEXDIG`, without leading zeros.
    private func appendHex(_ count: Int, to bytes: inout [UInt8]) {
        var shift = (Int.bitWidth - 1 - count.leadingZeroBitCount) & ~3
        while shift >= 0 {
            bytes.append(HexDigit.lowercase(UInt8(truncatingIfNeeded: count >> shift)))
            shift -= 4
        }
    }
}
