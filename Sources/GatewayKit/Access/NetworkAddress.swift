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
        let zone = text.firstIndex(of: "%")
        switch IPAddress(text[..<(zone ?? text.endIndex)]) {
        case .four(let bits):
            guard zone == nil else { return nil }
            self.init(.four, UInt128(bits))
        case .six(let bits): self.init(six: bits)
        case nil:
            guard text == "unix" else { return nil }
            self.init(.local, 0)
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

    /// As people write it: dotted, or in the one form that RFC 5952 §4 recommends.
    var text: String {
        switch family {
        case .local: "unix"
        case .four: IPAddress.four(UInt32(truncatingIfNeeded: bits)).text
        case .six: IPAddress.six(bits).text
        }
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
        if address.family == .four, case .six(let six) = IPAddress(first), length <= 128 {
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
