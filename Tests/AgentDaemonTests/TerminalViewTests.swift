// The live view as a value: what a frame says in each state, that it stays within the window, that it draws over itself and
// over nothing else, how often, and that no visitor's byte steers the terminal. `VirtualTerminal` is a terminal that
// understands what a frame uses, and fails at anything else.

import MachineCore
import Testing

@testable import AgentKit
@testable import agentd

@Suite struct TerminalViewTests {
    /// A terminal of which a test sees every row, also those that scrolled out at the top.
    struct VirtualTerminal {
        var rows: [String] = [""]
        var row = 0
        let columns: Int

        mutating func write(_ bytes: [UInt8]) throws {
            var rest = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
            while let scalar = rest.popFirst() {
                switch scalar {
                case "\r": continue
                case "\n":
                    row += 1
                    if row == rows.count { rows.append("") }
                case "\u{1b}":
                    try #require(rest.popFirst() == "[")
                    let number = rest.prefix { ("0"..."9").contains($0) }
                    rest = rest.dropFirst(number.count)
                    let count = Int(String(number))
                    switch rest.popFirst() {
                    case "A": row -= try #require(count)
                    case "J": rows = rows[..<row] + [""]
                    case "m": try #require([0, 1, 2, 31, 32, 33, 36].contains(count))
                    default: Issue.record("an escape sequence that no frame needs")
                    }
                    try #require(row >= 0)
                default:
                    try #require(scalar.value >= 0x20 && !(0x7f...0x9f).contains(scalar.value))
                    rows[row].unicodeScalars.append(scalar)
                }
            }
        }

        var text: String { rows.joined(separator: "\n") }
    }

    static let time = TerminalView.Time(hour: 9, minute: 5, second: 7)

    static func view(_ change: (inout TerminalView.Facts) -> Void = { _ in }) -> TerminalView {
        var facts = TerminalView.Facts(agentID: "pi", gateway: "gw:3000", service: "http://localhost:4173/")
        change(&facts)
        return TerminalView(facts)
    }

    static func record(
        _ path: String = "/api/hello", method: String = "GET", status: Int? = 200, failure: String? = nil
    ) -> ExchangeRecord {
        ExchangeRecord(
            method: method, path: Array(path.utf8)[...], query: Array("token=x".utf8)[...], status: status, requestBytes: 10,
            responseBytes: 2048, duration: .microseconds(3400), failure: failure)
    }

    private static func drawn(_ view: inout TerminalView, columns: Int = 80, rows: Int = 24) throws -> String {
        view.forgetBlock()  // a new terminal each time
        var terminal = VirtualTerminal(columns: columns)
        try terminal.write(view.frame(columns: columns, rows: rows, now: Moment()))
        return terminal.text
    }

    // MARK: What it says

    @Test(arguments: [
        (AgentPhase.dialing(attempt: 1), "connecting to gw:3000\n"), (.dialing(attempt: 3), "connecting to gw:3000, attempt 3"),
        (.registering, "connecting to gw:3000"), (.serving, "pi  serving"), (.draining, "finishing what is under way"),
        (.backingOff(until: Moment(nanoseconds: 2_100_000_000), reason: "it burns"), "reconnecting in 3 s"),
        (.backingOff(until: Moment(nanoseconds: 2_100_000_000), reason: "it burns"), "it burns"), (.stopped, "pi  stopped"),
    ])
    func everyPhaseHasItsText(phase: AgentPhase, words: String) throws {
        var view = Self.view()
        view.take(.phase(phase), at: Self.time)
        #expect(try Self.drawn(&view).contains(words))
    }

    @Test func aWarningStaysInTheBlock() throws {
        var view = Self.view { $0.warning = "the gateway's certificate is not checked" }
        for phase in [AgentPhase.serving, .backingOff(until: Moment(nanoseconds: 1), reason: "x"), .stopped] {
            view.take(.phase(phase), at: Self.time)
            #expect(try Self.drawn(&view).contains(" insecure   the gateway's certificate is not checked\n"))
        }
        var quiet = Self.view()
        #expect(try !Self.drawn(&quiet).contains("insecure"))
    }

