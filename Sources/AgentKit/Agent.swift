// The agent as a state machine: what it is made of, which part takes an input, and what one part passes to another. It dials a
// gateway, upgrades, registers, responds to requests from a service on this machine or from the program itself, and comes back
// when the connection is lost.
//
//     Session     where it stands with its gateway: dials, tunnels, registration, liveness, back-off
//     Exchanges   the requests that come through the tunnels, and who responds to them: connections to services, the host
//
// Streams everything: no body is collected on its way between the tunnel and a service, and credit goes back to the gateway
// only when the service's socket has taken the bytes. Dials nothing but the gateway and the configured services.

import HTTPCodec
import MachineCore
import TunnelLink

/// An agent. Give it `AgentMessage.start`, transport events and ticks; perform its commands, and mind its notes.
public struct Agent: Machine {
    /// What the host sends it.
    public typealias Message = AgentMessage
    /// What it sends the host.
    public typealias Note = AgentNote

    /// What the agent was made with, or told since.
    public private(set) var configuration: AgentConfiguration
    /// Where it stands with its gateway.
    public var phase: AgentPhase { session.phase }

    private var session: Session
    private var exchanges: Exchanges
    /// Every log record names the agent.
    private var logContext: [LogRecord.Field]

    /// An agent that has not started. The seed feeds masks (RFC 6455 §5.3), handshake keys and jitter: 16 random bytes or more,
    /// never the same twice.
    public init(_ configuration: AgentConfiguration, seed: [UInt8]) {
        self.configuration = configuration
        session = Session(configuration, seed: seed)
        exchanges = Exchanges(configuration)
        logContext = Self.logContext(of: configuration)
    }

    private static func logContext(of configuration: AgentConfiguration) -> [LogRecord.Field] {
        [LogRecord.Field("agent", configuration.description.agentID)]
    }

    // MARK: Machine

    /// Takes one input and appends what is to be done to `outputs`.
    public mutating func handle(
        _ input: MachineInput<AgentMessage>, now: Moment, into outputs: inout [MachineOutput<AgentNote>]
    ) {
        var turn = Turn(now: now, taking: &outputs, logContext: logContext)
        switch input {
        case .transport(let event): handle(event, &turn)
        case .message(let message): handle(message, &turn)
        case .tick:
            session.fireTimers(&turn)
            settle(&turn)
            exchanges.fireTimers(&turn)
        }
        settle(&turn)
        exchanges.settle()
        turn.end(into: &outputs)
    }

