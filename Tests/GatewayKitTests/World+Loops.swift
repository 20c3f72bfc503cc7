// Several loops on one wire: which connection is on which loop under which id, and what is on its way from one to another.
// Ids are handed out by each loop alone, so the same one means different connections on different loops, as it really does.

import GatewayKit
import MachineCore
import TestSupport

/// Where connections are.
struct Places {
    enum Letter {
        case message(GatewayMessage)
        case visitor(ConnectionID, MovedVisitor)
    }

    private struct Place: Hashable {
        var loop: Int
        var id: ConnectionID
    }

    /// Letters wait until `deliverMail` is called.
    var isHeld = false
    /// A connection that is to move turns out to have ended.
    var isLosing = false
    private var inner: [ConnectionID: Place] = [:]
    private var outer: [Place: ConnectionID] = [:]
    private var slots: [Int: UInt32] = [:]
    private var count: UInt32 = 0
    private var mail: [(loop: Int, letter: Letter)] = []
    /// Connections between two loops, and what happened to them there.
    private var between: [ConnectionID: [TransportEvent]] = [:]
    /// How often a connection changed loops.
    private(set) var moves = 0

    /// A connection that a loop accepts; its name here.
    mutating func add(on loop: Int) -> ConnectionID {
        count += 1
        let name = ConnectionID(slot: count, generation: 1)
        put(name, on: loop)
        return name
    }

    @discardableResult private mutating func put(_ name: ConnectionID, on loop: Int) -> ConnectionID {
        slots[loop, default: 0] += 1
        let place = Place(loop: loop, id: ConnectionID(slot: slots[loop] ?? 0, generation: 1))
        inner[name] = place
        outer[place] = name
        return place.id
    }

    /// The loop that a connection is on; nil between two.
    func loop(of name: ConnectionID) -> Int? { inner[name]?.loop }

    func outer(_ id: ConnectionID, on loop: Int) -> ConnectionID? { outer[Place(loop: loop, id: id)] }

    mutating func post(_ letter: Letter, to loop: Int) {
        if case .visitor(let name, _) = letter {
            if let place = inner.removeValue(forKey: name) { outer[place] = nil }
            between[name] = []
        }
        mail.append((loop, letter))
    }

    mutating func takeMail() -> [(loop: Int, letter: Letter)] {
        defer { mail = [] }
        return mail
    }

    /// A connection arrives: its id there, and what happened to it meanwhile.
    mutating func move(_ name: ConnectionID, to loop: Int) -> (ConnectionID, [TransportEvent]) {
        moves += 1
        return (put(name, on: loop), between.removeValue(forKey: name) ?? [])
    }

    /// The event as the connection's loop sees it; nil if it is between two, which then hear of it later.
    mutating func inner(_ event: TransportEvent) -> (Int, TransportEvent)? {
        guard let name = event.connection else { return nil }
        guard let place = inner[name] else {
            if between[name] == nil { return (0, event) }  // of nobody: loop 0 is as good as any
            between[name]?.append(event)
            return nil
        }
        return (place.loop, event.renamed(place.id))
    }

    /// The command under the name that the connection has here.
    func outer(_ command: TransportCommand, on loop: Int) -> TransportCommand? {
        switch command {
        case .write(let id, let bytes): outer(id, on: loop).map { .write($0, bytes) }
        case .setReading(let id, let isOn): outer(id, on: loop).map { .setReading($0, isOn) }
        case .finishWriting(let id): outer(id, on: loop).map { .finishWriting($0) }
        case .close(let id): outer(id, on: loop).map { .close($0) }
        case .closeAtOnce(let id): outer(id, on: loop).map { .closeAtOnce($0) }
        case .abort(let id): outer(id, on: loop).map { .abort($0) }
        case .dial, .cancelDial: command
        }
    }
}

extension TransportEvent {
    fileprivate var connection: ConnectionID? {
        switch self {
        case .accepted(let id, _, _), .connected(_, let id), .received(let id, _), .receivedEOF(let id), .wrote(let id, _),
            .closed(let id, _):
            id
        case .dialFailed: nil
        }
    }

    fileprivate func renamed(_ id: ConnectionID) -> TransportEvent {
        switch self {
        case .accepted(_, let peer, let listener): .accepted(id, peer: peer, listener: listener)
        case .connected(let dial, _): .connected(dial, id)
        case .received(_, let bytes): .received(id, bytes)
        case .receivedEOF: .receivedEOF(id)
        case .wrote(_, let count): .wrote(id, count)
        case .closed(_, let error): .closed(id, error: error)
        case .dialFailed: self
        }
    }
}
