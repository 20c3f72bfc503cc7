// What one loop of a gateway knows of the others, and, on loop 0, where agents live (Docs/Decisions/0007).
//
// How many visitors there are is told as a balance: those that were accepted on a loop, less those that ended there. A visitor that
// moves changes no balance until it ends, so the sum over all loops counts those under way too. Once nobody accepts, balances only
// fall: a sum of old ones is never too small, and if it is zero, nobody is left anywhere.

import MachineCore

/// What the loops of one gateway tell each other.
public enum GatewayGossip: Sendable {
    /// What the sender knows of an agent of its own; nil: it has forgotten it.
    case agent(id: String, AgentRecord?)
    /// How many connections the sender has.
    case census(GatewayCensus)
    /// How many connections the sender has of an address.
    case connections(NetworkAddress, Int)
    /// What addresses took at the sender.
    case charges([AddressCharge])
}

/// The connections of one loop.
public struct GatewayCensus: Sendable, Hashable {
    /// Visitors that it accepted, less those that ended on it: negative where most came from other loops.
    public var visitors = 0
    /// Connections of agents.
    public var agents = 0
    /// It accepts nobody any more.
    public var isDraining = false
    /// Nobody.
    public init() {}

    /// Visitors and agents.
    var connections: Int { visitors + agents }
}

/// The other loops, as far as they have said.
struct Neighbours: Sendable {
    /// By loop, as last heard; at its own place what a loop last said itself.
    private var censuses: [GatewayCensus]
    /// Visitors that left for other loops, less those that came from there.
    var moved = 0
    /// Loop 0: agents that were sent home and have not registered there yet, by name, so that all spellings of one meet.
    private var onTheirWay: [String: Int] = [:]
    private var onTheirWayTo: [Int]
    private var patience = Deadlines<String>()

    init(count: Int) {
        censuses = Array(repeating: GatewayCensus(), count: count)
        onTheirWayTo = Array(repeating: 0, count: count)
    }

    /// How many loops there are, with this one.
    var count: Int { censuses.count }

    /// Whether there are none.
    var isEmpty: Bool { censuses.count == 1 }

    // MARK: How many there are

    /// Connections of all loops, of which that with the number `loop` has `own` at this moment.
    func connections(beside loop: Int, _ own: GatewayCensus) -> Int {
        var sum = own.connections
        for other in censuses.indices where other != loop { sum += censuses[other].connections }
        return sum
    }

    /// Whether the others accept nobody any more and no visitor is left, on any loop or between two.
    func haveNoVisitors(beside loop: Int, _ own: GatewayCensus) -> Bool {
        var sum = own.visitors
        for other in censuses.indices where other != loop {
            guard censuses[other].isDraining else { return false }
            sum += censuses[other].visitors
        }
        return isEmpty || sum <= 0
    }

    mutating func hear(_ census: GatewayCensus, from sender: Int) {
        if censuses.indices.contains(sender) { censuses[sender] = census }
    }

    /// Whether the others should be told: for a limit they need to know roughly, for a drain exactly.
    mutating func shouldTell(_ census: GatewayCensus, of loop: Int, limit: Int) -> Bool {
        let told = censuses[loop]
        let step = max(1, limit / (16 * censuses.count))
        guard census.isDraining ? census != told : abs(census.connections - told.connections) >= step else { return false }
        censuses[loop] = census
        return true
    }

    // MARK: Where agents live

    /// The loop for an agent that connects: where another of its id is on its way to, or lives, or did; else the one with the
    /// fewest agents, of equals the lowest. Nil: too many are on their way.
    mutating func home(of agentID: String, _ registry: Registry, limit: Int, _ now: Moment) -> Int? {
        while let late = patience.popExpired(at: now) { forget(late) }
        let name = AgentName.of(agentID)
        let home = onTheirWay[name] ?? registry.owner(of: agentID)?.loop ?? leastBusy(registry)
        if onTheirWay[name] == nil {
            guard onTheirWay.count < limit else { return nil }
            onTheirWay[name] = home
            onTheirWayTo[home] += 1
        }
        patience.set(name, at: now.advanced(by: Self.maximumWay))
        return home
    }

    /// The loop that an agent is on its way to.
    func destination(of agentID: String) -> Int? { onTheirWay[AgentName.of(agentID)] }

    /// The agent has registered at home.
    mutating func arrived(_ agentID: String) {
        let name = AgentName.of(agentID)
        guard onTheirWay[name] != nil else { return }
        patience.cancel(name)
        forget(name)
    }

    private mutating func forget(_ name: String) {
        if let home = onTheirWay.removeValue(forKey: name) { onTheirWayTo[home] -= 1 }
    }

    private func leastBusy(_ registry: Registry) -> Int {
        let loads = zip(registry.onlineCounts, onTheirWayTo).map { $0 + $1 }
        return loads.indices.min { loads[$0] < loads[$1] } ?? 0
    }

    /// Longer than an agent may take to register.
    private static let maximumWay = Duration.seconds(30)
}
