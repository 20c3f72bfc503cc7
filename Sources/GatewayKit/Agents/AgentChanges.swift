// Which agents event streams are to be sent, and when. Agents that came or went are sent at once, other changes once a
// second, and no more than four messages a second in all: what there is no room for waits, each agent once, however often it
// changes.

import MachineCore

/// Agents that wait to be sent, in the order of their first change.
struct AgentQueue: Sendable {
    private var ids: [String] = []
    private var present: Set<String> = []

    var isEmpty: Bool { ids.isEmpty }

    mutating func append(_ id: String) {
        if present.insert(id).inserted { ids.append(id) }
    }

    mutating func take(_ limit: Int) -> [String] {
        let taken = Array(ids.prefix(limit))
        ids.removeFirst(taken.count)
        for id in taken { present.remove(id) }
        return taken
    }
}

/// What watchers of the status page are to be sent, and when.
struct AgentChanges: Sendable {
    enum Message: Sendable, Hashable {
        /// The gateway as a whole.
        case status
        /// These agents.
        case agents([String])
    }

    private var urgent = AgentQueue()
    private var ordinary = AgentQueue()
    /// When each kind was last sent, and when it was last asked whether the gateway as a whole has changed.
    private var lastStatus: Moment
    private var lastAgents: Moment
    private var lastAsked: Moment

    static let shortest = Duration.milliseconds(250)
    static let usual = Duration.seconds(1)
    static let longest = Duration.seconds(5)
    /// Agents in one message: some 200 KiB.
    static let maximumAgents = 500

    init(now: Moment) {
        lastStatus = now
        lastAgents = now
        lastAsked = now
    }

    mutating func note(_ id: String, isUrgent: Bool) {
        if isUrgent { urgent.append(id) } else { ordinary.append(id) }
    }

    private var last: Moment { max(lastStatus, lastAgents) }

    /// When there is something to ask for, if nothing happens before.
    var due: Moment {
        let agents = urgent.isEmpty ? ordinary.isEmpty ? nil : lastAgents.advanced(by: Self.usual) : last
        let status = lastAsked.advanced(by: Self.usual)
        return max(min(agents ?? status, status), last.advanced(by: Self.shortest))
    }

    /// The next message, if it is time for one. `hasChanged`: the gateway as a whole is not what it was. Of two that are due
    /// the one that was sent longer ago comes first.
    mutating func next(hasChanged: Bool, _ now: Moment) -> Message? {
        guard last.advanced(by: Self.shortest) <= now else { return nil }
        var isStatusDue = lastAsked.advanced(by: Self.usual) <= now
        if isStatusDue, !hasChanged, lastStatus.advanced(by: Self.longest) > now {
            isStatusDue = false
            lastAsked = now
        }
        let isUsualDue = lastAgents.advanced(by: Self.usual) <= now && !ordinary.isEmpty
        if !urgent.isEmpty || isUsualDue, !isStatusDue || lastAgents < lastStatus {
            lastAgents = now
            let first = urgent.take(Self.maximumAgents)
            return .agents(first + (isUsualDue ? ordinary.take(Self.maximumAgents - first.count) : []))
        }
        guard isStatusDue else { return nil }
        lastStatus = now
        lastAsked = now
        return .status
    }
}
