// What the request inspector sees of exchanges: a copy on the side of what passes by, made where it passes and never waited
// for. An exchange whose agent is not inspected has no number there, and costs one branch where it has bytes.
//
// Invariant: nothing secret reaches the store, and the store's limits hold for all that is kept here.

import HTTPCodec
import Inspection
import MachineCore

/// The request inspector of one loop.
final class Inspector: Reconfigurable {
    private(set) var store: InspectorStore
    /// Agents whose exchanges have watchers.
    private var watched: Set<String> = []
    /// Exchanges that they are to be sent, by agent, and when.
    private var changed: [String: Set<UInt64>] = [:]
    private(set) var due: Moment?
    private var toldAt: Moment?
    /// Visitors whose replays are being read or are under way.
    private var replayers: Set<ConnectionID> = []

    init(_ environment: Environment) {
        let configuration = environment.configuration.inspector
        store = InspectorStore(
            maximumBytes: Self.share(configuration, environment.loopCount), maximumBodyBytes: configuration.maximumBodyBytes)
    }

    func reconfigure(_ environment: Environment) {
        let configuration = environment.configuration.inspector
        store.setLimits(
            maximumBytes: Self.share(configuration, environment.loopCount), maximumBodyBytes: configuration.maximumBodyBytes)
    }

    /// What one of `count` loops may hold, in bytes.
    private static func share(_ configuration: InspectorConfiguration, _ count: Int) -> Int {
        configuration.mode == .off ? 0 : configuration.maximumBytes / max(1, count)
    }

    // MARK: What passes by

    /// Keeps a request; the number that it is known by.
    func requestBegan(_ exchange: CapturedExchange, _ now: Moment) -> UInt64 {
        let number = store.add(exchange)
        announce(number, of: exchange.agentID, now)
        return number
    }

    func requestBody(_ bytes: ArraySlice<UInt8>, of number: UInt64) { store.appendRequestBody(bytes, to: number) }

    func responseBody(_ bytes: ArraySlice<UInt8>, of number: UInt64) { store.appendResponseBody(bytes, to: number) }

    /// The head of the response is out, so long after the request's.
    func responseBegan(_ number: UInt64, _ head: HTTPResponseHead, afterMicroseconds microseconds: Int64) {
        let fields = Secrets.masked(head.fields)
        store.modify(number) { record in
            record.status = head.status
            record.responseFields = fields
            record.firstByteMicroseconds = microseconds
        }
    }

    /// The exchange is over.
    func ended(_ number: UInt64, of agentID: String, outcome: String, afterMicroseconds microseconds: Int64, _ now: Moment) {
        store.modify(number) { record in
            record.outcome = outcome
            record.totalMicroseconds = microseconds
        }
        announce(number, of: agentID, now)
    }

    // MARK: Those who watch

    /// The exchanges of this agent have a watcher.
    func watch(_ agentID: String) { watched.insert(agentID) }

    /// They have none any more.
    func unwatch(_ agentID: String) {
        watched.remove(agentID)
        if changed.removeValue(forKey: agentID) != nil, changed.isEmpty { due = nil }
    }

    /// Watchers of the agent's exchanges are sent this one soon, together with others.
    private func announce(_ number: UInt64, of agentID: String, _ now: Moment) {
        guard !watched.isEmpty, watched.contains(agentID) else { return }
        if changed.isEmpty { due = max(now, toldAt?.advanced(by: Self.pause) ?? now) }
        changed[agentID, default: []].insert(number)
    }

    /// What has changed since the last time, by agent.
    func takeChanges(_ now: Moment) -> [(agentID: String, exchanges: [CapturedExchange])] {
        let taken = changed
        changed = [:]
        due = nil
        toldAt = now
        return taken.map { ($0, $1.sorted().compactMap { store[$0] }) }.filter { !$0.exchanges.isEmpty }
    }

    /// Watchers are sent exchanges this often at most.
    private static let pause = Duration.milliseconds(250)

    // MARK: Replays

    /// Whether this visitor's replay may be read; if so, it counts until `endReplay`.
    func beginReplay(by visitor: ConnectionID) -> Bool {
        guard replayers.count < ReplayRequest.maximumAtOnce else { return false }
        replayers.insert(visitor)
        return true
    }

    /// This visitor's replay is over, if it had one.
    @inline(__always) func endReplay(by visitor: ConnectionID) {
        if !replayers.isEmpty { replayers.remove(visitor) }
    }

    /// How many replays are being read or are under way, and of how many agents something is to be sent: for tests.
    var pendingCounts: (replays: Int, changed: Int) { (replayers.count, changed.count) }
}
