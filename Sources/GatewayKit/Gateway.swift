// The gateway as a machine: visitors in, agents in, bytes between them. It is a composition: each component owns its state and
// does not know those beside it. The transport owns the sockets.
//
//     Frontend      the visitors' side: connections (Visitors/), requests for agents (Exchanges/) and for pages (Console/)
//     Backend       the agents' side: connections, registration, tunnels (Agents/)
//     Access        who may do what
//     Inspector     what is recorded of exchanges
//     Metrics       what is counted
//     Loops         messages between the loops of one gateway

import HTTPCodec
import Inspection
import MachineCore
import TunnelLink

/// A gateway: the state of all its connections, and no sockets.
public struct Gateway: Machine {
    /// What a gateway appends what is to be done to.
    public typealias Outputs = [MachineOutput<GatewayNote>]

    private var environment: Environment
    private let frontend: Frontend
    private let backend: Backend
    private let arrivals: Arrivals
    private let visitors: Visitors
    private let agents: Agents
    private let exchanges: Exchanges
    private let registry: Registry
    private let access: AccessControl
    private let shares: AddressShares
    private let inspector: Inspector
    private let metrics: Metrics
    private let console: Console
    private let streams: EventStreams
    private let waiting: WaitingRequests
    private let alerts: OfflineAlerts
    private let peers: PeerLoops
    private let reconfigurable: [any Reconfigurable]
    private var drain = Drain()

    /// A gateway without connections: all of it, or the one of its `count` loops that has the number `loop`. The host carries
    /// what several have to say to each other. `secret`: random bytes, at least 32, the same for all loops; with them the
    /// cookies of those who log in are signed. Without any there are no logins, and tokens count as bearers only.
    public init(
        _ configuration: GatewayConfiguration, clock: WallClock, loop: Int = 0, of count: Int = 1, startedAt: Moment = Moment(),
        secret: [UInt8] = []
    ) {
        let count = max(1, count)
        environment = Environment(
            configuration, clock: clock, loop: min(max(0, loop), count - 1), of: count,
            startedAt: clock.unixSeconds(at: startedAt))
        metrics = Metrics(environment)
        registry = Registry(environment)
        inspector = Inspector(environment)
        access = AccessControl(environment, secret: secret)
        shares = AddressShares(environment)
        peers = PeerLoops(environment)
        visitors = Visitors(environment, metrics)
        agents = Agents(environment)
        streams = EventStreams(shares)
        console = Console(environment, access, registry, metrics, inspector)
        alerts = OfflineAlerts(environment, registry)
        let registrar = Registrar(environment, access, agents, registry, peers, metrics)
        exchanges = Exchanges(environment, visitors, agents, shares, metrics, inspector)
        waiting = WaitingRequests(environment, registry, shares)
        arrivals = Arrivals(environment, visitors, agents, shares, peers)
        frontend = Frontend(
            environment, visitors, agents, exchanges, waiting, access, shares, console, streams, registry, peers,
            arrivals)
        backend = Backend(environment, frontend, agents, registrar, exchanges, waiting, alerts)
        reconfigurable = [
            access, agents, alerts, arrivals, backend, console, exchanges, frontend, inspector, registrar, shares, visitors,
            waiting,
        ]
    }

    // MARK: The machine

    /// Takes one input.
    public mutating func handle(_ input: MachineInput<GatewayMessage>, now: Moment, into outputs: inout Outputs) {
        metrics.roll(now)
        var turn = Turn(now: now, taking: &outputs)
        switch input {
        case .transport(let event): handle(event, &turn)
        case .message(.drain(let duration)): beginDrain(within: duration, &turn)
        case .message(.reconfigure(let configuration)): reconfigure(configuration, &turn)
        case .message(.redirect(let listener, let port)): arrivals.redirect.redirect(listener, to: port)
        case .message(.challenges(let challenges)): arrivals.redirect.challenges = challenges
        case .message(.handshakeFailed(let peer, let reason)):
            metrics.handshakeEnded(isSecured: false)
            turn.log(.debug, "visitor.no-tls", [.init("peer", peer), .init("reason", reason)])
        case .message(.certificates(let certificates)): console.certificates = certificates
        case .message(.loop(let message)): receive(message.content, &turn)
        case .tick: for visitor in frontend.resumePaused(&turn) { backend.pump(visitor, &turn) }
        }
        end(&turn)
        turn.end(into: &outputs)
    }

