// The connections to gateways: the agent's current one, and those that the gateway asked to be finished elsewhere. What becomes
// of the agent when one of them goes is the Session's to say.

import MachineCore

/// The current tunnel, those that retire, and those that are over and not yet cleared away.
struct Tunnels {
    /// Those that are not over.
    private(set) var all: [Tunnel] = []
    /// Tunnels that are over, until `takeEnded`.
    private var ended: [Tunnel] = []

    /// The one to which `event` happened; nil if it is none's.
    func tunnel(of event: TransportEvent) -> Tunnel? {
        switch event {
        case .accepted: nil
        case .connected(let dial, _), .dialFailed(let dial, _): all.first { $0.stage == .dialing && $0.dial == dial }
        case .secured(let id, _), .received(let id, _), .receivedEOF(let id), .wrote(let id, _), .closed(let id, _):
            all.first { $0.connection == id }
        }
    }

    /// Adds what is held here; `others` are the timers of the agent as a whole.
    func count(into counters: inout AgentCounters, timers others: Int) {
        counters.tunnels = all.count
        counters.dialing += all.count { $0.stage == .dialing }
        counters.backlogBytes = all.reduce(0) { $0 + ($1.session?.backlog ?? 0) }
        counters.timers += all.reduce(others) { $0 + $1.deadlines.count }
    }

    /// The first deadline of any of them.
    var nextDeadline: Moment? { all.reduce(nil) { Moment.earliest($0, $1.deadlines.next) } }

    mutating func append(_ tunnel: Tunnel) { all.append(tunnel) }

    /// Takes a tunnel away; false if it was away already.
    mutating func remove(_ tunnel: Tunnel, _ ending: TunnelEnding, _ turn: inout Turn<AgentNote>) -> Bool {
        guard let index = all.firstIndex(where: { $0 === tunnel }) else { return false }
        all.remove(at: index)
        tunnel.end(ending, &turn)
        ended.append(tunnel)
        return true
    }

    /// A tunnel that is over, whose exchanges are to be cut.
    mutating func takeEnded() -> Tunnel? { ended.isEmpty ? nil : ended.removeFirst() }

    /// The one that retires for the longest time, if more than `maximum` do: a gateway that drains again and again cannot make
    /// us keep all its old connections.
    func oldestRetiring(beyond maximum: Int) -> Tunnel? {
        let retiring = all.filter(\.isRetiring)
        return retiring.count > maximum ? retiring.first : nil
    }
}
