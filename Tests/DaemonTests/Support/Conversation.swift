// HTTP/1.1 as the tests speak it, at either end: written out as text, read by a small strict reader (RFC 9112 §6, §7.1) that
// shares no code with what is tested. It refuses a field without a colon, a length that is no number, a chunk that does not
// end where it said; an end before the end of a message is a `CutOff`.

import Foundation

/// The head of a request or a response.
struct MessageHead: Sendable {
    var startLine: String
    var fields: [(name: String, value: String)]

    /// The first value of the field, whose name is given in lower case.
    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    init(_ text: String) throws {
        var lines = text.components(separatedBy: "\r\n")
        startLine = lines.removeFirst()
        fields = try lines.filter { !$0.isEmpty }.map { line in
            guard let colon = line.firstIndex(of: ":") else { throw TestFailure("a field without a colon: \(line)") }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            return (line[..<colon].lowercased(), value)
        }
    }

    /// The words of the start line, at most three.
    var words: [String] { startLine.split(separator: " ", maxSplits: 2).map(String.init) }
}

/// A connection and what was read from it ahead of need. For one thread.
final class Conversation {
    let socket: Socket
    /// What is said goes through it, if there is one.
    private let tls: TLSWire?
    private var unread: [UInt8] = []
    private var start = 0

    init(_ socket: Socket, through tls: TLSWire? = nil) {
        self.socket = socket
        self.tls = tls
    }

    // MARK: Saying

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        if let tls { try tls.send(bytes) } else { try socket.send(bytes) }
    }

    func sendChunk(_ bytes: [UInt8]) throws {
        try send(Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8))
    }

    // MARK: Hearing

    /// A head with its empty line; nil if the peer ended before its first byte.
    func readHead() throws -> MessageHead? {
        guard let bytes = try read(through: "\r\n\r\n") else { return nil }
        return try MessageHead(String(decoding: bytes.dropLast(4), as: UTF8.self))
    }

    /// The body that `head` declares. A response without a length goes on to the peer's end; a request without one has none.
    func readBody(of head: MessageHead, isResponse: Bool) throws -> [UInt8] {
        if head["transfer-encoding"]?.lowercased() == "chunked" {
            var body: [UInt8] = []
            while let chunk = try readChunk() { body += chunk }
            return body
        }
        if let length = head["content-length"] {
            guard let count = Int(length) else { throw TestFailure("Content-Length: \(length)") }
            return try read(count)
        }
        return isResponse ? try readToEnd() : []
    }

    /// The next chunk; nil for the last, after its trailers.
    func readChunk() throws -> [UInt8]? {
        let line = try readLine()
        guard let count = Int(line, radix: 16) else { throw TestFailure("a chunk size: \(line)") }
        if count == 0 {
            while try !readLine().isEmpty {}
            return nil
        }
        let bytes = try read(count)
        guard try read(2) == Array("\r\n".utf8) else { throw TestFailure("a chunk that does not end") }
        return bytes
    }

    /// Exactly `count` bytes.
    func read(_ count: Int) throws -> [UInt8] {
        let deadline = Deadline()
        while unread.count - start < count {
            guard try fill(deadline) else { throw CutOff(wasReset: false) }
        }
        return take(count)
    }

    /// Exactly this text.
    func expect(_ text: String) throws {
        let bytes = try read(text.utf8.count)
        guard bytes.elementsEqual(text.utf8) else {
            throw TestFailure("expected \(text), got \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    /// Everything up to the peer's end; a reset is a `CutOff`.
    func readToEnd() throws -> [UInt8] {
        let deadline = Deadline()
        while try fill(deadline) {}
        return take(unread.count - start)
    }

    /// Waits for the peer to end the connection, however it does, with whatever it says before.
    func awaitEnd() throws {
        do { _ = try readToEnd() } catch is CutOff {}
    }

    // MARK: Below

    private func readLine() throws -> String {
        guard let bytes = try read(through: "\r\n") else { throw CutOff(wasReset: false) }
        return String(decoding: bytes.dropLast(2), as: UTF8.self)
    }

    /// Nil if the peer ended before the first byte.
    private func read(through mark: String) throws -> [UInt8]? {
        let deadline = Deadline()
        let mark = Array(mark.utf8)
        var from = start
        while true {
            while from + mark.count <= unread.count {
                if unread[from] == mark[0], unread[from..<from + mark.count].elementsEqual(mark) {
                    return take(from + mark.count - start)
                }
                from += 1
            }
            let offset = from - start
            guard try fill(deadline) else {
                if unread.count == start { return nil }
                throw CutOff(wasReset: false)
            }
            from = start + offset
        }
    }

    /// False at the peer's end.
    private func fill(_ deadline: Deadline) throws -> Bool {
        if start > 0 {
            unread.removeSubrange(..<start)
            start = 0
        }
        let bytes = try tls.map { try $0.receive(by: deadline) } ?? socket.receive(by: deadline)
        unread += bytes
        return !bytes.isEmpty
    }

    private func take(_ count: Int) -> [UInt8] {
        let bytes = Array(unread[start..<start + count])
        start += count
        if start == unread.count {
            unread.removeAll(keepingCapacity: true)
            start = 0
        }
        return bytes
    }
}