    /// Sees to what time has brought, and collects what is ready for each tunnel into one write.
    public mutating func finishTurn(now: Moment, into outputs: inout Outputs) {
        var turn = Turn(now: now, taking: &outputs)
        if let deadline = timeLimit, deadline <= now { expire(&turn) }
        backend.flush(&turn)
        if !peers.isEmpty { broadcast(&turn) }
        metrics.scheduleReport(visitors: visitors.count, now)
        finishDrain(&turn)
        end(&turn)
        turn.end(into: &outputs)
    }

    /// The call is over: what was written to visitors goes out, and what is over is put away.
    private func end(_ turn: inout Turn) {
        visitors.flush(&turn)
        exchanges.settle()
    }

    /// When the next time limit ends.
    public var nextDeadline: Moment? { visitors.hasDue ? Moment() : timeLimit }

    private var timeLimit: Moment? {
        frontend.nextDeadline.earlier(agents.nextDeadline).earlier(alerts.nextDeadline).earlier(drain.deadline)
            .earlier(metrics.reportDue).earlier(console.eventDue).earlier(inspector.due).earlier(shares.due)
    }

    private func handle(_ event: TransportEvent, _ turn: inout Turn) {
        switch event {
        case .accepted(let id, let peer, let listener): arrivals.accept(id, peer: peer, listener: listener, &turn)
        case .received(let id, let bytes):
            if let agent = agents[id] {
                backend.receive(bytes, from: agent, &turn)
            } else if let visitor = frontend.receive(id, bytes, &turn) {
                backend.pump(visitor, &turn)
            }
        case .receivedEOF(let id):
            guard let agent = agents[id] else { return frontend.finished(id, &turn) }
            backend.lose(agent, "the agent closed the connection", &turn)
            turn.emit(.close(id))
        case .wrote(let id, let count):
            if let agent = agents[id] { agents.wrote(count, agent) } else { frontend.wrote(id, count, &turn) }
        case .closed(let id, let error):
            guard let agent = agents[id] else { return frontend.closed(id, &turn) }
            backend.lose(agent, error ?? "the connection closed", &turn)
        case .secured(let id, let facts):
            metrics.handshakeEnded(isSecured: true)
            visitors[id]?.secured(facts)
        case .connected, .dialFailed: break  // a gateway never dials
        }
    }

    private mutating func expire(_ turn: inout Turn) {
        while let visitor = frontend.expire(&turn) { backend.pump(visitor, &turn) }
        while backend.expire(&turn) {}
        alerts.expire(isDraining: drain.isOn, &turn)
        if let due = drain.deadline, due <= turn.now { abortAll(&turn) }
        if let due = metrics.reportDue, due <= turn.now {
            turn.emit(.loop(LoopNote(.report(metrics.takeReport(visitors: visitors.count)))))
        }
        if let due = console.eventDue, due <= turn.now,
            let event = console.nextEvent(isWatched: streams.isWatched(.status), visitors: visitors.count, turn.now)
        {
            streams.send(.status, event, &turn)
        }
        if let due = inspector.due, due <= turn.now {
            for (agentID, exchanges) in inspector.takeChanges(turn.now) {
                streams.send(.exchanges(agentID), ExchangeJSON.event(exchanges), &turn)
            }
        }
    }

    /// Who watches is let in again by the new rules: browsers come back by themselves.
    private mutating func reconfigure(_ configuration: GatewayConfiguration, _ turn: inout Turn) {
        let before = environment
        environment = environment.with(configuration)
        let isSame =
            before.access == environment.access
            && before.configuration.inspector.isPublic == configuration.inspector.isPublic
        if !isSame { frontend.dismissWatchers(&turn) }
        for component in reconfigurable { component.reconfigure(environment) }
        backend.revoke(access, &turn)
    }

    // MARK: What is asked of it

    /// How it behaves.
    public var configuration: GatewayConfiguration { environment.configuration }
    /// Which of the gateway's loops this is, counted from 0.
    public var loop: Int { environment.loop }
    /// What happened since the start.
    public var statistics: GatewayStatistics { metrics.statistics }

    /// Every agent that is or was here, or on another loop, by id.
    public var agentRecords: [AgentRecord] {
        registry.records.sorted { $0.description.agentID < $1.description.agentID }
    }

    /// How much is held now.
    public var counters: GatewayCounters {
        var counters = GatewayCounters()
        counters.visitors = arrivals.count
        counters.agents = agents.count
        counters.registeredAgents = registry.onlineCount
        for agent in agents.all {
            counters.openStreams += agent.session.openStreams
            counters.bufferedBytes += agent.session.backlog + agent.session.queuedBytes
        }
        counters.bufferedBytes += visitors.queuedBytes
        return counters
    }