    /// Called after all inputs of one turn: what is ready for a tunnel goes out in one write.
    public mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<AgentNote>]) {
        var turn = Turn(now: now, taking: &outputs, logContext: logContext)
        for tunnel in session.tunnels {
            session.flush(tunnel, &turn)
            takeEvents(of: tunnel, &turn)  // writing made room
            exchanges.reviewHold(of: tunnel, &turn)
            session.review(tunnel, isIdle: exchanges.isIdle(tunnel), &turn)
        }
        session.haltIfDrained(&turn)
        settle(&turn)
        exchanges.settle()
        turn.end(into: &outputs)
    }

    /// When the agent wants a tick.
    public var nextDeadline: Moment? { Moment.earliest(session.nextDeadline, exchanges.nextDeadline) }

    /// What the agent holds at this moment.
    public var counters: AgentCounters {
        var counters = AgentCounters()
        session.count(into: &counters)
        exchanges.count(into: &counters)
        return counters
    }

    // MARK: The host's messages

    private mutating func handle(_ message: AgentMessage, _ turn: inout Turn<AgentNote>) {
        switch message {
        case .start: start(&turn)
        case .status(let update): session.update(update)
        case .respond(let call, let response): exchanges.respond(to: call, response, &turn)
        case .head(let call, let head): exchanges.begin(call, head, &turn)
        case .body(let call, let bytes, let end): exchanges.send(bytes, end: end, of: call, &turn)
        case .took(let call, let count): exchanges.took(count, of: call, turn.now)
        case .fail(let call, let reason): exchanges.giveUp(call, reason, &turn)
        case .replay(let request, let number, let call):
            let isStopping = phase == .draining || phase == .stopped
            exchanges.replay(request, of: number, call: call, isStopping: isStopping, &turn)
        case .reconfigure(let configuration): reconfigure(configuration, &turn)
        case .drain(let within): session.drain(within: within, &turn)
        case .stop: session.stop(reason: "stopped by its host", &turn)
        }
    }

    private mutating func start(_ turn: inout Turn<AgentNote>) {
        guard let problem = configuration.problem else { return session.start(&turn) }
        turn.log(.error, "agent.misconfigured", [.init("reason", problem)])
        turn.emit(.stopped(reason: problem))
    }

    /// Takes other settings, unless nothing could run with them.
    private mutating func reconfigure(_ new: AgentConfiguration, _ turn: inout Turn<AgentNote>) {
        if let problem = new.problem { return turn.log(.error, "agent.misconfigured", [.init("reason", problem)]) }
        let old = configuration
        configuration = new
        configuration.captures = old.captures
        exchanges.use(configuration, isOtherService: new.service != old.service)
        session.use(configuration, &turn)
        logContext = Self.logContext(of: configuration)
    }

    // MARK: The transport's events

    private mutating func handle(_ event: TransportEvent, _ turn: inout Turn<AgentNote>) {
        guard let tunnel = session.tunnel(of: event) else { return exchanges.handle(event, &turn) }
        session.handle(event, of: tunnel, &turn)
        if case .wrote = event { return }  // nothing can have come
        takeEvents(of: tunnel, &turn)
    }

    /// Takes what happened in a tunnel, until it needs more bytes or is over.
    private mutating func takeEvents(of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        while let event = tunnel.next() { handle(event, of: tunnel, &turn) }
    }

    private mutating func handle(_ event: TunnelEvent, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        switch event {
        case .request(let stream, let request): begin(request, on: stream, of: tunnel, &turn)
        case .data(let stream, let bytes): exchanges.take(bytes, on: stream, of: tunnel, &turn)
        case .end(let stream, let trailers): exchanges.end(trailers, on: stream, of: tunnel, &turn)
        case .reset(let stream, let reason): exchanges.reset(stream, of: tunnel, reason, &turn)
        case .resume(let stream): exchanges.resume(stream, of: tunnel, &turn)
        case .welcome(let welcome): session.welcomed(tunnel, welcome, &turn)
        case .refused(let failure): session.refused(tunnel, failure, &turn)
        case .drain(let within): session.retire(tunnel, within: within, &turn)
        case .closed(let code, let reason): session.closed(tunnel, code, reason, &turn)
        case .broken(let code, let reason): session.broken(tunnel, code, reason, &turn)
        case .pong(let payload): session.pong(tunnel, payload, &turn)
        case .register, .status, .leaving, .informational, .response, .failed: break  // only a gateway gets these
        }
    }

    private mutating func begin(
        _ request: WebRequest, on stream: StreamID, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>
    ) {
        if phase == .draining, tunnel.hasLeft {
            exchanges.refuse(stream, of: tunnel, .tooManyStreams, "the agent is shutting down")
        } else {
            exchanges.begin(request, on: stream, of: tunnel, &turn)
        }
    }

    // MARK: What one part means for the other

    /// Exchanges end with their tunnel, idle connections with the last one, and everything with the agent.
    private mutating func settle(_ turn: inout Turn<AgentNote>) {
        while let tunnel = session.takeEnded() {
            exchanges.cut(tunnel, &turn)
            if session.tunnels.isEmpty { exchanges.rest(&turn) }
        }
        if let reason = session.takeEnd() {
            exchanges.stop(&turn)
            turn.emit(.stopped(reason: reason))
        }
    }
}
