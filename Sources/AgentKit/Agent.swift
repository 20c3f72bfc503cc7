// The agent as a state machine: its state, and which part of it takes an event. It dials a gateway, upgrades, registers,
// answers requests from a service on this machine or from the program itself, and comes back when the connection is lost.
//
// Streams everything: no body is collected on its way between the tunnel and a service, and credit goes back to the gateway
// only when the service's socket has taken the bytes. Dials nothing but the gateway and the one configured service.

import HTTPCodec
import MachineCore
import TunnelLink
import WireWS

/// An agent. Give it `AgentMessage.start`, transport events and ticks; perform its commands, and mind its notes.
public struct Agent: Machine {
    /// What the host says to it.
    public typealias Message = AgentMessage
    /// What it says to the host.
    public typealias Note = AgentNote

    /// What the agent was made with, or told since.
    public internal(set) var configuration: AgentConfiguration
    /// Where it stands with its gateway.
    public internal(set) var phase = AgentPhase.stopped

    /// What the gateway is told at the next registration: the configuration's, and what changed since.
    var description: AgentDescription
    /// Masks, handshake keys and jitter.
    var keys: KeyStream
    var backoff: Backoff
    /// The current one, and those that retire.
    var tunnels: [Tunnel] = []
    /// Who answers which paths.
    var services: ServiceTable
    /// Connections to services, busy and idle.
    var locals = ConnectionTable<LocalConnection>()
    var pool: LocalPool
    /// Connections that are being made, and for whom.
    var dials: [DialID: Dialer] = [:]
    /// Calls that the host has not answered to the end.
    var calls: [HandlerCall: LocalExchange] = [:]
    var deadlines = Deadlines<TimerKey>()
    /// Services, by their place in the table, the last dial to which failed; said once, not for each request.
    var downServices: Set<Int> = []
    /// Services that once gave no HTTP; said once for each.
    var misfits: Set<Int> = []
    /// Where requests come from that a person sends again: never connected, so what is said to it is said to nobody.
    let replays = Tunnel(pingInterval: .zero)
    var replayNumber: UInt32 = 0
    /// What is captured of bodies of exchanges under way.
    var capturedBytes = 0
    private var lastNumber: UInt64 = 0

    /// The time of the present call.
    var now = Moment()
    /// The caller's, during a call; empty between calls.
    var outputs: [MachineOutput<AgentNote>] = []

    /// Who waits for a connection.
    enum Dialer {
        case gateway(TunnelKey)
        case service(LocalExchange)
    }

    /// What a deadline is for.
    enum TimerKey: Sendable, Hashable {
        /// The end of a back-off.
        case retry
        /// The end of the host's patience with a drain.
        case drain
        /// The dial, the upgrade or the registration of a tunnel takes too long.
        case stage(TunnelKey)
        /// The tunnel is stable.
        case stable(TunnelKey)
        /// The next ping, or the end of the wait for its pong.
        case ping(TunnelKey)
        /// The end of the gateway's patience with a drain.
        case retire(TunnelKey)
        /// A dial to the service takes too long.
        case dial(DialID)
        /// The oldest exchange that waits for a head may be overdue.
        case heads
        /// The oldest idle connection may be due.
        case pool
        /// A request that is sent again takes too long.
        case replay(StreamID)
    }

    /// An agent that has not started. The seed feeds masks (RFC 6455 §5.3), handshake keys and jitter: 16 random bytes or more,
    /// never the same twice.
    public init(_ configuration: AgentConfiguration, seed: [UInt8]) {
        self.configuration = configuration
        services = ServiceTable(configuration.service)
        description = configuration.description
        if description.version.isEmpty { description.version = AgentConfiguration.programVersion }
        keys = KeyStream(seed: seed)
        backoff = Backoff(configuration.backoff)
        pool = LocalPool(capacity: configuration.poolIdleTimeout > .zero ? configuration.maximumPooledConnections : 0)
    }

    // MARK: Machine

    /// Takes one input and appends what is to be done to `outputs`.
    public mutating func handle(
        _ input: MachineInput<AgentMessage>, now: Moment, into outputs: inout [MachineOutput<AgentNote>]
    ) {
        begin(now, &outputs)
        defer { swap(&self.outputs, &outputs) }
        switch input {
        case .transport(let event): handle(event)
        case .message(let message): handle(message)
        case .tick: fireTimers()
        }
    }

