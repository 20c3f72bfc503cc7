// What stands before the gateway's own paths in the visitor's eyes, where a proxy in front takes a prefix off:
// `https://host/tools/web/pi/` comes here as `/web/pi/`. A trusted proxy says so with each request (`X-Forwarded-Prefix`); else
// the path of `publicUrl` is it, for those who asked for that very host.
//
// Addresses that go out have it before them: those of services as those of the gateway's own pages. It must be a path that no
// browser takes for a host, whoever says it: a proxy may pass on what a client sent.

import HTTPCodec

struct OuterPrefix: Sendable, Hashable {
    /// Of `publicUrl`: the host, and the path without a slash at its end.
    private let host: String
    private let path: String

    init(publicURL: String?) {
        let url = publicURL ?? ""
        let authority = GatewayConfiguration.authority(of: url)
        host = authority.lowercased()
        path = Self.validated(String(url[authority.endIndex...])) ?? ""
    }

    /// The prefix that a request with `fields` came with; empty: none. `told` leaves out what the proxy says itself.
    func of(_ fields: HTTPFields, isByTrustedProxy: Bool) -> String {
        if isByTrustedProxy, fields.contains(.xForwardedPrefix) { return Self.told(fields) }
        return untold(fields, isByTrustedProxy: isByTrustedProxy)
    }

    /// The path of `publicUrl`, if the visitor came by that and no proxy says better.
    func untold(_ fields: HTTPFields, isByTrustedProxy: Bool) -> String {
        guard !path.isEmpty, !(isByTrustedProxy && fields.contains(.xForwardedPrefix)) else { return "" }
        let asked = (isByTrustedProxy ? fields[.xForwardedHost] : nil) ?? fields[.host]
        return asked?.lowercased() == host ? path : ""
    }

    /// What a trusted proxy says.
    static func told(_ fields: HTTPFields) -> String { fields[.xForwardedPrefix].flatMap(validated) ?? "" }

    private static func validated(_ text: String) -> String? {
        var path = text[...]
        while path.hasSuffix("/") { path = path.dropLast() }
        guard path.hasPrefix("/"), !path.hasPrefix("//"), path.utf8.count <= 1_024, path.utf8.allSatisfy(isPlain),
            !PathDots.climb(Array(path.utf8)[...])
        else { return nil }
        return String(path)
    }

    /// What needs no quoting in an address, a cookie's path or a page.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "%"):
            true
        default: false
        }
    }
}
