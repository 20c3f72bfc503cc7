// What becomes of `Set-Cookie` (RFC 6265 §5.2) on its way to the visitor.
//
//   - Cookies of the gateway's own names are not for services to set.
//   - `Domain` goes: what is left is a cookie of the very host that the visitor asked. A service knows another host than that,
//     and may not speak for the hosts above or beside its own.
//   - `Path=/x` becomes `Path=/web/{id}/x`. Without a path, and with what is none, the browser takes the directory of the
//     address, which is right already.

import HTTPCodec

enum SetCookieRules {
    static func apply(to fields: inout HTTPFields, prefix: String) {
        let cookies = fields.all(.setCookie)
        let changed = cookies.filter { !OwnCookies.isOurs($0) }.map { cookieForVisitor($0, prefix: prefix) }
        guard !changed.elementsEqual(cookies, by: { $0.elementsEqual($1) }) else { return }
        fields.removeAll(.setCookie)
        // What came as a legal field is one again, and a prefix is visible ASCII.
        for cookie in changed { try? fields.append(.setCookie, bytes: cookie[...]) }
    }

    /// The cookie with its attributes as the visitor may have them.
    static func cookieForVisitor(_ cookie: ArraySlice<UInt8>, prefix: String) -> [UInt8] {
        SetCookie.changing(cookie) { name, value in
            switch name {
            case "domain": .drop
            case "path": prefix.isEmpty ? .keep : underPrefix(value, prefix)
            default: .keep
            }
        }
    }

    private static func underPrefix(_ path: ArraySlice<UInt8>, _ prefix: String) -> SetCookie.Change {
        path.first == UInt8(ascii: "/") && !path.isBeneath(prefix.utf8) ? .path(Array(prefix.utf8) + path) : .keep
    }
}
