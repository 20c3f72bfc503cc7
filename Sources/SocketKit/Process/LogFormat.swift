// Decides how a log record is written: one line, RFC 3339 time in UTC, then `key=value` pairs or one JSON object (RFC 8259).
// Nothing that a client sent can start a line of its own, add a field, or steer a terminal: CR, LF, ESC, all other C0 and
// C1 controls, line separators and direction marks are written as \uXXXX. A line is at most 4096 bytes (PIPE_BUF on Linux,
// so that one write to a pipe is never mixed with another); longer values are cut, further fields left out, and it says so.

import MachineCore
import Primitives

/// The text of log lines: a pure function of the record and the time.
public enum LogFormat {
    /// The longest line, in bytes, with its line feed.
    public static let maximumLineBytes = 4096

    /// One line, ending with a line feed and holding no other.
    public static func line(
        _ record: LogRecord, time: (seconds: Int64, nanoseconds: Int64), format: LogWriter.Format
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        switch format {
        case .text: appendText(record, time: time, to: &line)
        case .json: appendJSON(record, time: time, to: &line)
        }
        return line
    }

    private static func appendText(
        _ record: LogRecord, time: (seconds: Int64, nanoseconds: Int64), to line: inout [UInt8]
    ) {
        appendTimestamp(time, to: &line)
        line.append(UInt8(ascii: " "))
        line += record.level.name.utf8
        line.append(UInt8(ascii: " "))
        appendTextValue(record.event, to: &line)
        appendFields(record.fields, ending: " truncated=true\n", to: &line) { field, line in
            line.append(UInt8(ascii: " "))
            appendName(field.name, to: &line)
            line.append(UInt8(ascii: "="))
            appendTextValue(field.value, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
    }

    private static func appendJSON(
        _ record: LogRecord, time: (seconds: Int64, nanoseconds: Int64), to line: inout [UInt8]
    ) {
        line += "{\"time\":\"".utf8
        appendTimestamp(time, to: &line)
        line += "\",\"level\":\"\(record.level.name)\",\"event\":".utf8
        appendQuoted(record.event, to: &line)
        appendFields(record.fields, ending: ",\"truncated\":true}\n", to: &line) { field, line in
            line += ",\"".utf8
            appendName(field.name, to: &line)
            line += "\":".utf8
            appendQuoted(field.value, to: &line)
        }
        line += "}\n".utf8
    }

    /// Adds the fields that fit. `ending` is what must still find room after them: the note that some did not, and the end.
    private static func appendFields(
        _ fields: [LogRecord.Field], ending: StaticString, to line: inout [UInt8],
        append: (LogRecord.Field, inout [UInt8]) -> Void
    ) {
        var used: Set<String> = ["time", "level", "event", "truncated"]
        for var field in fields {
            // JSON wants each name once (RFC 8259, 4), and a reader must not take a field for the time.
            while !used.insert(field.name).inserted { field.name += "_" }
            let start = line.count
            append(field, &line)
            guard line.count + ending.utf8CodeUnitCount > maximumLineBytes else { continue }
            line.removeSubrange(start...)
            // The caller writes the brace and line feed itself.
            line += "\(ending)".utf8.prefix { $0 != UInt8(ascii: "}") && $0 != UInt8(ascii: "\n") }
            return
        }
    }
}

// MARK: - Names and values

/// The longest value and the longest name, in bytes as written.
private let maximumValueBytes = 1024
private let maximumNameBytes = 64

/// Names are constants of ours: whatever is not a letter, a digit or one of `._-` becomes `_`.
private func appendName(_ name: String, to line: inout [UInt8]) {
    for byte in name.utf8.prefix(maximumNameBytes) {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
            line.append(byte)
        default: line.append(UInt8(ascii: "_"))
        }
    }
}

/// The value as it is if that is unmistakable, else quoted.
private func appendTextValue(_ value: String, to line: inout [UInt8]) {
    let isPlain =
        !value.isEmpty && value.utf8.count <= maximumValueBytes
        && value.unicodeScalars.allSatisfy { $0 != " " && $0 != "\"" && $0 != "=" && !breaksLines($0) }
    if isPlain { line += value.utf8 } else { appendQuoted(value, to: &line) }
}

/// The value as a JSON string, cut with an ellipsis after `maximumValueBytes`.
private func appendQuoted(_ value: String, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    let limit = line.count + maximumValueBytes
    for scalar in value.unicodeScalars {
        let start = line.count
        appendEscaped(scalar, to: &line)
        guard line.count > limit else { continue }
        line.removeSubrange(start...)
        line += "…".utf8
        break
    }
    line.append(UInt8(ascii: "\""))
}

private func appendEscaped(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
    switch scalar {
    case "\"": line += "\\\"".utf8
    case "\\": line += "\\\\".utf8
    case "\n": line += "\\n".utf8
    case "\r": line += "\\r".utf8
    case "\t": line += "\\t".utf8
    case _ where breaksLines(scalar):
        let hex = String(scalar.value, radix: 16)
        line += "\\u".utf8
        for _ in hex.utf8.count..<max(4, hex.utf8.count) { line.append(UInt8(ascii: "0")) }
        line += hex.utf8
    default: line += (UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
}

/// Controls, and the invisible characters that reorder or break a line. All are below U+10000, so that \uXXXX holds them.
private func breaksLines(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1f, 0x7f...0x9f: true
    case 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xfeff: true
    default: false
    }
}

// MARK: - Time

/// Seconds from the first and to the last instant that four digits of a year can name: 0001-01-01 and 9999-12-31.
private let writableSeconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

/// `2026-04-10T05:21:22.123Z` (RFC 3339, 5.6); a time outside the years 1 to 9999 is clamped to them.
private func appendTimestamp(_ time: (seconds: Int64, nanoseconds: Int64), to line: inout [UInt8]) {
    let seconds = min(max(time.seconds, writableSeconds.lowerBound), writableSeconds.upperBound)
    let civil = CivilTime(unixSeconds: seconds)
    appendDecimal(civil.date.year, digits: 4, to: &line)
    line.append(UInt8(ascii: "-"))
    appendDecimal(civil.date.month, digits: 2, to: &line)
    line.append(UInt8(ascii: "-"))
    appendDecimal(civil.date.day, digits: 2, to: &line)
    line.append(UInt8(ascii: "T"))
    appendDecimal(civil.hour, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    appendDecimal(civil.minute, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    appendDecimal(civil.second, digits: 2, to: &line)
    line.append(UInt8(ascii: "."))
    appendDecimal(min(max(time.nanoseconds, 0), 999_999_999) / 1_000_000, digits: 3, to: &line)
    line.append(UInt8(ascii: "Z"))
}

private func appendDecimal(_ value: Int64, digits: Int, to line: inout [UInt8]) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
        line.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
        divisor /= 10
    }
}
