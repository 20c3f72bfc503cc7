// The live view on a terminal: `TerminalView` draws, SocketKit's `Terminal` takes the bytes, and this decides when. Log
// lines that would go to a terminal too stand above its block; those that go to a file do not concern it.

import AgentKit
import MachineCore
import SocketKit

final class Screen {
    private let terminal: Terminal
    private var view: TerminalView
    private let log: LogWriter
    /// The log goes to a terminal, most likely this one.
    private let showsLog = isTerminal(2)
    /// What repeats above the block is summed up, as in a log that goes elsewhere.
    private var limiter = LogLimiter()

    init(_ terminal: Terminal, _ facts: TerminalView.Facts, log: LogWriter) {
        self.terminal = terminal
        self.log = log
        view = TerminalView(facts)
    }

    /// The settings have changed.
    func change(_ facts: TerminalView.Facts) { view.facts = facts }

    /// Takes note of what concerns it.
    func take(_ note: AgentNote) {
        guard TerminalView.isConcerned(by: note) else { return }
        let (hour, minute, second) = localTimeOfDay()
        view.take(note, at: TerminalView.Time(hour: hour, minute: minute, second: second))
    }

    /// Writes a record to the log, wherever that is.
    func write(_ record: LogRecord) {
        guard showsLog else { return log.write(record) }
        guard record.level >= log.minimumLevel else { return }
        let now = SocketLoop.now()
        sumUp(now)
        if limiter.admits(record, now: now) { show(record) }
    }

    private func sumUp(_ now: Moment) {
        for summary in limiter.takeDue(now: now) { show(summary) }
    }

    private func show(_ record: LogRecord) {
        let style: TerminalLine.Style =
            switch record.level {
            case .debug, .info: .dim
            case .warning: .warning
            case .error: .bad
            }
        let bytes = LogFormat.line(record, time: unixNow(), format: log.format).dropLast()
        view.add(TerminalLine(String(decoding: bytes, as: UTF8.self), style, wraps: true))
    }

    /// A line above the block.
    func say(_ line: String) { view.add(TerminalLine(line)) }

    /// The terminal has another size.
    func resized() { view.resized() }

    /// The program was stopped, and goes on.
    func continued() { view.forgetBlock() }

    /// When `draw` has something to do; nil while nothing changes.
    func nextDraw(after now: Moment) -> Moment? {
        if terminal.isBusy { return now.advanced(by: TerminalView.pace) }
        guard let summary = limiter.nextDeadline else { return view.nextFrame(after: now) }
        return min(summary, view.nextFrame(after: now) ?? summary)
    }

    /// Draws, if it is time and the terminal has taken what was drawn before.
    func draw(underWay: Int, now: Moment) {
        view.setUnderWay(underWay)
        sumUp(now)
        guard let next = view.nextFrame(after: now), next <= now, !terminal.isBusy else { return }
        drawFrame(now)
    }

    /// The last frame, below which the shell goes on.
    func finish(now: Moment) {
        view.setUnderWay(0)
        terminal.finish()
        drawFrame(now)
        terminal.finish()
    }

    private func drawFrame(_ now: Moment) {
        let size = terminal.size
        terminal.write(view.frame(columns: size.columns, rows: size.rows, now: now))
    }
}
