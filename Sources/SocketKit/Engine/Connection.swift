// One connection's state as plain data, and the table of all of them. Slots are reused, most recently freed first, and each
// use has a generation of its own: an event or a command for an earlier user of a slot finds none.

import MachineCore

/// What a slot of the table holds.
struct Connection {
    /// Successors in parentheses.
    enum Phase: UInt8 {
        /// Unused. (connecting, open)
        case free
        /// A dial waits for its result. (open, free)
        case connecting
        /// Carries bytes. (closing, ended; free when detached)
        case open
        /// The machine closed it: what is queued is written, what still comes is discarded. (ended)
        case closing
        /// The descriptor is closed; `closed` is still to be lent. (free)
        case ended
    }

    /// What is true of a connection beside its phase.
    struct Marks: OptionSet {
        let rawValue: UInt16
        /// The machine does not want to read.
        static let paused = Marks(rawValue: 1 << 0)
        /// The peer's stream ended and all of it was read.
        static let sawEOF = Marks(rawValue: 1 << 1)
        /// Nothing more may be written; once the queue is empty our stream ends.
        static let finishing = Marks(rawValue: 1 << 2)
        /// Our stream has ended.
        static let finished = Marks(rawValue: 1 << 3)
        /// The socket was full; no write is tried until it is writable.
        static let blocked = Marks(rawValue: 1 << 4)
        /// It is on the list of those to settle.
        static let touched = Marks(rawValue: 1 << 5)
        /// The poller has it.
        static let watched = Marks(rawValue: 1 << 6)
        /// Both directions are shut while reading is paused: unwatched, since the poller would report it in every turn.
        static let parked = Marks(rawValue: 1 << 7)
        /// The peer has said that it sends no more: once the queue is empty the connection ends.
        static let parting = Marks(rawValue: 1 << 8)
        /// It has a TLS layer.
        static let encrypted = Marks(rawValue: 1 << 9)
        /// The machine does not know of it: a client's TLS handshake is not over, or has failed.
        static let unannounced = Marks(rawValue: 1 << 10)
    }

    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var phase = Phase.free
    var marks: Marks = []
    /// What the poller watches for, if `watched`.
    var interest: Interest = []
    /// Bytes that the socket took and no `wrote` has reported yet.
    var unreported = 0
    var queue = SendQueue()
    /// Large pieces that were written behind the queue and are still where their writer had them.
    var lent: [ArraySlice<UInt8>] = []
    /// If `encrypted`, until it ends.
    var tls: TLSLayer?
    /// Why it ended or is about to end; nil for an orderly end.
    var failure: String?

    /// What the poller should watch for now.
    var wantedInterest: Interest {
        var wanted: Interest = []
        switch phase {
        case .open: if !marks.contains(.paused) { wanted.insert(.read) }
        case .closing: wanted.insert(.read)
        case .connecting: wanted.insert(.write)
        case .free, .ended: break
        }
        if marks.contains(.sawEOF) { wanted.remove(.read) }
        if marks.contains(.blocked) { wanted.insert(.write) }
        return wanted
    }

    /// Whether something waits for the socket.
    var hasUnsent: Bool { !queue.isEmpty || !lent.isEmpty || tls.map { !$0.outgoing.isEmpty } ?? false }
}

/// All connections of a loop.
struct ConnectionSlots {
    /// By slot; a freed slot keeps its generation.
    var entries: [Connection] = []
    private var freeSlots: [Int] = []

    /// Connections in use, in any phase but `free`.
    var count: Int { entries.count - freeSlots.count }

    /// The id of whatever is in `slot`.
    func id(of slot: Int) -> ConnectionID {
        ConnectionID(slot: UInt32(truncatingIfNeeded: slot), generation: entries[slot].generation)
    }

    /// The slot of `id`, if it is still in use by that connection.
    func slot(of id: ConnectionID) -> Int? {
        let slot = id.slot
        guard slot < entries.count, entries[slot].phase != .free else { return nil }
        return entries[slot].generation == UInt32(truncatingIfNeeded: id.rawValue >> 32) ? slot : nil
    }

    /// Whether the connection in `slot` can still carry bytes. (Asked of the entry itself, it would be copied for the
    /// question.)
    func isAlive(_ slot: Int) -> Bool {
        let phase = entries[slot].phase
        return phase == .open || phase == .closing
    }

    /// Puts a descriptor into a free slot.
    mutating func insert(_ descriptor: Int32, _ phase: Connection.Phase) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = entries.count
            entries.append(Connection())
        }
        entries[slot].descriptor = descriptor
        entries[slot].phase = phase
        return slot
    }

    /// Frees a slot: its id is stale from now on.
    mutating func remove(_ slot: Int) {
        entries[slot] = Connection(generation: entries[slot].generation &+ 1)
        freeSlots.append(slot)
    }
}
