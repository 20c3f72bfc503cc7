// Moments with milliseconds, as programs and the inspector's page read them.

extension UTCTime {
    /// `2026-04-10T05:21:22.123Z` (RFC 3339).
    public static func text(milliseconds: Int64) -> String {
        let fraction = milliseconds % 1000
        let rest = fraction < 0 ? fraction + 1000 : fraction
        let second = milliseconds / 1000 - (fraction < 0 ? 1 : 0)
        return "\(text(second).dropLast()).\(String(1000 + rest).dropFirst())Z"
    }
}