    @Test func theBlockNamesAddressesRoundTripAndCounts() throws {
        var view = Self.view { $0.inspector = "http://127.0.0.1:4040/" }
        view.take(.phase(.serving), at: Self.time)
        view.take(.registered(webURL: "http://gw:3000/web/pi/"), at: Self.time)
        view.take(.roundTrip(.milliseconds(12)), at: Self.time)
        view.take(.exchange(Self.record()), at: Self.time)
        view.take(.exchange(Self.record(status: nil, failure: "the gateway gave it up: cancelled")), at: Self.time)
        view.setUnderWay(3)
        let text = try Self.drawn(&view)
        let expected = """
            http://gw:3000/web/pi/ -> http://localhost:4173/
            09:05:07  200  GET      3.4 ms    2.0 KiB  /api/hello
            09:05:07  ---  GET      3.4 ms    2.0 KiB  /api/hello
                      └─ the gateway gave it up: cancelled
            \(String(repeating: "─", count: 79))
             agent      pi  serving  round trip 12 ms
             public     http://gw:3000/web/pi/
             service    http://localhost:4173/
             inspector  http://127.0.0.1:4040/
             requests   2  3 under way  1 failed  in 20 B  out 4.0 KiB

            """
        #expect(text == expected)
        view.take(.phase(.dialing(attempt: 1)), at: Self.time)
        #expect(try !Self.drawn(&view).contains("round trip"))
    }

    @Test func aQueryIsNotShown() throws {
        var view = Self.view()
        view.take(.exchange(Self.record()), at: Self.time)
        #expect(try !Self.drawn(&view).contains("token"))
    }

    @Test func withoutRequestLinesTheyAreStillCounted() throws {
        var view = Self.view { $0.showsRequests = false }
        view.take(.exchange(Self.record()), at: Self.time)
        let text = try Self.drawn(&view)
        #expect(!text.contains("/api/hello") && text.contains("requests   1"))
    }

    @Test func coloursAreLeftOutWhereTheyAreNotWanted() {
        for colours in [true, false] {
            var view = Self.view { $0.colours = colours }
            view.take(.exchange(Self.record()), at: Self.time)
            let text = String(decoding: view.frame(columns: 80, rows: 24, now: Moment()), as: UTF8.self)
            #expect(text.contains("\u{1b}[32m200\u{1b}[0m") == colours)
            #expect(text.contains("m") && (colours || !text.contains("[0m")))
        }
    }

    // MARK: Within the window

    @Test(arguments: [1, 20, 21, 40, 80, 200])
    func noLineIsWiderThanTheWindow(columns: Int) throws {
        var view = Self.view { $0.service = String(repeating: "x", count: 300) }
        view.take(.exchange(Self.record("/" + String(repeating: "long", count: 400))), at: Self.time)
        view.take(.exchange(Self.record(failure: String(repeating: "看", count: 300))), at: Self.time)
        for row in try Self.drawn(&view, columns: columns).split(separator: "\n") {
            #expect(TerminalLine(String(row)).columns < max(20, columns))
        }
    }

    @Test func wideCharactersTakeTwoColumnsAndAreCutWhole() {
        let line = TerminalLine("看看看")
        #expect(line.columns == 6)
        #expect(line.text(columns: 6, colours: false) == "看看看")
        #expect(line.text(columns: 5, colours: false) == "看看…")
        #expect(line.text(columns: 4, colours: false) == "看…")
        #expect(line.text(columns: 1, colours: false) == "…")
        #expect(TerminalLine("abc").text(columns: 2, colours: false) == "a…")
    }

    @Test func theBlockFitsALowWindow() throws {
        var view = Self.view()
        for rows in [1, 2, 4] {
            let text = try Self.drawn(&view, rows: rows)
            #expect(text.split(separator: "\n").count == max(1, rows - 1))
        }
    }

    // MARK: Drawing over itself

    @Test func aFrameReplacesTheBlockAndKeepsWhatScrolled() throws {
        var view = Self.view()
        var terminal = VirtualTerminal(columns: 80)
        for number in 1...5 {
            view.take(.exchange(Self.record("/\(number)")), at: Self.time)
            if number == 3 { view.take(.phase(.backingOff(until: Moment(), reason: "gone")), at: Self.time) }
            try terminal.write(view.frame(columns: 80, rows: 24, now: Moment()))
        }
        let requests = terminal.rows.filter { $0.hasPrefix("09:") }
        #expect(requests.map { $0.last } == ["1", "2", "3", "4", "5"])
        #expect(terminal.rows.filter { $0.hasPrefix(" requests") } == [" requests   5  in 50 B  out 10.0 KiB"])
        #expect(terminal.rows.last == "")
    }

