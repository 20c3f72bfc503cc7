// What is counted. Components report what happens as it happens; sums, plots and reports are made when a client
// asks.
//
// A loop counts by itself. On loop 0 the sums of all loops are kept: the others report to it (Meter), a second after something
// has happened since their last report; while nothing does, no timer runs.

import MachineCore
import TunnelLink

/// The gateway as a whole, at one moment.
struct GatewaySummary: Sendable, Hashable {
    var agentsOnline = 0
    var agentsKnown = 0
    var webServices = 0
    var flow = GatewayStatistics.Flow()
}

final class Metrics {
    // Unchecked: an access is an addition, and runs nothing that could reach the same property.
    @exclusivity(unchecked) private(set) var statistics = GatewayStatistics()
    @exclusivity(unchecked) private var meter: Meter
    private var totals: LoopTotals
    private let isFirstLoop: Bool
    private let clock: WallClock
    /// When the next report to loop 0 is due.
    private(set) var reportDue: Moment?

    init(_ environment: Environment) {
        isFirstLoop = environment.loop == 0
        clock = environment.clock
        meter = Meter(environment.clock, wantsChanges: !isFirstLoop)
        totals = LoopTotals(loops: environment.loopCount)
    }

    // MARK: Visitors

    @inline(__always) func requestCame() { statistics.requests &+= 1 }
    @inline(__always) func visitorSent(_ bytes: Int) { statistics.bytesIn &+= UInt64(bytes) }
    @inline(__always) func visitorWasSent(_ bytes: Int) { statistics.bytesOut &+= UInt64(bytes) }

    /// A client's TLS handshake is over, well or not.
    func handshakeEnded(isSecured: Bool) {
        if isSecured { statistics.tlsHandshakes &+= 1 } else { statistics.tlsHandshakeFailures &+= 1 }
    }

    /// The gateway made a response itself.
    func ownResponse(_ status: Int) { statistics.ownResponses.count(status) }

    /// An error of the gateway's own, be it a response or a connection that was cut.
    func failed(_ error: GatewayError) { statistics.errors[error.code, default: 0] &+= 1 }

    // MARK: Exchanges

    /// The number of requests that agents were given, with this one.
    func streamOpened() -> UInt64 {
        statistics.exchanges &+= 1
        return statistics.exchanges
    }

    /// An agent was asked.
    func exchangeBegan(_ agent: AgentCounters?) {
        meter.openStreams += 1
        guard let agent else { return }
        agent.counts.requests &+= 1
        agent.counts.openStreams += 1
        meter.touch(agent)
    }

    /// Bytes of a request's body, or of an upgraded connection, go to the agent.
    @inline(__always) func bodyWentIn(_ count: Int, _ agent: AgentCounters?) {
        statistics.bodyBytesIn &+= UInt64(count)
        guard let agent else { return }
        agent.counts.bytesIn &+= UInt64(count)
        meter.touch(agent)
    }

    /// Bytes of a response's body came from the agent.
    @inline(__always) func bodyCameOut(_ count: Int, _ agent: AgentCounters?) {
        statistics.bodyBytesOut &+= UInt64(count)
        guard let agent else { return }
        agent.counts.bytesOut &+= UInt64(count)
        meter.touch(agent)
    }

    /// The head of a response came, so long after its request was passed on.
    func responseBegan(_ status: Int, after nanoseconds: UInt64) {
        statistics.agentResponses.count(status)
        meter.responseBegan(after: nanoseconds)
    }

    /// An exchange left HTTP with a 101.
    func upgraded() { statistics.upgrades &+= 1 }

    /// It is over. `failedAfter`: it ended with an error of the gateway's own instead of a response, for which somebody has
    /// waited too.
    func exchangeEnded(_ agent: AgentCounters?, hasFailed: Bool, failedAfter nanoseconds: UInt64?) {
        meter.openStreams -= 1
        if let nanoseconds { meter.responseBegan(after: nanoseconds) }
        guard let agent else { return }
        agent.counts.openStreams -= 1
        if hasFailed { agent.counts.failures &+= 1 }
        meter.touch(agent)
    }

    func resetByAgent(_ reason: ResetReason) { statistics.resetsByAgents[reason, default: 0] &+= 1 }
    func resetByGateway(_ reason: ResetReason) { statistics.resetsByGateway[reason, default: 0] &+= 1 }

    // MARK: Agents

    func agentRegistered() { statistics.agentsRegistered &+= 1 }
    func agentLost() { statistics.agentsLost &+= 1 }

    /// Whether it is to be noted for which agents something happened. Only on loop 0 it may be false.
    func wantChanges(_ isOn: Bool) {
        meter.wantsChanges = isOn || !isFirstLoop
        if !isOn { _ = meter.takeChanged(.max) }
    }

    /// Agents that something happened to since this was last asked.
    func takeChangedAgents() -> [AgentCounters] { meter.takeChanged(.max) }

    // MARK: Time

    /// Begins the next five seconds if it is time.
    @inline(__always) func roll(_ now: Moment) {
        if now >= meter.rollsAt { rollNow(now) }
    }

    private func rollNow(_ now: Moment) {
        if isFirstLoop { settle() }
        meter.roll(statistics, now)
    }

    /// Loop 0: puts what was done here beside what others have reported.
    private func settle() { totals.add(meter.takePoints(statistics)) }

    // MARK: Loops

    /// Sets the time of the next report to loop 0, if there is something to report.
    func scheduleReport(visitors: Int, _ now: Moment) {
        guard !isFirstLoop, reportDue == nil, meter.hasNews(statistics, visitors: visitors) else { return }
        reportDue = now.advanced(by: Meter.reportInterval)
    }

    func takeReport(visitors: Int) -> LoopReport {
        reportDue = nil
        return meter.report(statistics, visitors: visitors)
    }

    /// Another loop reports what it did; its agents are told apart by the caller.
    func receive(_ report: LoopReport, from sender: Int) { totals.receive(report, from: sender) }

    /// What another loop counted of an agent.
    func add(_ counts: AgentCounts, to agent: AgentCounters) {
        agent.counts.add(counts)
        meter.touch(agent)
    }

    // MARK: What loop 0 knows

    var loopCount: Int { totals.loops }

    /// What all loops did. `visitors`: how many this one has.
    func total(visitors: Int) -> LoopReport {
        totals.total(LoopReport(statistics: statistics, visitors: visitors, openStreams: meter.openStreams))
    }

    /// The last fifteen minutes on all loops.
    func history() -> History {
        settle()
        return totals.history
    }

    /// How long responses took to begin, since the start.
    func latencies() -> LatencyHistogram {
        settle()
        return totals.latencies
    }
}
