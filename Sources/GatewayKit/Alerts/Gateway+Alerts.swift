// Who is told that an agent is gone: only after it has been away for a while, only once, and then once that it is back. An agent
// whose connection breaks and returns within seconds alarms nobody; neither does a gateway that stops.
//
// The loop that the agent lives on decides. What is remembered is bounded by the registry: what it forgets is forgotten here.

import MachineCore

extension Gateway {
    /// The last tunnel of an agent is gone.
    mutating func agentWentAway(_ agentID: String, _ now: Moment) {
        guard let alert = configuration.offlineAlert, !isDraining else { return }
        let name = AgentName.of(agentID)
        if !announcedAbsences.contains(name) { deadlines.set(.absence(name), at: now.advanced(by: alert.after)) }
    }

    /// An agent is here, on this loop or on another.
    mutating func agentIsHere(_ agentID: String, _ outputs: inout Outputs) {
        let name = AgentName.of(agentID)
        deadlines.cancel(.absence(name))
        guard announcedAbsences.remove(name) != nil, let record = registry.owner(of: name) else { return }
        guard configuration.offlineAlert != nil else { return }
        outputs.append(.note(.alert(AgentAlert(event: .online, record: record))))
    }

    /// It has been away for long enough, if nobody forgot it meanwhile.
    mutating func absenceIsLong(_ name: String, _ outputs: inout Outputs) {
        guard configuration.offlineAlert != nil, !isDraining, let record = registry.owner(of: name), !record.isOnline else {
            return
        }
        if announcedAbsences.count > configuration.limits.maximumOfflineAgents {
            announcedAbsences = announcedAbsences.filter { registry.owner(of: $0) != nil }
        }
        announcedAbsences.insert(name)
        log(.warning, "agent.offline", [.init("agent", record.description.agentID)], &outputs)
        outputs.append(.note(.alert(AgentAlert(event: .offline, record: record))))
    }
}
