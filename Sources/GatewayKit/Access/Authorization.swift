// Who may do what: bearer tokens (RFC 6750 §2.1), or the same as the password of Basic (RFC 7617) for programs that know
// nothing else, compared so that the time taken says nothing about where two differ.

import HTTPCodec
import RPCCore

enum Authorization {
    /// The token in `Authorization: Bearer …`, if there is one.
    static func bearerToken(_ fields: HTTPFields) -> String? {
        guard let value = fields[.authorization], value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else {
            return nil
        }
        return String(value.dropFirst(7).drop { $0 == " " })
    }

    /// The token that a visitor presents in `Authorization`: as a bearer, or, unless a browser sends it, as the password of
    /// Basic beside any user name. A browser has a form to log in by, and what it sends as Basic, unasked and wherever a page
    /// leads it, is the service's.
    static func visitorToken(_ head: HTTPRequestHead) -> String? {
        bearerToken(head.fields) ?? (isSentByBrowser(head.fields) ? nil : basicPassword(head.fields))
    }

    /// The password in `Authorization: Basic …`, if there is one.
    static func basicPassword(_ fields: HTTPFields) -> String? {
        guard let value = fields.first(.authorization), value.count > 6,
            value.prefix(6).elementsEqual("basic ".utf8, by: { $0 | 0x20 == $1 })
        else { return nil }
        var pair: [UInt8] = []
        guard (try? Base64.decode(value.dropFirst(6).drop { $0 == 0x20 }, into: &pair)) != nil,
            let colon = pair.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return String(validating: pair[(colon + 1)...], as: UTF8.self)
    }

    /// Whether a browser sends it, and not a program: all call themselves Mozilla, and most say where a request comes from.
    static func isSentByBrowser(_ fields: HTTPFields) -> Bool {
        if fields.contains(.secFetchSite) { return true }
        return fields.first(.userAgent)?.starts(with: "Mozilla/".utf8) ?? false
    }

    /// By what means whoever sent `request` may try again (`WWW-Authenticate`). Basic is for programs that would not send it
    /// unasked, as git does not, and never for a browser, which would ask for a password in a window of its own instead of
    /// showing our form. A client of the container registry protocol makes more of a bearer than we mean. An agent knows what
    /// it needs.
    static func challenges(to request: VisitorRequest?) -> [String] {
        guard let request, !request.head.isByBrowser, !isSentByBrowser(request.head.fields), let path = request.target?.path,
            !path.elementsEqual("/agent".utf8)
        else { return [bearerChallenge] }
        return path.starts(with: "/v2/".utf8) ? [basicChallenge] : [bearerChallenge, basicChallenge]
    }

    private static let bearerChallenge = "Bearer realm=\"miagent\""
    private static let basicChallenge = "Basic realm=\"miagent\", charset=\"UTF-8\""

    /// Whether `presented` is one of `accepted`. All are compared, each in time that depends on lengths alone.
    static func accepts(_ presented: String, among accepted: [String]) -> Bool {
        var found = false
        for token in accepted {
            let isEqual = equalInConstantTime(Array(presented.utf8), Array(token.utf8))
            found = found || isEqual
        }
        return found
    }

    static func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard !right.isEmpty else { return false }
        var difference = left.count ^ right.count
        for index in left.indices {
            difference |= Int(left[index] ^ right[index % right.count])
        }
        return difference == 0
    }

    /// The value of `name` in a query, percent-decoded; nil if absent or not decodable. In tokens and ids a plus is a plus, in
    /// what a form sent it is a space.
    static func queryValue(_ name: String, in query: ArraySlice<UInt8>?, isForm: Bool = false) -> String? {
        guard let query else { return nil }
        for pair in query.split(separator: UInt8(ascii: "&")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), pair[..<equals].elementsEqual(name.utf8) else {
                continue
            }
            let value = pair[(equals + 1)...]
            return isForm ? formDecoded(value) : percentDecoded(value)
        }
        return nil
    }

    static func percentDecoded(_ text: ArraySlice<UInt8>) -> String? {
        PercentEncoding.decoded(text).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The same of what a form sent, where a plus is a space.
    static func formDecoded(_ text: ArraySlice<UInt8>) -> String? {
        PercentEncoding.decoded(text, isForm: true).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
