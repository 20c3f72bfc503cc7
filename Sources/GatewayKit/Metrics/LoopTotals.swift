// What loop 0 knows of all loops: their last reports, and what adds up from them.

import MachineCore

/// The sums of all loops.
struct LoopTotals: Sendable {
    /// The last fifteen minutes.
    private(set) var history = History()
    /// From a request's head to that of its response, since the start.
    private(set) var latencies = LatencyHistogram()
    /// The last report of each other loop, by its number.
    private var reports: [LoopReport]

    init(loops: Int) { reports = Array(repeating: LoopReport(), count: loops) }

    var loops: Int { reports.count }

    mutating func add(_ points: [HistoryPoint]) {
        for point in points {
            history.merge(point)
            latencies.merge(point.latencies)
        }
    }

    /// Keeps a loop's report, but for its agents, which are the registry's.
    mutating func receive(_ report: LoopReport, from sender: Int) {
        guard reports.indices.contains(sender) else { return }
        add(report.points)
        reports[sender] = report
        reports[sender].points = []
        reports[sender].agents = []
    }

    /// The sum of all loops, of which this one has `own`.
    func total(_ own: LoopReport) -> LoopReport {
        reports.reduce(into: own) { sum, report in
            sum.statistics.add(report.statistics)
            sum.visitors += report.visitors
            sum.openStreams += report.openStreams
        }
    }
}
