// Which pages' requests are taken for those of the origin itself.

import HTTPCodec
import Testing

@Suite struct SameOriginTests {
    private func accepts(
        _ origin: String?, site: String? = nil, _ hosts: [String] = ["gw.example:3000"], isSecure: Bool = false
    ) -> Bool {
        var given = HTTPFields()
        do {
            if let origin { try given.append(.origin, origin) }
            if let site { try given.append("Sec-Fetch-Site", site) }
        } catch { Issue.record("\(error)") }
        return SameOrigin.accepts(given, hosts: hosts, isSecure: isSecure)
    }

    @Test func theOriginIsTheRequestsOwn() {
        #expect(accepts("http://gw.example:3000") && accepts("HTTP://GW.example:3000") && accepts("https://gw.example:3000"))
        #expect(accepts("http://gw.example", ["gw.example:80"]) && accepts("http://gw.example:80", ["gw.example"]))
        #expect(accepts("https://gw.example", ["gw.example:443"], isSecure: true))
        #expect(accepts("https://b", ["a", "b"], isSecure: true))
        for origin in [
            "http://gw.example", "http://evil.example", "http://gw.example:3000.evil", "http://evil@gw.example:3000", "null",
            "",
            "http://gw.example:3000/", "ftp://gw.example:3000", "gw.example:3000", "http://a.gw.example:3000",
        ] { #expect(!accepts(origin), "\(origin)") }
        #expect(!accepts("http://gw.example", ["gw.example"], isSecure: true))
        #expect(!accepts("http://gw.example:443", ["gw.example"]) && !accepts("http://", [""]))
    }

    @Test func whoSendsNoOriginIsAskedForTheSite() {
        #expect(accepts(nil) && accepts(nil, site: "same-origin") && accepts(nil, site: "none"))
        #expect(!accepts(nil, site: "cross-site") && !accepts(nil, site: "same-site") && !accepts(nil, site: ""))
        #expect(!accepts("http://evil.example", site: "same-origin"))
    }

    /// A page with `Referrer-Policy: no-referrer` sends its forms with `Origin: null` (Fetch §3.2). So does a page of another
    /// origin in a sandbox, but of that the browser says `cross-site`.
    @Test func anOriginThatIsNotToldIsAskedForTheSite() {
        #expect(accepts("null", site: "same-origin") && accepts("null", site: "same-origin", isSecure: true))
        for site in ["cross-site", "same-site", "none", "", "SAME-ORIGIN", nil] { #expect(!accepts("null", site: site)) }
        #expect(!accepts("NULL", site: "same-origin") && !accepts("null null", site: "same-origin"))
    }

    @Test func onlyWhatHasEffectsIsAsked() throws {
        var upgrade = HTTPFields()
        try upgrade.append("Connection", "Upgrade")
        try upgrade.append("Upgrade", "websocket")
        func mustBeChecked(_ method: String, _ given: HTTPFields = HTTPFields()) -> Bool {
            SameOrigin.mustBeChecked(HTTPRequestHead(method: method, target: "/", fields: given))
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "get", "X"] { #expect(mustBeChecked(method)) }
        for method in ["GET", "HEAD", "OPTIONS"] {
            #expect(!mustBeChecked(method))
            #expect(mustBeChecked(method, upgrade))
        }
    }
}
