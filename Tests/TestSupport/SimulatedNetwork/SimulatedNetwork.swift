// The network of all tests: machines as hosts on it, a virtual clock, and connections as a transport has them. There are no
// sockets.
//
// A connection has a machine at one end. At the other there is either
//
// - another machine (`Link`): with latency, small socket buffers, writes that take part of what they are given, reads cut
//   anywhere. Everything follows from a seed, so a failure names the seed that repeats it; or
// - the test itself (`ScriptedConnection`): what is written is there at once, and the test says when it is acknowledged.
//
// Machines on their own, a virtual millisecond a step; when nothing moves, the clock jumps to the next deadline:
//
//     let network = SimulatedNetwork(seed: 7)
//     let gateway = network.add(Gateway(…), listeningOn: .tcp(host: "gateway", port: 80))
//     let agent = network.add(Agent(…))
//     agent.send(.start)
//     network.run(until: { agent.machine.phase == .serving })
//
// One machine, and a test that is all its peers:
//
//     let gateway = network.add(Gateway(…), endsTurnsAtOnce: true)
//     let visitor = gateway.addConnection()
//     visitor.deliver(.accepted(visitor.id, peer: "203.0.113.9", listener: 0))
//     visitor.deliver(.received(visitor.id, request))
//     visitor.takeWritten()

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
    public private(set) var now: Moment
    /// How hard the network is.
    public var conditions: Conditions
    /// Every random choice.
    public var random: SplitMix
    /// How hard the network is on connections to these endpoints, where it differs from the rest.
    public var paths: [Endpoint: Conditions] = [:]
    /// Makes the ciphers of those who connect to these endpoints: TLS is spoken there.
    public var serverCiphers: [Endpoint: () -> any ConnectionCipher] = [:]
    /// Makes the cipher of a machine that starts TLS; nil: nothing is encrypted.
    public var clientCipher: ((TLSPeer) -> any ConnectionCipher)?
    /// Called when a machine does with a scripted connection or a dial what no machine may do.
    public var onMistake: (String) -> Void = { _ in }
    private var hosts: [any AnyHost] = []
    /// Those who listen on an endpoint get its connections in turn.
    private var listeners: [Endpoint: [any AnyHost]] = [:]
    /// Dials so far, but for those that a test answers.
    public private(set) var dialCount = 0
    private var deferred: [() -> Void] = []
    private var links: [Link] = []
    /// What waits until the machine that handles an input is done with it.
    private var waiting: [() -> Void] = []
    private var isHandling = false

    /// An empty network.
    public init(
        seed: UInt64 = 0, conditions: Conditions = .init(), startingAt start: Moment = Moment(nanoseconds: 1_000_000_000)
    ) {
        now = start
        random = SplitMix(seed: seed)
        self.conditions = conditions
    }

    /// Puts a machine into the network. `endsTurnsAtOnce`: each input is a turn of its own; otherwise a turn ends with the
    /// step, or when the test calls `finishTurn`. `isScripted`: the test decides what becomes of the machine's dials, not those
    /// who listen, and a command for a connection that the test never made is a mistake.
    public func add<M: Machine>(
        _ machine: M, listeningOn endpoint: Endpoint? = nil, endsTurnsAtOnce: Bool = false, isScripted: Bool = false
    ) -> Host<M> {
        let host = Host(machine, in: self, endsTurnsAtOnce: endsTurnsAtOnce, isScripted: isScripted)
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
        for link in links where !link.isOver && link.ends.contains(where: { $0.host.machineHost === host }) {
            link.reset()
            link.discard(host)
        }
        hosts.removeAll { $0 === host }
        for endpoint in listeners.keys { listeners[endpoint]?.removeAll { $0 === host } }
    }

    /// A machine never sees an input while any machine handles another, however the network's parts call each other.
    func perform(_ action: @escaping () -> Void) {
        waiting.append(action)
        guard !isHandling else { return }
        isHandling = true
        while !waiting.isEmpty { waiting.removeFirst()() }
        isHandling = false
    }

    // MARK: Time

    /// Time passes without steps, for a network whose connections are all scripted. `body` is called at each deadline on the
    /// way.
    public func pass(_ duration: Duration, atDeadline body: () -> Void) {
        let end = now.advanced(by: duration)
        while let next = hosts.compactMap(\.nextDeadline).min(), next <= end {
            now = max(now, next)
            body()
        }
        now = end
    }

    /// Connections between machines that are not over at both ends.
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

    // MARK: Connections

    func dial(_ dial: DialID, _ endpoint: Endpoint, from host: any AnyHost) {
        dialCount += 1
        guard let listening = listeners[endpoint], !listening.isEmpty,
            case let listener = listening[dialCount % listening.count]
        else {
            return host.deliver(.dialFailed(dial, reason: "connection refused"))
        }
        let id = listener.newID()
        let encrypted = serverCiphers[endpoint].map { EncryptedEnd($0(), at: listener, as: id) }
        let receiver: any AnyHost = encrypted ?? listener
        let link = Link(host, host.newID(), receiver, id)
        link.ownConditions = paths[endpoint]
        links.append(link)
        host.attach(LinkEnd(link, 0))
        receiver.attach(LinkEnd(link, 1))
        if let encrypted { listener.attach(encrypted) }
        receiver.deliver(.accepted(link.ends[1].id, peer: host.name, listener: 0))
        host.deliver(.connected(dial, link.ends[0].id))
    }
}
