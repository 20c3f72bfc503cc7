// What happened in the last fifteen minutes, in points of five seconds: for the plots of the status page.
//
// A point knows which five seconds of all time it is about, so nothing has to move when time passes: what is too old is
// recognised by its number, and what comes late from another loop still finds its place.

import WebConsole

/// What happened in five seconds, or in a part of them.
struct HistoryPoint: Sendable, Hashable {
    /// Which: seconds since 1970, divided by five.
    var slot: Int64
    /// Requests that agents were given.
    var requests: UInt64 = 0
    /// Bytes of the bodies that came from visitors and went to them.
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    /// From a request's head to that of its response.
    var latencies = LatencyHistogram()

    init(slot: Int64) { self.slot = slot }

    static func slot(of unixSeconds: Int64) -> Int64 { unixSeconds / Int64(History.secondsPerPoint) }

    var isEmpty: Bool { self == HistoryPoint(slot: slot) }

    mutating func merge(_ other: HistoryPoint) {
        requests &+= other.requests
        bytesIn &+= other.bytesIn
        bytesOut &+= other.bytesOut
        latencies.merge(other.latencies)
    }
}

/// The last fifteen minutes.
struct History: Sendable {
    static let secondsPerPoint = 5
    static let pointCount = 180

    /// By slot, modulo their number.
    private var points = [HistoryPoint](repeating: HistoryPoint(slot: .min), count: pointCount)

    /// Adds to the point of these five seconds, unless they are long past.
    mutating func merge(_ point: HistoryPoint) {
        guard point.slot >= 0 else { return }
        let place = Int(point.slot % Int64(Self.pointCount))
        if points[place].slot == point.slot {
            points[place].merge(point)
        } else if points[place].slot < point.slot {
            points[place] = point
        }
    }

    /// What is known of these five seconds.
    func point(_ slot: Int64) -> HistoryPoint {
        guard slot >= 0 else { return HistoryPoint(slot: slot) }
        let point = points[Int(slot % Int64(Self.pointCount))]
        return point.slot == slot ? point : HistoryPoint(slot: slot)
    }
}

// MARK: What pages show

extension History {
    /// The points that are over, oldest first.
    func series(at unixSeconds: Int64) -> SeriesView {
        let current = HistoryPoint.slot(of: unixSeconds)
        let range = (current - Int64(Self.pointCount)..<current).map { point($0) }
        let seconds = Double(Self.secondsPerPoint)
        var view = SeriesView()
        view.secondsPerPoint = Self.secondsPerPoint
        view.end = current * Int64(Self.secondsPerPoint)
        view.requestsPerSecond = range.map { Double($0.requests) / seconds }
        view.p50Milliseconds = range.map { $0.latencies.quantile(0.5).map { $0 * 1_000 } }
        view.p99Milliseconds = range.map { $0.latencies.quantile(0.99).map { $0 * 1_000 } }
        view.bytesInPerSecond = range.map { Double($0.bytesIn) / seconds }
        view.bytesOutPerSecond = range.map { Double($0.bytesOut) / seconds }
        return view
    }

    /// What happened in the last five to ten seconds, as if it were a point, and how many seconds those were.
    func latest(at unixSeconds: Int64) -> (point: HistoryPoint, seconds: Double) {
        let current = HistoryPoint.slot(of: unixSeconds)
        var sum = point(current - 1)
        sum.merge(point(current))
        return (sum, Double(unixSeconds - (current - 1) * Int64(Self.secondsPerPoint)))
    }
}
