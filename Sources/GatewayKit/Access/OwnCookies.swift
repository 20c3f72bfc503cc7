// Our cookies among others. A visitor's browser sends them to whatever is at this host, so they are taken out before a service
// gets the request: whoever holds one could pass for the visitor. Nor may a service set them. All that are named as ours count,
// whatever they open; others pass byte for byte.

import HTTPCodec

enum OwnCookies {
    static let name = "miagent"
    static let hostPrefix = "__Host-"

    /// Of several cookies with one name, such as a script of a service may add under another path, no more are tried.
    private static let maximumTried = 4

    /// The values of the cookies with that name.
    static func values(named name: String, in fields: HTTPFields) -> [ArraySlice<UInt8>] {
        var values: [ArraySlice<UInt8>] = []
        for field in fields.all(.cookie) {
            for pair in field.split(separator: UInt8(ascii: ";")) {
                guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), trimmed(pair[..<equals]).elementsEqual(name.utf8)
                else { continue }
                values.append(trimmed(pair[(equals + 1)...]))
                if values.count == maximumTried { return values }
            }
        }
        return values
    }

    /// Takes ours out of what goes to a service.
    static func remove(from fields: inout HTTPFields) {
        let holdsOurs = { (cookie: ArraySlice<UInt8>) in
            mayHoldOurs(cookie) && cookie.split(separator: semicolon).contains(where: isOurs)
        }
        guard fields.anyValue(of: .cookie, where: holdsOurs) else { return }
        let cookies = fields.all(.cookie)
        fields.removeAll(.cookie)
        for cookie in cookies {
            let others = cookie.split(separator: semicolon).filter { !isOurs($0) }
            let rest = trimmed(Array(others.joined(separator: [semicolon]))[...])
            if !rest.isEmpty { try? fields.append(.cookie, bytes: rest) }
        }
    }

    /// Whether the cookie-pair, or the whole `Set-Cookie`, is named as ours. One without a name is sent back as its value
    /// alone, which may then look like a name and a value of ours.
    static func isOurs(_ cookie: ArraySlice<UInt8>) -> Bool {
        var pair = trimmed(cookie.prefix { $0 != semicolon })
        while pair.first == UInt8(ascii: "=") { pair = trimmed(pair.dropFirst()) }
        var given = trimmed(pair.prefix { $0 != UInt8(ascii: "=") })
        if given.starts(with: hostPrefix.utf8) { given = given.dropFirst(hostPrefix.utf8.count) }
        guard given.starts(with: name.utf8) else { return false }
        let rest = given.dropFirst(name.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: ".")
    }

    /// Whether our name stands in it at all: mostly it does not, and nothing has to be taken apart.
    private static func mayHoldOurs(_ cookie: ArraySlice<UInt8>) -> Bool {
        var rest = cookie
        while let start = rest.firstIndex(of: UInt8(ascii: "m")) {
            if rest[start...].starts(with: name.utf8) { return true }
            rest = rest[(start + 1)...]
        }
        return false
    }

    private static let semicolon = UInt8(ascii: ";")

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }
}
