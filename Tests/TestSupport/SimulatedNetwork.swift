// Machines on a simulated network with a virtual clock: latency, small socket buffers, writes that take part of what they are given,
// reads cut anywhere. Everything follows from a seed, so a failure names the seed that repeats it.
//
//     let network = SimulatedNetwork(seed: 7)
//     let gateway = network.add(Gateway(…), listeningOn: .tcp(host: "gateway", port: 80))
//     let agent = network.add(Agent(…))
//     agent.send(.start)
//     network.run(until: { agent.machine.phase == .serving })
//
// A step is a virtual millisecond. When nothing moves, the clock jumps to the next deadline.

import MachineCore

/// A network of machines and its clock.
public final class SimulatedNetwork {
    /// How hard the network is on its machines.
    public struct Conditions: Sendable {
        /// Milliseconds from one end to the other.
        public var latencyMs: UInt64 = 1
        /// Bytes that one direction of a connection holds between writer and reader.
        public var kernelBytes = 64 * 1024
        /// The most that one step writes; the actual number is random below it.
        public var writeBytes = 64 * 1024
        /// The most that one read brings; the actual number is random below it.
        public var readBytes = 64 * 1024
        /// A fast network.
        public init() {}
    }

    /// The time, for all machines alike.
    public private(set) var now = Moment(nanoseconds: 1_000_000_000)
    /// How hard the network is.
    public var conditions: Conditions
    /// Every random choice.
    public var random: SplitMix
    /// How hard the network is on connections to these endpoints, where it differs from the rest.
    public var paths: [Endpoint: Conditions] = [:]
    fileprivate var hosts: [any AnyHost] = []
    /// Those who listen on an endpoint get its connections in turn.
    fileprivate var listeners: [Endpoint: [any AnyHost]] = [:]
    private var dialCount = 0
    private var deferred: [() -> Void] = []
    fileprivate var links: [Link] = []

    /// An empty network.
    public init(seed: UInt64, conditions: Conditions = .init()) {
        random = SplitMix(seed: seed)
        self.conditions = conditions
    }

    /// Puts a machine into the network.
    public func add<M: Machine>(_ machine: M, listeningOn endpoint: Endpoint? = nil) -> Host<M> {
        let host = Host(machine, in: self)
        hosts.append(host)
        if let endpoint { listeners[endpoint] = [host] }
        return host
    }

    /// Lets a machine listen on one more endpoint.
    public func listen(_ host: some AnyHost, on endpoint: Endpoint) { listeners[endpoint] = [host] }

    /// Lets several machines share an endpoint.
    public func listen(_ hosts: [any AnyHost], on endpoint: Endpoint) { listeners[endpoint] = hosts }

    /// Does something at the beginning of the next step, after what was to be done there already.
    public func later(_ action: @escaping () -> Void) { deferred.append(action) }

    /// Takes a machine off the network, as a power cut would: its peers see resets, and what it held is gone.
    public func remove(_ host: some AnyHost) {
        for link in links where !link.isOver && (link.ends[0].host === host || link.ends[1].host === host) {
            link.reset()
            link.discard(host)
        }
        hosts.removeAll { $0 === host }
        for endpoint in listeners.keys { listeners[endpoint]?.removeAll { $0 === host } }
    }

    /// Connections that are not over at both ends.
    public var openConnections: Int { links.count { !$0.isOver } }

    /// Steps until `condition` holds or `limitMs` virtual milliseconds have passed; whether it held.
    @discardableResult public func run(limitMs: UInt64 = 60_000, until condition: () -> Bool) -> Bool {
        let end = now.advanced(by: .milliseconds(Int64(limitMs)))
        while now < end {
            if condition() { return true }
            step(until: end)
        }
        return condition()
    }

    /// Lets virtual time pass.
    public func run(forMs milliseconds: UInt64) { run(limitMs: milliseconds) { false } }

    /// One turn of every host: what travels moves on, what arrived is read, deadlines tick.
    public func step(until end: Moment) {
        let due = deferred
        deferred = []
        for action in due { action() }
        var moved = !due.isEmpty
        for link in links where !link.isOver {
            if link.move(in: self) { moved = true }
        }
        links.removeAll { $0.isOver }
        for host in hosts where host.turn() { moved = true }
        advance(moved: moved, end)
    }

    private func advance(moved: Bool, _ end: Moment) {
        let next = now.advanced(by: .milliseconds(1))
        guard !moved, links.allSatisfy({ !$0.isTravelling }) else {
            now = next
            return
        }
        let deadline = hosts.compactMap(\.nextDeadline).min() ?? end
        now = max(next, min(deadline, end))
    }

