// Log lines: their exact text, what clients cannot do to them, and descriptors that are full, closed or gone.

import MachineCore
import TestSupport
import Testing

@testable import SocketKit

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

private let instant: (seconds: Int64, nanoseconds: Int64) = (1_775_798_482, 123_987_654)

private func line(_ record: LogRecord, _ format: LogWriter.Format = .text) -> String {
    String(decoding: LogFormat.line(record, time: instant, format: format), as: UTF8.self)
}

private func value(_ text: String, _ format: LogWriter.Format = .text) -> String {
    let whole = line(LogRecord(.info, "e", [.init("k", text)]), format)
    let json = "{\"time\":\"2026-04-10T05:21:22.123Z\",\"level\":\"info\",\"event\":\"e\",\"k\":"
    let start = format == .text ? "2026-04-10T05:21:22.123Z info e k=" : json
    let end = format == .text ? "\n" : "}\n"
    #expect(whole.hasPrefix(start) && whole.hasSuffix(end))
    return String(decoding: whole.utf8.dropFirst(start.utf8.count).dropLast(end.utf8.count), as: UTF8.self)
}

@Suite struct LogFormatTests {
    @Test func aRecordIsOneLineOfText() {
        let record = LogRecord(.info, "agent.registered", [.init("agent", "my-agent"), .init("remote", "10.0.0.1")])
        #expect(line(record) == "2026-04-10T05:21:22.123Z info agent.registered agent=my-agent remote=10.0.0.1\n")
        #expect(line(LogRecord(.error, "listen.failed")) == "2026-04-10T05:21:22.123Z error listen.failed\n")
    }

    @Test func aRecordIsOneJSONObject() {
        let record = LogRecord(.warning, "agent.lost", [.init("agent", "a \"b\""), .init("code", "1")])
        #expect(
            line(record, .json)
                == #"{"time":"2026-04-10T05:21:22.123Z","level":"warning","event":"agent.lost","agent":"a \"b\"","code":"1"}"#
                + "\n")
        #expect(
            line(LogRecord(.debug, "x"), .json)
                == "{\"time\":\"2026-04-10T05:21:22.123Z\",\"level\":\"debug\",\"event\":\"x\"}\n")
    }

    @Test func valuesThatCouldBeMistakenAreQuoted() {
        #expect(value("plain/value:1,2;é") == "plain/value:1,2;é")
        #expect(value("") == #""""#)
        #expect(value("two words") == #""two words""#)
        #expect(value("a=b") == #""a=b""#)
        #expect(value("say \"hi\" \\o/") == #""say \"hi\" \\o/""#)
        #expect(value(#"C:\x"#) == #"C:\x"#)
        #expect(value("tab\there") == #""tab\there""#)
    }

    @Test func clientsCannotStartALineOrSteerATerminal() {
        let attack = "x\r\n2026-04-10T05:21:22.123Z info forged\u{1b}[2J\u{9b}31m\u{7f}\u{0}\u{85}\u{2028}\u{202e}\u{feff}"
        let expected =
            #""x\r\n2026-04-10T05:21:22.123Z info forged\u001b[2J\u009b31m\u007f\u0000\u0085\u2028\u202e\ufeff""#
        #expect(value(attack) == expected)
        #expect(value(attack, .json) == expected)
        let everywhere = LogRecord(.info, attack, [.init(attack, attack)])
        for format in LogWriter.Format.allCases {
            let bytes = LogFormat.line(everywhere, time: instant, format: format)
            #expect(bytes.last == 10)
            #expect(bytes.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7f })
        }
    }

    @Test func namesAreReducedToHarmlessCharactersAndNeverRepeated() {
        let record = LogRecord(.info, "e", [.init("a b=\n", "1"), .init("time", "2"), .init("x", "3"), .init("x", "4")])
        #expect(line(record) == "2026-04-10T05:21:22.123Z info e a_b__=1 time_=2 x=3 x_=4\n")
        #expect(line(record, .json).hasSuffix(#","a_b__":"1","time_":"2","x":"3","x_":"4"}"# + "\n"))
    }

    @Test func longValuesAreCutAtACharacter() {
        let cut = value(String(repeating: "é", count: 2000))
        #expect(cut == "\"" + String(repeating: "é", count: 512) + "…\"")
        #expect(value(String(repeating: "x", count: 1024)) == String(repeating: "x", count: 1024))
        #expect(value(String(repeating: "\n", count: 2000), .json).utf8.count == 1024 + 5)
    }

    @Test(arguments: LogWriter.Format.allCases)
    func noLineIsLongerThanOneWriteToAPipe(_ format: LogWriter.Format) {
        var random = SplitMix(seed: 7)
        for _ in 0..<200 {
            let fields = (0..<Int.random(in: 0...12, using: &random)).map { index in
                let count = Int.random(in: 0...1500, using: &random)
                return LogRecord.Field("field\(index)", String(decoding: random.bytes(count), as: UTF8.self))
            }
            let bytes = LogFormat.line(LogRecord(.info, "event", fields), time: instant, format: format)
            #expect(bytes.count <= LogFormat.maximumLineBytes)
            #expect(bytes.filter { $0 == 10 }.count == 1)
        }
        let many = LogRecord(.info, "e", (0..<5000).map { .init("f\($0)", "v") })
        let text = line(many, format)
        #expect(text.hasSuffix(format == .text ? " truncated=true\n" : ",\"truncated\":true}\n"))
        #expect(text.utf8.count <= LogFormat.maximumLineBytes && text.utf8.count > 3900)
    }

    @Test func timesAreRightAtTheEdgesOfTheCalendar() {
        func time(_ seconds: Int64, _ nanoseconds: Int64 = 0) -> String {
            let bytes = LogFormat.line(LogRecord(.info, "e"), time: (seconds, nanoseconds), format: .text)
            return String(decoding: bytes.prefix { $0 != 32 }, as: UTF8.self)
        }
        #expect(time(0) == "1970-01-01T00:00:00.000Z")
        #expect(time(-1, 999_999_999) == "1969-12-31T23:59:59.999Z")
        #expect(time(951_782_399) == "2000-02-28T23:59:59.000Z")
        #expect(time(951_782_400) == "2000-02-29T00:00:00.000Z")
        #expect(time(951_868_800) == "2000-03-01T00:00:00.000Z")
        #expect(time(4_107_542_400) == "2100-03-01T00:00:00.000Z")
        #expect(time(4_107_542_399) == "2100-02-28T23:59:59.000Z")
        #expect(time(1_709_251_199) == "2024-02-29T23:59:59.000Z")
        #expect(time(253_402_300_799) == "9999-12-31T23:59:59.000Z")
        #expect(time(.max, .max) == "9999-12-31T23:59:59.999Z")
        #expect(time(.min, .min) == "0001-01-01T00:00:00.000Z")
    }

    @Test func everyMonthOfFourHundredYearsBeginsAndEndsOnItsDay() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var (year, month, day) = (1970, 1, 1)
        for count in 0..<146_097 {
            if day >= lengths[month - 1] || day == 1 {
                let bytes = LogFormat.line(LogRecord(.info, "e"), time: (Int64(count) * 86_400, 0), format: .text)
                let digits = bytes.prefix(10).filter { $0 != UInt8(ascii: "-") }.reduce(0) { $0 * 10 + Int($1) - 48 }
                if digits != year * 10_000 + month * 100 + day {
                    Issue.record("day \(count) is \(year)-\(month)-\(day), not \(digits)")
                    return
                }
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }
}

