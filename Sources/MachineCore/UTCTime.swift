// Seconds since 1970 as people and programs read them. The calendar is computed; no clock is read.

/// Times as pages and programs see them, in UTC.
public enum UTCTime {
    /// `2026-04-10T05:21:22Z` (RFC 3339).
    public static func text(_ unixSeconds: Int64) -> String {
        let remainder = unixSeconds % 86_400
        let second = remainder < 0 ? remainder + 86_400 : remainder
        let days = unixSeconds / 86_400 - (remainder < 0 ? 1 : 0)
        let (year, month, day) = civil(days)
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    /// `2026-04-10T05:21:22.045Z`
    public static func text(milliseconds: Int64) -> String {
        let remainder = milliseconds % 1_000
        let part = remainder < 0 ? remainder + 1_000 : remainder
        let seconds = milliseconds / 1_000 - (remainder < 0 ? 1 : 0)
        return "\(text(seconds).dropLast()).\(part < 100 ? "0" : "")\(two(part))Z"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// The proleptic Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
