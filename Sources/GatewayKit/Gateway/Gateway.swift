// The gateway as a machine: visitors in, agents in, bytes between them. It owns every connection's state by id; the transport
// owns the sockets. This file is the switchboard: what happened is sent to the extension that knows what to do.
//
//     Visitors        a connection's requests: decoding, own answers, time limits      Gateway+Visitors
//     Pipelining      a connection that sends more than it reads, or than a turn has room for   Gateway+Pipelining
//     Requests        a request on its way to an agent                                 Gateway+Requests
//     Responses       its answer on its way back                                       Gateway+Responses
//     Failures        what goes wrong on either way, and what takes too long           Gateway+Failures
//     Registration    an agent's handshake and registration                            Gateway+Registration
//     Agents          what comes through a tunnel, liveness, the end                   Gateway+Agents
//     Accounts        what is kept of exchanges                                        Gateway+Accounts
//     Alerts          who is told that an agent is gone                          Alerts/Gateway+Alerts
//     Reports         what loops count, and tell loop 0                       Console/Gateway+Reports
//     Console         what the gateway itself has to say, and to whom          Console/Gateway+Console
//     Capturing       what the request inspector sees of them                          Gateway+Capturing
//     ProxyHeader     whose a connection is that a proxy hands on                      Gateway+ProxyHeader
//     Moving          connections that change loops, and what loops tell each other    Gateway+Moving

import HTTPCodec
import MachineCore
import TunnelLink

/// What the host says to a gateway.
public enum GatewayMessage: Sendable {
    /// Stop: tell the agents, let what is in flight finish within that time, then close everything and say `drained`.
    case drain(within: Duration)
    /// From now on behave so: tokens, routes and timeouts at once, limits for new connections.
    case reconfigure(GatewayConfiguration)
    /// A visitor's connection came from another loop, and has this id here.
    case adopt(ConnectionID, MovedVisitor)
    /// A connection that was to move could not: it had ended already.
    case moveFailed
    /// The loop with this number says so.
    case gossip(GatewayGossip, from: Int)
    /// To loop 0: what the loop with this number did.
    case report(LoopReport, from: Int)
}

/// What a gateway says to its host.
public enum GatewayNote: Sendable {
    /// For the log.
    case log(LogRecord)
    /// An agent is gone, or back: for whoever is to be told.
    case alert(AgentAlert)
    /// For the access log.
    case access(AccessRecord)
    /// The drain began: accept nobody any more.
    case draining
    /// Hand this connection to the loop with that number, as `adopt`; if it has ended already, answer `moveFailed`.
    case move(ConnectionID, MovedVisitor, toLoop: Int)
    /// For all other loops, each of which is to get it after all that it was sent before.
    case gossip(GatewayGossip)
    /// For loop 0.
    case report(LoopReport)
    /// After `drain`: nothing is left.
    case drained
}

/// A gateway: the state of all its connections, and no sockets.
public struct Gateway: Machine {
    /// What a gateway appends its wishes to.
    public typealias Outputs = [MachineOutput<GatewayNote>]

    /// How it behaves.
    public private(set) var configuration: GatewayConfiguration
    /// Which of the gateway's loops this is, counted from 0.
    public let loop: Int
    let clock: WallClock
    private(set) var router: Router
    private(set) var visits: VisitRules
    /// Who may pass where.
    private(set) var access: AccessRules
    let signer: LoginCookieSigner
    /// Wrong tokens, by address.
    var attempts = AttemptLimiter()
    /// Connections and requests, by address, and what the other loops are still to be told of them.
    var shares: ConnectionShares
    var requestRates = AddressBuckets(generationCount: 4_096)
    var charges = UntoldCharges()
    var proxied = ProxiedConnections()
    var visitors = ConnectionTable<Visitor>()
    var agents = ConnectionTable<AgentLink>()
    var registry: Registry
    var deadlines = Deadlines<GatewayTimer>()
    /// What whole bodies (v1) may take here, and who is not read because of it.
    var bodies: BodyBudget
    /// Agents that have not registered yet.
    var unregistered: UnregisteredAgents
    /// Agents whose output is to be collected at the end of the turn.
    var dirtyAgents: [ConnectionID] = []
    /// Visitors whose agent is not here and may come yet, by its name. `waitingCount` is their number.
    var waiting: [String: [ConnectionID]] = [:]
    var waitingCount = 0
    var paused = PausedVisitors()
    /// Visitors that watch, by what they watch. `watcherCount` is their number.
    var watchers: [WatchTopic: [ConnectionID]] = [:]
    var watcherCount = 0
    var drainDeadline: Moment?
    var hasDrained = false
    var sessionCount: UInt64 = 0
    /// Agents of whom it was said that they are gone, by name.
    var announcedAbsences: Set<String> = []
    /// What is known of the other loops.
    var neighbours: Neighbours
    var date = CachedDate()
    var requestIDs: RequestIDs
    var inspector: Inspector
    /// What happened since the start.
    public internal(set) var statistics = GatewayStatistics()
    /// The same for seconds and agents, and on loop 0 the sums of all loops.
    var meter: Meter
    var ledger: Ledger
    /// When those who watch are to be told something, and what they last heard of the gateway as a whole.
    var newsAt: Moment?
    var toldSummary: GatewaySummary?
    /// When the gateway started, in seconds since 1970.
    let startedAt: Int64

