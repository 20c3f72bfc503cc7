// Times as other programs write them (RFC 3339), read back to seconds since 1970. No clock is read.

extension UTCTime {
    /// The second of `2026-04-10T05:21:22Z`, `2026-04-10t07:21:22.045+02:00` and the like; nil for anything else. A fraction is
    /// cut off, and a leap second counts as the second after it.
    public static func unixSeconds(of text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        let marks = [4: "-", 7: "-", 10: "T", 13: ":", 16: ":"] as [Int: Unicode.Scalar]
        guard (20...48).contains(bytes.count), marks.allSatisfy({ uppercase(bytes[$0]) == $1.value }) else { return nil }
        guard let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let date = CivilDate(year: year, month: month, day: day),
            let clock = secondOfDay(bytes[11..<13], bytes[14..<16], bytes[17..<19]),
            let offset = offset(bytes[19...])
        else { return nil }
        return date.daysSince1970 * 86_400 + clock - offset
    }

    /// The second of a day that `hour`, `minute` and `second`, two digits each, stand for.
    public static func secondOfDay(
        _ hour: ArraySlice<UInt8>, _ minute: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>
    ) -> Int64? {
        guard let hour = number(hour), let minute = number(minute), let second = number(second) else { return nil }
        return hour < 24 && minute < 60 && second <= 60 ? hour * 3600 + minute * 60 + second : nil
    }

    /// What digits alone stand for, at most nine of them; nil if there is anything else, or nothing.
    public static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard (1...9).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// Seconds east of Greenwich that the end of a time says, after a fraction.
    private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
        var rest = text
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix(while: isDigit)
            guard !digits.isEmpty else { return nil }
            rest = rest[digits.endIndex...]
        }
        let start = rest.startIndex
        if rest.count == 1 { return uppercase(rest[start]) == UInt32(UInt8(ascii: "Z")) ? 0 : nil }
        guard rest.count == 6, rest[start + 3] == UInt8(ascii: ":"),
            let hour = number(rest[start + 1..<start + 3]), let minute = number(rest[start + 4..<start + 6]),
            hour < 24, minute < 60
        else { return nil }
        let seconds = hour * 3600 + minute * 60
        return rest[start] == UInt8(ascii: "+") ? seconds : rest[start] == UInt8(ascii: "-") ? -seconds : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func uppercase(_ byte: UInt8) -> UInt32 {
        UInt32((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte & 0xdf : byte)
    }
}