    /// What hosts need not know, and tests look at.
    var internals: GatewayInternals {
        GatewayInternals(
            waitingRequests: waiting.count, replays: inspector.pendingCounts.replays,
            untoldExchanges: inspector.pendingCounts.changed, notesChanges: registry.notesChanges,
            proxiedConnections: arrivals.count - visitors.count, isDraining: drain.isOn, heldBodyBytes: agents.bodies.used,
            capturedExchanges: inspector.store, history: metrics.history(), isConsistent: exchanges.isConsistent)
    }
}

// MARK: Other loops

extension Gateway {
    private mutating func receive(_ message: LoopMessage.Content, _ turn: inout Turn) {
        switch message {
        case .adopt(let id, let moved): adopt(id, moved, &turn)
        case .moveFailed: peers.visitorCame()
        case .broadcast(let broadcast, let sender): receive(broadcast, from: sender, &turn)
        case .report(let report, let sender):
            metrics.receive(report, from: sender)
            for (id, counts) in report.agents {
                if let agent = registry.counters(of: id) { metrics.add(counts, to: agent) }
            }
        }
    }

    private func adopt(_ id: ConnectionID, _ moved: MovedVisitor, _ turn: inout Turn) {
        let visitor = frontend.adopt(id, moved, isOver: drain.isOver(turn.now), &turn)
        if visitor.phase != .closing, case .handshake(let request, let isAtOwningLoop) = moved.reason {
            backend.connect(request, of: visitor, isAtOwningLoop: isAtOwningLoop, &turn)
        }
        backend.pump(visitor, &turn)
    }

    private func receive(_ broadcast: LoopBroadcast, from sender: Int, _ turn: inout Turn) {
        switch broadcast {
        case .counts(let counts): peers.receive(counts, from: sender)
        case .connections(let address, let count): shares.receive(address, connections: count, from: sender)
        case .attempts(let uses): for use in uses { access.receive(use, turn.now) }
        case .requests(let uses): for use in uses { shares.receive(use, turn.now) }
        case .agent(let id, let record):
            registry.learn(id, record, from: sender)
            guard record?.isOnline == true else { return }
            peers.arrived(id)
            backend.agentCameElsewhere(id, &turn)
        }
    }

    /// Tells the others what changed in this turn, before anything that was written in it can reach anybody.
    private func broadcast(_ turn: inout Turn) {
        for id in registry.takeChanges() {
            let record = registry[id]
            if record == nil || record?.loop == loop { turn.broadcast(.agent(id: id, record)) }
        }
        let counts = arrivals.ownConnections
        if peers.shouldBroadcast(counts, limit: configuration.limits.maximumConnections) { turn.broadcast(.counts(counts)) }
        for (address, count) in shares.takeConnectionChanges() { turn.broadcast(.connections(address, count)) }
        let (attempts, requests) = (access.takeUnreportedAttempts(), shares.takeUnreportedRequests(turn.now))
        if !attempts.isEmpty { turn.broadcast(.attempts(attempts)) }
        if !requests.isEmpty { turn.broadcast(.requests(requests)) }
    }
}

// MARK: Draining

extension Gateway {
    private mutating func beginDrain(within duration: Duration, _ turn: inout Turn) {
        guard !drain.isOn else { return }
        drain.begin(until: turn.now.advanced(by: duration))
        turn.emit(.draining)
        if loop == 0 { turn.log(.info, "gateway.draining", [.init("withinMs", "\(duration.wholeMilliseconds)")]) }
        backend.beginDrain(within: duration)
        frontend.beginDrain(&turn)
    }

    /// When the last request has its response, on whatever loop it began, the tunnels go too.
    private mutating func finishDrain(_ turn: inout Turn) {
        guard drain.isOn, !drain.hasEnded, visitors.count == 0 else { return }
        guard drain.isOver(turn.now) || peers.haveNoVisitors(arrivals.ownConnections) else { return }
        backend.closeAll(&turn)
        drain.finish()
        turn.emit(.drained)
    }

    private mutating func abortAll(_ turn: inout Turn) {
        drain.timePassed()
        for visitor in visitors.all { turn.emit(.abort(visitor.id)) }
        for agent in agents.all { turn.emit(.abort(agent.id)) }
    }
}
