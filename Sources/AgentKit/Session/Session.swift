// Where the agent stands with its gateway: its phase, when it dials, and what the steps of its tunnels mean for both. Which
// change of phase is legal stands in Phases.
//
// The agent never gives up, with two exceptions: its host says so, or another agent took its place. A wrong token is said
// plainly and tried again slowly, since the gateway's side may be the one that is put right. Refuses a gateway that does not
// respond in time, breaks the protocol, is silent after a ping, or does not read what it gets.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

struct Session {
    /// What the gateway is told at the next registration: the configuration's, and what changed since.
    private(set) var description: AgentDescription
    /// The current one, and those that retire.
    var tunnels: [Tunnel] { connections.all }

    private var connections = Tunnels()
    private var configuration: AgentConfiguration
    /// Masks, handshake keys and jitter.
    private var keys: KeyStream
    private var state: AgentState
    private var lastDial: UInt64 = 0
    /// Numbers above those of dials to services.
    private static let firstDial: UInt64 = 1 << 63

    init(_ configuration: AgentConfiguration, seed: [UInt8]) {
        self.configuration = configuration
        description = configuration.filledDescription
        keys = KeyStream(seed: seed)
        state = AgentState(configuration.backoff)
    }

    var phase: AgentPhase { state.phase }

    /// Adds what is held here.
    func count(into counters: inout AgentCounters) { connections.count(into: &counters, timers: state.timerCount) }

    /// The tunnel to which `event` happened; nil if it is none's.
    func tunnel(of event: TransportEvent) -> Tunnel? { connections.tunnel(of: event) }

    /// A tunnel that is over, whose exchanges are to be cut.
    mutating func takeEnded() -> Tunnel? { connections.takeEnded() }

    /// Why the agent has stopped, once.
    mutating func takeEnd() -> String? { state.takeEnd() }

    // MARK: Start and end

    mutating func start(_ turn: inout Turn<AgentNote>) {
        guard state.advance(.start, &turn) else { return }
        if configuration.isNamedAfterMachine {
            let advice = "set agentId (--id) to be found under another name"
            turn.log(.info, "agent.named-after-machine", [.init("advice", advice)])
        }
        if configuration.hasDefaultPath {
            turn.log(.info, "agent.default-path", [.init("gateway", "\(configuration.gateway)")])
        }
        dialGateway(&turn)
    }

    /// Connections that are not yet of use are given up; the others finish what they have. The gateway is told first, so that
    /// it sends nothing new; what is on its way meanwhile is served.
    mutating func drain(within duration: Duration, _ turn: inout Turn<AgentNote>) {
        guard state.drain(within: duration, &turn) else { return }
        for tunnel in tunnels where tunnel.session == nil { remove(tunnel, .abort, &turn) }
        for tunnel in tunnels { tunnel.leave(within: duration, pongTimeout: configuration.pongTimeout, turn.now) }
        haltIfDrained(&turn)
    }

    mutating func stop(reason: String, _ turn: inout Turn<AgentNote>) {
        while let tunnel = tunnels.first { close(tunnel, "agent stopped", &turn) }
        state.halt(reason: reason, &turn)
    }

    mutating func haltIfDrained(_ turn: inout Turn<AgentNote>) {
        if phase == .draining, tunnels.isEmpty { state.halt(reason: "drained", &turn) }
    }

    // MARK: Updates to the gateway

    mutating func update(_ update: StatusUpdate) {
        description.status = update.status ?? description.status
        description.model = update.model ?? description.model
        description.servesWeb = update.servesWeb ?? description.servesWeb
        for tunnel in tunnels { tunnel.session?.update(update) }
    }

    /// Takes other settings. What the gateway was told in the handshake or at the registration, or where it is, needs another
    /// connection; the rest is said or used from now on.
    mutating func use(_ new: AgentConfiguration, _ turn: inout Turn<AgentNote>) {
        let old = configuration
        configuration = new
        if new.needsNewConnection(after: old) {
            description = new.filledDescription
            reconnect(&turn)
        } else {
            if let update = StatusUpdate(old.description, new.description) { self.update(update) }
            // A gateway that was out of reach, or refused the token, may do otherwise now.
            if case .backingOff = phase { redial(&turn) }
        }
    }

