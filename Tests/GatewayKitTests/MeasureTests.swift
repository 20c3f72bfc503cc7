// The pure pieces of what is measured: latencies, their history, the formats of metrics, and the order of ids.

import TestSupport
import Testing

@testable import GatewayKit

@Suite struct LatencyHistogramTests {
    @Test func boundsGrowByQuartersOfADoublingFromATenthOfAMillisecond() {
        let bounds = (0...8).map { LatencyHistogram.bound(of: $0) }
        #expect(bounds == [100_000, 125_000, 150_000, 175_000, 200_000, 250_000, 300_000, 350_000, 400_000])
        #expect(LatencyHistogram.bound(of: LatencyHistogram.bucketCount - 2) == 100_000 << 20)
    }

    @Test func aDurationIsInTheBucketWhoseBoundItDoesNotExceed() {
        for bucket in 0..<LatencyHistogram.bucketCount - 1 {
            let bound = LatencyHistogram.bound(of: bucket)
            #expect(LatencyHistogram.bucket(of: bound) == bucket)
            #expect(LatencyHistogram.bucket(of: bound + 1) == bucket + 1)
        }
        #expect(LatencyHistogram.bucket(of: 0) == 0)
        #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount - 1)
    }

    @Test func partsAddUpToTheWhole() {
        var random = SplitMix(seed: 5)
        var whole = LatencyHistogram()
        var parts = [LatencyHistogram](repeating: LatencyHistogram(), count: 3)
        for number in 0..<1_000 {
            let duration = random.next() >> (random.next() % 64)
            whole.add(nanoseconds: duration)
            parts[number % 3].add(nanoseconds: duration)
        }
        var sum = LatencyHistogram()
        for part in parts { sum.merge(part) }
        #expect(sum == whole && sum.count == 1_000)
    }

    @Test func quantilesAreWithinAQuarterOfTheTruth() throws {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for milliseconds in 1...1_000 { histogram.add(nanoseconds: UInt64(milliseconds) * 1_000_000) }
        for (fraction, truth) in [(0.01, 0.01), (0.5, 0.5), (0.9, 0.9), (0.99, 0.99), (1, 1)] {
            let estimate = try #require(histogram.quantile(fraction))
            #expect(abs(estimate - truth) <= truth / 4, "\(fraction): \(estimate)")
        }
        var one = LatencyHistogram()
        one.add(nanoseconds: .max)
        #expect(try #require(one.quantile(0.99)) > 100)
    }

    @Test func prometheusGetsABoundForEachDoubling() {
        var histogram = LatencyHistogram()
        for nanoseconds: UInt64 in [100_000, 100_001, 200_000, 200_001, .max] { histogram.add(nanoseconds: nanoseconds) }
        let buckets = histogram.octaveCounts
        #expect(buckets.count == 21)
        #expect(buckets.prefix(3).map(\.bound) == [0.0001, 0.0002, 0.0004])
        #expect(buckets.prefix(3).map(\.count) == [1, 3, 4])
        #expect(buckets.last?.bound == 104.8576 && buckets.last?.count == 4)
    }
}

@Suite struct HistoryTests {
    private func point(_ slot: Int64, requests: UInt64) -> HistoryPoint {
        var point = HistoryPoint(slot: slot)
        point.requests = requests
        return point
    }

    @Test func whatComesLateFindsItsPlaceAndWhatIsTooOldIsDropped() {
        var history = History()
        history.merge(point(1_000, requests: 1))
        history.merge(point(1_001, requests: 2))
        history.merge(point(1_000, requests: 4))
        #expect(history.point(1_000).requests == 5 && history.point(1_001).requests == 2)
        history.merge(point(1_180, requests: 8))
        #expect(history.point(1_000).isEmpty && history.point(1_180).requests == 8)
        history.merge(point(1_000, requests: 16))
        #expect(history.point(1_000).isEmpty && history.point(1_180).requests == 8)
        history.merge(point(-1, requests: 1))
        #expect(history.point(-1).isEmpty)
    }
}

@Suite struct MetricsWriterTests {
    private func document(_ format: MetricsWriter.Format) -> String {
        var writer = MetricsWriter(format)
        writer.family("m_build", .info, "Which \"build\".")
        writer.sample([("version", "a\"b\\c\nd")], 1)
        writer.family("m_bytes", .counter, unit: "bytes", "Bytes\\\nof it.")
        writer.sample([("side", "in"), ("kind", "é")], 7)
        writer.family("m_open", .gauge, "Open.")
        writer.sample(real: 2.5)
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    @Test func theOlderTextFormat() {
        #expect(
            document(.text) == """
                # HELP m_build_info Which "build".
                # TYPE m_build_info gauge
                m_build_info{version="a\\"b\\\\c\\nd"} 1
                # HELP m_bytes_total Bytes\\\\\\nof it.
                # TYPE m_bytes_total counter
                m_bytes_total{side="in",kind="é"} 7
                # HELP m_open Open.
                # TYPE m_open gauge
                m_open 2.5

                """)
    }

    @Test func openMetrics() {
        #expect(
            document(.openMetrics) == """
                # HELP m_build Which \\"build\\".
                # TYPE m_build info
                m_build_info{version="a\\"b\\\\c\\nd"} 1
                # HELP m_bytes Bytes\\\\\\nof it.
                # TYPE m_bytes counter
                # UNIT m_bytes bytes
                m_bytes_total{side="in",kind="é"} 7
                # HELP m_open Open.
                # TYPE m_open gauge
                m_open 2.5
                # EOF

                """)
    }

    @Test func histogramsEndWithInfinityAndTheSum() {
        var histogram = LatencyHistogram()
        histogram.add(nanoseconds: 1_500_000_000)
        var writer = MetricsWriter(.text)
        writer.family("m_seconds", .histogram, unit: "seconds", "Time.")
        writer.histogram(histogram)
        let lines = String(decoding: writer.finish(), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 2 + 21 + 3)
        #expect(lines[2] == "m_seconds_bucket{le=\"0.0001\"} 0")
        #expect(lines.suffix(3) == ["m_seconds_bucket{le=\"+Inf\"} 1", "m_seconds_sum 1.5", "m_seconds_count 1"])
    }

    @Test(arguments: [
        ("", MetricsWriter.Format.text), ("*/*", .text), ("text/plain", .text),
        ("application/openmetrics-text", .openMetrics), ("application/openmetrics-text;q=0", .text),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics),
        ("text/plain;q=0.9, Application/OpenMetrics-Text; Q=0.5", .text), ("application/openmetrics-text;q=x", .text),
    ]) func theFormatIsWhatIsAskedFor(accept: String, format: MetricsWriter.Format) {
        #expect(MetricsWriter.Format(accept: accept) == format)
    }
}

@Suite struct SortedIDsTests {
    @Test(arguments: [1, 40]) func theOrderIsThatOfASetWhateverHappenedBetween(changes: Int) {
        var random = SplitMix(seed: UInt64(changes))
        var ids = SortedIDs()
        var set: Set<String> = []
        for _ in 0..<100 {
            for _ in 0..<changes {
                let id = "a\(random.next() % 97)"
                let isThere = random.next() % 3 > 0
                ids.set(id, isThere: isThere)
                if isThere { set.insert(id) } else { set.remove(id) }
            }
            #expect(ids.all() == set.sorted())
        }
    }
}
