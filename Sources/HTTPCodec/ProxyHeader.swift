// Whose a connection is, sent by a proxy before its first byte: the PROXY protocol, versions 1 (a line) and 2 (binary),
// as HAProxy specifies it (proxy-protocol.txt). It comes once, before anything else.
//
// Refuses: what is neither, at the first byte that shows it; a line of more than 107 bytes; ports and addresses that are none;
// addresses of datagrams, and a binary header of more than 4 KiB. Addresses beside the source, and extensions (TLV), are not
// looked at.

import Primitives

/// Whose a connection is, as a proxy says it.
public enum ProxyHeader: Sendable, Hashable {
    /// The proxy's own, such as a health check, or of an unknown source.
    case local
    /// Of a client on the proxy's machine, at a Unix socket.
    case unix
    /// Of the client with this address: in version 1 as the proxy wrote it, in version 2 made of its bytes. Whether it is one,
    /// and of that family, is the caller's to check.
    case address(String, isVersion6: Bool)
}

/// Why a connection does not begin as it has to.
public struct ProxyHeaderError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence without an end.
    public let description: String

    /// An error with this text.
    public init(_ description: String) { self.description = description }
}

/// Reads one header, however it is cut.
public struct ProxyHeaderDecoder: Sendable {
    /// The longest line of version 1, its end counted.
    static let maximumLine = 107
    /// The longest header of version 2.
    static let maximumBytes = 4_096

    private var bytes: [UInt8] = []
    private var length = 0

    /// A decoder that has seen nothing.
    public init() {}

    /// Takes what came; the header, once it is whole. What follows it is in `rest`.
    public mutating func receive(_ more: ArraySlice<UInt8>) throws(ProxyHeaderError) -> ProxyHeader? {
        bytes.append(contentsOf: more)
        if Self.agrees(bytes, Self.binary) { return try binaryHeader() }
        guard Self.agrees(bytes, Self.text) else { throw ProxyHeaderError("it begins with no PROXY header") }
        return try textHeader()
    }

    /// What came after the header.
    public var rest: ArraySlice<UInt8> { bytes[min(length, bytes.count)...] }

    private static let binary: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    private static let text = Array("PROXY ".utf8)

    /// Whether the bytes are the beginning of `signature`, or begin with it.
    private static func agrees(_ bytes: [UInt8], _ signature: [UInt8]) -> Bool {
        zip(bytes, signature).allSatisfy { $0 == $1 }
    }

    // MARK: Version 1

    private mutating func textHeader() throws(ProxyHeaderError) -> ProxyHeader? {
        guard let end = bytes.prefix(Self.maximumLine).firstIndex(of: 0x0a) else {
            if bytes.count < Self.maximumLine { return nil }
            throw ProxyHeaderError("its PROXY line is longer than \(Self.maximumLine) bytes")
        }
        guard bytes[end - 1] == 0x0d else { throw ProxyHeaderError("its PROXY line does not end with CR LF") }
        length = end + 1
        let parts = bytes[Self.text.count..<(end - 1)].split(separator: 0x20, omittingEmptySubsequences: false)
        let family = parts.first.map { Array($0) } ?? []
        if family == Array("UNKNOWN".utf8) { return .local }
        let isVersion6 = family == Array("TCP6".utf8)
        guard isVersion6 || family == Array("TCP4".utf8) else { throw ProxyHeaderError("its PROXY line is of no known family") }
        guard parts.count == 5, Self.isAddress(parts[1]), Self.isAddress(parts[2]), Self.isPort(parts[3]), Self.isPort(parts[4])
        else {
            throw ProxyHeaderError("its PROXY line does not hold two addresses and two ports")
        }
        return .address(String(decoding: parts[1], as: UTF8.self), isVersion6: isVersion6)
    }

    private static func isAddress(_ text: ArraySlice<UInt8>) -> Bool {
        (2...45).contains(text.count)
            && text.allSatisfy { HexDigit.value($0) != nil || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
    }

    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        let isNumber = (1...5).contains(text.count) && text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber && UInt16(String(decoding: text, as: UTF8.self)) != nil
    }

    // MARK: Version 2

    private mutating func binaryHeader() throws(ProxyHeaderError) -> ProxyHeader? {
        guard bytes.count > Self.binary.count else { return nil }
        let command = bytes[12]
        guard command == 0x20 || command == 0x21 else {
            throw ProxyHeaderError("its PROXY header is of no known version or command")
        }
        guard bytes.count >= 16 else { return nil }
        let count = Int(bytes[14]) << 8 | Int(bytes[15])
        length = 16 + count
        guard length <= Self.maximumBytes else {
            throw ProxyHeaderError("its PROXY header is longer than \(Self.maximumBytes) bytes")
        }
        guard bytes.count >= length else { return nil }
        return command == 0x20 ? .local : try source(bytes[13], bytes[16..<length])
    }

    private func source(_ family: UInt8, _ addresses: ArraySlice<UInt8>) throws(ProxyHeaderError) -> ProxyHeader {
        let needed: Int? =
            switch family {
            case 0x00: 0
            case 0x11: 12
            case 0x21: 36
            case 0x31: 216
            default: nil
            }
        guard let needed else { throw ProxyHeaderError("its PROXY header is of no known family") }
        guard addresses.count >= needed else { throw ProxyHeaderError("its PROXY header is too short for its addresses") }
        switch family {
        case 0x11: return .address(addresses.prefix(4).map { "\($0)" }.joined(separator: "."), isVersion6: false)
        case 0x21: return .address(Self.version6(addresses.prefix(16)), isVersion6: true)
        case 0x31: return .unix
        default: return .local
        }
    }

    private static func version6(_ bytes: ArraySlice<UInt8>) -> String {
        stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2)
            .map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
    }
}
