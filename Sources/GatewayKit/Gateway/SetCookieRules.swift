// What becomes of `Set-Cookie` (RFC 6265 §5.2) on its way to the visitor, read as browsers read it: names of attributes without regard
// to case, blanks around names and values skipped, and where one is there twice the last counts, so that each is looked at.
//
//   - Cookies of the gateway's own names are not for services to set.
//   - `Domain` goes: what is left is a cookie of the very host that the visitor asked. A service knows another host than that, and
//     may not speak for the hosts above or beside its own.
//   - `Path=/x` becomes `Path=/web/{id}/x`. Without a path, and with what is none, the browser takes the directory of the address,
//     which is right already.

import HTTPCodec

enum SetCookieRules {
    static func apply(to fields: inout HTTPFields, prefix: String) {
        let cookies = fields.all(.setCookie)
        var hasChanged = false
        let changed: [[UInt8]?] = cookies.map { cookie in
            let new = OwnCookies.isOurs(cookie) ? nil : cookieForVisitor(cookie, prefix: prefix)
            if new.map({ !$0.elementsEqual(cookie) }) ?? true { hasChanged = true }
            return new
        }
        guard hasChanged else { return }
        fields.removeAll(.setCookie)
        // What came as a legal field is one again, and a prefix is visible ASCII.
        for case let cookie? in changed { try? fields.append(.setCookie, bytes: cookie[...]) }
    }

    /// The cookie with its attributes as the visitor may have them.
    static func cookieForVisitor(_ cookie: ArraySlice<UInt8>, prefix: String) -> [UInt8] {
        var parts = cookie.split(separator: semicolon, omittingEmptySubsequences: false)
        guard parts.count > 1 else { return Array(cookie) }
        var kept: [ArraySlice<UInt8>] = [parts.removeFirst()]
        for part in parts {
            let (name, value) = attribute(part)
            if equals(name, "domain") { continue }
            if !prefix.isEmpty, equals(name, "path"), let path = underPrefix(value, prefix) {
                kept.append((Array(" Path=".utf8) + path)[...])
            } else {
                kept.append(part)
            }
        }
        return Array(kept.joined(separator: [semicolon]))
    }

    /// The path beneath the prefix; nil if it is none, or beneath it already.
    private static func underPrefix(_ path: ArraySlice<UInt8>, _ prefix: String) -> [UInt8]? {
        let isOutside = !path.elementsEqual(prefix.utf8) && !path.starts(with: "\(prefix)/".utf8)
        return path.first == UInt8(ascii: "/") && isOutside ? Array(prefix.utf8) + path : nil
    }

    private static func attribute(_ part: ArraySlice<UInt8>) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return (trimmed(part), []) }
        return (trimmed(part[..<equals]), trimmed(part[(equals + 1)...]))
    }

    private static func equals(_ name: ArraySlice<UInt8>, _ word: String) -> Bool {
        name.elementsEqual(word.utf8) { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 == $1 : $0 == $1 }
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }

    private static let semicolon = UInt8(ascii: ";")
}
