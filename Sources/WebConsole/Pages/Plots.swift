// The plots of the status page: rows of points as paths of an SVG that is 100 high and one wide for each step. `status.js`
// draws the same shapes when new points come.

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
        let isWhole = !points.isEmpty && points.allSatisfy { $0?.isFinite == true }
        return [
            "n": .text("\(index)"), "name": .text(lines[index].name), "now": .text(now), "whole": .flag(isWhole),
            "path": .text(Self.path(points, peak: peak) + (isWhole ? Self.closing : "")),
        ]
    }

    /// Leads from the last point around the outside of the image, so that the line can be filled and its frame is not seen.
    private static let closing = "h9V199H-9V99z"

    /// The line through `points`, interrupted where there are none: 99 is the bottom, 5 the peak.
    static func path(_ points: [Double?], peak: Double) -> String {
        var path = ""
        var last: (index: Int, height: Int)?
        for (index, point) in points.enumerated() {
            guard let point, point.isFinite else { continue }
            let share = peak > 0 ? min(max(point / peak, 0), 1) : 0
            let height = Int((99 - 94 * share).rounded())
            if let last, last.index == index - 1 {
                path += "\(path.last == " " ? "" : "l")1\(height < last.height ? "" : " ")\(height - last.height) "
            } else {
                path += "M\(index) \(height)"
            }
            last = (index, height)
        }
        return path.last == " " ? String(path.dropLast()) : path
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
