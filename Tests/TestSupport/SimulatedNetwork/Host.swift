// A machine as a host on the simulated network: its inputs, one after the other, and what becomes of its outputs.

import MachineCore

/// What the network needs to know of a machine.
public protocol AnyHost: AnyObject {
    /// Shown as the peer's address.
    var name: String { get }
    /// When the machine wants to be woken.
    var nextDeadline: Moment? { get }
    /// Gives the machine an event, after the inputs that wait already.
    func deliver(_ event: TransportEvent)
    /// Gives the machine an event now. For connections, when it is their turn.
    func handle(_ event: TransportEvent)
    /// Ends a turn; whether anything happened in it.
    func turn() -> Bool
    /// A connection id that was never used.
    func newID() -> ConnectionID
    /// The machine has this end of a connection.
    func attach(_ end: any ConnectionEnd)
    /// The connection is over for this machine.
    func detach(_ id: ConnectionID)
    /// The host whose machine gets its events: itself, unless it stands before another.
    var machineHost: any AnyHost { get }
}

extension AnyHost {
    /// Itself.
    public var machineHost: any AnyHost { self }
}

/// One machine's end of a connection: what its commands do, and what happens when it moves to another machine.
public protocol ConnectionEnd: AnyObject {
    /// Its id at the machine that has it.
    var id: ConnectionID { get }
    /// The machine speaks TLS from now on, as a client.
    func startTLS(_ peer: TLSPeer)
    /// The machine writes.
    func write(_ bytes: ArraySlice<UInt8>)
    /// The machine starts or stops reading.
    func setReading(_ isOn: Bool)
    /// The machine half-closes.
    func finishWriting()
    /// The machine closes, in order. `lingers`: it waits, after its last byte, for the peer's.
    func close(lingers: Bool)
    /// The machine cuts it.
    func abort()
    /// It is on its way to another machine, and no machine gets its events. False: it is too late for that.
    func leave() -> Bool
    /// It has another machine, which does not know it yet.
    func arrive(at host: any AnyHost, as id: ConnectionID)
    /// Its machine knows it, and hears what happened on the way.
    func resume()
}

/// A machine in a network.
public final class Host<M: Machine>: AnyHost {
    /// The machine. A test may put another in its place before anything has happened.
    public var machine: M
    /// Its notes, in order; a test may empty it.
    public var notes: [M.Note] = []
    /// Called with each note.
    public var onNote: (M.Note) -> Void = { _ in }
    /// Called when an input was handled and its outputs are performed.
    public var onHandled: () -> Void = {}
    /// Shown as the peer's address.
    public var name = "127.0.0.1"
    /// Dials that wait for the test, oldest first, if it `isScripted`.
    public var dials: [(id: DialID, endpoint: Endpoint)] = []
    /// How many of them the machine cancelled.
    public private(set) var cancelledDials = 0

    unowned let network: SimulatedNetwork
    private let endsTurnsAtOnce: Bool
    private let isScripted: Bool
    private var ends: [ConnectionID: any ConnectionEnd] = [:]
    private var generation: UInt32 = 0
    private var freeSlots: [UInt32] = []
    private var slotCount: UInt32 = 0
    private var isDirty = false

    init(_ machine: M, in network: SimulatedNetwork, endsTurnsAtOnce: Bool, isScripted: Bool) {
        self.machine = machine
        self.network = network
        self.endsTurnsAtOnce = endsTurnsAtOnce
        self.isScripted = isScripted
    }

    /// When the machine wants to be woken.
    public var nextDeadline: Moment? { machine.nextDeadline }

    // MARK: Inputs

    /// Gives the machine a message, after the inputs that wait already.
    public func send(_ message: M.Message) { take(.message(message)) }

    /// Gives the machine an event, after the inputs that wait already.
    public func deliver(_ event: TransportEvent) { take(.transport(event)) }

    /// Gives the machine an input, after those that wait already.
    public func take(_ input: MachineInput<M.Message>) { network.perform { self.handle(input) } }

    /// Gives the machine an event now. For connections, when it is their turn.
    public func handle(_ event: TransportEvent) { handle(.transport(event)) }

    private func handle(_ input: MachineInput<M.Message>) {
        isDirty = true
        var outputs: [MachineOutput<M.Note>] = []
        machine.handle(input, now: network.now, into: &outputs)
        if endsTurnsAtOnce { machine.finishTurn(now: network.now, into: &outputs) }
        perform(outputs)
        onHandled()
    }

