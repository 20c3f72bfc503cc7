// Two extensions of a client's hello, as a server reads them before it decides anything. OpenSSL has checked that the message
// is whole; what is in an extension is judged here.

/// What a client asks for.
struct ClientHello: Sendable, Hashable {
    /// The name of the server that it wants (RFC 6066 §3), in small letters and without a dot at the end; nil if it names none,
    /// or nothing that could be one.
    var serverName: String?
    /// The protocols that it offers (RFC 7301 §3.1), in its order.
    var protocols: [[UInt8]] = []

    /// The hello with these two extensions, if it has them.
    init(serverName: [UInt8]?, protocols: [UInt8]?) {
        self.serverName = serverName.flatMap(Self.hostName)
        self.protocols = protocols.flatMap(Self.protocolList) ?? []
    }

    /// The protocol of a certificate authority's challenge (RFC 8737 §3), which is offered alone.
    static let challengeProtocol = Array("acme-tls/1".utf8)

    /// Whether it comes from a certificate authority that checks a name.
    var isChallenge: Bool { protocols == [Self.challengeProtocol] }

    /// The first host name in a list of names: length, then for each type (0), length and bytes.
    private static func hostName(_ bytes: [UInt8]) -> String? {
        guard bytes.count > 5, number(bytes, 0) == bytes.count - 2, bytes[2] == 0 else { return nil }
        let count = number(bytes, 3)
        guard count > 0, count <= bytes.count - 5 else { return nil }
        var name = bytes[5..<5 + count]
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        guard !name.isEmpty, name.count <= 253, name.allSatisfy(isOfName) else { return nil }
        return String(decoding: name, as: UTF8.self).lowercased()
    }

    /// Whether a byte may stand in a host name; `_` occurs though it should not.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// A list of protocols: length, then for each length and bytes.
    private static func protocolList(_ bytes: [UInt8]) -> [[UInt8]]? {
        guard bytes.count >= 2, number(bytes, 0) == bytes.count - 2 else { return nil }
        var rest = bytes[2...]
        var list: [[UInt8]] = []
        while let count = rest.popFirst() {
            guard count > 0, rest.count >= Int(count) else { return nil }
            list.append(Array(rest.prefix(Int(count))))
            rest = rest.dropFirst(Int(count))
        }
        return list
    }

    private static func number(_ bytes: [UInt8], _ index: Int) -> Int { Int(bytes[index]) << 8 | Int(bytes[index + 1]) }
}

/// Protocols as TLS writes them: each behind its length. Nil if one is empty or longer than 255 bytes.
func protocolList(_ protocols: [String]) -> [UInt8]? {
    var bytes: [UInt8] = []
    for name in protocols {
        guard let count = UInt8(exactly: name.utf8.count), count > 0 else { return nil }
        bytes.append(count)
        bytes += Array(name.utf8)
    }
    return bytes
}
