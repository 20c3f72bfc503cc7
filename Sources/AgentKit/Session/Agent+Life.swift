// What is done when the phase changes: notes, dials, waits, the end. Which change is legal stands in AgentPhase.
//
// The agent never gives up, with two exceptions: its host says so, or another agent took its place. A wrong token is said
// plainly and tried again slowly, since the gateway's side may be the one that is put right.

import MachineCore
import TunnelLink

extension Agent {
    /// Moves to the phase after `event`; false, and nothing happens, if the event means nothing now.
    @discardableResult
    mutating func advance(_ event: LifeEvent) -> Bool {
        guard let next = phase.after(event) else { return false }
        phase = next
        deadlines.cancel(.retry)
        emit(.phase(next))
        return true
    }

    // MARK: The host's wishes

    mutating func start() {
        if let problem = configuration.problem {
            log(.error, "agent.misconfigured", .init("reason", problem))
            emit(.stopped(reason: problem))
        } else if advance(.start) {
            if configuration.isNamedAfterMachine {
                log(.info, "agent.named-after-machine", .init("advice", "set agentId (--id) to be found under another name"))
            }
            dialGateway()
        }
    }

    mutating func updateStatus(_ update: StatusUpdate) {
        description.status = update.status ?? description.status
        description.model = update.model ?? description.model
        description.servesWeb = update.servesWeb ?? description.servesWeb
        for index in tunnels.indices { tunnels[index].session?.update(update) }
    }

    /// Connections that are not yet of use are given up; the others finish what they have.
    mutating func drain(within duration: Duration) {
        guard advance(.drain) else { return }
        log(.info, "agent.draining", .init("withinMs", "\(duration.wholeMilliseconds)"))
        deadlines.set(.drain, at: now.advanced(by: max(.zero, duration)))
        for tunnel in tunnels where tunnel.session == nil { remove(tunnel.key, .abort) }
        for tunnel in tunnels { leave(tunnel, within: duration) }
        haltIfDrained()
    }

    /// The gateway is told first, so that it sends nothing new; what is on its way meanwhile is served.
    private mutating func leave(_ tunnel: Tunnel, within duration: Duration) {
        tunnel.leave(within: duration, at: now)
        if tunnel.pingInterval > .zero { deadlines.set(.ping(tunnel.key), at: now.advanced(by: configuration.pongTimeout)) }
    }

    mutating func stop(reason: String) {
        while let key = tunnels.first?.key { close(key, .goingAway, "agent stopped") }
        halt(reason: reason)
    }

    mutating func haltIfDrained() {
        if phase == .draining, tunnels.isEmpty { halt(reason: "drained") }
    }

    /// The end: nothing is left, and nothing will happen until `start`.
    private mutating func halt(reason: String) {
        guard advance(.halt) else { return }
        deadlines.cancel(.drain)
        cutReplays()
        emptyPool()
        log(.info, "agent.stopped", .init("reason", reason))
        emit(.stopped(reason: reason))
    }

    // MARK: Dialling

    mutating func redial() {
        if advance(.dial(attempt: backoff.failures + 1)) { dialGateway() }
    }

    private mutating func dialGateway() {
        let gateway = configuration.gateway
        let key = TunnelKey(rawValue: nextNumber())
        let dial = DialID(rawValue: nextNumber())
        dials[dial] = .gateway(key)
        tunnels.append(Tunnel(key, dial: dial, pingInterval: configuration.pingInterval))
        deadlines.set(.stage(key), at: now.advanced(by: configuration.connectTimeout))
        log(.debug, "agent.dialing", .init("gateway", gateway.hostField))
        emit(.dial(dial, .tcp(host: gateway.host, port: gateway.port)))
    }

    // MARK: Losing a tunnel

    /// The tunnel is of no use any more: everything of it goes, and if it was the current one, another is made in time.
    mutating func lose(_ key: TunnelKey, _ refusal: Refusal, _ ending: TunnelEnding = .abort) {
        guard let index = tunnelIndex(key) else { return }
        let isCurrent = !tunnels[index].isRetiring
        remove(key, ending)
        if isCurrent { backOff(refusal) }
        haltIfDrained()
    }

    private mutating func backOff(_ refusal: Refusal) {
        let wait: Duration
        switch refusal.retry {
        case .soon: wait = backoff.next(using: &keys)
        case .slowly: wait = backoff.slow(using: &keys)
        case .never:
            log(.error, "agent.replaced", .init("reason", refusal.reason))
            return stop(reason: refusal.reason)
        }
        let until = now.advanced(by: wait)
        guard advance(.lost(until: until, reason: refusal.reason)) else { return }
        deadlines.set(.retry, at: until)
        log(
            .warning, refusal.retry == .slowly ? "agent.refused" : "agent.lost", .init("reason", refusal.reason),
            .init("retryMs", "\(wait.wholeMilliseconds)"))
    }

    // MARK: The gateway drains

    /// Dials again at once, unless the gateway does this to every newcomer: then the usual wait applies.
    mutating func retire(_ key: TunnelKey, within duration: Duration) {
        guard let index = tunnelIndex(key), !tunnels[index].isRetiring else { return }
        let wasStable = tunnels[index].isStable
        tunnels[index].isRetiring = true
        tunnels[index].session?.retire()
        deadlines.cancel(.stage(key))
        deadlines.cancel(.stable(key))
        deadlines.set(.retire(key), at: now.advanced(by: min(duration, Self.longestRetirement)))
        log(.info, "agent.gateway-drains", .init("withinMs", "\(duration.wholeMilliseconds)"))
        retireOldest()
        if wasStable {
            redial()
        } else {
            backOff(Refusal(reason: "the gateway drains"))
        }
    }

    /// A gateway that drains again and again cannot make us keep all its old connections.
    private mutating func retireOldest() {
        let retiring = tunnels.filter(\.isRetiring)
        if retiring.count > Self.maximumRetiringTunnels, let oldest = retiring.first { retireIsDue(oldest.key) }
    }

    private static let maximumRetiringTunnels = 4
    /// Whatever the gateway says.
    private static let longestRetirement = Duration.seconds(3_600)

    mutating func retireIsDue(_ key: TunnelKey) {
        close(key, .goingAway, "drained")
        haltIfDrained()
    }
}
