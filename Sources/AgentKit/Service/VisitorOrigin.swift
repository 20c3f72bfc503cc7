// `Origin` and `Referer` on their way to a service that gets another `Host` than the visitor's (RFC 6454 §7, RFC 9110
// §10.1.3).
//
// Services compare both with their own host, to refuse what pages of other sites have a browser send. So what names the
// visitor's own host names the service's, and `Referer` the service's own path; everything else stays as it is, foreign origins
// and `null` above all. Who sent the request is judged by the gateway before, by what the visitor sent.
//
// https and the same host may be the visitor's own even where the gateway was told http: TLS may end at a proxy that it does
// not trust. The other way round it is another site.

import HTTPCodec

/// Where the visitor is, as the gateway tells it: what its own pages' addresses begin with.
struct VisitorOrigin {
    /// `host[:port]`; not empty.
    private let authority: ArraySlice<UInt8>
    /// By `X-Forwarded-Proto`.
    private let isSecure: Bool
    /// What of its paths is not the service's; empty, or begins with a slash and ends without one.
    private let prefix: ArraySlice<UInt8>

    /// Nil if the gateway does not tell. Of a list the first member is the nearest to the visitor.
    init?(_ fields: HTTPFields) {
        guard let host = fields.first(.xForwardedHost) ?? fields.first(.host) else { return nil }
        authority = Self.firstMember(of: host)
        guard !authority.isEmpty else { return nil }
        isSecure = fields.first(.xForwardedProto).map { Self.equal(Self.firstMember(of: $0), "https") } ?? false
        var prefix = fields.first(.xForwardedPrefix) ?? []
        while prefix.last == UInt8(ascii: "/") { prefix = prefix.dropLast() }
        self.prefix = prefix.first == UInt8(ascii: "/") ? prefix : []
    }

    /// What follows the authority of `address`, if that is the visitor's own; nil for everything else.
    func rest(of address: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        for (scheme, port) in isSecure ? [Self.https] : [Self.https, Self.http] {
            guard address.count > scheme.utf8.count, Self.equal(address.prefix(scheme.utf8.count), scheme) else { continue }
            let tail = address.dropFirst(scheme.utf8.count)
            let end = tail.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
            let given = Self.without(port, tail[..<(end ?? tail.endIndex)])
            let own = Self.without(port, authority)
            return given.elementsEqual(own, by: Self.equal) ? tail[(end ?? tail.endIndex)...] : nil
        }
        return nil
    }

    /// What follows the prefix in a path, with the query; nil for a path that is not beneath it. Begins with a slash.
    func beneathPrefix(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard path.starts(with: prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        return rest.first == UInt8(ascii: "/") ? rest : nil
    }

    private static let https = ("https://", ":443")
    private static let http = ("http://", ":80")

    private static func firstMember(of list: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var member = list.prefix { $0 != UInt8(ascii: ",") }
        while let last = member.last, last == 0x20 || last == 0x09 { member = member.dropLast() }
        return member
    }

    private static func without(_ port: String, _ authority: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        authority.suffix(port.utf8.count).elementsEqual(port.utf8) ? authority.dropLast(port.utf8.count) : authority
    }

    private static func equal(_ text: ArraySlice<UInt8>, _ word: String) -> Bool { text.elementsEqual(word.utf8, by: equal) }

    /// Without regard to the case of letters.
    private static func equal(_ left: UInt8, _ right: UInt8) -> Bool { lowercased(left) == lowercased(right) }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension LocalHTTPService {
    /// Has `Origin` and `Referer` name the service, which sees itself at `host`, where they named the visitor's own host.
    /// Changes nothing if the service sees the visitor's host.
    func setOrigins(in fields: inout HTTPFields, host: String) throws(HTTPFieldError) {
        guard hostField != .preserve else { return }
        // A field that is there twice says nothing.
        let origin = fields.count(of: .origin) == 1 ? fields.first(.origin) : nil
        let referer = fields.count(of: .referer) == 1 ? fields.first(.referer) : nil
        guard origin != nil || referer != nil, let visitor = VisitorOrigin(fields) else { return }
        if let origin, let rest = visitor.rest(of: origin), rest.isEmpty { try fields.set(.origin, "\(scheme)\(host)") }
        if let referer, let rest = visitor.rest(of: referer) {
            var address = Array("\(scheme)\(host)".utf8)
            if let own = visitor.beneathPrefix(rest) {
                address.append(contentsOf: target(path: own, query: nil))
            } else {
                address.append(contentsOf: rest)
            }
            fields.removeAll(.referer)
            try fields.append(.referer, bytes: address[...])
        }
    }
}
