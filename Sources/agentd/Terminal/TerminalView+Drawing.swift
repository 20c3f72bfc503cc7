// How the view looks: the lines of the block, the line of a request, and one frame in escape sequences.
//
// A frame goes up to where the block began, erases to the end of the screen, and writes what scrolled and the block again. A
// terminal that was made narrower has broken the block's lines into more rows, which is counted in.

import AgentKit
import MachineCore

extension TerminalView {
    /// The bytes that bring a terminal of this size from the last frame to the present state.
    mutating func frame(columns: Int, rows: Int, now: Moment) -> [UInt8] {
        let width = max(20, columns) - 1  // a character in the last column makes some terminals break the line
        let up = drawn.reduce(0) { $0 + max(1, ($1 + max(1, columns) - 1) / max(1, columns)) }
        var text = up > 0 ? "\r\u{1b}[\(up)A\u{1b}[J" : "\r\u{1b}[J"
        for line in lines { text += line.text(columns: line.wraps ? .max : width, colours: facts.colours) + "\n" }
        if omittedLines > 0 { text += TerminalLine("… \(omittedLines) more").text(columns: width, colours: false) + "\n" }
        let block = self.block(width: width, now: now).prefix(max(1, rows - 1))
        for line in block { text += line.text(columns: width, colours: facts.colours) + "\n" }
        drawn = block.map { min($0.columns, width) }
        didDraw(at: now)
        return Array(text.utf8)
    }

    // MARK: The block

    private func block(width: Int, now: Moment) -> [TerminalLine] {
        var lines = [TerminalLine(String(repeating: "─", count: width), .dim), stateLine(now)]
        if case .backingOff(_, let reason) = phase { lines.append(Self.row("", reason, .warning)) }
        if let warning = facts.warning { lines.append(Self.row("insecure", warning, .bad)) }
        lines.append(Self.row("public", webURL.isEmpty ? "not known yet" : webURL, webURL.isEmpty ? .dim : .strong))
        lines.append(Self.row("service", facts.service))
        if let inspector = facts.inspector { lines.append(Self.row("inspector", inspector)) }
        lines.append(countLine)
        return lines
    }

    private func stateLine(_ now: Moment) -> TerminalLine {
        let (description, style) = Self.description(for: phase, gateway: facts.gateway, now)
        var line = Self.row("agent", facts.agentID, .strong)
        line.add("  ")
        line.add(description, style)
        if let roundTrip, phase == .serving { line.add("  round trip \(Self.text(roundTrip))", .dim) }
        return line
    }

    private static func description(for phase: AgentPhase, gateway: String, _ now: Moment) -> (String, TerminalLine.Style) {
        switch phase {
        case .dialing(let attempt): ("connecting to \(gateway)" + (attempt > 1 ? ", attempt \(attempt)" : ""), .warning)
        case .upgrading, .registering: ("connecting to \(gateway)", .warning)
        case .serving: ("serving", .good)
        case .backingOff(let until, _): ("reconnecting in \((until.since(now).wholeMilliseconds + 999) / 1000) s", .warning)
        case .draining: ("finishing what is under way", .warning)
        case .stopped: ("stopped", .dim)
        }
    }

    private var countLine: TerminalLine {
        var line = Self.row("requests", "\(counts.requests)")
        if counts.underWay > 0 { line.add("  \(counts.underWay) under way", .notice) }
        if counts.failures > 0 { line.add("  \(counts.failures) failed", .bad) }
        line.add("  in \(Self.text(bytes: counts.bytesIn))  out \(Self.text(bytes: counts.bytesOut))", .dim)
        return line
    }

    private static func row(_ name: String, _ value: String, _ style: TerminalLine.Style = .plain) -> TerminalLine {
        var line = TerminalLine(" \(name)", .dim)
        line.pad(to: 12)
        line.add(value, style)
        return line
    }

    // MARK: A request

    /// `14:03:59  200  GET     3 ms      25 B  /api/hello`; and beneath it who cut it, if somebody did.
    static func lines(for record: ExchangeRecord, at time: Time) -> [TerminalLine] {
        var line = TerminalLine("\(time.text)  ", .dim)
        line.add(record.status.map { "\($0)" } ?? "---", style(of: record.status))
        line.add("  ")
        line.add(record.method, limit: 10)
        line.pad(to: 22)
        line.add(rightAligned(text(record.duration), 8) + rightAligned(text(bytes: record.responseBytes), 11) + "  ", .dim)
        line.add(record.pathText, limit: maximumPath)
        guard let failure = record.failure else { return [line] }
        return [line, TerminalLine("          └─ \(failure)", .bad)]
    }

    /// Longer paths are cut even where a window is wide enough.
    private static let maximumPath = 512

    private static func style(of status: Int?) -> TerminalLine.Style {
        switch status ?? 0 {
        case 100...299: .good
        case 300...399: .notice
        case 400...499: .warning
        default: .bad
        }
    }

    private static func rightAligned(_ text: String, _ count: Int) -> String {
        String(repeating: " ", count: max(0, count - text.utf8.count)) + text
    }

    /// `0.4 ms`, `12 ms`, `3.4 s`.
    static func text(_ duration: Duration) -> String {
        let microseconds = max(0, duration.wholeNanoseconds / 1000)
        switch microseconds {
        case 0..<10_000: return "\(microseconds / 1000).\(microseconds / 100 % 10) ms"
        case 10_000..<1_000_000: return "\(microseconds / 1000) ms"
        default: return "\(microseconds / 1_000_000).\(microseconds / 100_000 % 10) s"
        }
    }

    /// `25 B`, `1.2 KiB`, `33.1 MiB`.
    static func text(bytes: Int) -> String {
        var tenths = max(0, bytes).multipliedReportingOverflow(by: 10)
        if tenths.overflow { tenths.partialValue = .max }
        var value = tenths.partialValue
        guard value >= 10_240 else { return "\(value / 10) B" }
        for unit in ["KiB", "MiB", "GiB"] {
            value /= 1024
            if value < 10_240 { return "\(value / 10).\(value % 10) \(unit)" }
        }
        return "\(value / 10_240).\(value % 10_240 / 1024) TiB"
    }
}
