// Seconds and milliseconds since 1970 as text in UTC.

import Primitives
import Testing

@Suite struct UTCTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (86_399, "1970-01-01T23:59:59Z"),
            (86_400, "1970-01-02T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"), (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"), (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_740_787_199, "2025-02-28T23:59:59Z"),
            (1_740_787_200, "2025-03-01T00:00:00Z"), (1_775_798_482, "2026-04-10T05:21:22Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
            (-2_203_891_200, "1900-03-01T00:00:00Z"),
        ] as [(Int64, String)]) func timesAreWrittenInUTC(seconds: Int64, text: String)
    {
        #expect(UTCTime.text(seconds) == text)
    }

    @Test func timesBeyondAllReasonDoNotTrap() {
        for seconds in [Int64.max, .min, .max - 86_400, .min + 86_400] { #expect(!UTCTime.text(seconds).isEmpty) }
        #expect(!UTCTime.text(milliseconds: .min).isEmpty)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (1_775_798_482_045, "2026-04-10T05:21:22.045Z"),
        ]
            as [(Int64, String)])
    func timesMayHaveMilliseconds(milliseconds: Int64, text: String) {
        #expect(UTCTime.text(milliseconds: milliseconds) == text)
    }
}
