// Literal addresses in all their spellings, and the one that is written.

import Primitives
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
        ("::1", "::1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"), ("::ffff:192.0.2.1", "::ffff:c000:201"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1::", "1::"),
    ]) func addressesAreReadAndWritten(_ text: String, _ written: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.text == written)
        #expect(IPAddress(written) == address && IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.", ".1.2.3", "1.2.3.4 ", ":", ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1%eth0", "[::1]", "1.2.3.4::", "::1.2.3", "unix",
    ]) func whatIsNoneIsRefused(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test func bytesOfOtherCountsAreNone() {
        for count in 0...20 where count != 4 && count != 16 {
            #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
    }

    @Test func theNameOfTheReverseLookupIsThatOfTheRFCs() {
        #expect(IPAddress("192.0.2.5")?.reverseName == "5.2.0.192.in-addr.arpa")
        #expect(
            IPAddress("4321:0:1:2:3:4:567:89ab")?.reverseName
                == "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa")
    }
}

@Suite struct UTCTimeParsingTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-03-01T00:00:00Z", 1_772_323_200), ("2026-03-01t00:00:00z", 1_772_323_200),
        ("2026-03-01T01:30:00+01:30", 1_772_323_200), ("2026-02-28T22:00:00.999-02:00", 1_772_323_200),
        ("2016-12-31T23:59:60Z", 1_483_228_800), ("0000-01-01T00:00:00Z", -62_167_219_200),
    ]) func timesAreRead(_ text: String, _ seconds: Int64) { #expect(UTCTime.unixSeconds(of: text) == seconds) }

    @Test(arguments: [
        "", "2026-03-01", "2026-03-01T00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-01T24:00:00Z",
        "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00+1:00", "2026-03-01T00:00:00+24:00", "2026-03-01T00:00:00Zz",
        "2026-03-01T00:00:00\u{e4}", "2026/03/01T00:00:00Z", "-026-03-01T00:00:00Z", "2026-03-01T00:00:00ZZZZZZ",
        "2026-03-01T00:00:00." + String(repeating: "9", count: 60) + "Z",
    ]) func othersAreNone(_ text: String) { #expect(UTCTime.unixSeconds(of: text) == nil) }

    @Test func whatIsWrittenIsReadBack() {
        for seconds in stride(from: -10_000_000_000, through: 200_000_000_000, by: 7_777_777_777) as StrideThrough<Int64> {
            let text = UTCTime.text(seconds)
            guard text.utf8.count == 20 else { continue }
            #expect(UTCTime.unixSeconds(of: text) == seconds)
        }
    }
}
