// The plots of the status page: rows of points as paths of an SVG that is 100 high and one wide for each step. `status.js` draws
// the same shapes when new points come.

/// One figure with a line or two.
struct Plot {
    let id: String
    let title: String
    /// Names and points of the lines, which share a scale.
    let lines: [(name: String, points: [Double?])]
    /// How a value is written.
    let unit: (Double) -> String

    /// What the template shows of it.
    func values(_ texts: Texts) -> TemplateValues {
        let peak = lines.flatMap(\.points).compactMap(\.self).filter(\.isFinite).max() ?? 0
        let now = lines.map { line in (line.points.last ?? nil).map(unit) ?? "–" }
        let say = texts.text("status.js.say", ["title": title, "now": now.joined(separator: ", "), "peak": unit(peak)])
        return [
            "id": .text(id), "title": .text(title), "peak": .text(unit(peak)),
            "say": .text(say),
            "lines": .list(lines.indices.map { self.line($0, now: now[$0], peak: peak) }),
        ]
    }

    private func line(_ index: Int, now: String, peak: Double) -> TemplateValues {
        let points = lines[index].points
        let path = Self.path(points, peak: peak)
        let area = points.contains { $0 == nil } || path.isEmpty ? "" : path + "V99H0Z"
        return [
            "n": .text("\(index)"), "name": .text(lines[index].name), "now": .text(now), "path": .text(path),
            "area": .text(area),
        ]
    }

    /// The line through `points`, interrupted where there are none: 99 is the bottom, 5 the peak.
    static func path(_ points: [Double?], peak: Double) -> String {
        var path = ""
        var pen = "M"
        for (index, point) in points.enumerated() {
            guard let point, point.isFinite else {
                pen = "M"
                continue
            }
            let height = peak > 0 ? min(max(point / peak, 0), 1) : 0
            path += "\(pen)\(index) \(Int((99 - 94 * height).rounded()))"
            pen = "L"
        }
        return path
    }
}

extension SeriesView {
    /// The three plots of the status page.
    func plots(_ texts: Texts) -> [Plot] {
        func text(_ key: String) -> String { texts.text("status." + key) }
        return [
            Plot(
                id: "requests", title: text("plot.requests"), lines: [(text("line.requests"), requestsPerSecond)],
                unit: Figures.tenths),
            Plot(
                id: "latency", title: text("plot.latency"),
                lines: [(text("line.p50"), p50Milliseconds), (text("line.p99"), p99Milliseconds)], unit: Figures.milliseconds),
            Plot(
                id: "bytes", title: text("plot.bytes"),
                lines: [(text("line.out"), bytesOutPerSecond), (text("line.in"), bytesInPerSecond)], unit: Figures.bytes),
        ]
    }
}
