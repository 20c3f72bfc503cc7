// Addresses and ranges of them, as settings and `X-Forwarded-For` write them. No names are resolved. An IPv4 address is the
// same whether it is written as such or as IPv6 (RFC 4291 §2.5.5.2), so that no list has to say it twice.
//
// Refuses what two programs may read differently: leading zeros, fewer than four numbers, prefixes that are too long.

import HTTPCodec
import Primitives

/// An IPv4 or IPv6 address, or that of whoever comes by a Unix socket.
public struct NetworkAddress: Sendable, Hashable {
    enum Family: Sendable, Hashable {
        case four, six, local

        var width: Int {
            switch self {
            case .four: 32
            case .six: 128
            case .local: 0
            }
        }
    }

    let family: Family
    let bits: UInt128

    /// A literal address: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`, `fe80::1%2` (the zone does not count), or `unix`.
    public init?(_ text: some StringProtocol) {
        if let four = Self.four(text.utf8) {
            self.init(.four, UInt128(four))
        } else if let six = Self.six(Array(text.utf8.prefix { $0 != UInt8(ascii: "%") })) {
            self.init(six: six)
        } else if text == "unix" {
            self.init(.local, 0)
        } else {
            return nil
        }
    }

    private init(_ family: Family, _ bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    private init(six bits: UInt128) {
        self = bits >> 32 == 0xffff ? NetworkAddress(.four, bits & 0xffff_ffff) : NetworkAddress(.six, bits)
    }

    /// Whom to hold responsible: an IPv4 address, or the /64 that one customer has to itself in IPv6.
    var responsible: NetworkAddress { family == .six ? NetworkAddress(.six, (bits >> 64) << 64) : self }

    /// Who comes by a Unix socket, or without an address that makes sense.
    static let local = NetworkAddress(.local, 0)
    /// Of whom a trusted proxy says what is no address.
    static let unknown = NetworkAddress(.local, 1)

    /// Whether no other machine has it: 127.0.0.0/8, ::1, or a Unix socket.
    var isOfThisMachine: Bool {
        switch family {
        case .local: bits == 0
        case .four: bits >> 24 == 127
        case .six: bits <= 1  // ::1, and the /64 that stands for it
        }
    }

    // MARK: Text

    /// As people write it: dotted, or in the one form that RFC 5952 §4 recommends.
    var text: String {
        switch family {
        case .local: return "unix"
        case .four: return stride(from: 24, through: 0, by: -8).map { "\(bits >> UInt128($0) & 0xff)" }.joined(separator: ".")
        case .six:
            let groups = stride(from: 112, through: 0, by: -16).map { UInt16(truncatingIfNeeded: bits >> UInt128($0)) }
            let texts = groups.map { String($0, radix: 16) }
            guard let gap = Self.longestRunOfZeros(groups) else { return texts.joined(separator: ":") }
            return texts[..<gap.lowerBound].joined(separator: ":") + "::" + texts[gap.upperBound...].joined(separator: ":")
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
                guard let digit = digitValue(byte), digits == 0 || part > 0 else { return nil }
                part = part * 10 + UInt32(digit)
                digits += 1
                guard part <= 255 else { return nil }
            }
        }
        return dots == 3 && digits > 0 ? address << 8 | part : nil
    }

    static func six(_ text: [UInt8]) -> UInt128? {
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

    fileprivate static func digitValue(_ byte: UInt8) -> UInt8? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? byte - UInt8(ascii: "0") : nil
    }
}

/// Addresses with a common beginning: `192.0.2.0/24`, `2001:db8::/32`, or one address.
public struct AddressRange: Sendable, Hashable {
    let family: NetworkAddress.Family
    let bits: UInt128
    /// How many bits at the end do not matter.
    let freeBits: Int

    /// A literal address, or one with the length of its prefix (RFC 4632 §3.1); bits beyond it do not matter.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = NetworkAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address.family, address.bits, freeBits: 0)
            return
        }
        guard let length = Self.length(parts[1]), !first.contains("%"), address.family != .local else { return nil }
        if address.family == .four, let six = NetworkAddress.six(Array(first.utf8)), length <= 128 {
            // Written as IPv6: only what lies within the mapped addresses is about IPv4.
            self = length >= 96 ? .init(.four, address.bits, freeBits: 128 - length) : .init(.six, six, freeBits: 128 - length)
        } else {
            guard length <= address.family.width else { return nil }
            self.init(address.family, address.bits, freeBits: address.family.width - length)
        }
    }

    private init(_ family: NetworkAddress.Family, _ bits: UInt128, freeBits: Int) {
        self.family = family
        self.bits = (bits >> freeBits) << freeBits
        self.freeBits = freeBits
    }

    /// Whether `address` is one of these.
    public func contains(_ address: NetworkAddress) -> Bool {
        family == address.family && (bits ^ address.bits) >> freeBits == 0
    }

    private static func length(_ text: some StringProtocol) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ NetworkAddress.digitValue($0) != nil }),
            text.utf8.count == 1 || text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return Int(text)
    }
}

extension [AddressRange] {
    /// Whether one of the ranges has `address`.
    func contains(_ address: NetworkAddress) -> Bool { contains { $0.contains(address) } }
}