    /// Called after all inputs of one turn: what is ready for a tunnel goes out in one write.
    public mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<AgentNote>]) {
        begin(now, &outputs)
        defer { swap(&self.outputs, &outputs) }
        flushTunnels()
    }

    /// When the agent wants a tick.
    public var nextDeadline: Moment? { deadlines.next }

    /// What the agent holds at this moment.
    public var counters: AgentCounters {
        var counters = AgentCounters()
        counters.tunnels = tunnels.count
        counters.openExchanges = tunnels.reduce(replays.exchanges.count) { $0 + $1.exchanges.count }
        counters.localConnections = locals.count
        counters.pooledConnections = pool.count
        counters.dialing = dials.count
        counters.openCalls = calls.count
        counters.backlogBytes = tunnels.reduce(0) { $0 + ($1.session?.backlog ?? 0) }
        counters.timers = deadlines.count
        return counters
    }

    private mutating func begin(_ now: Moment, _ outputs: inout [MachineOutput<AgentNote>]) {
        self.now = now
        swap(&self.outputs, &outputs)
    }

    // MARK: Dispatch

    private mutating func handle(_ event: TransportEvent) {
        switch event {
        case .accepted(let connection, _, _): emit(.abort(connection))  // an agent listens nowhere
        case .connected(let dial, let connection): connected(dial, connection)
        case .dialFailed(let dial, let reason): dialFailed(dial, reason)
        case .received(let connection, let bytes):
            if let index = tunnelIndex(of: connection) {
                receive(bytes, fromGateway: tunnels[index].key)
            } else {
                receive(bytes, fromService: connection)
            }
        case .receivedEOF(let connection):
            if let index = tunnelIndex(of: connection) {
                receiveEOF(fromGateway: tunnels[index].key)
            } else {
                receiveEOF(fromService: connection)
            }
        case .wrote(let connection, let count):
            if let index = tunnelIndex(of: connection) {
                tunnels[index].wrote(count)
            } else {
                wrote(count, toService: connection)
            }
        case .closed(let connection, let error):
            if let index = tunnelIndex(of: connection) {
                tunnels[index].connection = nil
                lose(tunnels[index].key, Refusal(reason: error ?? "the gateway closed the connection"))
            } else {
                serviceClosed(connection, error)
            }
        }
    }

    private mutating func connected(_ dial: DialID, _ connection: ConnectionID) {
        switch dials.removeValue(forKey: dial) {
        case .gateway(let key): upgrade(key, on: connection)
        case .service(let exchange): connectedToService(dial, connection, for: exchange)
        case nil: emit(.abort(connection))  // cancelled too late
        }
    }

    private mutating func dialFailed(_ dial: DialID, _ reason: String) {
        switch dials.removeValue(forKey: dial) {
        case .gateway(let key):
            lose(key, Refusal(reason: noConnection(reason)))
        case .service(let exchange): serviceDialFailed(dial, reason, for: exchange)
        case nil: break
        }
    }

    private mutating func handle(_ message: AgentMessage) {
        switch message {
        case .start: start()
        case .status(let update): updateStatus(update)
        case .respond(let call, let response): respond(to: call, response)
        case .head(let call, let head): begin(call, head)
        case .body(let call, let bytes, let end): send(bytes, end: end, of: call)
        case .took(let call, let count): took(count, of: call)
        case .fail(let call, let reason): giveUp(call, reason)
        case .replay(let request, let number, let call): replay(request, of: number, call: call)
        case .reconfigure(let configuration): reconfigure(configuration)
        case .drain(let within): drain(within: within)
        case .stop: stop(reason: "stopped by its host")
        }
    }

    /// Each expired deadline is taken off before it is acted on, and none is set anew at or before `now`, so this ends.
    private mutating func fireTimers() {
        while let key = deadlines.popExpired(at: now) {
            switch key {
            case .retry: redial()
            case .drain: stop(reason: "drained; what was left in flight was cut")
            case .stage(let key): stageTimedOut(key)
            case .stable(let key): becameStable(key)
            case .ping(let key): pingIsDue(key)
            case .retire(let key): retireIsDue(key)
            case .dial(let dial): serviceDialTimedOut(dial)
            case .heads: sweepHeads()
            case .pool: sweepPool()
            case .replay(let stream): replayTimedOut(stream)
            }
        }
    }

    // MARK: Helpers of all parts

    mutating func emit(_ command: TransportCommand) { outputs.append(.transport(command)) }

    mutating func emit(_ note: AgentNote) { outputs.append(.note(note)) }

    /// A log line; every one names the agent.
    mutating func log(_ level: LogRecord.Level, _ event: String, _ fields: LogRecord.Field...) {
        emit(.log(LogRecord(level, event, [LogRecord.Field("agent", description.agentID)] + fields)))
    }

    /// Numbers for dials, tunnels and calls.
    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    func tunnelIndex(of connection: ConnectionID) -> Int? { tunnels.firstIndex { $0.connection == connection } }

    func tunnelIndex(_ key: TunnelKey) -> Int? { tunnels.firstIndex { $0.key == key } }
}