@Suite struct LogWriterTests {
    /// A pipe with its write end full but for fewer than 4096 bytes, if `full`.
    func makePipe(full: Bool = false, nonBlocking: Bool = false) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let flags = fcntl(ends[1], F_GETFL)
        if full {
            _ = fcntl(ends[1], F_SETFL, flags | O_NONBLOCK)
            let filler = [UInt8](repeating: UInt8(ascii: "."), count: 4096)
            while write(ends[1], filler, filler.count) > 0 {}
        }
        _ = fcntl(ends[1], F_SETFL, nonBlocking ? flags | O_NONBLOCK : flags)
        return (ends[0], ends[1])
    }

    func drain(_ descriptor: Int32) -> String {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func linesBelowTheLevelAreLeftOut() {
        let ends = makePipe()
        let writer = LogWriter(minimumLevel: .warning, descriptor: ends.write, clock: { instant })
        for level in LogRecord.Level.allCases { writer.write(LogRecord(level, "event")) }
        #expect(drain(ends.read) == "2026-04-10T05:21:22.123Z warning event\n2026-04-10T05:21:22.123Z error event\n")
        close(ends.read)
        close(ends.write)
    }

    @Test func aReaderThatHasGoneCostsLinesAndNothingElse() {
        let ends = makePipe()
        let writer = LogWriter(descriptor: ends.write, clock: { instant })
        close(ends.read)
        for _ in 0..<3 { writer.write(LogRecord(.info, "event")) }
        #expect(writer.droppedLines == 3)
        close(ends.write)
    }

    @Test func aClosedDescriptorCostsLinesAndNothingElse() {
        let writer = LogWriter(descriptor: -1)
        writer.write(LogRecord(.info, "event"))
        let other = LogWriter(descriptor: 1_000_000)
        other.write(LogRecord(.info, "event"))
        #expect(other.droppedLines == 1)
    }

    @Test(arguments: [false, true])
    func aFullPipeDoesNotBlockAndLostLinesAreCounted(_ nonBlocking: Bool) {
        let ends = makePipe(full: true, nonBlocking: nonBlocking)
        let writer = LogWriter(descriptor: ends.write, clock: { instant })
        let start = ContinuousClock.now
        for _ in 0..<1000 { writer.write(LogRecord(.info, "lost")) }
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(writer.droppedLines == 1000)
        #expect(drain(ends.read).allSatisfy { $0 == "." })
        writer.write(LogRecord(.info, "kept"))
        writer.write(LogRecord(.info, "kept"))
        #expect(
            drain(ends.read).split(separator: "\n").map { String($0.dropFirst(25)) } == [
                "warning log.dropped lines=1000", "info kept", "info kept",
            ])
        #expect(writer.droppedLines == 0)
        close(ends.read)
        close(ends.write)
    }

    @Test func threadsDoNotMixTheirLines() async {
        let ends = makePipe()
        let writer = LogWriter(descriptor: ends.write, clock: { instant })
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    for count in 0..<50 { writer.write(LogRecord(.info, "e", [.init("task", "\(task)-\(count)")])) }
                }
            }
        }
        let lines = drain(ends.read).split(separator: "\n")
        #expect(Set(lines).count == 200 && lines.count == 200)
        #expect(lines.allSatisfy { $0.hasPrefix("2026-04-10T05:21:22.123Z info e task=") })
        close(ends.read)
        close(ends.write)
    }

    @Test func theUsualClockIsThatOfTheMachine() {
        let ends = makePipe()
        LogWriter(format: .json, descriptor: ends.write).write(LogRecord(.info, "now"))
        #expect(drain(ends.read).hasPrefix("{\"time\":\"20"))
        close(ends.read)
        close(ends.write)
    }
}