    fileprivate func dial(_ dial: DialID, _ endpoint: Endpoint, from host: any AnyHost) {
        dialCount += 1
        guard let listening = listeners[endpoint], !listening.isEmpty,
            case let listener = listening[dialCount % listening.count]
        else {
            return host.deliver(.dialFailed(dial, reason: "connection refused"))
        }
        let link = Link(host, host.newID(), listener, listener.newID())
        link.ownConditions = paths[endpoint]
        links.append(link)
        host.attach(link, side: 0)
        listener.attach(link, side: 1)
        listener.deliver(.accepted(link.ends[1].id, peer: host.name, listener: 0))
        host.deliver(.connected(dial, link.ends[0].id))
    }
}

/// What the network needs to know of a machine.
public protocol AnyHost: AnyObject {
    /// Shown as the peer's address.
    var name: String { get }
    /// When the machine wants to be woken.
    var nextDeadline: Moment? { get }
    /// Gives the machine an event.
    func deliver(_ event: TransportEvent)
    /// Ends a turn; whether anything happened in it.
    func turn() -> Bool
    /// A connection id that was never used.
    func newID() -> ConnectionID
    /// The machine is one end of this connection.
    func attach(_ link: Link, side: Int)
    /// The connection is over for this machine.
    func detach(_ id: ConnectionID)
}

/// A machine in a network.
public final class Host<M: Machine>: AnyHost {
    /// The machine.
    public private(set) var machine: M
    /// Its notes, in order; a test may empty it.
    public var notes: [M.Note] = []
    /// Called with each note.
    public var onNote: (M.Note) -> Void = { _ in }
    /// Shown as the peer's address.
    public var name = "127.0.0.1"

    private unowned let network: SimulatedNetwork
    private(set) var ends: [ConnectionID: (link: Link, side: Int)] = [:]
    private var generation: UInt32 = 0
    private var freeSlots: [UInt32] = []
    private var slotCount: UInt32 = 0
    private var isDirty = false
    private var pending: [MachineInput<M.Message>] = []
    private var isBusy = false

    init(_ machine: M, in network: SimulatedNetwork) {
        self.machine = machine
        self.network = network
    }

    /// When the machine wants to be woken.
    public var nextDeadline: Moment? { machine.nextDeadline }

    /// Gives the machine a message.
    public func send(_ message: M.Message) { take(.message(message)) }

    /// Gives the machine an event.
    public func deliver(_ event: TransportEvent) { take(.transport(event)) }

    /// Ends a turn; whether anything happened in it.
    public func turn() -> Bool {
        if let deadline = machine.nextDeadline, deadline <= network.now { take(.tick) }
        guard isDirty else { return false }
        isDirty = false
        var outputs: [MachineOutput<M.Note>] = []
        machine.finishTurn(now: network.now, into: &outputs)
        perform(outputs)
        return true
    }

    /// A machine never sees an input while it handles another, however the network's parts call each other.
    private func take(_ input: MachineInput<M.Message>) {
        isDirty = true
        pending.append(input)
        guard !isBusy else { return }
        isBusy = true
        while !pending.isEmpty {
            var outputs: [MachineOutput<M.Note>] = []
            machine.handle(pending.removeFirst(), now: network.now, into: &outputs)
            perform(outputs)
        }
        isBusy = false
    }

    private func perform(_ outputs: [MachineOutput<M.Note>]) {
        for output in outputs {
            switch output {
            case .note(let note):
                notes.append(note)
                onNote(note)
            case .transport(.dial(let dial, let endpoint)): network.dial(dial, endpoint, from: self)
            case .transport(.cancelDial): break  // dials of this network end at once
            case .transport(.write(let id, let bytes)): with(id) { $0.write(bytes, side: $1) }
            case .transport(.setReading(let id, let isOn)): with(id) { $0.ends[$1].isReading = isOn }
            case .transport(.finishWriting(let id)): with(id) { $0.pipes[$1].isFinished = true }
            case .transport(.close(let id)), .transport(.closeAtOnce(let id)): with(id) { $0.close(side: $1) }
            case .transport(.abort(let id)): with(id) { link, _ in link.reset() }
            }
        }
    }

    private func with(_ id: ConnectionID, _ body: (Link, Int) -> Void) {
        if let end = ends[id] { body(end.link, end.side) }
    }

    /// A connection id; slots are used again, with another generation.
    public func newID() -> ConnectionID {
        generation += 1
        if let slot = freeSlots.popLast() { return ConnectionID(slot: slot, generation: generation) }
        slotCount += 1
        return ConnectionID(slot: slotCount - 1, generation: generation)
    }

    /// The machine is one end of this connection.
    public func attach(_ link: Link, side: Int) { ends[link.ends[side].id] = (link, side) }

    /// The connection is over for this machine.
    public func detach(_ id: ConnectionID) {
        if ends.removeValue(forKey: id) != nil { freeSlots.append(UInt32(id.slot)) }
    }
}

/// A connection between two machines.
public final class Link {
    struct End {
        var host: any AnyHost
        var id: ConnectionID
        /// Between two machines: neither gets events.
        var isAway = false
        /// Reported when it arrives: bytes that were written, and how it ended.
        var owedBytes = 0
        var owedEnd: String??
        var isReading = true
        /// It asked to close; `closed` follows when its bytes are out.
        var isClosing = false
        var isClosed = false
    }

