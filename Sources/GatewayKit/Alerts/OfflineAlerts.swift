// When an alert goes out that an agent is gone: only after it has been away for a while, only once, and then once that it is
// back. An agent whose connection breaks and returns within seconds causes no alert; neither does a gateway that stops.
//
// The agent's owning loop decides. What is remembered is bounded by the registry: what it forgets is forgotten here.

import MachineCore

final class OfflineAlerts: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private let registry: Registry
    /// How long the agent of this name has been away.
    private var absences = Deadlines<String>()
    /// Agents that an alert went out for, by name.
    private var announced: Set<String> = []

    init(_ environment: Environment, _ registry: Registry) {
        self.environment = environment
        self.registry = registry
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    var nextDeadline: Moment? { absences.next }

    private var configuration: OfflineAlertConfiguration? { environment.configuration.offlineAlert }

    /// The last tunnel of an agent is gone.
    func agentWentAway(_ agentID: String, _ now: Moment) {
        guard let alert = configuration else { return }
        let name = AgentName.of(agentID)
        if !announced.contains(name) { absences.set(name, at: now.advanced(by: alert.after)) }
    }

    /// An agent is here, on this loop or on another.
    func agentCame(_ agentID: String, _ turn: inout Turn) {
        let name = AgentName.of(agentID)
        absences.cancel(name)
        guard announced.remove(name) != nil, configuration != nil, let record = registry.owner(of: name) else { return }
        turn.emit(.alert(AgentAlert(event: .online, record: record)))
    }

    /// Says which agents have been away for long enough, if they were not forgotten meanwhile.
    func expire(isDraining: Bool, _ turn: inout Turn) {
        while let name = absences.popExpired(at: turn.now) {
            guard configuration != nil, !isDraining, let record = registry.owner(of: name), !record.isOnline else { continue }
            if announced.count > environment.configuration.limits.maximumOfflineAgents {
                announced = announced.filter { registry.owner(of: $0) != nil }
            }
            announced.insert(name)
            turn.log(.warning, "agent.offline", [.init("agent", record.description.agentID)])
            turn.emit(.alert(AgentAlert(event: .offline, record: record)))
        }
    }
}