    /// Closes every connection to the gateway, and makes another one.
    private mutating func reconnect(_ turn: inout Turn<AgentNote>) {
        switch phase {
        case .stopped, .draining: return
        case .dialing, .upgrading, .registering, .serving, .backingOff: break
        }
        turn.log(.info, "agent.reconnecting", [.init("gateway", configuration.gateway.hostField)])
        while let tunnel = tunnels.first { close(tunnel, "settings have changed", &turn) }
        state.becameStable()
        state.advance(.lost(until: turn.now, reason: "settings have changed"), &turn)
        redial(&turn)
    }

    private mutating func redial(_ turn: inout Turn<AgentNote>) {
        if state.redial(&turn) { dialGateway(&turn) }
    }

    private mutating func dialGateway(_ turn: inout Turn<AgentNote>) {
        let gateway = configuration.gateway
        lastDial += 1
        let tunnel = Tunnel(dial: DialID(rawValue: Self.firstDial + lastDial), configuration)
        connections.append(tunnel)
        tunnel.deadlines.set(.stage, at: turn.now.advanced(by: configuration.connectTimeout))
        let proxy = configuration.proxy
        turn.log(.debug, "agent.dialing", [.init("gateway", gateway.hostField), .init("proxy", proxy?.hostAndPort ?? "none")])
        turn.emit(.dial(tunnel.dial, .tcp(host: proxy?.host ?? gateway.host, port: proxy?.port ?? gateway.port)))
    }

    /// Goes on once nothing stands between the agent and the gateway.
    private mutating func proceed(_ tunnel: Tunnel, _ opening: Opening, _ turn: inout Turn<AgentNote>) {
        switch opening {
        case .waits: break
        case .open: upgrade(tunnel, &turn)
        case .refused(let refusal): lose(tunnel, refusal, .close, &turn)
        }
    }

    private mutating func upgrade(_ tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        state.advance(.connected, &turn)
        let handshake = Handshake(configuration, key: WSHandshake.makeKey(using: &keys))
        do throws(HTTPFieldError) {
            try tunnel.upgrade(handshake, configuration, &turn)
        } catch {
            lose(tunnel, Refusal(reason: "the gateway's address or the token cannot be written into a request"), .abort, &turn)
        }
    }

    private mutating func dialFailed(_ tunnel: Tunnel, _ reason: String, _ turn: inout Turn<AgentNote>) {
        tunnel.disconnected()
        lose(tunnel, tunnel.refusal(ofDial: reason, configuration), .abort, &turn)
    }

    // MARK: Registration

    private mutating func handle(_ outcome: Handshake.Outcome, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        switch outcome {
        case .incomplete: break
        case .accepted(let version, let unread):
            register(tunnel, version, &turn)
            if !unread.isEmpty { _ = tunnel.receive(unread) }
        case .refused(let refusal): lose(tunnel, refusal, .close, &turn)
        }
    }

