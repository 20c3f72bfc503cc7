// Writes metrics in the two formats that Prometheus and its kin read: the text format 0.0.4 and OpenMetrics 1.0. They differ in
// how counters and facts are named, in units, in escapes, and in how the end is marked; what is measured is the same.
//
// The caller begins a family and then writes its samples. Names are the program's own and are not checked; values of labels may
// be any text.

/// A document of metrics under way.
struct MetricsWriter: Sendable {
    enum Format: Sendable, Hashable {
        case text, openMetrics

        /// The better of the two for this `Accept`: OpenMetrics only to who asks for it by name.
        init(accept: String) {
            let openMetrics = Self.quality(of: "application/openmetrics-text", in: accept)
            self = openMetrics > 0 && openMetrics >= Self.quality(of: "text/plain", in: accept) ? .openMetrics : .text
        }

        var contentType: String {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }

        /// The largest weight (RFC 9110 §12.4.2) that a media type has in `Accept`; 0 if it is not there.
        private static func quality(of type: String, in accept: String) -> Double {
            var best = 0.0
            for item in accept.lowercased().split(separator: ",") {
                let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
                guard parts.first == type else { continue }
                let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 }
                best = max(best, weight ?? 1)
            }
            return best
        }
    }

    enum Kind: String, Sendable {
        case counter, gauge, histogram
        /// A constant 1 with facts in its labels.
        case info
    }

    typealias Labels = [(name: StaticString, value: String)]

    private let format: Format
    private var bytes: [UInt8] = []
    /// What the samples of the family are called.
    private var sampleName = ""

    init(_ format: Format) { self.format = format }

    /// Begins a family. `name` has neither `_total` nor `_info` at its end, but its unit, if it has one.
    mutating func family(_ name: String, _ kind: Kind, unit: String? = nil, _ help: String) {
        let suffix =
            switch kind {
            case .counter: "_total"
            case .info: "_info"
            case .gauge, .histogram: ""
            }
        sampleName = name + suffix
        // In the older format a family is called as its samples are, and facts are a gauge.
        let family = format == .openMetrics ? name : sampleName
        let type = format == .text && kind == .info ? Kind.gauge.rawValue : kind.rawValue
        line("# HELP ", family, " ", escaped(help, quotes: format == .openMetrics))
        line("# TYPE ", family, " ", type)
        if let unit, format == .openMetrics { line("# UNIT ", family, " ", unit) }
    }

    mutating func sample(_ value: UInt64) { sample([], value) }

    mutating func sample(_ labels: Labels, _ value: UInt64) { sample("", labels, "\(value)") }

    mutating func sample(_ labels: Labels = [], real value: Double) { sample("", labels, "\(value)") }

    /// All samples of a histogram, in seconds.
    mutating func histogram(_ histogram: LatencyHistogram) {
        for (bound, count) in histogram.octaveCounts { sample("_bucket", [("le", "\(bound)")], "\(count)") }
        sample("_bucket", [("le", "+Inf")], "\(histogram.count)")
        sample("_sum", [], "\(Double(histogram.nanoseconds) / 1e9)")
        sample("_count", [], "\(histogram.count)")
    }

    consuming func finish() -> [UInt8] {
        if format == .openMetrics { line("# EOF") }
        return bytes
    }

    private mutating func sample(_ suffix: String, _ labels: Labels, _ value: String) {
        bytes.append(contentsOf: sampleName.utf8)
        bytes.append(contentsOf: suffix.utf8)
        for (index, label) in labels.enumerated() {
            bytes.append(UInt8(ascii: index == 0 ? "{" : ","))
            bytes.append(contentsOf: "\(label.name)=\"".utf8)
            bytes.append(contentsOf: escaped(label.value, quotes: true).utf8)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        line(" ", value)
    }

    private mutating func line(_ parts: String...) {
        for part in parts { bytes.append(contentsOf: part.utf8) }
        bytes.append(UInt8(ascii: "\n"))
    }

    private func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"") })
        else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
