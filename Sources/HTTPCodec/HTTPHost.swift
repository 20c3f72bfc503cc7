// Authorities (RFC 3986 §3.2) and the Host field (RFC 9112 §3.2): which are legal, and how often.
//
// Refused: user information, whitespace, slashes and everything else that a reg-name or an IP literal cannot hold, and a port
// that is not up to five digits. What is inside the brackets of an IP literal is checked for its characters only.

/// Authorities: `uri-host [ ":" port ]`.
enum HTTPHost {
    /// RFC 9112 §3.2: an HTTP/1.1 request has exactly one Host field, an older one at most one, and its value is legal. It may
    /// be empty (RFC 9110 §7.2).
    static func check(_ fields: HTTPFields, minorVersion: Int) throws(HTTPDecodeError) {
        guard let index = fields.index(of: .host, from: 0) else {
            if minorVersion == 0 { return }
            throw .badFraming("no Host field")
        }
        if let second = fields.index(of: .host, from: index + 1) {
            throw .badField(index: second, reason: "a second Host field")
        }
        guard isLegal(fields.value(at: index)) else { throw .badField(index: index, reason: "illegal Host") }
    }

    /// `uri-host [ ":" port ]`, where `uri-host = IP-literal / IPv4address / reg-name` and the reg-name may be empty.
    static func isLegal(_ authority: ArraySlice<UInt8>) -> Bool {
        var index = authority.startIndex
        if authority.first == bracketOpen {
            index += 1
            let start = index
            while index < authority.endIndex, isLiteralCharacter(authority[index]) { index += 1 }
            guard index > start, index < authority.endIndex, authority[index] == bracketClose else { return false }
            index += 1
        } else {
            while index < authority.endIndex, Octet.isHostCharacter(authority[index]) { index += 1 }
        }
        guard index < authority.endIndex else { return true }
        guard authority[index] == Octet.colon, authority.endIndex - index <= 6 else { return false }
        return authority[(index + 1)...].allSatisfy(Octet.isDigit)
    }

    /// Whether an authority ends with ":" and at least one digit.
    static func hasPort(_ authority: ArraySlice<UInt8>) -> Bool {
        guard let colon = authority.lastIndex(of: Octet.colon), colon + 1 < authority.endIndex else { return false }
        return colon > authority.startIndex && authority[(colon + 1)...].allSatisfy(Octet.isDigit)
    }

    /// `IP-literal = "[" ( IPv6address / IPvFuture ) "]"`: the characters only.
    private static func isLiteralCharacter(_ byte: UInt8) -> Bool { byte == Octet.colon || Octet.isHostCharacter(byte) }

    private static let bracketOpen: UInt8 = 0x5b
    private static let bracketClose: UInt8 = 0x5d
}
