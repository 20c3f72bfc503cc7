// The calendar: known days, and every day of some eras there and back.

import Primitives
import Testing

@Suite struct CivilDateTests {
    @Test(
        arguments: [
            (0, 1970, 1, 1), (-1, 1969, 12, 31), (10_956, 1999, 12, 31), (11_016, 2000, 2, 29), (11_017, 2000, 3, 1),
            (47_540, 2100, 2, 28), (47_541, 2100, 3, 1), (2_932_896, 9999, 12, 31), (-719_162, 1, 1, 1),
            (-719_528, 0, 1, 1), (-719_529, -1, 12, 31),
        ] as [(Int64, Int64, Int64, Int64)])
    func daysAreDates(days: Int64, year: Int64, month: Int64, day: Int64) throws {
        let date = CivilDate(daysSince1970: days)
        #expect((date.year, date.month, date.day) == (year, month, day))
        #expect(try #require(CivilDate(year: year, month: month, day: day)).daysSince1970 == days)
    }

    @Test func eachDayFollowsTheOneBefore() {
        var before = CivilDate(daysSince1970: -300_001)
        var wrong: [CivilDate] = []
        for days in stride(from: Int64(-300_000), through: 300_000, by: 1) {
            let date = CivilDate(daysSince1970: days)
            let isNextDay = date.day == before.day + 1 && date.month == before.month && date.year == before.year
            let isNextMonth = date.day == 1 && (28...31).contains(before.day) && date.month == before.month + 1
            let isNextYear = date.day == 1 && before.day == 31 && date.month == 1 && date.year == before.year + 1
            if !(isNextDay || isNextMonth || isNextYear) || date.daysSince1970 != days { wrong.append(date) }
            before = date
        }
        #expect(wrong.isEmpty)
    }

    @Test(
        arguments: [
            (2023, 2, 29), (1900, 2, 29), (2024, 2, 30), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (2024, 1, 0),
            (2024, 1, 32), (.max, 1, 1), (.min, 1, 1),
        ] as [(Int64, Int64, Int64)])
    func daysThatDoNotExistAreNoDates(year: Int64, month: Int64, day: Int64) {
        #expect(CivilDate(year: year, month: month, day: day) == nil)
    }

    @Test(
        arguments: [
            (0, 1970, 0, 0, 0), (-1, 1969, 23, 59, 59), (86_399, 1970, 23, 59, 59), (1_775_798_482, 2026, 5, 21, 22),
        ] as [(Int64, Int64, Int64, Int64, Int64)])
    func secondsAreTimes(seconds: Int64, year: Int64, hour: Int64, minute: Int64, second: Int64) {
        let time = CivilTime(unixSeconds: seconds)
        #expect((time.date.year, time.hour, time.minute, time.second) == (year, hour, minute, second))
    }

    @Test func noNumberTraps() {
        for number in [Int64.min, .min + 1, .max - 1, .max] {
            _ = CivilDate(daysSince1970: number)
            _ = CivilTime(unixSeconds: number)
        }
    }
}
