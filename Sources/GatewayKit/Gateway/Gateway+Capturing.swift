// What the request inspector sees of exchanges: a copy on the side of what passes by, made where it passes and never waited for.
// An exchange whose agent is not inspected has no number there, and costs one branch where it has bytes.
//
// Invariant: nothing secret reaches the store, and the store's limits hold for all that is kept here (WebConsole/InspectorStore).

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

/// The request inspector of one loop.
struct Inspector: Sendable {
    var store: InspectorStore
    /// Exchanges of which watchers are to be told, by agent.
    fileprivate(set) var changed: [String: Set<UInt64>] = [:]
    fileprivate var toldAt: Moment?
    /// Visitors whose replays are being read or are under way.
    var replayers: Set<ConnectionID> = []

    init(_ configuration: InspectorConfiguration, share count: Int) {
        store = InspectorStore(maximumBytes: configuration.share(of: count), maximumBodyBytes: configuration.maximumBodyBytes)
    }

    /// This visitor's replay is over, if it had one.
    mutating func forgetReplayer(_ id: ConnectionID) {
        if !replayers.isEmpty { replayers.remove(id) }
    }

    /// Watchers hear of exchanges this often at most.
    fileprivate static let pause = Duration.milliseconds(250)
}

extension InspectorConfiguration {
    /// What one of `count` loops may hold, in bytes.
    fileprivate func share(of count: Int) -> Int { mode == .off ? 0 : maximumBytes / max(1, count) }
}

extension WebExchange {
    /// Microseconds from the head's arrival to `now`.
    fileprivate func microseconds(until now: Moment) -> Int64 { now.since(received).wholeNanoseconds / 1_000 }
}

// MARK: Who is inspected

extension Gateway {
    /// Whether the exchanges of an agent that says this of itself are recorded.
    func isInspected(_ description: AgentDescription) -> Bool {
        switch configuration.inspector.mode {
        case .off: false
        case .all: true
        case .agents: access.inspects(description.agentID) ?? description.wantsInspection
        }
    }

    /// The configuration has changed: what is recorded from now on, and how much of it.
    mutating func reconfigureInspector() {
        inspector.store.setLimits(
            maximumBytes: configuration.inspector.share(of: neighbours.count),
            maximumBodyBytes: configuration.inspector.maximumBodyBytes)
        for id in agents.allIDs {
            if let link = agents[id] { link.isInspected = link.isRegistered && isInspected(link.description) }
        }
    }
}

// MARK: What passes by

extension Gateway {
    /// The visitor's exchange was given to an agent as `web`.
    mutating func capture(_ id: ConnectionID, _ web: WebRequest, replayOf: UInt64? = nil, _ now: Moment) {
        guard let exchange = visitors[id]?.exchange, agents[exchange.connection]?.isInspected == true else { return }
        var record = CapturedExchange(
            agentID: exchange.agentID, method: web.method, path: web.path, query: web.query, fields: web.fields,
            startedAtMilliseconds: clock.unixMilliseconds(at: exchange.received))
        record.peer = clientText(id, exchange.request)
        record.requestID = exchange.requestID
        record.queueMicroseconds = exchange.microseconds(until: now)
        record.replayOf = replayOf
        let number = inspector.store.add(record)
        exchange.capture = number
        announce(number, of: exchange.agentID, now)
    }

    /// The head of the answer is out.
    mutating func captureAnswer(_ exchange: WebExchange, _ head: HTTPResponseHead, _ now: Moment) {
        guard let number = exchange.capture else { return }
        let fields = Secrets.masked(head.fields)
        inspector.store.modify(number) { record in
            record.status = head.status
            record.responseFields = fields
            record.firstByteMicroseconds = exchange.microseconds(until: now)
        }
    }

    /// The exchange is over.
    mutating func captureEnd(_ exchange: WebExchange, outcome: String, _ now: Moment) {
        guard let number = exchange.capture else { return }
        inspector.store.modify(number) { record in
            record.outcome = outcome
            record.totalMicroseconds = exchange.microseconds(until: now)
        }
        announce(number, of: exchange.agentID, now)
    }
}

// MARK: Who is told

extension Gateway {
    /// Watchers of the agent's exchanges hear of this one soon, together with others.
    private mutating func announce(_ number: UInt64, of agentID: String, _ now: Moment) {
        guard watcherCount > 0, isWatched(.exchanges(agentID)) else { return }
        if inspector.changed.isEmpty {
            let next = inspector.toldAt?.advanced(by: Inspector.pause) ?? now
            deadlines.set(.inspector, at: max(now, next))
        }
        inspector.changed[agentID, default: []].insert(number)
    }

    /// Tells watchers what has changed since the last time.
    mutating func tellExchanges(_ now: Moment, _ outputs: inout Outputs) {
        let changed = inspector.changed
        inspector.changed = [:]
        inspector.toldAt = now
        for (agentID, numbers) in changed {
            let exchanges = numbers.sorted().compactMap { inspector.store[$0] }
            if !exchanges.isEmpty { tell(.exchanges(agentID), ExchangeJSON.event(exchanges), now, &outputs) }
        }
    }

    /// Nobody watches this topic any more.
    mutating func stopAnnouncing(_ topic: WatchTopic) {
        guard case .exchanges(let agentID) = topic, inspector.changed.removeValue(forKey: agentID) != nil else { return }
        if inspector.changed.isEmpty { deadlines.cancel(.inspector) }
    }
}
