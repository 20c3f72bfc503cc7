// A connection whose peer is the test: it sees what the machine wrote at once, and says what the peer sends, when it reads, and
// when it goes. Nothing of it takes time.

import MachineCore

/// A connection as its machine's transport has it, and the peer that a test plays.
public final class ScriptedConnection: ConnectionEnd {
    /// How the peer behaves, unless the test says otherwise.
    public enum Peer: Sendable {
        /// It reads everything at once, unless it `isHeld`, and it closes when the machine did and everything is read.
        case willing
        /// It reads and closes when the test says so. The machine may say each thing once: a second end, or a change of reading
        /// that is none, is a mistake.
        case strict
    }

    /// How the connection ended, if it did.
    public enum Ending: Sendable, Equatable {
        /// Not yet.
        case none
        /// The machine closed it in order, or the peer ended it.
        case closed
        /// The machine cut it.
        case aborted
    }

    /// Its id at its machine.
    public private(set) var id: ConnectionID
    /// Written by the machine and not yet looked at.
    public private(set) var written: [UInt8] = []
    /// Bytes written and not yet acknowledged.
    public private(set) var unacknowledged = 0
    /// The peer reads nothing.
    public var isHeld: Bool
    /// Whether the machine reads.
    public private(set) var isReading = true
    /// Whom the machine speaks TLS with; nil: with nobody.
    public private(set) var tlsPeer: TLSPeer?
    /// The machine half-closed.
    public private(set) var isFinished = false
    /// The machine closed, in order.
    public private(set) var isClosing = false
    /// It waits, after its last byte, for the peer's.
    public private(set) var lingers = true
    /// The machine cut it.
    public private(set) var isAborted = false
    /// It is over, and the machine hears so.
    public private(set) var isGone = false
    /// Between two machines: what happens is told to the one that adopts it.
    public private(set) var isAway = false
    /// Takes what the machine writes, if it returns true; otherwise that is `written`.
    public var onWrite: (ArraySlice<UInt8>) -> Bool = { _ in false }

    private unowned var host: any AnyHost
    private unowned let network: SimulatedNetwork
    private let peer: Peer
    private var missed: [TransportEvent] = []
    private var wasToldOfItsEnd = false

    init(_ peer: Peer, at host: any AnyHost, as id: ConnectionID, isHeld: Bool, in network: SimulatedNetwork) {
        self.peer = peer
        self.host = host
        self.id = id
        self.isHeld = isHeld || peer == .strict
        self.network = network
    }

    /// How it ended, if it did.
    public var ending: Ending { isGone ? .closed : isAborted ? .aborted : isClosing ? .closed : .none }

    /// Whether it is at this machine.
    public func isAt(_ host: any AnyHost) -> Bool { !isAway && self.host === host }

    // MARK: The peer

    /// Something happens to the connection, whatever its id in `event`. The machine that has it then is told.
    public func deliver(_ event: TransportEvent) {
        network.perform { [self] in
            guard !isAway else { return missed.append(event) }
            host.handle(event.renamed(id))
            if case .closed = event { wasToldOfItsEnd = true }
        }
    }

    /// The peer reads up to `count` bytes of what it was sent, and then nothing more.
    public func acknowledge(_ count: Int = .max) {
        let taken = min(count, unacknowledged)
        unacknowledged -= taken
        if taken > 0 { deliver(.wrote(id, taken)) }
        closeIfRead()
    }

    /// The connection is over, for this reason if any. Nothing, if it is already.
    public func end(_ error: String?) {
        guard !isGone else { return }
        isGone = true
        deliver(.closed(id, error: error))
    }

    /// What was written since the last look.
    public func takeWritten() -> [UInt8] {
        defer { written = [] }
        return written
    }

    /// Of what `takeWritten` gave, this was not looked at.
    public func putBack(_ bytes: [UInt8]) { written = bytes + written }

    // MARK: The machine

    /// The machine speaks TLS from now on; the test says when the handshake is over.
    public func startTLS(_ peer: TLSPeer) { tlsPeer = peer }

    /// The machine writes.
    public func write(_ bytes: ArraySlice<UInt8>) {
        if isGone, peer == .willing { return }
        if isClosing || isFinished || isAborted || wasToldOfItsEnd || bytes.isEmpty {
            network.onMistake("written after the end, or nothing written")
        }
        if !onWrite(bytes) { written += bytes }
        if isHeld { unacknowledged += bytes.count } else { deliver(.wrote(id, bytes.count)) }
    }

    /// The machine starts or stops reading.
    public func setReading(_ isOn: Bool) {
        if peer == .strict, isReading == isOn { network.onMistake("reading is set to what it is") }
        isReading = isOn
    }

    /// The machine half-closes.
    public func finishWriting() { isFinished = true }

    /// The machine closes, in order.
    public func close(lingers: Bool) {
        expectFirstEnd()
        isClosing = true
        if !lingers { self.lingers = false }
        closeIfRead()
    }

    /// The machine cuts it.
    public func abort() {
        expectFirstEnd()
        isAborted = true
        if peer == .willing { end("aborted") }
    }

    private func expectFirstEnd() {
        if peer == .strict, isClosing || isAborted || wasToldOfItsEnd { network.onMistake("ended twice") }
    }

    private func closeIfRead() {
        if peer == .willing, isClosing, unacknowledged == 0 { end(nil) }
    }

    // MARK: On its way to another machine

    /// It is on its way, unless it is over.
    public func leave() -> Bool {
        guard !isGone else { return false }
        isAway = true
        return true
    }

    /// It has another machine, which does not know it yet.
    public func arrive(at host: any AnyHost, as id: ConnectionID) {
        self.host = host
        self.id = id
    }

    /// Its machine knows it, and hears what happened on the way.
    public func resume() {
        isAway = false
        let events = missed
        missed = []
        for event in events { deliver(event) }
    }
}

extension Host {
    /// A connection of which the machine does not know yet: the caller delivers `accepted` or `connected`.
    public func addConnection(
        _ peer: ScriptedConnection.Peer = .willing, id: ConnectionID? = nil, isHeld: Bool = false
    ) -> ScriptedConnection {
        let connection = ScriptedConnection(peer, at: self, as: id ?? newID(), isHeld: isHeld, in: network)
        attach(connection)
        return connection
    }
}

extension TransportEvent {
    /// The connection that it is about; nil for a dial that failed.
    public var connection: ConnectionID? {
        switch self {
        case .accepted(let id, _, _), .secured(let id, _), .connected(_, let id), .received(let id, _), .receivedEOF(let id),
            .wrote(let id, _), .closed(let id, _):
            id
        case .dialFailed: nil
        }
    }

    /// The same event of the connection that has this id.
    func renamed(_ id: ConnectionID) -> TransportEvent {
        switch self {
        case .accepted(_, let peer, let listener): .accepted(id, peer: peer, listener: listener)
        case .secured(_, let facts): .secured(id, facts)
        case .connected(let dial, _): .connected(dial, id)
        case .received(_, let bytes): .received(id, bytes)
        case .receivedEOF: .receivedEOF(id)
        case .wrote(_, let count): .wrote(id, count)
        case .closed(_, let error): .closed(id, error: error)
        case .dialFailed: self
        }
    }
}
