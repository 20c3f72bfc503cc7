// The loop: it owns sockets and translates between them and a machine's vocabulary (MachineCore's Transport). It knows no
// protocol and keeps nothing of what it reads. One loop belongs to one thread and shares nothing with others.
//
// A turn waits once and lends what happened to the caller, who gives commands; `flush` then writes what was queued, one
// call for each connection, and settles what changed: interests, half-closes, ends. Every failure of a connection becomes its
// `closed` event; the loop itself throws only when the poller fails.
//
// Fairness: one read for each connection and turn. Memory: one read buffer, and what machines queued.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Sockets, listeners, dials and timers of one thread.
public final class SocketLoop {
    /// The limits it was made with.
    public let limits: LoopLimits
    /// What it has done so far.
    @safe @exclusivity(unchecked) public internal(set) var statistics = LoopStatistics()
    /// Ends its wait from any thread.
    public let waker: Waker
    /// When the present turn began: a clock reading that is as good as any for what happened in it.
    public internal(set) var moment = SocketLoop.now()

    /// Called, inside a turn, for each accept and each dial that fails because no descriptor is left; `ShortageSpells` says
    /// which of them are worth a message.
    public var onShortage: (DescriptorShortage) -> Void = { _ in }
    /// Called, inside a turn, for each client whose TLS handshake fails: its connection is never announced.
    public var onHandshakeFailure: (TLSHandshakeFailure) -> Void = { _ in }

    /// What a client is sent, as it stands here, that speaks plain HTTP where TLS is spoken.
    public var plainHTTPResponse: [UInt8] = []

    let poller: any Poller
    // Unchecked, as are the other properties that every event touches: an access lasts for one line of this module, never while
    // the handler runs, and the checks would cost a twentieth of a request.
    @safe @exclusivity(unchecked) var connections = ConnectionSlots()
    @safe @exclusivity(unchecked) var pool = BufferPool()
    /// Connections whose state is to be settled by the next flush; ids, since a slot may change hands before.
    @safe @exclusivity(unchecked) var touched: [ConnectionID] = []
    /// Connections that hold lent pieces, until `writeLent`.
    @safe @exclusivity(unchecked) var lenders: [ConnectionID] = []
    /// Events that came about between turns; nil where one was lent or taken back.
    var owed: [TransportEvent?] = []
    var timers = Deadlines<Timer>()
    var listeners: [ListenerState] = []
    var dials: [DialID: Dial] = [:]
    /// Of endpoints with several addresses, the one that connected first the last time.
    var dialWinners: [Endpoint: SocketAddress] = [:]
    /// Whose dial a connecting slot is.
    var attempts: [Int: DialID] = [:]
    /// Names that are being looked up.
    var lookups = 0
    let resolver: Resolver
    /// What TLS of this loop has in common.
    var tls = LoopTLS()
    /// What was decrypted last, lent like `readBuffer`; and where what is encrypted is made.
    @safe @exclusivity(unchecked) var plaintext: [UInt8] = []
    @safe @exclusivity(unchecked) var ciphertext: [UInt8] = []
    /// Given up for a moment to accept a connection, and shed it, when descriptors have run out.
    var spareDescriptor: Int32
    var signalPipe: (reading: Int32, writing: Int32)?
    var signalHandler: (Int32) -> Void = { _ in }

    private let wakeDescriptor: Int32
    /// Lent out with every `received`; see `receive(_:into:limit:)` for what happens if a caller keeps it.
    @safe @exclusivity(unchecked) var readBuffer: [UInt8] = []
    private var batch: [Readiness] = []

    /// What a deadline of the loop's own is for.
    enum Timer: Hashable, Sendable {
        /// A closing connection has taken too long.
        case close(ConnectionID)
        /// A TLS handshake has taken too long.
        case handshake(ConnectionID)
        /// An address that is being tried has taken too long, is to be tried again, or the next one's time has come.
        case dial(DialID)
        /// A listener that paused accepts again.
        case accept(Int)
    }

    /// A loop without connections. Fails when the process is out of descriptors or the system lacks the backend.
    /// From now on the process ignores SIGPIPE.
    public init(backend: PollerBackend = .platformDefault, limits: LoopLimits = .init()) throws(SocketError) {
        Signals.ignoreBrokenPipes()
        self.limits = limits
        poller = try backend.makePoller()
        guard let ends = Platform.wakeDescriptors() else { throw SocketError("create a waker", code: errno) }
        wakeDescriptor = ends.reading
        waker = Waker(descriptor: ends.writing)
        resolver = Resolver(waker: waker)
        spareDescriptor = openDescriptor("/dev/null", O_RDONLY)
        try poller.watch(wakeDescriptor, .read, token: Token.ofWaker)
    }

    deinit {
        stopListening()
        for connection in connections.entries where connection.descriptor >= 0 { poller.close(connection.descriptor) }
        if let signalPipe {
            Signals.stopDelivering(to: signalPipe.writing)
            poller.close(signalPipe.reading)
        }
        if spareDescriptor >= 0 { close(spareDescriptor) }
        poller.close(wakeDescriptor)
    }

