// Dates in fields (RFC 9110 §5.6.7). Written as IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`; read in all three forms, of which
// two are obsolete. No clock is read.

import Primitives

/// A second of the years 1970...9999 as the protocol writes it.
public enum HTTPDate {
    /// The IMF-fixdate of a Unix time; times outside the years 1970...9999 are moved to the nearest that is inside.
    public static func format(unixSeconds: Int64) -> String {
        let seconds = min(max(unixSeconds, 0), maximumSeconds)
        let time = CivilTime(unixSeconds: seconds)
        let date = time.date
        let weekday = dayNames[Int((seconds / 86_400 + 4) % 7)].prefix(3)
        return "\(weekday), \(two(date.day)) \(monthNames[Int(date.month) - 1]) \(date.year) "
            + "\(two(time.hour)):\(two(time.minute)):\(two(time.second)) GMT"
    }

    /// The Unix time of an IMF-fixdate, an RFC 850 date or an asctime date, or nil. A two-digit year counts as 1970...2069. A
    /// leap second counts as the second after it. The day's name must be one, not the right one.
    public static func parse(_ text: String) -> Int64? {
        let parts = text.utf8.split(separator: Octet.space, omittingEmptySubsequences: false).map { Substring($0) }
        guard let first = parts.first else { return nil }
        if first.hasSuffix(",") { return parts.count == 6 ? fixdate(parts) : parts.count == 4 ? rfc850(parts) : nil }
        return asctime(parts)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func fixdate(_ parts: [Substring]) -> Int64? {
        guard shortDayNames.contains(parts[0].dropLast()), parts[5] == "GMT" else { return nil }
        return moment(year: digits(parts[3], 4), month: parts[2], day: digits(parts[1], 2), clock: parts[4])
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private static func rfc850(_ parts: [Substring]) -> Int64? {
        let date = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard dayNames.contains(String(parts[0].dropLast())), date.count == 3, parts[3] == "GMT" else { return nil }
        let year = digits(date[2], 2).map { $0 < 70 ? 2000 + $0 : 1900 + $0 }
        return moment(year: year, month: date[1], day: digits(date[0], 2), clock: parts[2])
    }

    /// `Sun Nov  6 08:49:37 1994`: the day has two digits, or a space and one.
    private static func asctime(_ parts: [Substring]) -> Int64? {
        guard shortDayNames.contains(parts[0]) else { return nil }
        if parts.count == 6, parts[2].isEmpty {
            return moment(year: digits(parts[5], 4), month: parts[1], day: digits(parts[3], 1), clock: parts[4])
        }
        guard parts.count == 5 else { return nil }
        return moment(year: digits(parts[4], 4), month: parts[1], day: digits(parts[2], 2), clock: parts[3])
    }

    private static func moment(year: Int?, month name: Substring, day: Int?, clock: Substring) -> Int64? {
        let time = clock.split(separator: ":", omittingEmptySubsequences: false)
        guard let year, year >= 1970, let day, let month = monthNames.firstIndex(of: String(name)) else { return nil }
        guard time.count == 3, let hour = digits(time[0], 2), let minute = digits(time[1], 2) else { return nil }
        guard let second = digits(time[2], 2), hour < 24, minute < 60, second <= 60 else { return nil }
        guard let date = CivilDate(year: Int64(year), month: Int64(month + 1), day: Int64(day)) else { return nil }
        return date.daysSince1970 * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Exactly `count` digits (at most four).
    private static func digits(_ text: Substring, _ count: Int) -> Int? {
        guard text.utf8.count == count, text.utf8.allSatisfy(Octet.isDigit) else { return nil }
        return text.utf8.reduce(0) { $0 * 10 + Int($1 &- Octet.zero) }
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// 9999-12-31 23:59:59.
    private static let maximumSeconds: Int64 = 253_402_300_799
    private static let dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let shortDayNames = dayNames.map { $0.prefix(3) }
    private static let monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