@Suite struct LineWriterTests {
    @Test func aFileIsAppendedToAndOpenedAgainByItsName() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/access.log"
            try LineWriter(path: path).write(Array("old\n".utf8))
            let writer = try LineWriter(path: path)
            writer.write(Array("one\n".utf8))
            #expect(rename(path, path + ".1") == 0)
            writer.write(Array("two\n".utf8))
            try writer.reopen()
            writer.write(Array("three\n".utf8))
            #expect(try readWholeFile(path + ".1") == Array("old\none\ntwo\n".utf8))
            #expect(try readWholeFile(path) == Array("three\n".utf8))
        }
    }

    @Test func aFileThatCannotBeMadeIsAnErrorThatNamesIt() {
        withTemporaryDirectory { directory in
            #expect(throws: FileError(path: directory, reason: .isDirectory)) { try LineWriter(path: directory) }
            #expect(throws: FileError(path: directory + "/a/b", reason: .notFound)) {
                try LineWriter(path: directory + "/a/b")
            }
            #expect(throws: FileError(path: "", reason: .badName)) { try LineWriter(path: "") }
        }
    }
}

@Suite struct LimitedLogTests {
    /// What `write` has a limited writer say, in this format.
    private func said(_ format: LogWriter.Format, _ write: (LogWriter) -> Void) throws -> [String] {
        let (reading, writing) = try #require(Platform.pipeDescriptors())
        let log = LogWriter(format: format, descriptor: writing, isLimited: true) { instant }
        write(log)
        close(writing)
        defer { close(reading) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(reading, &piece, piece.count), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private let start = Moment(nanoseconds: 1_000_000_000_000)
    private let refusal = LogRecord(.warning, "agent.turned-away", [.init("peer", "203.0.113.9")])

    @Test(arguments: LogWriter.Format.allCases) func whatRepeatsIsSummedUp(format: LogWriter.Format) throws {
        let lines = try said(format) { log in
            for _ in 0..<1_520 { log.write(refusal, now: start) }
            log.write(LogRecord(.info, "gateway.reloaded"), now: start)
            log.sumUp(now: start.advanced(by: .seconds(9)))
            log.sumUp(now: start.advanced(by: .seconds(10)))
            log.write(refusal, now: start.advanced(by: .seconds(11)))
        }
        #expect(lines.count == LogLimiter.share + 3)
        let summary =
            format == .text
            ? #"2026-04-10T05:21:22.123Z warning agent.turned-away summary="… 1,500 more in 10 s from 203.0.113.9" "#
                + "more=1500 seconds=10 peer=203.0.113.9"
            : #"{"time":"2026-04-10T05:21:22.123Z","level":"warning","event":"agent.turned-away","#
                + #""summary":"… 1,500 more in 10 s from 203.0.113.9","more":"1500","seconds":"10","peer":"203.0.113.9"}"#
        #expect(lines.dropLast().last == summary)
    }

    @Test func theSummaryOfAPeriodComesBeforeTheNextRecord() throws {
        let lines = try said(.text) { log in
            for _ in 0..<LogLimiter.share + 1 { log.write(refusal, now: start) }
            log.write(LogRecord(.info, "gateway.reloaded"), now: start.advanced(by: .seconds(12)))
            log.finish()
        }
        #expect(lines.count == LogLimiter.share + 2)
        #expect(lines.dropLast().last?.contains("… 1 more in 10 s from 203.0.113.9") == true)
        #expect(lines.last?.hasSuffix("info gateway.reloaded") == true)
    }

    @Test func aLogThatEndsSaysWhatItLeftOut() throws {
        let lines = try said(.text) { log in
            for _ in 0..<LogLimiter.share + 1 { log.write(refusal) }
            log.finish()
        }
        #expect(lines.last?.contains("… 1 more in ") == true)
    }
}