    /// A gateway that nobody has connected to yet: all of it, or the one of its `count` loops that has the number `loop`. The host
    /// carries what several have to say to each other. `secret`: random bytes, at least 32, the same for all loops; with them the
    /// cookies of those who log in are signed. Without any nobody can log in, and tokens count as bearers only.
    public init(
        _ configuration: GatewayConfiguration, clock: WallClock, loop: Int = 0, of count: Int = 1, startedAt: Moment = Moment(),
        secret: [UInt8] = []
    ) {
        let count = max(1, count)
        self.configuration = configuration
        self.clock = clock
        self.loop = min(max(0, loop), count - 1)
        router = Router(configuration)
        visits = VisitRules(configuration)
        access = AccessRules(configuration)
        signer = LoginCookieSigner(secret: secret)
        requestIDs = RequestIDs(clock, loop: self.loop)
        neighbours = Neighbours(count: count)
        shares = ConnectionShares(loops: count)
        inspector = Inspector(configuration.inspector, share: count)
        unregistered = UnregisteredAgents(loops: count)
        bodies = BodyBudget(configuration.limits, loops: count)
        registry = Registry(
            maximumOffline: configuration.limits.maximumOfflineAgents / count, loop: self.loop, of: count)
        meter = Meter(clock, wantsChanges: self.loop != 0)
        ledger = Ledger(loops: count)
        self.startedAt = clock.unixSeconds(at: startedAt)
    }

    /// Takes one input.
    public mutating func handle(_ input: MachineInput<GatewayMessage>, now: Moment, into outputs: inout Outputs) {
        if now >= meter.rollsAt { rollMeter(now) }
        switch input {
        case .transport(let event): handle(event, now, &outputs)
        case .message(.drain(let duration)): beginDrain(within: duration, now, &outputs)
        case .message(.reconfigure(let configuration)): reconfigure(configuration, now, &outputs)
        case .message(.adopt(let id, let moved)): adopt(id, moved, now, &outputs)
        case .message(.moveFailed): neighbours.moved -= 1
        case .message(.gossip(let gossip, let sender)): hear(gossip, from: sender, now, &outputs)
        case .message(.report(let report, let sender)): hear(report, from: sender)
        case .tick: resumePaused(now, &outputs)
        }
        expireDeadlines(now, &outputs)
    }

    /// Collects what is ready for each tunnel into one write.
    public mutating func finishTurn(now: Moment, into outputs: inout Outputs) {
        while let id = dirtyAgents.popLast() {
            guard let link = agents[id] else { continue }
            if link.session.wantsRoundTrip, link.pingSentAt == nil { ping(id, now) }
            link.isDirty = false
            if let count = link.refusedAt, link.session.openStreams < count { retryRefused(id, link, now, &outputs) }
            for piece in link.session.takePieces() { outputs.append(.transport(.write(id, piece))) }
            pumpAgent(id, now, &outputs)  // sending may have made room in a stream that was full
            if agents[id] === link { settleBuffers(link) }
            if isDraining { releaseIfIdle(id, now, &outputs) }
        }
        if !bodies.paused.isEmpty { resumeAgents(&outputs) }
        if !neighbours.isEmpty { gossip(&outputs) }
        scheduleReports(now)
        finishDrain(now, &outputs)
    }

    /// When the next time limit ends.
    public var nextDeadline: Moment? { paused.isEmpty ? deadlines.next : Moment() }

    /// How much is held now.
    public var counters: GatewayCounters {
        var counters = GatewayCounters()
        counters.visitors = visitors.count + proxied.count
        counters.agents = agents.count
        counters.registeredAgents = registry.onlineCount
        for id in agents.allIDs {
            guard let session = agents[id]?.session else { continue }
            counters.openStreams += session.openStreams
            counters.bufferedBytes += session.backlog + session.queuedBytes
        }
        for id in visitors.allIDs { counters.bufferedBytes += visitors[id]?.queuedBytes ?? 0 }
        return counters
    }

    /// Every agent that is or was here, or on another loop, by id.
    public var agentRecords: [AgentRecord] {
        registry.records.values.sorted { $0.description.agentID < $1.description.agentID }
    }

    // MARK: Events

