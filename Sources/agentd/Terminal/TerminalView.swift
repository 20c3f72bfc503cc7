// What a person at a terminal sees of an agent: a line for each request, which scrolls, and beneath them a block that says
// where the agent stands, which is drawn over itself. A value: notes go in, the bytes for the terminal come out; it knows no
// terminal, no clock and no language but ANSI's "up" and "erase".
//
// Drawn at most ten times a second, and only when something changed; what comes faster than it can be read is counted and left
// out. Between two frames the cursor stands below the block, so a program that ends, however it ends, leaves a tidy terminal.
// Text of visitors is cleaned by `TerminalLine`.

import AgentKit
import MachineCore

/// What a terminal shows of one agent.
struct TerminalView: Sendable {
    /// What does not change while it runs.
    struct Facts: Sendable, Hashable {
        /// Who it is.
        var agentID: String
        /// The gateway's address.
        var gateway: String
        /// What responds to the requests, as text.
        var service: String
        /// The address of the local inspector; nil if there is none.
        var inspector: String?
        /// What a person should not forget as long as it runs; nil: nothing.
        var warning: String?
        /// Whether the terminal is sent colours.
        var colours = true
        /// Whether each request is a line.
        var showsRequests = true

        /// An agent's facts.
        init(agentID: String, gateway: String, service: String, inspector: String? = nil) {
            self.agentID = agentID
            self.gateway = gateway
            self.service = service
            self.inspector = inspector
        }
    }

    /// A time of day, as a clock on the wall shows it.
    struct Time: Sendable, Hashable {
        /// `14:03:59`.
        let text: String

        /// A time of day; numbers that are none show as they are.
        init(hour: Int, minute: Int, second: Int) {
            text = [hour, minute, second].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
        }
    }

    /// Between two frames.
    static let pace = Duration.milliseconds(100)
    /// Lines in one frame; more would be faster than anybody reads.
    static let maximumLines = 100

    /// What it shows of the agent, whatever happens.
    var facts: Facts
    var phase = AgentPhase.stopped
    var webURL = ""
    var roundTrip: Duration?
    var counts = Counts()
    /// Lines that await the next frame, at most `maximumLines`.
    var lines: [TerminalLine] = []
    /// Lines that found no room among them.
    var omittedLines = 0
    /// Something changed since the last frame.
    private(set) var isDirty = true
    private var lastFrame: Moment?
    /// When the seconds to wait that the last frame shows are one less.
    private var nextSecond: Moment?
    /// The columns of each line of the block on the screen.
    var drawn: [Int] = []

    struct Counts: Sendable, Hashable {
        var requests = 0
        var failures = 0
        var underWay = 0
        var bytesIn = 0
        var bytesOut = 0
    }

    /// A view that has drawn nothing yet.
    init(_ facts: Facts) { self.facts = facts }

    // MARK: What happens

    /// Whether the note changes anything: most, such as those of bodies, do not, and need no time of day.
    static func isConcerned(by note: AgentNote) -> Bool {
        switch note {
        case .phase, .registered, .roundTrip, .exchange: true
        case .log, .captured, .call, .open, .body, .bodyEnd, .writable, .full, .cancelled, .stopped: false
        }
    }

    /// Takes note of what concerns it.
    mutating func take(_ note: AgentNote, at time: Time) {
        switch note {
        case .phase(let next):
            phase = next
            if case .serving = next {} else { roundTrip = nil }
        case .registered(let url):
            webURL = url
            if !url.isEmpty { add(TerminalLine("\(url) -> \(facts.service)", .strong, wraps: true)) }
        case .roundTrip(let measured): roundTrip = measured
        case .exchange(let record): count(record, at: time)
        case .log, .captured, .call, .open, .body, .bodyEnd, .writable, .full, .cancelled, .stopped: return
        }
        isDirty = true
    }

    /// So many requests are under way.
    mutating func setUnderWay(_ count: Int) {
        guard counts.underWay != count else { return }
        counts.underWay = count
        isDirty = true
    }

    /// A line to stand above the block, such as one of the log.
    mutating func add(_ line: TerminalLine) {
        isDirty = true
        if lines.count < Self.maximumLines { lines.append(line) } else { omittedLines += 1 }
    }

    /// The terminal has another size.
    mutating func resized() { isDirty = true }

    /// Others wrote to the terminal, as a shell does while the program is stopped: the block is drawn anew where the cursor is.
    mutating func forgetBlock() {
        drawn = []
        isDirty = true
    }

    private mutating func count(_ record: ExchangeRecord, at time: Time) {
        counts.requests &+= 1
        if record.failure != nil { counts.failures &+= 1 }
        counts.bytesIn &+= record.requestBytes
        counts.bytesOut &+= record.responseBytes
        guard facts.showsRequests else { return }
        // A line that finds no room is not worth making.
        if lines.count >= Self.maximumLines { return omittedLines += 1 }
        for line in Self.lines(for: record, at: time) { add(line) }
    }

    // MARK: When to draw

    /// When the next frame is due; nil while nothing changes.
    func nextFrame(after now: Moment) -> Moment? {
        isDirty ? lastFrame.map { $0.advanced(by: Self.pace) } ?? now : nextSecond
    }

    /// A frame was drawn.
    mutating func didDraw(at now: Moment) {
        lastFrame = now
        isDirty = false
        lines = []
        omittedLines = 0
        nextSecond = nil
        guard case .backingOff(let until, _) = phase else { return }
        let left = until.since(now).wholeMilliseconds
        if left > 1000 { nextSecond = now.advanced(by: .milliseconds((left - 1) % 1000 + 1)) }
    }
}
