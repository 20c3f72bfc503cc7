// What both decoders share: heads, bodies and trailers as a sequence of events out of bytes that come in any portions
// (RFC 9112 §2, §6, §7). The request and response decoders own what differs: the meaning of the start line, and the framing.
//
// The order of events is the same however the bytes are cut, and so is the error. The first error is final.

/// The machine beneath `HTTPRequestDecoder` and `HTTPResponseDecoder`.
struct MessageDecoder: Sendable {
    enum Event {
        /// The start line is `line`. The owner replies with `beginBody`, `continueAfterInterim` or `leaveHTTP`.
        case head(HTTPFields)
        case body(ArraySlice<UInt8>)
        case end(trailers: HTTPFields)
        case closed
    }

    /// Successors in parentheses; every phase may also end in `failure`.
    private enum Phase: Sendable {
        /// (itself, body, chunkLine, untilClose, end, left, finished)
        case head
        /// (end)
        case body
        /// (chunkData, trailers)
        case chunkLine
        /// (chunkLine)
        case chunkData
        /// (paused)
        case trailers
        /// (end)
        case untilClose
        /// The end of a message without trailers is still to be returned. (paused)
        case end
        /// (head)
        case paused
        /// What follows is not HTTP. (none)
        case left
        /// EOF was returned. (none)
        case finished
    }

    private let kind: MessageKind
    private let limits: HTTPLimits
    private var input = InputBuffer()
    private var phase = Phase.head
    private var failure: HTTPDecodeError?
    private var head: HeadParser
    private var trailers = FieldSectionParser()
    private var chunk = ChunkParser()
    /// Bytes still to come of the body, or of the chunk.
    private var remaining: UInt64 = 0
    private var sawEOF = false
    /// An empty line before a request line was skipped.
    private var skippedEmptyLine = false
    /// An informational head came, its final response did not.
    private var awaitsFinalHead = false

    init(_ kind: MessageKind, _ limits: HTTPLimits) {
        self.kind = kind
        self.limits = limits
        head = HeadParser(kind)
    }

    // The start line of the head that came last.
    var minorVersion: Int { head.line.minorVersion }
    var method: String { head.line.method }
    var target: Range<Int> { head.line.target }
    var status: Int { head.line.status }
    var reason: String { head.line.reason }
    var unreadCount: Int { input.count }
    var isPaused: Bool { failure == nil && (phase == .paused || phase == .left) }

    /// Between messages, and nothing of a next one has come.
    var isIdle: Bool {
        failure == nil && input.count == 0 && (phase == .paused || phase == .head && !awaitsFinalHead)
    }

    /// No head of the current message has been returned, so that what is expected may still be changed.
    var isBeforeHead: Bool { phase == .head && !awaitsFinalHead }

    mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if !sawEOF { input.receive(bytes) }
    }

    mutating func receiveEOF() { sawEOF = true }

    mutating func startNextMessage() {
        if phase == .paused { phase = .head }
    }

    mutating func takeUnread() -> ArraySlice<UInt8> {
        if failure == nil { phase = .left }
        return input.take(input.count)
    }

    mutating func keepUnread() { input.keep() }

    mutating func next() throws(HTTPDecodeError) -> Event? {
        if let failure { throw failure }
        do {
            while true {
                switch try step() {
                case .event(let event): return event
                case .again: continue
                case .stuck:
                    input.keep()
                    return nil
                }
            }
        } catch {
            throw fail(error)
        }
    }

    /// Makes `error` final, and forgets the input.
    mutating func fail(_ error: HTTPDecodeError) -> HTTPDecodeError {
        failure = error
        input = InputBuffer()
        return error
    }

    // MARK: What the owner decides about a head

    mutating func beginBody(_ framing: HTTPBodyFraming) {
        awaitsFinalHead = false
        skippedEmptyLine = false
        switch framing {
        case .none: phase = .end
        case .length(let count):
            remaining = count
            phase = count == 0 ? .end : .body
        case .chunked:
            chunk = ChunkParser()
            phase = .chunkLine
        case .untilClose: phase = .untilClose
        }
    }

    mutating func continueAfterInterim() { awaitsFinalHead = true }

    mutating func leaveHTTP() { phase = .left }

    // MARK: Steps

    private enum Step {
        case event(Event)
        case again
        /// Needs bytes, or is paused.
        case stuck
    }

    private mutating func step() throws(HTTPDecodeError) -> Step {
        switch phase {
        case .head: return try readHead()
        case .body, .chunkData: return try readBody()
        case .chunkLine: return try readChunkLine()
        case .trailers: return try readTrailers()
        case .untilClose:
            if input.count > 0 { return .event(.body(input.take(input.count))) }
            guard sawEOF else { return .stuck }
            phase = .end
            return .again
        case .end:
            phase = .paused
            return .event(.end(trailers: HTTPFields()))
        case .paused, .left, .finished: return .stuck
        }
    }

    private mutating func readHead() throws(HTTPDecodeError) -> Step {
        if input.count == 0 {
            guard sawEOF else { return .stuck }
            guard !awaitsFinalHead else { throw .unexpectedEOF }
            phase = .finished
            return .event(.closed)
        }
        skipEmptyLine()
        guard let (fields, end) = try head.parse(input.unread, limits) else {
            return try input.count == 0 ? .again : needsBytes()
        }
        input.consume(end)
        return .event(.head(fields))
    }

    /// RFC 9112 §2.2: a server should ignore at least one empty line before a request line. One, and no other kind of
    /// whitespace.
    private mutating func skipEmptyLine() {
        guard kind == .request, !skippedEmptyLine, !head.hasBegun else { return }
        guard input.unread.starts(with: [Octet.carriageReturn, Octet.lineFeed]) else { return }
        input.consume(2)
        skippedEmptyLine = true
    }

    private mutating func readBody() throws(HTTPDecodeError) -> Step {
        guard input.count > 0 else { return try needsBytes() }
        let piece = input.take(Int(min(UInt64(input.count), remaining)))
        remaining -= UInt64(piece.count)
        if remaining == 0 {
            if phase == .chunkData {
                chunk.beginLine(afterData: true)
                phase = .chunkLine
            } else {
                phase = .end
            }
        }
        return .event(.body(piece))
    }

    private mutating func readChunkLine() throws(HTTPDecodeError) -> Step {
        guard input.count > 0 else { return try needsBytes() }
        let (consumed, size) = try chunk.parse(input.unread, maximumLineBytes: limits.maximumChunkLineBytes)
        input.consume(consumed)
        guard let size else { return .again }
        remaining = size
        phase = size == 0 ? .trailers : .chunkData
        if size == 0 { trailers.begin(at: 0) }
        return .again
    }

    private mutating func readTrailers() throws(HTTPDecodeError) -> Step {
        guard input.count > 0 else { return try needsBytes() }
        let cost = FieldSectionParser.Limits(
            bytes: limits.maximumTrailerBytes, bytesName: .trailers, count: limits.maximumFieldCount, isTrailer: true)
        let section = try input.unread.withUnsafeBufferPointer { (raw) throws(HTTPDecodeError) in
            guard let base = UnsafeRawPointer(raw.baseAddress) else { return nil as (fields: HTTPFields, end: Int)? }
            return try trailers.parse(base, raw.count, cost)
        }
        guard let section else { return try needsBytes() }
        input.consume(section.end)
        phase = .paused
        return .event(.end(trailers: section.fields))
    }

    private func needsBytes() throws(HTTPDecodeError) -> Step {
        if sawEOF { throw .unexpectedEOF }
        return .stuck
    }
}
