// Who is here, and who was: the agents by id. Connections belong to the gateway; the registry knows them by name only.

import MachineCore
import TunnelLink

/// What the status page shows of one agent.
public struct AgentRecord: Sendable, Hashable {
    /// What the agent says of itself.
    public var description: AgentDescription
    /// Its tunnels, oldest first; empty while it is offline.
    public var connections: [ConnectionID] = []
    /// The address that it connected from.
    public var remoteAddress: String
    /// When it connected, in seconds since 1970.
    public var connectedAt: Int64
    /// When it was lost, in seconds since 1970; nil while it is online.
    public var lastSeen: Int64?
    /// Of the last ping; nil before the first answer.
    public var roundTrip: Duration?

    /// Whether a tunnel stands.
    public var isOnline: Bool { !connections.isEmpty }
}

struct Registry: Sendable {
    private(set) var records: [String: AgentRecord] = [:]
    /// The id that a host name's label means: labels have no case (RFC 4343).
    private var idByLabel: [String: String] = [:]
    private(set) var onlineCount = 0
    private let maximumOffline: Int

    init(maximumOffline: Int) { self.maximumOffline = maximumOffline }

    /// The record that a request's route means.
    func record(for route: WebRoute) -> AgentRecord? {
        route.isByHost ? idByLabel[route.agentID].flatMap { records[$0] } : records[route.agentID]
    }

    /// Tunnels whose web service is switched on.
    var webServiceCount: Int { records.values.count { $0.isOnline && $0.description.servesWeb } }

    mutating func add(_ description: AgentDescription, connection: ConnectionID, remoteAddress: String, at unixSeconds: Int64) {
        let id = description.agentID
        let before = records[id]
        if before?.isOnline != true { onlineCount += 1 }
        var description = description
        description.token = nil
        records[id] = AgentRecord(
            description: description, connections: (before?.connections ?? []).filter { $0 != connection } + [connection],
            remoteAddress: remoteAddress, connectedAt: unixSeconds)
        idByLabel[id.lowercased()] = id
    }

    mutating func remove(_ connection: ConnectionID, of id: String, at unixSeconds: Int64) {
        guard records[id]?.connections.contains(connection) == true else { return }
        records[id]?.connections.removeAll { $0 == connection }
        guard records[id]?.isOnline == false else { return }
        onlineCount -= 1
        records[id]?.lastSeen = unixSeconds
        if records.count - onlineCount > maximumOffline { forgetLongestOffline() }
    }

    mutating func update(_ id: String, _ change: (inout AgentRecord) -> Void) {
        if records[id] != nil { change(&records[id, default: Self.placeholder]) }
    }

    /// Makes room for a tenth of the limit at once, so that the sort is paid for rarely.
    private mutating func forgetLongestOffline() {
        let offline = records.filter { !$0.value.isOnline }.sorted { ($0.value.lastSeen ?? 0) < ($1.value.lastSeen ?? 0) }
        for (id, _) in offline.prefix(max(1, maximumOffline / 10)) {
            records[id] = nil
            let label = id.lowercased()
            if idByLabel[label] == id { idByLabel[label] = nil }  // it may be that of another by now
        }
    }

    private static let placeholder = AgentRecord(description: AgentDescription(agentID: ""), remoteAddress: "", connectedAt: 0)
}