    private mutating func register(_ tunnel: Tunnel, _ version: TunnelVersion, _ turn: inout Turn<AgentNote>) {
        state.advance(.upgraded, &turn)
        let seed = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &keys) }
        let session = TunnelSession(.agent(seed: seed), version: version, limits: configuration.tunnelLimits)
        tunnel.register(session, description, &turn)
        let gateway = configuration.gateway.hostField
        turn.log(.info, "agent.connected", [.init("gateway", gateway), .init("protocol", version.subprotocol)])
        switch version {
        case .v1:
            // A gateway of the original v1 may never respond, so a ping measures the round trip.
            served(tunnel, &turn)
            tunnel.ping(pongTimeout: configuration.pongTimeout, turn.now)
        case .v2: tunnel.deadlines.set(.stage, at: turn.now.advanced(by: configuration.registrationTimeout))
        }
    }

    private mutating func served(_ tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        guard tunnel.serve(), !tunnel.isRetiring else { return }
        tunnel.deadlines.set(.stable, at: turn.now.advanced(by: configuration.stableAfter))
        state.advance(.registered, &turn)
    }

    mutating func welcomed(_ tunnel: Tunnel, _ welcome: Welcome, _ turn: inout Turn<AgentNote>) {
        tunnel.adopt(welcome, zeroMask: configuration.usesZeroMask, turn.now)
        served(tunnel, &turn)
        turn.log(.info, "agent.registered", [.init("url", welcome.webURL), .init("session", welcome.sessionID)])
        turn.emit(.registered(webURL: welcome.webURL))
        turn.emit(.roundTrip(tunnel.registrationTime(turn.now)))
    }

    // MARK: The transport's events

    /// Something happened to a tunnel's connection. What the tunnel makes of bytes is taken by `Tunnel.next`.
    mutating func handle(_ event: TransportEvent, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        if let opening = tunnel.open(event, configuration, &turn) { return proceed(tunnel, opening, &turn) }
        switch event {
        case .accepted, .connected, .secured: break
        case .dialFailed(_, let reason): dialFailed(tunnel, reason, &turn)
        case .received(_, let bytes): if let outcome = tunnel.receive(bytes) { handle(outcome, of: tunnel, &turn) }
        case .receivedEOF: receivedEOF(of: tunnel, &turn)
        case .wrote(_, let count): tunnel.wrote(count)
        case .closed(_, let error):
            let refusal = tunnel.refusal(afterEnd: error, configuration)
            tunnel.disconnected()
            lose(tunnel, refusal, .abort, &turn)
        }
    }

    private mutating func receivedEOF(of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        if let outcome = tunnel.receiveEOF() { return handle(outcome, of: tunnel, &turn) }
        lose(tunnel, tunnel.refusal(afterEnd: nil, configuration), .abort, &turn)
    }

    // MARK: The tunnel's events

    /// The gateway refused `agent.register`. A v1 gateway that does not know the method takes requests for it nevertheless.
    mutating func refused(_ tunnel: Tunnel, _ failure: RPCFailure, _ turn: inout Turn<AgentNote>) {
        if tunnel.session?.version == .v1, failure.code == RPCFailure.methodNotFound.code { return }
        _ = tunnel.sendClose(.normal, "not registered", &turn)
        lose(tunnel, .registration(failure, hasToken: configuration.token != nil), .close, &turn)
    }

    mutating func closed(_ tunnel: Tunnel, _ code: WSCloseCode?, _ reason: String, _ turn: inout Turn<AgentNote>) {
        tunnel.flush(&turn)  // our own Close frame
        let hasToken = configuration.token != nil
        lose(tunnel, .closed(code, reason, agentID: description.agentID, hasToken: hasToken), .close, &turn)
    }

    mutating func broken(_ tunnel: Tunnel, _ code: WSCloseCode, _ reason: String, _ turn: inout Turn<AgentNote>) {
        tunnel.flush(&turn)
        lose(tunnel, Refusal(reason: "the gateway broke the protocol: \(reason) (\(code.rawValue))"), .close, &turn)
    }

    func pong(_ tunnel: Tunnel, _ payload: ArraySlice<UInt8>, _ turn: inout Turn<AgentNote>) {
        if let measured = tunnel.pong(payload, turn.now), !tunnel.isRetiring { turn.emit(.roundTrip(measured)) }
    }

    // MARK: The gateway drains

    /// Dials again at once, unless the gateway does this to every newcomer: then the usual wait applies.
    mutating func retire(_ tunnel: Tunnel, within duration: Duration, _ turn: inout Turn<AgentNote>) {
        guard !tunnel.isRetiring else { return }
        tunnel.retire(until: turn.now.advanced(by: min(duration, Self.longestRetirement)))
        turn.log(.info, "agent.gateway-drains", [.init("withinMs", "\(duration.wholeMilliseconds)")])
        if let oldest = connections.oldestRetiring(beyond: Self.maximumRetiringTunnels) { close(oldest, "drained", &turn) }
        if tunnel.isStable { redial(&turn) } else { backOff(Refusal(reason: "the gateway drains"), &turn) }
    }

    private static let maximumRetiringTunnels = 4
    /// Whatever the gateway says.
    private static let longestRetirement = Duration.seconds(3_600)

    // MARK: The end of a turn

    /// Writes what is ready; a body that came so fast that its window may be too small for the network path asks for a ping.
    func flush(_ tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        guard tunnel.stage != .over else { return }
        if tunnel.session?.wantsRoundTrip == true { tunnel.ping(pongTimeout: configuration.pongTimeout, turn.now) }
        tunnel.flush(&turn)
    }

    /// Ends a tunnel that the gateway does not read, or that has nothing left to do. One that retires is the gateway's to
    /// close: a request may be on its way.
    mutating func review(_ tunnel: Tunnel, isIdle: Bool, _ turn: inout Turn<AgentNote>) {
        guard let backlog = tunnel.session?.backlog, tunnel.stage != .over else { return }
        if backlog > tunnel.session?.backlogLimit ?? 0 {
            lose(tunnel, Refusal(reason: "the gateway does not read: \(backlog) bytes wait for it"), .abort, &turn)
        } else if phase == .draining, tunnel.hasLeft, isIdle, tunnel.hasNoStream {
            close(tunnel, "drained", &turn)
        }
    }

    // MARK: Time

    var nextDeadline: Moment? { Moment.earliest(state.nextDeadline, connections.nextDeadline) }

    /// Each expired deadline is taken off before it is acted on, and none is set anew at or before `now`, so this ends.
    mutating func fireTimers(_ turn: inout Turn<AgentNote>) {
        while let timer = state.popExpired(at: turn.now) {
            switch timer {
            case .retry: redial(&turn)
            case .drain: stop(reason: "drained; what was left in flight was cut", &turn)
            }
        }
        for tunnel in tunnels {
            while tunnel.stage != .over, let timer = tunnel.deadlines.popExpired(at: turn.now) {
                fire(timer, of: tunnel, &turn)
            }
        }
    }

    private mutating func fire(_ timer: Tunnel.Timer, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        switch timer {
        case .stage: if let refusal = tunnel.timeout(configuration) { lose(tunnel, refusal, .abort, &turn) }
        case .stable:
            tunnel.isStable = true
            state.becameStable()
        case .ping:
            if tunnel.pingIsDue(pongTimeout: configuration.pongTimeout, turn.now) { return }
            let reason = "nothing came from the gateway for \(configuration.pongTimeout) after a ping"
            lose(tunnel, Refusal(reason: reason), .abort, &turn)
        case .retire:
            close(tunnel, "drained", &turn)
            haltIfDrained(&turn)
        }
    }

    // MARK: Losing a tunnel

    /// The tunnel is of no use any more: everything of it goes, and if it was the current one, another is made in time.
    private mutating func lose(
        _ tunnel: Tunnel, _ refusal: Refusal, _ ending: TunnelEnding, _ turn: inout Turn<AgentNote>
    ) {
        guard remove(tunnel, ending, &turn) else { return }
        if !tunnel.isRetiring { backOff(refusal, &turn) }
        haltIfDrained(&turn)
    }

    private mutating func backOff(_ refusal: Refusal, _ turn: inout Turn<AgentNote>) {
        if !state.backOff(refusal, using: &keys, &turn) { stop(reason: refusal.reason, &turn) }
    }

    /// Starts the closing handshake, if there is a session, and removes the tunnel. What is in flight is cut.
    private mutating func close(_ tunnel: Tunnel, _ reason: String, _ turn: inout Turn<AgentNote>) {
        remove(tunnel, tunnel.sendClose(.goingAway, reason, &turn), &turn)
    }

    /// Takes a tunnel away; false if it was away already. What that means for the phase is the caller's to say.
    @discardableResult
    private mutating func remove(_ tunnel: Tunnel, _ ending: TunnelEnding, _ turn: inout Turn<AgentNote>) -> Bool {
        connections.remove(tunnel, ending, &turn)
    }
}
