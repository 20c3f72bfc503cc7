// What stands before the gateway's own paths in the visitor's eyes, where a proxy in front takes a prefix off: `https://host/tools/web/pi/`
// comes here as `/web/pi/`. A trusted proxy says so with each request (`X-Forwarded-Prefix`); else the path of `publicUrl` is it, for
// those who asked for that very host.
//
// Addresses that go out have it before them: those of services as those of the gateway's own pages. It must be a path that no browser
// takes for a host, whoever says it: a proxy may pass on what a client sent.

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

extension OwnAnswer {
    /// Puts the prefix before the addresses of the gateway's own that are in it: where it leads to, and links, forms and `data-api` of a page.
    mutating func bring(under outer: String) {
        guard !outer.isEmpty else { return }
        if let location = fields[.location], location.hasPrefix("/"), location != outer, !location.hasPrefix(outer + "/") {
            try? fields.set(.location, outer + location)
        }
        guard fields[.contentType]?.hasPrefix("text/html") == true else { return }
        var page: [UInt8] = []
        page.reserveCapacity(body.count + 512)
        var rest = body[...]
        while let quote = rest.firstIndex(of: UInt8(ascii: "\"")) {
            let isAddress = Self.addressAttributes.contains { rest[..<quote].suffix($0.count).elementsEqual($0) }
            page += rest[...quote]
            rest = rest[(quote + 1)...]
            if isAddress, rest.first == UInt8(ascii: "/"), rest.dropFirst().first != UInt8(ascii: "/") { page += outer.utf8 }
        }
        body = page + rest
    }

    private static let addressAttributes = ["href=", "action=", "data-api="].map { Array($0.utf8) }
}

extension Gateway {
    /// Has the gateway's own addresses in `page` be those that the visitor sees.
    func bring(_ page: inout OwnAnswer, underPrefixOf peer: String, _ head: HTTPRequestHead) {
        let isTrusted = Provenance.isTrusted(peer, among: configuration.trustedProxies)
        page.bring(under: visits.outerPrefix.of(head.fields, isByTrustedProxy: isTrusted))
    }
}
