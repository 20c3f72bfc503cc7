// Seconds since 1970 as people and programs read them. No clock is read.

/// Times as pages and programs see them, in UTC.
public enum UTCTime {
    /// `2026-04-10T05:21:22Z` (RFC 3339).
    public static func text(_ unixSeconds: Int64) -> String {
        let time = CivilTime(unixSeconds: unixSeconds)
        let date = time.date
        return "\(date.year)-\(two(date.month))-\(two(date.day))T\(two(time.hour)):\(two(time.minute)):\(two(time.second))Z"
    }

    /// `2026-04-10T05:21:22.045Z`
    public static func text(milliseconds: Int64) -> String {
        let remainder = milliseconds % 1_000
        let part = remainder < 0 ? remainder + 1_000 : remainder
        let seconds = milliseconds / 1_000 - (remainder < 0 ? 1 : 0)
        return "\(text(seconds).dropLast()).\(part < 100 ? "0" : "")\(two(part))Z"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
