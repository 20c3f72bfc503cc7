// One connection to a gateway, from the dial to its end: a proxy, TLS, the upgrade, the registration, liveness, and what waits
// to be written. An agent has one that is current, and beside it those that the gateway asked to be finished elsewhere. What a
// step means for the agent's phase is the Session's to say.

import HTTPCodec
import MachineCore
import TunnelLink
import WireWS

/// How a tunnel's connection is closed.
enum TunnelEnding: Sendable, Hashable {
    /// At once: nothing that is queued matters.
    case abort
    /// After what is queued was written.
    case close
}

/// How far a connection is on its way to the gateway.
enum Opening: Sendable, Hashable {
    /// A proxy or TLS is still to come.
    case waits
    /// Bytes can go to the gateway.
    case open
    case refused(Refusal)
}

final class Tunnel {
    /// What a deadline of a tunnel is for.
    enum Timer: Sendable, Hashable {
        /// The dial, the proxy, TLS, the upgrade or the registration takes too long.
        case stage
        /// The tunnel is stable.
        case stable
        /// The next ping, or the end of the wait for its pong.
        case ping
        /// The end of the time that the gateway allows for a drain.
        case retire
    }

    /// The attempt to connect that it began with.
    let dial: DialID
    private(set) var stage = TunnelStage.dialing
    // Unchecked: the session's own methods, which are all that runs during an access, know of no tunnel.
    /// Set from registering on.
    @exclusivity(unchecked) var session: TunnelSession?
    /// Set once it was dialled.
    private(set) var connection: ConnectionID?
    var deadlines = Deadlines<Timer>()
    /// The gateway drains: no longer the agent's current tunnel, but served until the gateway closes it.
    private(set) var isRetiring = false
    /// Served for `stableAfter`.
    var isStable = false
    /// The gateway has read that the agent leaves: what it sent before is here, and it has no reason to send more.
    private(set) var hasLeft = false
    /// So much waits for the gateway that no service is read.
    private(set) var holdsServices = false

    /// By way of which it is dialled.
    private let proxy: ProxyURL?
    private var proxyHandshake: ProxyHandshake?
    private var handshake: Handshake?
    /// Bytes of the CONNECT and of the upgrade that were given to the transport and not yet written; the session does not know
    /// of them.
    private var unwrittenHandshakeBytes = 0
    private var pingInterval: Duration
    private var heartbeat = Heartbeat()
    /// When `agent.register` was written; its response is the first measure of the round trip.
    private var registeredAt = Moment()
    /// The number of the ping that went out behind the message that the agent leaves.
    private var leavingPing: UInt64?

    init(dial: DialID, _ configuration: AgentConfiguration) {
        self.dial = dial
        proxy = configuration.proxy
        pingInterval = configuration.pingInterval
    }

    /// No stream is open, and nothing of a finished one waits for credit.
    var hasNoStream: Bool { (session?.openStreams ?? 0) == 0 }

    /// What happened in the session, until it needs more bytes or the tunnel is over.
    func next() -> TunnelEvent? { stage == .over ? nil : session?.next() }

    /// Moves to the stage after `event`; false, and nothing happens, if the event means nothing now.
    private func advance(_ event: TunnelStage.Event) -> Bool {
        guard let next = stage.after(event) else { return false }
        stage = next
        return true
    }

    // MARK: Proxy and TLS

    /// What an event means before the upgrade; nil: there is nothing to do before it any more, or the connection is gone.
    func open(
        _ event: TransportEvent, _ configuration: AgentConfiguration, _ turn: inout Turn<AgentNote>
    ) -> Opening? {
        switch event {
        case .connected(_, let connection):
            self.connection = connection
            return proxy.map { ask($0, configuration, &turn) } ?? reach(configuration, &turn)
        case .secured(_, let facts):
            guard stage == .securing else { return nil }
            let names = facts.peerNames.prefix(5).joined(separator: " ")
            turn.log(.debug, "agent.secured", [.init("tls", "\(facts.version) \(facts.cipher)"), .init("names", names)])
            return .open
        case .received(_, let bytes):
            guard stage == .proxying else { return nil }
            switch proxyHandshake?.receive(bytes) {
            case .incomplete, nil: return .waits
            case .passed:
                proxyHandshake = nil
                return reach(configuration, &turn)
            case .refused(let refusal): return .refused(refusal)
            }
        case .accepted, .dialFailed, .receivedEOF, .wrote, .closed: return nil
        }
    }

