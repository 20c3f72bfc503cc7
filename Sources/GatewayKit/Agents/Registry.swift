// Who is here, and who was: the agents by id, also those of other loops, as far as those have reported them. Connections belong
// to the gateway; the registry knows them by name only.
//
// Records of this loop's agents change here and nowhere else; those of others change by `learn` alone. The longest offline of
// this loop's are forgotten first; what others forget, they report.

import MachineCore
import TunnelLink

final class Registry {
    /// By id. No two of them differ in case alone. (Objects, because a record is large and each request looks at one.)
    @exclusivity(unchecked) private var entries: [String: RegistryEntry] = [:]
    /// The id of a name, which is what a host name's label means: labels have no case (RFC 4343).
    private var idByName: [String: String] = [:]
    /// Agents that are online, by owning loop.
    private(set) var onlineCounts: [Int]
    /// Agents on all loops that are online and serve the web.
    private(set) var webServiceCount = 0
    /// Agents of this loop that are offline.
    private var offlineCount = 0
    /// Ids of this loop's agents that changed since `takeChanges`.
    private var changes: [String] = []
    /// What is counted of each agent, for as long as it is remembered.
    private var counters: [String: AgentCounters] = [:]
    /// Loop 0, which shows them: all ids in order, what a search looks at, and what event streams are to be sent; nil while
    /// there are none.
    private var order = SortedIDs()
    private(set) var texts: [String: AgentText] = [:]
    private var watched: AgentChanges?
    private let loop: Int
    private let maximumOffline: Int

    convenience init(_ environment: Environment) {
        let maximum = environment.configuration.limits.maximumOfflineAgents / environment.loopCount
        self.init(maximumOffline: maximum, loop: environment.loop, of: environment.loopCount)
    }

    /// The registry of the loop with this number, one of `count`.
    init(maximumOffline: Int, loop: Int = 0, of count: Int = 1) {
        self.maximumOffline = maximumOffline
        self.loop = loop
        onlineCounts = Array(repeating: 0, count: count)
    }

    /// Agents of this loop that are online.
    var onlineCount: Int { onlineCounts[loop] }

    /// The agent that a request's route means.
    func entry(for route: WebRoute) -> RegistryEntry? {
        route.isByHost ? idByName[route.agentID].flatMap { entries[$0] } : entries[route.agentID]
    }

    /// The same, and its id, or what the route calls it if it is not known.
    func entryAndID(for route: WebRoute) -> (entry: RegistryEntry?, agentID: String) {
        let entry = entry(for: route)
        return (entry, entry?.record.description.agentID ?? route.agentID)
    }

    /// The record of this agent; nil: it is not known.
    subscript(id: String) -> AgentRecord? { entries[id]?.record }

    /// All records, in no order that means anything.
    var records: [AgentRecord] { entries.values.map(\.record) }

    /// How many agents are known.
    var count: Int { entries.count }

    /// The record of whoever has the name of this id, however it spells itself.
    func owner(of id: String) -> AgentRecord? { idByName[AgentName.of(id)].flatMap { self[$0] } }

    /// The id of an agent that is online and has the name of `id`, but spells itself otherwise.
    func otherOwner(of id: String) -> String? {
        guard let owner = owner(of: id), owner.description.agentID != id, owner.isOnline else { return nil }
        return owner.description.agentID
    }

    /// The tunnels of an agent, if this loop owns it.
    func tunnels(of id: String) -> [ConnectionID] {
        guard let record = self[id], record.loop == loop else { return [] }
        return record.connections
    }

    /// What is counted of an agent; nil: it is not known.
    func counters(of id: String) -> AgentCounters? {
        if let known = counters[id] { return known }
        guard entries[id] != nil else { return nil }
        let new = AgentCounters(id)
        counters[id] = new
        return new
    }

    /// All ids in order; only loop 0 keeps them.
    func sortedIDs() -> [String] { order.all() }

    // MARK: Event streams

    /// From now on changes are noted for event streams, if they are not already; false: they were.
    func beginNotingChanges(_ now: Moment) -> Bool {
        guard watched == nil else { return false }
        watched = AgentChanges(now: now)
        return true
    }

    /// The last event stream is gone.
    func stopNotingChanges() { watched = nil }

    /// Whether changes are noted.
    var notesChanges: Bool { watched != nil }

    /// Something was counted of this agent.
    func noteCounts(of id: String) { watched?.note(id, isUrgent: false) }

    /// When event streams get their next event; nil: there are none.
    var changesDue: Moment? { watched?.due }

    /// The events that are due now (`AgentChanges.next`).
    func nextChange(hasChanged: Bool, _ now: Moment) -> AgentChanges.Message? {
        watched?.next(hasChanged: hasChanged, now)
    }

