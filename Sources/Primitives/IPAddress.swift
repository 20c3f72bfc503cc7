// Literal IP addresses: read from text, written in the one form that RFC 5952 §4 recommends, and as a name to look up
// backwards. No names are resolved.
//
// Refuses what two programs may read differently: leading zeros, fewer than four numbers. A zone is no part of an address here.

/// An IPv4 or IPv6 address. An IPv4 address stays what it is written as: `::ffff:192.0.2.1` is an IPv6 address.
public enum IPAddress: Sendable, Hashable {
    /// 32 bits, the first number of the dotted text at the top.
    case four(UInt32)
    /// 128 bits, the first group of the text at the top.
    case six(UInt128)

    /// A literal address: `192.0.2.1` or `2001:db8::1`, IPv6 without brackets.
    public init?(_ text: some StringProtocol) {
        if let four = Self.four(text.utf8) {
            self = .four(four)
        } else if let six = Self.six(Array(text.utf8)) {
            self = .six(six)
        } else {
            return nil
        }
    }

    /// The address of 4 or 16 bytes in network order; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .four(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16: self = .six(bytes.reduce(0) { $0 << 8 | UInt128($1) })
        default: return nil
        }
    }

    /// The 4 or 16 bytes in network order.
    public var bytes: [UInt8] {
        switch self {
        case .four(let bits): (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(24 - 8 * $0)) }
        case .six(let bits): (0..<16).map { UInt8(truncatingIfNeeded: bits >> UInt128(120 - 8 * $0)) }
        }
    }

    /// As people write it: dotted, or as RFC 5952 §4 has it.
    public var text: String {
        switch self {
        case .four: return bytes.map { "\($0)" }.joined(separator: ".")
        case .six(let bits):
            let groups = stride(from: 112, through: 0, by: -16).map { UInt16(truncatingIfNeeded: bits >> UInt128($0)) }
            let texts = groups.map { String($0, radix: 16) }
            guard let gap = Self.longestRunOfZeros(groups) else { return texts.joined(separator: ":") }
            return texts[..<gap.lowerBound].joined(separator: ":") + "::" + texts[gap.upperBound...].joined(separator: ":")
        }
    }

    /// The name under which the DNS has what it knows of the address (RFC 1035 §3.5, RFC 3596 §2.5): `1.2.0.192.in-addr.arpa`.
    public var reverseName: String {
        switch self {
        case .four: return bytes.reversed().map { "\($0)." }.joined() + "in-addr.arpa"
        case .six:
            let digits = bytes.reversed().flatMap { [$0 & 0xf, $0 >> 4] }
            return digits.map { String($0, radix: 16) + "." }.joined() + "ip6.arpa"
        }
    }

    /// Of equally long ones the first; one zero alone is none.
    private static func longestRunOfZeros(_ groups: [UInt16]) -> Range<Int>? {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 { start = index + 1 } else if index + 1 - start > longest.count { longest = start..<index + 1 }
        }
        return longest.count > 1 ? longest : nil
    }

    private static func four(_ text: some Sequence<UInt8>) -> UInt32? {
        var (address, part, digits, dots) = (UInt32(0), UInt32(0), 0, 0)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                address = address << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
            } else {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits == 0 || part > 0 else { return nil }
                part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                guard part <= 255 else { return nil }
            }
        }
        return dots == 3 && digits > 0 ? address << 8 | part : nil
    }

    private static func six(_ text: [UInt8]) -> UInt128? {
        guard (2...45).contains(text.count) else { return nil }
        let colon = UInt8(ascii: ":")
        let gap = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
        guard let head = groups(text[..<(gap ?? text.endIndex)], isEnd: gap == nil),
            let tail = gap.map({ groups(text[($0 + 2)...], isEnd: true) }) ?? []
        else { return nil }
        let missing = 8 - head.count - tail.count
        guard gap == nil ? missing == 0 : missing > 0 else { return nil }
        let all = head + Array(repeating: 0, count: missing) + tail
        return all.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    /// The 16-bit groups between colons; the last two of an address may be written as IPv4.
    private static func groups(_ text: ArraySlice<UInt8>, isEnd: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        var result: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 8, omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, let four = four(part) {
                result += [UInt16(four >> 16), UInt16(four & 0xffff)]
            } else {
                let isHex = part.allSatisfy { HexDigit.value($0) != nil }
                guard (1...4).contains(part.count), isHex else { return nil }
                result.append(part.reduce(0) { $0 << 4 | UInt16(HexDigit.value($1) ?? 0) })
            }
        }
        return result.count <= 8 ? result : nil
    }
}
