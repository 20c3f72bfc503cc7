// What one loop knows of the others, and, on loop 0, which loop owns each agent (Docs/Decisions/0007).
//
// The number of visitors is broadcast as a balance: those that were accepted on a loop, less those that ended there. A visitor
// that moves changes no balance until it ends, so the sum over all loops counts those under way too. Once no loop accepts,
// balances only fall: a sum of old ones is never too small, and if it is zero, no visitor is left anywhere.

import MachineCore

/// The other loops, as of their last broadcasts.
final class PeerLoops {
    private let loop: Int
    /// By loop, as last received; at its own place what a loop last broadcast itself.
    private var counts: [ConnectionCounts]
    /// Visitors that left for other loops, less those that came from there.
    private var moved = 0
    /// Loop 0: agents that were sent to their owning loop and have not registered there yet, by name, so that all spellings of
    /// one meet.
    private var onTheirWay: [String: Int] = [:]
    private var onTheirWayTo: [Int]
    private var expiries = Deadlines<String>()

    init(_ environment: Environment) {
        let count = environment.loopCount
        loop = environment.loop
        counts = Array(repeating: ConnectionCounts(), count: count)
        onTheirWayTo = Array(repeating: 0, count: count)
    }

    /// Whether there are none.
    var isEmpty: Bool { counts.count == 1 }

    /// A visitor left for another loop.
    func visitorLeft() { moved += 1 }

    /// A visitor came from another loop, or one that was to leave did not.
    func visitorCame() { moved -= 1 }

    /// The connections of this loop, for the others. `visitors`: those that are here.
    func own(visitors: Int, agents: Int, isDraining: Bool) -> ConnectionCounts {
        ConnectionCounts(visitors: visitors + moved, agents: agents, isDraining: isDraining)
    }

    // MARK: How many there are

    /// Connections of all loops, of which this one has `own` at this moment.
    func connections(_ own: ConnectionCounts) -> Int {
        var sum = own.connections
        for other in counts.indices where other != loop { sum += counts[other].connections }
        return sum
    }

    /// Whether the others accept no more connections and no visitor is left, on any loop or between two.
    func haveNoVisitors(_ own: ConnectionCounts) -> Bool {
        var sum = own.visitors
        for other in counts.indices where other != loop {
            guard counts[other].isDraining else { return false }
            sum += counts[other].visitors
        }
        return isEmpty || sum <= 0
    }

    func receive(_ others: ConnectionCounts, from sender: Int) {
        if counts.indices.contains(sender) { counts[sender] = others }
    }

    /// Whether the others should be sent the counts: for a limit they need them roughly, for a drain exactly.
    func shouldBroadcast(_ own: ConnectionCounts, limit: Int) -> Bool {
        let told = counts[loop]
        let step = max(1, limit / (16 * counts.count))
        guard own.isDraining ? own != told : abs(own.connections - told.connections) >= step else { return false }
        counts[loop] = own
        return true
    }

    // MARK: Owning loops

    /// The loop for an agent that connects: the one that another of its id is on its way to, or that owns or owned it; else the
    /// one with the fewest agents, of equals the lowest. Nil: too many are on their way.
    func owningLoop(of agentID: String, _ registry: Registry, limit: Int, _ now: Moment) -> Int? {
        while let late = expiries.popExpired(at: now) { forget(late) }
        let name = AgentName.of(agentID)
        let owner = onTheirWay[name] ?? registry.owner(of: agentID)?.loop ?? leastBusy(registry)
        if onTheirWay[name] == nil {
            guard onTheirWay.count < limit else { return nil }
            onTheirWay[name] = owner
            onTheirWayTo[owner] += 1
        }
        expiries.set(name, at: now.advanced(by: Self.maximumWay))
        return owner
    }

    /// Whether another loop has or expects tunnels of this agent, so that one that did not say who it is before it came here
    /// would not meet them.
    func livesElsewhere(_ agentID: String, _ registry: Registry) -> Bool {
        if let destination = onTheirWay[AgentName.of(agentID)] { return destination != loop }
        guard let record = registry.owner(of: agentID) else { return false }
        return record.loop != loop && record.isOnline
    }

    /// The agent has registered at its owning loop.
    func arrived(_ agentID: String) {
        let name = AgentName.of(agentID)
        guard onTheirWay[name] != nil else { return }
        expiries.cancel(name)
        forget(name)
    }

    private func forget(_ name: String) {
        if let owner = onTheirWay.removeValue(forKey: name) { onTheirWayTo[owner] -= 1 }
    }

    private func leastBusy(_ registry: Registry) -> Int {
        let loads = zip(registry.onlineCounts, onTheirWayTo).map { $0 + $1 }
        return loads.indices.min { loads[$0] < loads[$1] } ?? 0
    }

    /// Longer than an agent may take to register.
    private static let maximumWay = Duration.seconds(30)
}