    private mutating func handle(_ event: TransportEvent, _ now: Moment, _ outputs: inout Outputs) {
        switch event {
        case .accepted(let id, let peer, _): accept(id, peer: peer, now, &outputs)
        case .received(let id, let bytes):
            if agents[id] != nil {
                receiveFromAgent(id, bytes, now, &outputs)
            } else if proxied.isEmpty || !receiveProxyHeader(id, bytes, now, &outputs) {
                receiveFromVisitor(id, bytes, now, &outputs)
            }
        case .receivedEOF(let id):
            if agents[id] != nil {
                loseAgent(id, "the agent closed the connection", now, &outputs)
                outputs.append(.transport(.close(id)))
            } else if loseProxied(id) {
                outputs.append(.transport(.close(id)))
            } else {
                visitorFinished(id, now, &outputs)
            }
        case .wrote(let id, let count):
            if agents[id] != nil {
                agents[id]?.session.wrote(count)
                if let link = agents[id] { settleBuffers(link) }
                if agents[id]?.session.hasOutput == true { markDirty(id) }
            } else {
                visitorTook(id, count, now, &outputs)
            }
        case .closed(let id, let error):
            if agents[id] != nil {
                loseAgent(id, error ?? "the connection closed", now, &outputs)
            } else if !loseProxied(id) {
                loseVisitor(id, now, &outputs)
            }
        case .connected, .dialFailed: break  // a gateway never dials
        }
    }

    private mutating func expireDeadlines(_ now: Moment, _ outputs: inout Outputs) {
        while let timer = deadlines.popExpired(at: now) {
            switch timer {
            case .visitor(let id): visitorDeadlinePassed(id, now, &outputs)
            case .agent(let id): agentDeadlinePassed(id, now, &outputs)
            case .proxyHeader(let id): refuseProxied(id, "no PROXY header came in time", &outputs)
            case .absence(let agentID): absenceIsLong(agentID, &outputs)
            case .drain: cutEverything(now, &outputs)
            case .report: report(&outputs)
            case .news: tellNews(now, &outputs)
            case .inspector: tellExchanges(now, &outputs)
            case .charges: charges.hurry()
            }
        }
    }

    /// Who watches is let in again by the new rules: browsers come back by themselves.
    private mutating func reconfigure(_ configuration: GatewayConfiguration, _ now: Moment, _ outputs: inout Outputs) {
        let rules = AccessRules(configuration)
        if rules != access || configuration.inspector.isPublic != self.configuration.inspector.isPublic {
            dismissWatchers(now, &outputs)
        }
        self.configuration = configuration
        router = Router(configuration)
        visits = VisitRules(configuration)
        access = rules
        bodies.reconfigure(configuration.limits, loops: neighbours.count)
        reconfigureInspector()
        revoke(now, &outputs)
    }

    mutating func markDirty(_ id: ConnectionID) {
        guard agents[id]?.isDirty == false else { return }
        agents[id]?.isDirty = true
        dirtyAgents.append(id)
    }

    func log(_ level: LogRecord.Level, _ event: String, _ fields: [LogRecord.Field], _ outputs: inout Outputs) {
        outputs.append(.note(.log(LogRecord(level, event, fields))))
    }
}

// MARK: Draining

extension Gateway {
    var isDraining: Bool { drainDeadline != nil }

    private mutating func beginDrain(within duration: Duration, _ now: Moment, _ outputs: inout Outputs) {
        guard drainDeadline == nil else { return }
        let deadline = now.advanced(by: duration)
        drainDeadline = deadline
        deadlines.set(.drain, at: deadline)
        outputs.append(.note(.draining))
        if loop == 0 { log(.info, "gateway.draining", [.init("withinMs", "\(duration.wholeMilliseconds)")], &outputs) }
        for id in agents.allIDs {
            agents[id]?.isRetiring = true
            agents[id]?.session.drain(within: duration)
            markDirty(id)
        }
        dismissWatchers(now, &outputs)
        dropProxied(&outputs)
        // A request may be on its way on a connection that looks idle: it is closed when nothing came for a moment.
        for id in visitors.allIDs where visitors[id]?.phase == .receivingHead && visitors[id]?.hasBegun == false {
            setDeadline(of: id, at: now.advanced(by: idleTimeout))
        }
    }

    /// How long a connection is kept between requests.
    var idleTimeout: Duration {
        isDraining ? min(configuration.limits.drainLinger, configuration.limits.idleTimeout) : configuration.limits.idleTimeout
    }

    /// A v1 agent need not know `gateway.drain`: it is sent away, to dial again, as soon as nothing of it is in flight. A v2
    /// agent has another tunnel by then, and this one is of use as long as there are visitors.
    private mutating func releaseIfIdle(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let link = agents[id], link.session.version == .v1, link.visitors.isEmpty else { return }
        closeAgent(id, .serviceRestart, "the gateway stops", now, &outputs)
    }

    /// When the last request is answered, on whatever loop it began, the tunnels go too.
    private mutating func finishDrain(_ now: Moment, _ outputs: inout Outputs) {
        guard let drainDeadline, !hasDrained, visitors.count == 0 else { return }
        guard now >= drainDeadline || neighbours.haveNoVisitors(beside: loop, census) else { return }
        for id in agents.allIDs { closeAgent(id, .serviceRestart, "the gateway stops", now, &outputs) }
        hasDrained = true
        deadlines.cancel(.drain)
        outputs.append(.note(.drained))
    }

    private mutating func cutEverything(_ now: Moment, _ outputs: inout Outputs) {
        for id in visitors.allIDs { outputs.append(.transport(.abort(id))) }
        for id in agents.allIDs { outputs.append(.transport(.abort(id))) }
    }
}
