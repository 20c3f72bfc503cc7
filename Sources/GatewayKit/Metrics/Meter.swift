// What one loop measures, and on loop 0 what all of them did. A loop counts by itself; about once a second, and only if
// something happened, it reports to loop 0. Counters are reported as they stand and replace earlier ones; what belongs to a
// second or to an agent is reported as what was added, and forgotten here. So the sums on loop 0 are exact once nothing happens
// any more.

import MachineCore

/// What a loop has done, for loop 0.
package struct LoopReport: Sendable {
    /// Since the start.
    var statistics = GatewayStatistics()
    /// Connections of visitors, and requests on their way, at this moment.
    var visitors = 0
    var openStreams = 0
    /// Since the last report; seldom more than one.
    var points: [HistoryPoint] = []
    /// Agents that something happened to since the last report, at most `Meter.maximumAgents`.
    var agents: [(id: String, counts: AgentCounts)] = []
}

/// The measures of one loop.
struct Meter {
    private let clock: WallClock
    /// The five seconds that are under way; what is counted in `statistics` is added when they are over.
    private(set) var point = HistoryPoint(slot: 0)
    /// When they are over.
    private(set) var rollsAt = Moment()
    /// The `statistics` when they began.
    private var base = GatewayStatistics.Flow()
    /// Five seconds that are over and not reported.
    private var finished: [HistoryPoint] = []
    /// Agents that something happened to, each once.
    private var changed: [AgentCounters] = []
    /// Whether they are to be reported.
    var wantsChanges: Bool
    /// Requests on their way.
    var openStreams = 0
    /// What was last reported, to see whether anything happened since.
    private var told = GatewayStatistics.Flow()
    private var toldVisitors = 0

    /// As many are reported at once: further agents wait for the next report.
    static let maximumAgents = 4_096
    /// The time between two reports.
    static let reportInterval = Duration.seconds(1)

    init(_ clock: WallClock, wantsChanges: Bool) {
        self.clock = clock
        self.wantsChanges = wantsChanges
    }

    mutating func responseBegan(after nanoseconds: UInt64) { point.latencies.add(nanoseconds: nanoseconds) }

    /// Something happened to the agent.
    @inline(__always) mutating func touch(_ agent: AgentCounters) {
        if agent.isChanged || !wantsChanges { return }
        note(agent)
    }

    private mutating func note(_ agent: AgentCounters) {
        agent.isChanged = true
        changed.append(agent)
    }

    /// Agents that something happened to since this was last asked, at most `limit`.
    mutating func takeChanged(_ limit: Int) -> [AgentCounters] {
        let taken = Array(changed.prefix(limit))
        changed.removeFirst(taken.count)
        for agent in taken { agent.isChanged = false }
        return taken
    }

    // MARK: Seconds

    /// The next five seconds begin; the last ones are to be kept.
    mutating func roll(_ statistics: GatewayStatistics, _ now: Moment) {
        let past = takePoint(statistics)
        if !past.isEmpty { finished.append(past) }
        let seconds = clock.unixSeconds(at: now)
        point = HistoryPoint(slot: HistoryPoint.slot(of: seconds))
        let end = (point.slot + 1) * Int64(History.secondsPerPoint)
        let left = end * 1_000_000_000 - clock.unixNanoseconds(at: now)
        rollsAt = now.advanced(by: .nanoseconds(max(1, left)))
    }

    /// What is known of the five seconds under way, and of those before that were not asked for yet; it is forgotten here.
    mutating func takePoints(_ statistics: GatewayStatistics) -> [HistoryPoint] {
        var points = finished
        finished = []
        let part = takePoint(statistics)
        if !part.isEmpty { points.append(part) }
        return points
    }

    private mutating func takePoint(_ statistics: GatewayStatistics) -> HistoryPoint {
        var taken = point
        point = HistoryPoint(slot: taken.slot)
        let flow = statistics.flow
        taken.requests = flow.exchanges &- base.exchanges
        taken.bytesIn = flow.bodyBytesIn &- base.bodyBytesIn
        taken.bytesOut = flow.bodyBytesOut &- base.bodyBytesOut
        base = flow
        return taken
    }

    // MARK: Reports

    /// Whether anything happened since the last report.
    func hasNews(_ statistics: GatewayStatistics, visitors: Int) -> Bool {
        !changed.isEmpty || statistics.flow != told || visitors != toldVisitors
    }

    mutating func report(_ statistics: GatewayStatistics, visitors: Int) -> LoopReport {
        told = statistics.flow
        toldVisitors = visitors
        return LoopReport(
            statistics: statistics, visitors: visitors, openStreams: openStreams, points: takePoints(statistics),
            agents: takeChanged(Self.maximumAgents).map { ($0.agentID, $0.counts.take()) })
    }
}
