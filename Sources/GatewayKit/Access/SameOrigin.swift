// Whether a request that a cookie authorises was sent by a page of ours. Browsers add the cookie to whatever any page has them send;
// `SameSite=Lax` keeps most of that away, and this the rest: unsafe methods and upgrades must come from the origin that they go to.

import HTTPCodec

enum SameOrigin {
    /// Whether another site could have made a browser send this, with effects: then `accepts` must hold.
    static func mustBeChecked(_ head: HTTPRequestHead) -> Bool {
        switch head.method {
        case "GET", "HEAD", "OPTIONS": head.asksForUpgrade
        default: true
        }
    }

    /// Whether the page that sent it is at one of `hosts`, as `Host` has them. Who sends neither `Origin` nor `Sec-Fetch-Site` is no
    /// browser. A page that tells nobody where it is (`Referrer-Policy: no-referrer`) says `null`, and then the browser must say that
    /// the page is at the request's own origin. Without `isSecure` an https page may send it too: TLS may end at a proxy that we know nothing of.
    static func accepts(_ fields: HTTPFields, hosts: [String], isSecure: Bool) -> Bool {
        let origins = fields.all(.origin)
        guard let origin = origins.first else {
            guard let site = fields["sec-fetch-site"] else { return true }
            return site == "same-origin" || site == "none"
        }
        guard origins.count == 1 else { return false }
        if origin.elementsEqual("null".utf8) { return fields["sec-fetch-site"] == "same-origin" }
        let text = String(decoding: origin, as: UTF8.self).lowercased()
        for (scheme, port) in isSecure ? [https] : [https, http] where text.hasPrefix(scheme) {
            let authority = withoutPort(text.dropFirst(scheme.count), port)
            return !authority.isEmpty && hosts.contains { withoutPort($0.lowercased()[...], port) == authority }
        }
        return false
    }

    private static let https = ("https://", ":443")
    private static let http = ("http://", ":80")

    private static func withoutPort(_ authority: Substring, _ port: String) -> Substring {
        authority.hasSuffix(port) ? authority.dropLast(port.count) : authority
    }
}
