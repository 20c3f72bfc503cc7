// What a login form sends (`application/x-www-form-urlencoded`), and where it may lead: a path at this very host, never an
// address that a browser would take for another one.

import HTTPCodec

/// The fields of the login and logout forms.
struct LoginForm {
    var token = ""
    /// The agent's id; empty: the gateway itself.
    var scope = ""
    var next = ""

    /// Reads the first of each field; what is not decodable is as if it were not there. Looks at no more than 16 fields.
    init(_ body: [UInt8]) {
        var seen: Set<String> = []
        for pair in body.split(separator: UInt8(ascii: "&"), maxSplits: 16).prefix(16) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), let name = Authorization.formDecoded(pair[..<equals]),
                let value = Authorization.formDecoded(pair[(equals + 1)...]), seen.insert(name).inserted
            else { continue }
            switch name {
            case "token": token = value
            case "scope": scope = value
            case "next": next = value
            default: break
            }
        }
    }
}

/// Where a browser may be sent after a login or a logout.
enum ReturnPath {
    /// `path` if a browser takes it for a path at the same host and it is no login itself; else nil.
    static func validated(_ path: some Collection<UInt8>) -> [UInt8]? {
        let bytes = Array(path)
        guard bytes.first == slash, bytes.count <= 8_192, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        if bytes.count > 1, bytes[1] == slash || bytes[1] == UInt8(ascii: "\\") { return nil }
        let route = OwnRoute.at(bytes.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })?.route
        return route == .login || route == .logout ? nil : bytes
    }

    private static let slash = UInt8(ascii: "/")
}

/// Our own `token` in a query, where people put it who send links.
struct QueryToken {
    /// Its value, percent-decoded.
    let value: String
    /// The query without it; nil if nothing is left.
    let rest: [UInt8]?

    /// The first `token` of `query`: one request is one attempt.
    init?(in query: ArraySlice<UInt8>?) {
        guard let query, let start = Self.start(in: query) else { return nil }
        let end = query[start...].firstIndex(of: UInt8(ascii: "&")) ?? query.endIndex
        guard let value = Authorization.percentDecoded(query[(start + Self.name.count)..<end]) else { return nil }
        self.value = value
        let rest = end < query.endIndex ? query[..<start] + query[(end + 1)...] : query[..<start].dropLast()
        self.rest = rest.isEmpty ? nil : Array(rest)
    }

    private static let name = Array("token=".utf8)

    private static func start(in query: ArraySlice<UInt8>) -> Int? {
        var start = query.startIndex
        while start < query.endIndex {
            if query[start...].starts(with: name) { return start }
            guard let ampersand = query[start...].firstIndex(of: UInt8(ascii: "&")) else { return nil }
            start = ampersand + 1
        }
        return nil
    }
}