    fileprivate(set) var ends: [End]
    /// Its own conditions, if it has any.
    fileprivate var ownConditions: SimulatedNetwork.Conditions?
    /// `pipes[n]` carries what end n writes.
    fileprivate(set) var pipes = [Pipe(), Pipe()]

    fileprivate init(_ dialer: any AnyHost, _ dialerID: ConnectionID, _ listener: any AnyHost, _ listenerID: ConnectionID) {
        ends = [End(host: dialer, id: dialerID), End(host: listener, id: listenerID)]
    }

    fileprivate var isOver: Bool { ends[0].isClosed && ends[1].isClosed }
    fileprivate var isTravelling: Bool {
        !isOver
            && (0...1).contains {
                !pipes[$0].isDrained && (ends[1 - $0].isReading || ends[1 - $0].isClosing || ends[1 - $0].isAway)
            }
    }

    fileprivate func write(_ bytes: ArraySlice<UInt8>, side: Int) {
        if !pipes[side].isFinished { pipes[side].write(bytes) }
    }

    fileprivate func close(side: Int) {
        ends[side].isClosing = true
        pipes[side].isFinished = true
    }

    fileprivate func reset() {
        for side in 0...1 {
            pipes[side].dropEverything()
            finish(side, error: "connection reset")
        }
    }

    /// A host is gone, and with it what was on its way from there.
    func discard(_ host: any AnyHost) {
        for side in 0...1 where ends[side].host === host && ends[side].isAway { ends[side].isClosed = true }
    }

    func leave(_ side: Int) { ends[side].isAway = true }

    func arrive(_ side: Int, at host: any AnyHost, as id: ConnectionID) {
        ends[side].host = host
        ends[side].id = id
    }

    func resume(_ side: Int) {
        let (bytes, end) = (ends[side].owedBytes, ends[side].owedEnd)
        (ends[side].isAway, ends[side].owedBytes, ends[side].owedEnd) = (false, 0, nil)
        if bytes > 0 { ends[side].host.deliver(.wrote(ends[side].id, bytes)) }
        if let end { finish(side, error: end) }
    }

    private func finish(_ side: Int, error: String?) {
        guard !ends[side].isClosed else { return }
        guard !ends[side].isAway else {
            ends[side].owedEnd = .some(error)
            return
        }
        ends[side].isClosed = true
        pipes[1 - side].discards = true
        ends[side].host.deliver(.closed(ends[side].id, error: error))
        ends[side].host.detach(ends[side].id)
    }

    /// One step of both directions; whether anything moved.
    fileprivate func move(in network: SimulatedNetwork) -> Bool {
        var moved = false
        for side in 0...1 {
            if send(side, in: network) { moved = true }
            pipes[side].arrive(now: network.now.nanoseconds)
            if receive(1 - side, in: network) { moved = true }
            if settle(side) { moved = true }
        }
        return moved
    }

    private func send(_ side: Int, in network: SimulatedNetwork) -> Bool {
        guard pipes[side].waitingCount > 0 else { return false }
        let conditions = ownConditions ?? network.conditions
        let budget = Int.random(in: 1...conditions.writeBytes, using: &network.random)
        let arrival = network.now.advanced(by: .milliseconds(Int64(conditions.latencyMs))).nanoseconds
        let count = pipes[side].send(budget: budget, kernelBytes: conditions.kernelBytes, arrival: arrival)
        if ends[side].isAway {
            ends[side].owedBytes += count
        } else if count > 0, !ends[side].isClosed {
            ends[side].host.deliver(.wrote(ends[side].id, count))
        }
        return count > 0
    }

    /// Lets end `side` read what the other wrote.
    private func receive(_ side: Int, in network: SimulatedNetwork) -> Bool {
        let end = ends[side]
        guard !end.isClosed, !end.isAway, end.isReading || end.isClosing else { return false }
        let limit = Int.random(in: 1...(ownConditions ?? network.conditions).readBytes, using: &network.random)
        if let bytes = pipes[1 - side].read(limit: limit) {
            if !end.isClosing { end.host.deliver(.received(end.id, bytes)) }
            return true
        }
        guard pipes[1 - side].isFinished, pipes[1 - side].isDrained, !pipes[1 - side].isEOFDelivered else { return false }
        pipes[1 - side].isEOFDelivered = true
        if !end.isClosing { end.host.deliver(.receivedEOF(end.id)) }
        return true
    }

    /// An end that asked to close is closed when its bytes are read, or the peer is gone.
    private func settle(_ side: Int) -> Bool {
        guard ends[side].isClosing, !ends[side].isClosed, pipes[side].waitingCount == 0 else { return false }
        guard pipes[side].isEOFDelivered || ends[1 - side].isClosed else { return false }
        finish(side, error: nil)
        return true
    }
}
