// The proleptic Gregorian calendar in UTC, computed: days since 1970 to a date and back. No clock is read.
//
// Years are counted from 1 March, so that the leap day is the last of its year and the months have the lengths of the line
// (153 m + 2) / 5; an era of 400 years has 146,097 days.

/// A day of the proleptic Gregorian calendar.
public struct CivilDate: Sendable, Hashable {
    /// The year; 0 is the year before 1.
    public let year: Int64
    /// 1 to 12.
    public let month: Int64
    /// 1 to 31.
    public let day: Int64

    /// The date of a day counted from 1970-01-01. Days beyond 2^50 either way count as that.
    public init(daysSince1970: Int64) {
        let shifted = min(max(daysSince1970, -Self.mostDays), Self.mostDays) + Self.daysBefore1970
        let (era, dayOfEra) = shifted.flooredQuotientAndRemainder(dividingBy: Self.daysOfEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// The date with these numbers; nil if the calendar has no such day, or the year is beyond a million.
    public init?(year: Int64, month: Int64, day: Int64) {
        guard (-1_000_000...1_000_000).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        self.year = year
        self.month = month
        self.day = day
        // A day that the month does not have comes back as one of the next month.
        guard CivilDate(daysSince1970: daysSince1970) == self else { return nil }
    }

    /// Days since 1970-01-01; negative before it.
    public var daysSince1970: Int64 {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).flooredQuotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * Self.daysOfEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - Self.daysBefore1970
    }

    /// From 0000-03-01 to 1970-01-01.
    private static let daysBefore1970: Int64 = 719_468
    private static let daysOfEra: Int64 = 146_097
    private static let mostDays: Int64 = 1 << 50
}

/// A second in UTC.
public struct CivilTime: Sendable, Hashable {
    /// The day.
    public let date: CivilDate
    /// 0 to 23.
    public let hour: Int64
    /// 0 to 59.
    public let minute: Int64
    /// 0 to 59; a Unix time knows no leap seconds.
    public let second: Int64

    /// The second of a Unix time.
    public init(unixSeconds: Int64) {
        let (days, second) = unixSeconds.flooredQuotientAndRemainder(dividingBy: 86_400)
        date = CivilDate(daysSince1970: days)
        hour = second / 3600
        minute = second / 60 % 60
        self.second = second % 60
    }
}

extension Int64 {
    /// Division that rounds down, so that the remainder is never negative. `divisor` is positive.
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
