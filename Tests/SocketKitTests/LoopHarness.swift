// A loop and a record of all that it said, for tests that drive both ends of a connection on one thread. Nothing sleeps: `pump`
// turns the loop until what is awaited has happened, and gives up after a time that only a broken engine needs.

import MachineCore
import SocketKit
import Testing

/// Both ends of everything, on one loop.
final class LoopHarness {
    let loop: SocketLoop
    private(set) var accepted: [ConnectionID] = []
    private(set) var peers: [ConnectionID: String] = [:]
    private(set) var listenerOf: [ConnectionID: Int] = [:]
    private(set) var connected: [DialID: ConnectionID] = [:]
    private(set) var dialFailures: [DialID: String] = [:]
    private(set) var secured: [ConnectionID: TLSFacts] = [:]
    private(set) var received: [ConnectionID: [UInt8]] = [:]
    private(set) var ended: Set<ConnectionID> = []
    private(set) var wrote: [ConnectionID: Int] = [:]
    private(set) var closed: [ConnectionID: String?] = [:]
    /// What broke the order that Transport promises.
    private(set) var violations: [String] = []
    /// Called with each event after it was recorded.
    var onEvent: (TransportEvent) -> Void = { _ in }

    private var alive: Set<ConnectionID> = []
    private var lastDial: UInt64 = 0

    init(_ backend: PollerBackend, limits: LoopLimits = .init()) throws {
        loop = try SocketLoop(backend: backend, limits: limits)
    }

    /// Turns the loop until `isDone`; false (and a recorded issue) if that takes implausibly long.
    @discardableResult
    func pump(
        _ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation, until isDone: () -> Bool
    ) throws -> Bool {
        let limit = SocketLoop.now().advanced(by: .seconds(20))
        while !isDone() {
            guard SocketLoop.now() < limit else {
                Issue.record("waited in vain: \(comment)", sourceLocation: sourceLocation)
                return false
            }
            try turn(until: limit)
        }
        return true
    }

    /// One turn and what follows it.
    func turn(until deadline: Moment?) throws {
        try loop.turn(until: deadline) { take($0) }
        loop.flush { take($0) }
    }

    /// Turns for as long as `duration`; the number of turns tells a loop that waits from one that spins.
    func turns(during duration: Duration) throws -> Int {
        let before = loop.statistics.turns
        let limit = SocketLoop.now().advanced(by: duration)
        while SocketLoop.now() < limit { try turn(until: limit) }
        return loop.statistics.turns - before
    }

    /// Dials; the result will be in `connected` or `dialFailures`.
    func dial(_ endpoint: Endpoint) -> DialID {
        lastDial += 1
        loop.perform(.dial(DialID(rawValue: lastDial), endpoint))
        return DialID(rawValue: lastDial)
    }

    /// A connection's two ends; `endpoint` is listened on unless it is a listener's.
    func pair(_ listener: Listener? = nil) throws -> (client: ConnectionID, server: ConnectionID) {
        let endpoint = try listener?.endpoint ?? loop.listen(on: .tcp(host: "127.0.0.1", port: 0)).endpoint
        let before = accepted.count
        let dial = dial(endpoint)
        try pump("a pair of ends") { (connected[dial] != nil || dialFailures[dial] != nil) && accepted.count > before }
        return (try #require(connected[dial]), try #require(accepted.last))
    }

    func write(_ bytes: [UInt8], to id: ConnectionID) {
        loop.perform(.write(id, bytes[...]))
    }

    func isClosed(_ id: ConnectionID) -> Bool { closed[id] != nil }

    /// The error of a connection that is closed; nil if it ended in order or is open.
    func error(of id: ConnectionID) -> String? { closed[id] ?? nil }

    // MARK: Recording

    func take(_ event: TransportEvent) {
        record(event)
        onEvent(event)
    }

    private func record(_ event: TransportEvent) {
        switch event {
        case .accepted(let id, let peer, let listener):
            begin(id)
            accepted.append(id)
            peers[id] = peer
            listenerOf[id] = listener
        case .connected(let dial, let id):
            begin(id)
            connected[dial] = id
        case .secured(let id, let facts):
            check(id, "secured")
            if secured.updateValue(facts, forKey: id) != nil { violations.append("secured twice") }
        case .dialFailed(let dial, let reason): dialFailures[dial] = reason
        case .received(let id, let bytes):
            check(id, "received")
            if ended.contains(id) { violations.append("received after EOF") }
            received[id, default: []] += bytes
        case .receivedEOF(let id):
            check(id, "EOF")
            if !ended.insert(id).inserted { violations.append("two EOFs") }
        case .wrote(let id, let count):
            check(id, "wrote")
            wrote[id, default: 0] += count
        case .closed(let id, let error):
            check(id, "closed")
            alive.remove(id)
            closed[id] = .some(error)
        }
    }

    private func begin(_ id: ConnectionID) {
        if !alive.insert(id).inserted { violations.append("begun twice") }
    }

    private func check(_ id: ConnectionID, _ what: String) {
        if !alive.contains(id) { violations.append("\(what) of a connection that is not there") }
    }
}

/// The backends that this system has.
let backends: [PollerBackend] = PollerBackend.platformDefault == .epoll ? [.epoll, .dispatch] : [.dispatch]
