// What changes about fields on their way through, and that nothing else does.

import HTTPCodec
import Testing

@testable import GatewayKit

@Suite struct HeaderRulesTests {
    private func toVisitor(_ fields: HTTPFields, prefix: String, host: String?) -> HTTPFields {
        let (fields, dropped) = HeaderRules.toVisitor(fields, prefix: prefix, host: host)
        return fields.without(dropped)
    }

    private func toService(
        _ fields: HTTPFields, peer: String = "203.0.113.9", trusted: Bool = false, prefix: String = "/web/a", own: Bool = false
    ) -> HTTPFields {
        var all = HTTPFields()
        do { try all.append(.host, "gw.example") } catch { Issue.record("\(error)") }
        for field in fields { do { try all.append(field) } catch { Issue.record("\(error)") } }
        let context = VisitorContext(
            peer: peer, isTrustedProxy: trusted, prefix: prefix, grant: Grant(removesAuthorization: own))
        return HeaderRules.toService(HTTPRequestHead(method: "GET", target: "/", fields: all), context).whole
    }

    /// The fields that are not set by the gateway.
    private func others(_ fields: HTTPFields) -> [String] {
        fields.filter { !$0.nameString.lowercased().hasPrefix("x-forwarded-") }.map { "\($0.nameString): \($0.valueString)" }
    }

    @Test func hopByHopFieldsGoWithThoseThatConnectionNames() {
        let result = toService(
            fields(
                ("Connection", "close, X-Secret , x-other"), ("Keep-Alive", "5"), ("Proxy-Connection", "x"), ("TE", "trailers"),
                ("Trailer", "x"), ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("Proxy-Authorization", "x"),
                ("x-secret", "1"), ("X-Other", "2"), ("Expect", "100-continue"), ("Accept", "*/*"), ("x-kept", "3")))
        #expect(others(result) == ["Accept: */*", "x-kept: 3"])
    }

    @Test func connectionCannotTakeFramingOrCredentialsAway() {
        let result = toService(
            fields(
                ("Connection", "content-length, authorization, cookie"), ("Content-Length", "5"), ("Authorization", "Basic x"),
                ("Cookie", "a=b")))
        #expect(others(result) == ["Content-Length: 5", "Authorization: Basic x", "Cookie: a=b"])
    }

    @Test func aLongConnectionFieldCostsNoMoreThanReadingIt() {
        var many = HTTPFields()
        let tokens = (0..<8_000).map { "t\($0)" }.joined(separator: ",")
        do {
            try many.append(.connection, tokens)
            for index in 0..<95 { try many.append(HTTPFieldName("x-\(index)"), "1") }
        } catch { Issue.record("\(error)") }
        let clock = ContinuousClock()
        let time = clock.measure { #expect(others(toService(many)).count == 95) }
        #expect(time < .seconds(1))
    }

    @Test func whereTheVisitorIsFromIsSetAfresh() {
        let forged = fields(
            ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
            ("x-forwarded-prefix", "/p"),
            ("X-Forwarded-Port", "1"), ("X-Forwarded-Server", "s"), ("X-FORWARDED-SSL", "on"), ("Forwarded", "for=1.2.3.4"))
        let result = toService(forged)
        #expect(
            result.map(\.nameString).sorted() == [
                "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Proto",
            ])
        #expect(result["x-forwarded-for"] == "203.0.113.9")
        #expect(result["x-forwarded-proto"] == "http")
        #expect(result["x-forwarded-host"] == "gw.example")
        #expect(result["x-forwarded-prefix"] == "/web/a")
    }