    /// Ends a turn; whether anything happened in it.
    public func turn() -> Bool {
        if let deadline = machine.nextDeadline, deadline <= network.now { take(.tick) }
        guard isDirty else { return false }
        finishTurn()
        return true
    }

    /// Ends a turn, whether or not anything happened in it.
    public func finishTurn() {
        isDirty = false
        network.perform { [self] in
            var outputs: [MachineOutput<M.Note>] = []
            machine.finishTurn(now: network.now, into: &outputs)
            perform(outputs)
        }
    }

    // MARK: Outputs

    private func perform(_ outputs: [MachineOutput<M.Note>]) {
        for output in outputs {
            switch output {
            case .note(let note):
                notes.append(note)
                onNote(note)
            case .transport(let command): perform(command)
            }
        }
    }

    private func perform(_ command: TransportCommand) {
        switch command {
        case .dial(let dial, let endpoint):
            if isScripted { dials.append((dial, endpoint)) } else { network.dial(dial, endpoint, from: self) }
        case .cancelDial(let dial): if isScripted { cancel(dial) }  // otherwise dials end at once
        case .startTLS(let id, let peer): startTLS(id, peer)
        case .write(let id, let bytes): end(of: id)?.write(bytes)
        case .setReading(let id, let isOn): end(of: id)?.setReading(isOn)
        case .finishWriting(let id): end(of: id)?.finishWriting()
        case .close(let id): end(of: id)?.close(lingers: true)
        case .closeAtOnce(let id): end(of: id)?.close(lingers: false)
        case .abort(let id): end(of: id)?.abort()
        }
    }

    private func startTLS(_ id: ConnectionID, _ peer: TLSPeer) {
        guard let end = end(of: id) else { return }
        guard let link = end as? LinkEnd, let cipher = network.clientCipher?(peer) else { return end.startTLS(peer) }
        let encrypted = EncryptedEnd(cipher, at: self, as: id, on: link)
        link.arrive(at: encrypted, as: id)
        attach(encrypted)
        encrypted.start()
    }

    private func end(of id: ConnectionID) -> (any ConnectionEnd)? {
        if isScripted, ends[id] == nil { network.onMistake("a command for a connection that was never there") }
        return ends[id]
    }

    private func cancel(_ dial: DialID) {
        if !dials.contains(where: { $0.id == dial }) { network.onMistake("cancels a dial that is over") }
        dials.removeAll { $0.id == dial }
        cancelledDials += 1
    }

    // MARK: Connections

    /// A connection id; slots are used again, with another generation.
    public func newID() -> ConnectionID {
        generation += 1
        if let slot = freeSlots.popLast() { return ConnectionID(slot: slot, generation: generation) }
        slotCount += 1
        return ConnectionID(slot: slotCount - 1, generation: generation)
    }

    /// The machine has this end of a connection.
    public func attach(_ end: any ConnectionEnd) { ends[end.id] = end }

    /// The connection is over for this machine.
    public func detach(_ id: ConnectionID) {
        if ends.removeValue(forKey: id) != nil { freeSlots.append(UInt32(id.slot)) }
    }

    // MARK: Connections that move between machines of one program

    /// Takes the connection from the machine, without an event; nil if it is over or closing. On its way no machine owns it:
    /// what the peer sends waits, what was written travels on, and what happens is reported to the machine that adopts it.
    public func detachConnection(_ id: ConnectionID) -> DetachedConnection? {
        guard let end = ends[id], end.leave() else { return nil }
        detach(id)
        return DetachedConnection(end: end)
    }

    /// Takes the connection over; its id here. The caller tells the machine, and then calls `resume`.
    public func adopt(_ detached: DetachedConnection) -> ConnectionID {
        let id = newID()
        detached.end.arrive(at: self, as: id)
        attach(detached.end)
        return id
    }

    /// The machine knows the connection, and hears what happened to it on its way.
    /// Nothing, if the machine has sent it on at once: then it is for the next one to hear.
    public func resume(_ detached: DetachedConnection) {
        if ends[detached.end.id] === detached.end { detached.end.resume() }
    }
}

/// A connection between two machines of one program.
public struct DetachedConnection {
    let end: any ConnectionEnd
}