    /// The connection to the proxy is there: asks for the way to the gateway.
    private func ask(_ proxy: ProxyURL, _ configuration: AgentConfiguration, _ turn: inout Turn<AgentNote>) -> Opening {
        guard advance(.proxyReached) else { return .waits }
        let handshake = ProxyHandshake(proxy, to: configuration.gateway, configuration.http)
        proxyHandshake = handshake
        deadlines.set(.stage, at: turn.now.advanced(by: configuration.upgradeTimeout))
        unwrittenHandshakeBytes = handshake.request.count
        write(handshake.request[...], &turn)
        return .waits
    }

    /// What is written goes to the gateway from now on: begins TLS, if that is wanted.
    private func reach(_ configuration: AgentConfiguration, _ turn: inout Turn<AgentNote>) -> Opening {
        guard configuration.gateway.isSecure, let connection else { return .open }
        guard advance(.reached) else { return .waits }
        deadlines.set(.stage, at: turn.now.advanced(by: configuration.upgradeTimeout))
        turn.emit(.startTLS(connection, TLSPeer(host: configuration.gateway.host, profile: .gateway)))
        return .waits
    }

    // MARK: Upgrade and registration

    /// Bytes can go to the gateway: sends the upgrade.
    func upgrade(
        _ handshake: Handshake, _ configuration: AgentConfiguration, _ turn: inout Turn<AgentNote>
    ) throws(HTTPFieldError) {
        guard advance(.opened) else { return }
        self.handshake = handshake
        deadlines.set(.stage, at: turn.now.advanced(by: configuration.upgradeTimeout))
        let request = try handshake.request(configuration)
        unwrittenHandshakeBytes += request.count
        write(request[...], &turn)
    }

    /// Registers through a session that has just begun.
    func register(_ session: TunnelSession, _ description: AgentDescription, _ turn: inout Turn<AgentNote>) {
        guard advance(.upgraded) else { return }
        handshake = nil
        registeredAt = turn.now
        self.session = session
        self.session?.register(description)
        schedulePing(after: pingInterval, turn.now)
    }

    /// The gateway serves the agent from now on; false if it did before.
    func serve() -> Bool {
        guard advance(.registered) else { return false }
        deadlines.cancel(.stage)
        return true
    }

    /// Takes the gateway's terms, as far as they are sensible: neither a flood of pings, nor hours in which the loss of the
    /// gateway goes unnoticed.
    func adopt(_ welcome: Welcome, zeroMask: Bool, _ now: Moment) {
        session?.adopt(welcome, zeroMask: zeroMask)
        let interval = Self.pingIntervals
        if pingInterval > .zero { pingInterval = min(max(welcome.ping, interval.lowerBound), interval.upperBound) }
        schedulePing(after: pingInterval, now)
    }

    /// How long the registration took until now.
    func registrationTime(_ now: Moment) -> Duration { now.since(registeredAt) }

    private static let pingIntervals = Duration.milliseconds(100)...Duration.seconds(600)

    /// What to say when the stage has taken too long; nil: none is under way.
    func timeout(_ configuration: AgentConfiguration) -> Refusal? {
        switch stage {
        case .dialing:
            let peer = proxy.map { "the proxy \($0.hostAndPort)" } ?? configuration.gateway.hostField
            return Refusal(reason: "no connection to \(peer) within \(configuration.connectTimeout)")
        case .proxying: return proxyHandshake?.timeoutRefusal(after: configuration.upgradeTimeout)
        case .securing: return .noTLS(with: configuration.gateway, "not over within \(configuration.upgradeTimeout)")
        case .upgrading: return handshake?.timeoutRefusal(after: "\(configuration.upgradeTimeout) passed")
        case .registering:
            return Refusal(reason: "no response to agent.register within \(configuration.registrationTimeout)")
        case .serving, .over: return nil
        }
    }

    /// What it means that the dial failed, for the reason that the transport gives.
    func refusal(ofDial reason: String, _ configuration: AgentConfiguration) -> Refusal {
        proxy.map { .noProxy($0, reason) } ?? .noConnection(to: configuration.gateway.hostField, reason)
    }

    /// What the end of the connection means, for the reason that the transport gives, if any.
    func refusal(afterEnd error: String?, _ configuration: AgentConfiguration) -> Refusal {
        let gateway = configuration.gateway
        if stage == .proxying, let proxyHandshake { return proxyHandshake.endRefusal(error) }
        if stage == .securing { return .noTLS(with: gateway, error ?? "the connection ended during the TLS handshake") }
        guard let error else { return Refusal(reason: "the gateway closed the connection") }
        // With TLS 1.3 a server refuses a client's certificate only after the handshake.
        return Refusal(reason: gateway.isSecure ? TLSAdvice.text(error, of: .gateway) : error)
    }