    @Test func aNarrowerWindowHasBrokenTheBlockIntoMoreRows() {
        var view = Self.view()
        _ = view.frame(columns: 100, rows: 24, now: Moment())
        view.resized()
        let text = String(decoding: view.frame(columns: 50, rows: 24, now: Moment()), as: UTF8.self)
        #expect(text.hasPrefix("\r\u{1b}[6A\u{1b}[J"))  // five lines, and the rule takes two rows
    }

    @Test func afterAStopTheBlockIsDrawnWhereTheCursorIs() {
        var view = Self.view()
        _ = view.frame(columns: 80, rows: 24, now: Moment())
        view.forgetBlock()
        #expect(String(decoding: view.frame(columns: 80, rows: 24, now: Moment()), as: UTF8.self).hasPrefix("\r\u{1b}[J"))
    }

    // MARK: How often

    @Test func aFrameIsDueOnlyWhenSomethingChangedAndTenTimesASecondAtMost() {
        var view = Self.view()
        var now = Moment(nanoseconds: 1_000_000_000)
        #expect(view.nextFrame(after: now) == now)
        _ = view.frame(columns: 80, rows: 24, now: now)
        #expect(view.nextFrame(after: now) == nil)
        view.setUnderWay(0)
        #expect(view.nextFrame(after: now) == nil)
        view.setUnderWay(1)
        #expect(view.nextFrame(after: now) == now.advanced(by: .milliseconds(100)))
        now = now.advanced(by: .milliseconds(100))
        _ = view.frame(columns: 80, rows: 24, now: now)
        view.take(.phase(.backingOff(until: now.advanced(by: .milliseconds(2300)), reason: "")), at: Self.time)
        _ = view.frame(columns: 80, rows: 24, now: now)
        for (step, words) in [(300, "in 2 s"), (1000, "in 1 s")] {
            #expect(view.nextFrame(after: now) == now.advanced(by: .milliseconds(step)))
            now = now.advanced(by: .milliseconds(step))
            #expect(view.nextFrame(after: now) == now)
            #expect(String(decoding: view.frame(columns: 80, rows: 24, now: now), as: UTF8.self).contains(words))
        }
        #expect(view.nextFrame(after: now) == nil)
    }

    @Test func whatComesTooFastIsCounted() throws {
        var view = Self.view()
        for _ in 0..<1000 { view.take(.exchange(Self.record()), at: Self.time) }
        let text = try Self.drawn(&view, rows: 2000)
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("09:") }.count == TerminalView.maximumLines)
        #expect(text.contains("… 900 more") && text.contains("requests   1000"))
    }

    // MARK: Text of visitors

    static let attacks = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}", "\u{9b}31m", "a\r\nagent      fake", "\u{202e}drowssap", "\u{8}\u{8}", "\0",
        "\u{1b}]8;;http://evil/\u{1b}\\", "e\u{301}\u{301}\u{301}", "\u{200b}\u{feff}",
    ]

    @Test(arguments: attacks)
    func noVisitorsTextSteersTheTerminal(attack: String) throws {
        var view = Self.view { $0.colours = false }
        view.take(.registered(webURL: attack), at: Self.time)
        view.take(.phase(.backingOff(until: Moment(), reason: attack)), at: Self.time)
        view.take(.exchange(Self.record("/" + attack, method: attack, failure: attack)), at: Self.time)
        view.add(TerminalLine(attack, wraps: true))
        var terminal = VirtualTerminal(columns: 80)
        let frame = view.frame(columns: 80, rows: 24, now: Moment())
        try terminal.write(frame)
        let escapes = frame.filter { $0 == 0x1b }.count
        #expect(escapes == 1)  // the frame's own
        #expect(terminal.rows.count == 11)  // four that scroll, six of the block, the cursor's
        #expect(!terminal.text.unicodeScalars.contains { $0 == "\u{202e}" || $0 == "\u{301}" || $0 == "\u{200b}" })
        #expect(
            TerminalLine.visible(attack).unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
    }
}