    // MARK: Agents of this loop

    /// One more tunnel of an agent, which this loop owns from now on.
    func add(_ description: AgentDescription, connection: ConnectionID, remoteAddress: String, at unixSeconds: Int64) {
        let id = description.agentID
        var description = description
        description.token = nil
        let record = AgentRecord(
            description: description, loop: loop, connections: tunnels(of: id).filter { $0 != connection } + [connection],
            remoteAddress: remoteAddress, connectedAt: unixSeconds)
        change(id, to: record)
    }

    func remove(_ connection: ConnectionID, of id: String, at unixSeconds: Int64) {
        guard tunnels(of: id).contains(connection), var record = self[id] else { return }
        record.connections.removeAll { $0 == connection }
        if !record.isOnline { record.lastSeen = unixSeconds }
        change(id, to: record)
        if offlineCount > maximumOffline { forgetLongestOffline() }
    }

    func update(_ id: String, _ change: (inout AgentRecord) -> Void) {
        guard var record = self[id], record.loop == loop else { return }
        change(&record)
        self.change(id, to: record)
    }

    /// A pong: the one change that happens to every agent all the time, and that nothing else depends on.
    func measured(_ roundTrip: Duration, of id: String) {
        guard var record = self[id], record.loop == loop else { return }
        record.roundTrip = roundTrip
        entries[id]?.record = record
        note(id)
        if loop == 0 { watched?.note(id, isUrgent: false) }
    }

    /// Ids of agents that this loop owns, or did, and whose records the others are to be sent.
    func takeChanges() -> [String] {
        defer { changes = [] }
        return changes
    }

    private func change(_ id: String, to record: AgentRecord?) {
        if record != nil, let other = idByName[AgentName.of(id)], other != id { change(other, to: nil) }
        put(record, id)
        note(id)
    }

    private func note(_ id: String) {
        if onlineCounts.count > 1, changes.last != id { changes.append(id) }
    }

    /// Makes room for a tenth of the limit at once, so that the sort is paid for rarely.
    private func forgetLongestOffline() {
        let offline = records.filter { !$0.isOnline && $0.loop == loop }.sorted { ($0.lastSeen ?? 0) < ($1.lastSeen ?? 0) }
        for record in offline.prefix(max(1, maximumOffline / 10)) { change(record.description.agentID, to: nil) }
    }

    // MARK: Agents of other loops

    /// What another loop reports of an agent of its own; nil: it has forgotten it. A report of an earlier owner may come late:
    /// of another loop than the one that we know, or of another spelling, only an agent that is online there counts, and none
    /// that is online here.
    func learn(_ id: String, _ record: AgentRecord?, from sender: Int) {
        guard sender != loop, onlineCounts.indices.contains(sender) else { return }
        let known = owner(of: id)
        if let known, known.loop != sender || known.description.agentID != id {
            guard record?.isOnline == true, known.loop != loop || !known.isOnline else { return }
        }
        if let other = known?.description.agentID, other != id { put(nil, other) }
        var record = record
        record?.loop = sender
        put(record, id)
    }

    // MARK: Both

    private func put(_ record: AgentRecord?, _ id: String) {
        let before = exchange(record, id)
        if let before { count(before, -1) }
        if let record { count(record, 1) }
        let comesOrGoes = before?.isOnline != record?.isOnline
        if before == nil || record == nil { name(id, isThere: record != nil) }
        if loop == 0 {
            if (before == nil) != (record == nil) { order.set(id, isThere: record != nil) }
            if comesOrGoes || before?.description != record?.description { texts[id] = record.map { AgentText($0) } }
            watched?.note(id, isUrgent: comesOrGoes)
        }
    }

    /// Puts the record in the place of the one that was there.
    private func exchange(_ record: AgentRecord?, _ id: String) -> AgentRecord? {
        guard let record else { return entries.removeValue(forKey: id)?.record }
        guard let entry = entries[id] else {
            entries[id] = RegistryEntry(record)
            return nil
        }
        defer { entry.record = record }
        return entry.record
    }

    /// Whose the name is from now on: whoever had it before was forgotten.
    private func name(_ id: String, isThere: Bool) {
        if !isThere { counters[id] = nil }
        idByName[AgentName.of(id)] = isThere ? id : nil
    }

    private func count(_ record: AgentRecord, _ change: Int) {
        if record.isOnline {
            onlineCounts[record.loop] += change
            if record.description.servesWeb { webServiceCount += change }
        } else if record.loop == loop {
            offlineCount += change
        }
    }
}

/// One agent in the registry: as it is now, for whoever holds this no longer than a call.
final class RegistryEntry {
    @exclusivity(unchecked) fileprivate(set) var record: AgentRecord

    fileprivate init(_ record: AgentRecord) { self.record = record }
}
