// Whether a request comes from a page of the origin that it goes to (RFC 6454). Browsers add cookies to whatever any page has
// them send, and reach addresses that only their machine can reach; so requests with effects must come from a page of this
// origin. `SameSite=Lax` keeps most of the others away, and this the rest.

/// Tells requests of the origin's own pages, and of programs that are no browsers, from those of other sites.
public enum SameOrigin {
    /// Whether another site could have made a browser send this request, with effects: unsafe methods and upgrades. Then
    /// `accepts` must hold.
    public static func mustBeChecked(_ head: HTTPRequestHead) -> Bool {
        switch head.method {
        case "GET", "HEAD", "OPTIONS": head.asksForUpgrade
        default: true
        }
    }

    /// Whether the page that sent a request with these fields is at one of `hosts`, each written as in `Host`. A request with
    /// neither `Origin` nor `Sec-Fetch-Site` comes from no browser. A page that does not say where it is
    /// (`Referrer-Policy: no-referrer`) sends `null`, and then the browser must say that the page is at the request's own
    /// origin. Without `isSecure` an https page may send the request too: TLS may end at a proxy that is not known here.
    public static func accepts(_ fields: HTTPFields, hosts: [String], isSecure: Bool) -> Bool {
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