    @Test func aTrustedProxyIsBelievedAndAddedTo() {
        let given = fields(
            ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "5.6.7.8"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "public.example"), ("X-Forwarded-Prefix", "/p"), ("X-Forwarded-Port", "443"))
        let result = toService(given, peer: "127.0.0.1", trusted: true)
        #expect(result.all(.xForwardedFor).count == 1)
        #expect(result["x-forwarded-for"] == "1.2.3.4, 5.6.7.8, 127.0.0.1")
        #expect(result["x-forwarded-proto"] == "https")
        #expect(result["x-forwarded-host"] == "public.example")
        #expect(result["x-forwarded-prefix"] == "/p/web/a")
        #expect(result["x-forwarded-port"] == "443")
    }

    @Test func theHostIsTheAgentsToSetAndTheOwnTokenIsNobodysElse() {
        let given = fields(("Authorization", "Bearer t"))
        #expect(others(toService(given)) == ["Authorization: Bearer t"])
        #expect(others(toService(given, own: true)).isEmpty)
        #expect(!toService(given).contains(.host))
    }

    @Test func everythingElsePassesByteForByte() throws {
        var given = HTTPFields()
        try given.append(name: latin1("X-Odd")[...], value: latin1("a\u{e9}\u{ff} \"b\"")[...])
        try given.append(name: latin1("cookie")[...], value: latin1("a=1; b=2")[...])
        try given.append(name: latin1("cookie")[...], value: latin1("c=3")[...])
        #expect(others(toService(given)) == ["X-Odd: a\u{e9}\u{ff} \"b\"", "cookie: a=1; b=2", "cookie: c=3"])
        #expect(toVisitor(given, prefix: "/web/a", host: "gw") == given)
    }

    // MARK: To the visitor

    @Test func aResponseLosesHopByHopFieldsAndForgedMarks() {
        let result = toVisitor(
            fields(
                ("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "1"), ("Transfer-Encoding", "chunked"),
                ("X-Miagent-Error", "agent-offline"), ("x-miagent-error", "unauthorized"), ("Server", "s")),
            prefix: "/web/a", host: nil)
        #expect(result.map(\.nameString) == ["Server"])
    }

    @Test(arguments: [
        ("/x", "/web/a/x"), ("/", "/web/a/"), ("/web/a/x", "/web/a/x"), ("/web/a", "/web/a"), ("/web/ab", "/web/a/web/ab"),
        ("http://localhost:4173/x?y#z", "/web/a/x?y#z"), ("http://127.0.0.1/x", "/web/a/x"), ("HTTP://LOCALHOST", "/web/a/"),
        ("http://[::1]:80?q", "/web/a/?q"), ("https://gw.example/x", "/web/a/x"), ("http://GW.example/web/a/x", "/web/a/x"),
        ("http://localhost:4173//evil.example/", "/web/a//evil.example/"),
        ("x/y", "x/y"), ("?q", "?q"), ("", ""), ("//evil.example/x", "//evil.example/x"),
        ("https://other.example/x", "https://other.example/x"),
        ("http://localhost.evil/x", "http://localhost.evil/x"), ("http://localhost@evil/x", "http://localhost@evil/x"),
        ("mailto:a@b", "mailto:a@b"), ("/\u{e9}", "/web/a/\u{e9}"),
    ]) func locationsAreBroughtUnderThePrefix(location: String, expected: String) {
        #expect(HeaderRules.locationForVisitor(location, prefix: "/web/a", host: "gw.example") == expected)
    }

    @Test(arguments: [
        ("http://localhost:4173/x", "/x"), ("/x", "/x"), ("http://a.gw.example/x", "/x"),
        ("https://other/x", "https://other/x"),
        ("http://localhost:4173//evil.example/x", "http://localhost:4173//evil.example/x"),
        ("http://localhost:4173/\\evil.example/x", "http://localhost:4173/\\evil.example/x"),
    ]) func withoutAPrefixALocationStaysAPathAndNeverLeadsElsewhere(location: String, expected: String) {
        #expect(HeaderRules.locationForVisitor(location, prefix: "", host: "a.gw.example") == expected)
    }

    @Test func anEmptyLocationIsLeftAlone() {
        let given = fields(("Location", ""))
        #expect(toVisitor(given, prefix: "/web/a", host: nil).contains(.location) == false)
    }

    @Test(arguments: [
        ("a=b", "a=b"), ("a=b; Path=/", "a=b; Path=/web/a/"), ("a=b;path=/x;Secure", "a=b; Path=/web/a/x;Secure"),
        ("a=b; PATH=/web/a/x; HttpOnly", "a=b; PATH=/web/a/x; HttpOnly"), ("a=b; Path=/web/ab", "a=b; Path=/web/a/web/ab"),
        ("a=b; Path=x", "a=b; Path=x"), ("a=b; Path=", "a=b; Path="), ("path=/x; Path=/y", "path=/x; Path=/web/a/y"),
        ("a=b; Path =/", "a=b; Path=/web/a/"), ("a=b;\tPath\t=\t/x\t", "a=b; Path=/web/a/x"),
        ("a=b;  pAtH=/", "a=b; Path=/web/a/"),
        ("a=b; Path=/web/a; Path=/", "a=b; Path=/web/a; Path=/web/a/"), ("a=b; Path=/; Path=x", "a=b; Path=/web/a/; Path=x"),
        ("a=b; Path", "a=b; Path"), ("a=b; Domain=gw.example; Secure", "a=b; Secure"), ("a=b;\tdomain =.example", "a=b"),
        ("a=b; Domain=localhost; Path=/; Domain=x", "a=b; Path=/web/a/"), ("domain=x; Path=/", "domain=x; Path=/web/a/"),
        ("a=b; Path=/\u{e9}\u{ff}", "a=b; Path=/web/a/\u{e9}\u{ff}"), ("a=b; xPath=/", "a=b; xPath=/"), ("a=b;", "a=b;"),
    ]) func cookiePathsAreBroughtUnderThePrefix(cookie: String, expected: String) {
        #expect(SetCookieRules.cookieForVisitor(latin1(cookie)[...], prefix: "/web/a") == latin1(expected))
    }

    @Test func byHostNameCookiesAreOfThatHostAlone() {
        let given = fields(("Set-Cookie", "a=1; Domain=sub.example; Path=/"), ("Set-Cookie", "b=2; Path=/x"))
        let result = toVisitor(given, prefix: "", host: "pi.sub.example")
        #expect(result.all(.setCookie).map { Array($0) } == [latin1("a=1; Path=/"), latin1("b=2; Path=/x")])
    }

    @Test func noServiceSpeaksForTheWholeOriginUnderAPrefix() {
        let names = [
            "Clear-Site-Data", "Strict-Transport-Security", "Public-Key-Pins", "Public-Key-Pins-Report-Only", "Expect-CT",
            "NEL",
            "Report-To", "Reporting-Endpoints", "Accept-CH", "Accept-CH-Lifetime", "Critical-CH", "Origin-Agent-Cluster",
            "Use-As-Dictionary", "Set-Login", "Sec-Session-Registration", "Secure-Session-Registration",
            "Service-Worker-Allowed",
        ]
        var given = HTTPFields()
        for name in names + ["Alt-Svc", "Set-Cookie2", "Server", "X-Frame-Options"] {
            do { try given.append(HTTPFieldName(name.lowercased()), "1") } catch { Issue.record("\(error)") }
        }
        #expect(toVisitor(given, prefix: "/web/a", host: nil).map(\.nameString) == ["server", "x-frame-options"])
        // A host name is the agent's alone.
        #expect(toVisitor(given, prefix: "", host: nil).count == names.count + 2)
        #expect(HeaderRules.trailersToVisitor(given).map(\.nameString) == ["server", "x-frame-options"])
    }

    @Test func whatProxiesSayIsNotForUntrustedClientsToSay() {
        let names = [
            "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Fastly-Client-IP", "X-Cluster-Client-IP",
            "Client-IP",
            "X-Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "Remote-User", "X-WebAuth-User", "X-Scheme",
        ]
        var given = HTTPFields()
        for name in names + ["Proxy", "HTTP2-Settings", "X-Kept"] {
            do { try given.append(HTTPFieldName(name.lowercased()), "1") } catch { Issue.record("\(error)") }
        }
        #expect(others(toService(given)) == ["x-kept: 1"])
        #expect(others(toService(given, peer: "127.0.0.1", trusted: true)).count == names.count + 1)
        #expect(HeaderRules.trailersToService(given).map(\.nameString) == ["x-kept"])
    }

    @Test(arguments: [false, true])
    func aNameSpeltWithUnderscoresIsTheSameName(trusted: Bool) {
        var given = HTTPFields()
        for name in [
            "X_Forwarded_For", "x-forwarded_proto", "X_FORWARDED-ANYTHING", "X_Real_IP", "x_request_id", "Content_Length",
            "Transfer_Encoding", "True-Client_IP", "X_Miagent_Error", "Proxy_Connection", "HTTP2_Settings", "my_field", "_",
            "X_Forwarder", "a-b",
        ] {
            do { try given.append(HTTPFieldName(name), "1") } catch { Issue.record("\(error)") }
        }
        let expected = ["my_field", "_", "X_Forwarder", "a-b"]
        let result = toService(given, peer: "127.0.0.1", trusted: trusted)
        #expect(result.map(\.nameString).filter { !$0.hasPrefix("X-Forwarded-") } == expected)
        #expect(HeaderRules.trailersToService(given).map(\.nameString) == expected)
    }

    @Test func severalCookiesStaySeveral() {
        let given = fields(("Set-Cookie", "a=1; Path=/"), ("x", "y"), ("set-cookie", "b=2"))
        let result = toVisitor(given, prefix: "/web/a", host: nil)
        #expect(result.all(.setCookie).map { Array($0) } == [latin1("a=1; Path=/web/a/"), latin1("b=2")])
        #expect(toVisitor(given, prefix: "", host: nil) == given)
    }
}
