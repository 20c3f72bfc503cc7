// The paths of a service's cookies where its pages may ask for it both beneath the prefix and without (`PrefixRescue`).
// `Path=/` holds for both and stays, which also means that the other agents at this host get the cookie (Docs/Access.md). Any
// other path is two paths in a browser's eyes, so such a cookie is set twice. Without a `Path` a browser takes the request's
// own directory (RFC 6265 §5.1.4): where that is the service's root, `Path=/` says so; of other directories a cookie without a
// path is left to the browser.

import HTTPCodec

enum CookiePaths {
    /// Sets each cookie of `fields` for what its path is beneath `prefix`, and for what it is without. `requestPath`: as the
    /// service saw it.
    static func extend(_ fields: inout HTTPFields, prefix: String, requestPath: ArraySlice<UInt8>) {
        let cookies = fields.all(.setCookie).map { Array($0) }
        fields.removeAll(.setCookie)
        for cookie in cookies {
            for cookie in extended(cookie[...], prefix: prefix, requestPath: requestPath) {
                try? fields.append(.setCookie, bytes: cookie[...])  // of legal values and checked parts
            }
        }
    }

    static func extended(_ cookie: ArraySlice<UInt8>, prefix: String, requestPath: ArraySlice<UInt8>) -> [[UInt8]] {
        var path: ArraySlice<UInt8>?
        let others = SetCookie.changing(cookie) { name, value in
            guard name == "path" else { return .keep }
            path = value  // the last one counts
            return .drop
        }
        let rest = others + Array("; Path=".utf8)
        // One that begins otherwise is as if it were not there.
        guard let path, path.first == slash else {
            return isInRoot(requestPath) ? [rest + [slash]] : [Array(cookie)]
        }
        if path.count == 1 || path.isBeneath(prefix.utf8) { return [Array(cookie)] }
        return [rest + path, rest + Array(prefix.utf8) + path]
    }

    private static func isInRoot(_ path: ArraySlice<UInt8>) -> Bool { !path.dropFirst().contains(slash) }

    private static let slash = UInt8(ascii: "/")
}
