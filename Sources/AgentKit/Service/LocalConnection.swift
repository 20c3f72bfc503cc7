// One connection to the service, busy with an exchange or idle in the pool, and the pool itself.
//
// Decides whether a connection may serve another exchange (RFC 9112 §9.3), how much credit goes back to the gateway for bytes
// that were written, and which idle connection is next or too old.

import HTTPCodec
import MachineCore

final class LocalConnection {
    /// Whose it is: a place in the agent's table of services.
    let service: Int
    /// Nil: idle in the pool.
    var owner: LocalExchange?
    // Unchecked: the codecs, which are all that runs during an access, know of no connection.
    @exclusivity(unchecked) var decoder: HTTPResponseDecoder
    @exclusivity(unchecked) var encoder = HTTPBodyEncoder(.none)
    var asksForUpgrade = false
    /// After a 101: raw bytes both ways.
    var isRaw = false
    /// It served an exchange before, so the service may be closing it at this moment.
    var isReused = false
    /// Something of the present answer came.
    var sawBytes = false
    /// The service sends no more.
    var sawEnd = false
    /// The transport said that it is closed: there is nobody left to command.
    var isGone = false
    /// The answer's head lets the connection live on.
    var keepsAlive = false
    /// The request was given to the transport whole.
    var requestFinished = false
    var isReadingPaused = false
    @exclusivity(unchecked) var unwritten = WriteCredit()

    init(_ limits: HTTPLimits, service: Int) {
        self.service = service
        decoder = HTTPResponseDecoder(limits: limits)
    }

    /// Takes up the next exchange.
    func begin(_ request: ServiceRequest, method: String, for owner: LocalExchange) {
        self.owner = owner
        decoder.expectResponse(to: method)
        encoder = HTTPBodyEncoder(request.framing)
        asksForUpgrade = request.asksForUpgrade
        sawBytes = false
        keepsAlive = false
        requestFinished = false
    }

    /// Whether another exchange may use it: both messages are over, the service wants to go on, and nothing came unasked.
    var isReusable: Bool {
        keepsAlive && requestFinished && !sawEnd && !isRaw && unwritten.wireBytes == 0 && decoder.unreadCount == 0
            && !decoder.isRepaired
    }
}

/// Which bytes of a body have left us, where the transport counts heads and chunk sizes too. Of `wireBytes` unwritten bytes any
/// may belong to the body, so that many are still held back: never too much credit, and all of it once everything is written.
struct WriteCredit: Sendable, Hashable {
    /// Given to the transport and not yet written.
    private(set) var wireBytes = 0
    /// Of the body, and not yet released.
    private(set) var bodyBytes = 0

    /// Bytes were given to the transport; `body` of them are the body's.
    mutating func write(_ wire: Int, body: Int = 0) {
        wireBytes += wire
        bodyBytes += body
    }

    /// The transport wrote `count` bytes: how many of the body's have certainly left us since the last time.
    mutating func wrote(_ count: Int) -> Int {
        wireBytes = max(0, wireBytes - count)
        let released = bodyBytes - min(bodyBytes, wireBytes)
        bodyBytes -= released
        return released
    }
}

/// Idle connections, the last used first: those at the bottom are the ones that grow old.
struct LocalPool: Sendable {
    private struct Entry: Sendable {
        var connection: ConnectionID
        var service: Int
        var expires: Moment
    }

    let capacity: Int
    /// `expires` never decreases; `entries.count <= capacity`
    private var entries: [Entry] = []

    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { entries.count }
    var isFull: Bool { entries.count >= capacity }
    /// When the oldest is to be closed.
    var nextExpiry: Moment? { entries.first?.expires }

    mutating func push(_ connection: ConnectionID, for service: Int, expires: Moment) {
        entries.append(Entry(connection: connection, service: service, expires: expires))
    }

    /// The one that was used last, whosever it is.
    mutating func pop() -> ConnectionID? { entries.popLast()?.connection }

    /// The one that this service used last. With one service it is always the last of all.
    mutating func pop(for service: Int) -> ConnectionID? {
        guard let index = entries.lastIndex(where: { $0.service == service }) else { return nil }
        return entries.remove(at: index).connection
    }

    mutating func remove(_ connection: ConnectionID) { entries.removeAll { $0.connection == connection } }

    /// Removes and returns those that are due.
    mutating func takeExpired(at now: Moment) -> [ConnectionID] {
        let due = entries.prefix { $0.expires <= now }
        entries.removeSubrange(..<due.endIndex)
        return due.map(\.connection)
    }
}
