// What the suites share: a peer that speaks WebSocket messages by hand, for golden texts and nonsense, and small makers
// of values.

import HTTPCodec
import Testing
import WireWS

@testable import TunnelLink

/// Something that a session put on the wire.
enum Received: Hashable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case closed(WSCloseCode?, String)
}

/// A session under test and its peer, which is no session: it sends whatever the test wants, and records what it receives.
struct RawPeer {
    var session: TunnelSession
    private var socket: WSConnection

    /// The peer of an agent is a server of WebSocket, that of a gateway a client.
    init(of role: TunnelSession.Role, _ version: TunnelVersion, limits: TunnelLimits = .init(), isRegistered: Bool = true) {
        session = TunnelSession(role, version: version, limits: limits)
        if isRegistered { session.admit() }
        let large = WSLimits(maximumFrameBytes: 64 << 20, maximumMessageBytes: 64 << 20)
        switch role {
        case .gateway: socket = WSConnection(.client(seed: [7]), limits: large)
        case .agent: socket = WSConnection(.server, limits: large)
        }
    }

    /// What the session makes of a text message.
    mutating func say(_ text: String) -> [TunnelEvent] {
        var bytes: [UInt8] = []
        #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
        return give(bytes)
    }

    /// Puts a text message behind `bytes`, to be given later.
    mutating func write(_ text: String, into bytes: inout [UInt8]) {
        #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
    }

    /// What the session makes of a binary message.
    mutating func say(_ message: [UInt8]) -> [TunnelEvent] {
        var bytes: [UInt8] = []
        #expect(socket.binary(message[...], into: &bytes) == true)
        return give(bytes)
    }

    /// What the session makes of a ping.
    mutating func ping(_ payload: [UInt8]) -> [TunnelEvent] {
        var bytes: [UInt8] = []
        #expect(socket.ping(payload[...], into: &bytes) == true)
        return give(bytes)
    }

    /// What the session makes of a close frame.
    mutating func close(_ code: WSCloseCode, _ reason: String) -> [TunnelEvent] {
        var bytes: [UInt8] = []
        socket.close(code, reason: reason, into: &bytes)
        return give(bytes)
    }

    /// What the session makes of raw bytes.
    mutating func give(_ bytes: [UInt8]) -> [TunnelEvent] {
        session.receive(bytes[...])
        return events()
    }

    mutating func events() -> [TunnelEvent] {
        var events: [TunnelEvent] = []
        while let event = session.next() { events.append(event) }
        return events
    }

    /// What the session said since the last call, all of it written at once.
    mutating func received() -> [Received] {
        let bytes = session.takeOutput()
        session.wrote(bytes.count)
        socket.receive(bytes)
        var received: [Received] = []
        var pongs: [UInt8] = []
        do {
            while let event = try socket.next(replies: &pongs) {
                switch event {
                case .text(let text): received.append(.text(String(decoding: text, as: UTF8.self)))
                case .binary(let message): received.append(.binary(Array(message)))
                case .binaryPiece: Issue.record("a piece that was not asked for")
                case .ping: received.append(.ping([]))
                case .pong(let payload): received.append(.pong(Array(payload)))
                case .closed(let code, let reason): received.append(.closed(code, reason))
                }
            }
        } catch {
            Issue.record("the session wrote what is no WebSocket: \(error)")
        }
        return received
    }

    /// The one text message that the session said since the last call.
    mutating func receivedText() -> String? {
        let all = received()
        guard all.count == 1, case .text(let text)? = all.first else {
            Issue.record("not one text message: \(all)")
            return nil
        }
        return text
    }

    /// Has the session send a request, which it must.
    mutating func open(_ request: WebRequest) throws -> StreamID {
        let id = session.open(request)
        return try #require(id)
    }

    /// Nothing is left over.
    var isClean: Bool { session.openStreams == 0 && session.queuedBytes == 0 && session.backlog == 0 && !session.hasOutput }
}

let agentRole = TunnelSession.Role.agent(seed: [1, 2, 3])

extension StreamID {
    static func number(_ rawValue: UInt32) -> StreamID { StreamID(rawValue: rawValue) }
}

/// Fields, in order.
func fields(_ pairs: (String, String)...) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs {
        do { try fields.append(HTTPFieldName(name), value) } catch { Issue.record("\(name): \(error)") }
    }
    return fields
}

/// A data frame by hand.
func dataFrame(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> [UInt8] {
    [0, end ? 1 : 0, 0, 0] + bigEndian(stream) + payload
}

/// A credit frame by hand.
func creditFrame(_ stream: UInt32, _ count: UInt32) -> [UInt8] { [1, 0, 0, 0] + bigEndian(stream) + bigEndian(count) }

/// A reset frame by hand.
func resetFrame(_ stream: UInt32, _ reason: UInt8) -> [UInt8] { [2, 0, 0, 0] + bigEndian(stream) + [0, reason] }

private func bigEndian(_ number: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }

/// `count` bytes that differ from place to place; they repeat after 64 KiB.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
        let place = (start + bytes.count) % patternBlock.count
        bytes += patternBlock[place..<min(patternBlock.count, place + count - bytes.count)]
    }
    return bytes
}

private let patternBlock: [UInt8] = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

extension WebRequest {
    /// The same with the memory of fields that were of use before: nothing of them may be left.
    static func readCanonical(_ text: UnsafeRawBufferPointer) -> (stream: StreamID, request: WebRequest)? {
        var spare = leftover()
        return readCanonical(text, reusing: &spare)
    }
}

extension WebResponse {
    /// The same with the memory of fields that were of use before: nothing of them may be left.
    static func readCanonical(_ text: UnsafeRawBufferPointer) -> (stream: StreamID, response: WebResponse)? {
        var spare = leftover()
        return readCanonical(text, reusing: &spare)
    }
}

private func leftover() -> HTTPFields { fields(("Connection", "left over"), ("x-left", "over")) }