    /// The present time on the monotonic clock, which is what all deadlines here are measured by.
    public static func now() -> Moment { Moment(nanoseconds: Platform.monotonicNanoseconds()) }

    /// Connections that are open or still owe their `closed`, and dials that have no result yet.
    public var connectionCount: Int { connections.count }

    /// Whether there is something to write or to report, so that the next turn will not wait.
    public var hasUnsettled: Bool { !touched.isEmpty || !owed.isEmpty }

    /// One turn: waits until `deadline` (nil: for ever) or until something happens, then lends each event to `handler` at
    /// once; what a flush would have done is done first, without a wait. The handler may call `perform`, but not `turn` or
    /// `flush`. Between the wait and the first event it came with, `woken` may look for messages of other threads. Ends early
    /// now and then; fails only if the poller does.
    public func turn(
        until deadline: Moment?, woken: () -> Void = {}, _ handler: (TransportEvent) -> Void
    ) throws(SocketError) {
        let isDue = hasUnsettled
        if isDue { flush(handler) }
        try wait(until: isDue ? Moment() : deadline)
        moment = Self.now()
        statistics.turns += 1
        woken()
        takeResolutions()
        lendOwed(handler)
        var ready: [Readiness] = []
        swap(&ready, &batch)
        for event in ready { take(event, handler) }
        ready.removeAll(keepingCapacity: true)
        swap(&ready, &batch)
        fireTimers(handler)
        lendOwed(handler)
    }

    /// Writes what was queued, with one call for each connection, and lends the `wrote`, `closed` and other events that come
    /// of it. What the handler queues in turn is left to the next flush, so that no connection holds up the others.
    public func flush(_ handler: (TransportEvent) -> Void) {
        writeLent()
        lendOwed(handler)
        var ids: [ConnectionID] = []
        swap(&ids, &touched)
        for id in ids {
            if let slot = connections.slot(of: id) { settle(slot, handler) }
        }
        if touched.isEmpty {
            ids.removeAll(keepingCapacity: true)
            swap(&ids, &touched)
        }
    }

    /// Has each of these signals handled by `handler`, inside `turn` and on its thread. One loop of the process gets a signal:
    /// the last that asked. Fails for numbers that are no catchable signal.
    public func catchSignals(_ signals: [Int32], _ handler: @escaping (Int32) -> Void) throws(SocketError) {
        if signalPipe == nil { signalPipe = try makeSignalPipe() }
        guard let signalPipe else { return }
        signalHandler = handler
        for signal in signals { try Signals.deliver(signal, to: signalPipe.writing) }
    }

    // MARK: Inside a turn

    private func wait(until deadline: Moment?) throws(SocketError) {
        var limit = deadline
        if let timer = timers.next { limit = min(limit ?? timer, timer) }
        var nanoseconds: UInt64? = limit.map { limit in
            let now = Self.now()
            return limit > now ? limit.nanoseconds - now.nanoseconds : 0
        }
        if hasUnsettled { nanoseconds = 0 }
        if nanoseconds == 0 || !waker.prepareToSleep() {
            return try poller.wait(nanoseconds: 0, into: &batch)
        }
        defer { waker.didWake() }
        try poller.wait(nanoseconds: nanoseconds, into: &batch)
    }

    private func take(_ event: Readiness, _ handler: (TransportEvent) -> Void) {
        switch Token(event.token) {
        case .connection(let id):
            if let slot = connections.slot(of: id) { take(event.conditions, slot, handler) }
        case .listener(let index): acceptBatch(index, handler)
        case .waker: Waker.drain(wakeDescriptor)
        case .signals: takeSignals()
        }
    }

    private func makeSignalPipe() throws(SocketError) -> (reading: Int32, writing: Int32) {
        guard let ends = Platform.pipeDescriptors() else { throw SocketError("create a pipe", code: errno) }
        do throws(SocketError) {
            try poller.watch(ends.reading, .read, token: Token.ofSignals)
        } catch {
            close(ends.reading)
            close(ends.writing)
            throw error
        }
        return ends
    }

    private func takeSignals() {
        guard let signalPipe else { return }
        while let number = readByte(signalPipe.reading) { signalHandler(Int32(number)) }
    }

    private func fireTimers(_ handler: (TransportEvent) -> Void) {
        while let timer = timers.popExpired(at: moment) {
            switch timer {
            case .close(let id):
                if let slot = connections.slot(of: id) { closeTimeout(slot, handler) }
            case .handshake(let id): handshakeTimeout(id)
            case .dial(let id): dialTimeout(id)
            case .accept(let index): resumeAccepting(index)
            }
        }
    }

    /// Lends what is owed now; what the handler brings about waits for the next time.
    private func lendOwed(_ handler: (TransportEvent) -> Void) {
        let end = owed.count
        if end == 0 { return }
        for index in 0..<end {
            guard let event = owed[index] else { continue }
            owed[index] = nil
            handler(event)
        }
        owed.removeSubrange(..<end)
    }
}

extension SocketLoop {
    /// Says so if the system's `code` means that descriptors have run out.
    func noteShortage(_ operation: String, _ code: Int32) {
        if let shortage = DescriptorShortage(operation, code: code) { onShortage(shortage) }
    }
}