    // MARK: Bytes

    /// Bytes came: the outcome of the handshake, or nil if they are the session's.
    func receive(_ bytes: ArraySlice<UInt8>) -> Handshake.Outcome? {
        heartbeat.received()
        if let outcome = handshake?.receive(bytes) { return outcome }
        session?.receive(bytes)
        return nil
    }

    /// No more will come: the outcome of the handshake, or nil if there was none.
    func receiveEOF() -> Handshake.Outcome? { handshake?.receiveEOF() }

    /// The transport took `count` bytes.
    func wrote(_ count: Int) {
        let ofHandshake = min(count, unwrittenHandshakeBytes)
        unwrittenHandshakeBytes -= ofHandshake
        session?.wrote(count - ofHandshake)
    }

    private func write(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn<AgentNote>) {
        if let connection { turn.emit(.write(connection, bytes)) }
    }

    /// Writes what is ready, large payloads from where they lie.
    func flush(_ turn: inout Turn<AgentNote>) {
        for piece in session?.takePieces() ?? [] { write(piece, &turn) }
    }

    /// Whether it is no longer as before with the services: true to read none while too much waits for the gateway, false to
    /// read them again, since half of the limit is free; nil if nothing changes.
    func reviewHold() -> Bool? {
        guard holdsServices || session?.isFull == true else { return nil }
        if holdsServices, (session?.queuedBytes ?? 0) > (session?.limits.maximumQueued ?? 0) / 2 { return nil }
        holdsServices.toggle()
        return holdsServices
    }

    // MARK: Liveness

    private func schedulePing(after interval: Duration, _ now: Moment) {
        guard interval > .zero else { return deadlines.cancel(.ping) }
        deadlines.set(.ping, at: now.advanced(by: max(.milliseconds(1), interval)))
    }

    /// Sends a ping, unless pings are off or one is under way.
    func ping(pongTimeout: Duration, _ now: Moment) {
        guard pingInterval > .zero, heartbeat.state != .awaiting else { return }
        session?.ping(heartbeat.ping(at: now))
        schedulePing(after: pongTimeout, now)
    }

    /// Either the next ping is due, or the wait for any byte after one is over. False: none came.
    func pingIsDue(pongTimeout: Duration, _ now: Moment) -> Bool {
        switch heartbeat.expired() {
        case .ping: ping(pongTimeout: pongTimeout, now)
        case .rest: schedulePing(after: max(.milliseconds(1), pingInterval - pongTimeout), now)
        case .silent: return false
        }
        return true
    }

    /// The round trip, if this is the pong to the last ping.
    func pong(_ payload: ArraySlice<UInt8>, _ now: Moment) -> Duration? {
        guard let measured = heartbeat.pong(payload, at: now) else { return nil }
        if leavingPing != nil { hasLeft = true }
        session?.roundTrip = min(measured, session?.roundTrip ?? measured)
        return measured
    }

    // MARK: The end

    /// Tells the gateway that the agent leaves. The pong to the ping behind it shows that it has been read, also by a
    /// gateway that does not know the message.
    func leave(within duration: Duration, pongTimeout: Duration, _ now: Moment) {
        session?.leave(within: duration)
        session?.ping(heartbeat.ping(at: now))
        leavingPing = heartbeat.count
        if pingInterval > .zero { schedulePing(after: pongTimeout, now) }
    }

    /// Another tunnel takes its place; what is in flight goes on until `moment`.
    func retire(until moment: Moment) {
        isRetiring = true
        session?.retire()
        deadlines.cancel(.stage)
        deadlines.cancel(.stable)
        deadlines.set(.retire, at: moment)
    }

    /// Sends the reason for which the tunnel closes, if it is open.
    func sendClose(_ code: WSCloseCode, _ reason: String, _ turn: inout Turn<AgentNote>) -> TunnelEnding {
        guard session != nil else { return .abort }
        session?.close(code, reason: reason)
        flush(&turn)
        return .close
    }

    /// There is no connection, or no more: nothing is left to command.
    func disconnected() {
        _ = advance(.ended)
        connection = nil
    }

    /// Cancels the dial or closes the connection, unless it is gone.
    func end(_ ending: TunnelEnding, _ turn: inout Turn<AgentNote>) {
        if stage == .dialing { turn.emit(.cancelDial(dial)) }
        guard advance(.ended), let connection else { return }
        switch ending {
        case .abort: turn.emit(.abort(connection))
        case .close: turn.emit(.close(connection))
        }
    }
}
