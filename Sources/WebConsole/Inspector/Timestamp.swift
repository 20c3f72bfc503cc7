// Moments as RFC 3339 writes them, in UTC: `2026-07-01T12:00:00.123Z`.

/// Writes moments for programs.
public enum Timestamp {
    /// With milliseconds. A year outside 0–9999 is written as it is.
    public static func rfc3339(unixMilliseconds: Int64) -> String {
        let (second, millisecond) = dividing(unixMilliseconds, by: 1000)
        let (day, secondOfDay) = dividing(second, by: 86_400)
        let (year, month, dayOfMonth) = date(daysSince1970: day)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
        let minutes = "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
        return "\(date)T\(minutes).\(padded(millisecond, 3))Z"
    }

    /// The civil date (the proleptic Gregorian calendar), by eras of 400 years that begin on the first of March.
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = dividing(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    /// Rounded down, so that the remainder is never negative.
    private static func dividing(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
