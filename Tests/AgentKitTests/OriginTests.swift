// `Origin` and `Referer` follow `Host`: what named the visitor's own host names the service's, and nothing else does.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct OriginTests {
    /// What the gateway says of a visitor at `gw.example:3000` beneath `/web/pi`.
    private static let visitor = [
        ("x-forwarded-host", "gw.example:3000"), ("x-forwarded-proto", "http"), ("x-forwarded-prefix", "/web/pi"),
    ]

    /// The fields that a service got of a request with `fields`.
    private func received(
        _ fields: [(String, String)], service: LocalHTTPService = LocalHTTPService(port: 4173), version: TunnelVersion = .v2,
        method: String = "GET", upgrade: String? = nil, body: String? = nil
    ) throws -> HTTPFields {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(service)), version: version)
        try fixture.request(
            gateway, method, "/x", fields: fields, upgrade: upgrade, body: upgrade == nil ? body : "", isWhole: upgrade == nil)
        let connection = try fixture.accept()
        var decoder = HTTPRequestDecoder()
        decoder.receive(fixture.read(connection)[...])
        guard case .head(let head, _) = try decoder.next() else { throw Missing(what: "a request") }
        fixture.send(.stop)
        fixture.expectNothingLeft()
        return head.fields
    }

    @Test(arguments: [TunnelVersion.v1, .v2])
    func theVisitorsOwnHostBecomesTheServices(version: TunnelVersion) throws {
        let sent = [("origin", "http://gw.example:3000"), ("referer", "http://gw.example:3000/web/pi/a/b?c=d")] + Self.visitor
        let fields = try received(sent, version: version, method: "POST", body: "a=b")
        #expect(fields.all(.origin).map { String(decoding: $0, as: UTF8.self) } == ["http://localhost:4173"])
        #expect(fields.all(.referer).map { String(decoding: $0, as: UTF8.self) } == ["http://localhost:4173/a/b?c=d"])
        #expect(fields[.host] == "localhost:4173")
    }

    @Test func anUpgradeIsToldTheSame() throws {
        let fields = try received([("origin", "http://gw.example:3000")] + Self.visitor, upgrade: "websocket")
        #expect(fields[.origin] == "http://localhost:4173")
    }

    @Test(arguments: [
        "null", "http://evil.example", "http://gw.example", "http://gw.example:3001", "http://gw.example:3000.evil.example",
        "http://gw.example:3000@evil.example", "http://evil.example/gw.example:3000", "http://gw.example:3000\\@evil.example",
        "ftp://gw.example:3000", "gw.example:3000", "http://", "http://gw.example:3000 http://evil.example",
        "chrome-extension://gw.example:3000", "http://localhost:4173", "http://gw.example:3000/",
    ])
    func aForeignOriginStaysForeign(origin: String) throws {
        let fields = try received([("origin", origin)] + Self.visitor)
        #expect(fields[.origin] == origin)
    }

    @Test func anOriginThatIsThereTwiceIsLeftAlone() throws {
        let fields = try received([("origin", "http://gw.example:3000"), ("origin", "http://evil.example")] + Self.visitor)
        #expect(fields.all(.origin).count == 2)
        #expect(fields[.origin] == "http://gw.example:3000")
    }

    @Test(arguments: [
        // Behind TLS that the gateway knows of, http is another site; where it does not know, https may be this one.
        ("https", "gw.example", "https://gw.example", true), ("https", "gw.example", "http://gw.example", false),
        ("http", "gw.example", "https://gw.example", true), ("http", "gw.example:80", "http://gw.example", true),
        ("https", "gw.example:443", "https://gw.example", true), ("https", "gw.example", "https://gw.example:443", true),
        ("https", "GW.Example", "https://gw.EXAMPLE", true), ("HTTPS, http", "gw.example, inner", "https://gw.example", true),
        ("https, http", "gw.example", "http://gw.example", false), ("http", "gw.example:443", "http://gw.example", false),
        ("http", "[2001:db8::1]:3000", "http://[2001:db8::1]:3000", true),
        ("http", "pi.sub.example", "http://sub.example", false),
    ])
    func schemesPortsAndCaseAreThoseOfOrigins(proto: String, host: String, origin: String, isOwn: Bool) throws {
        let fields = try received([("origin", origin), ("x-forwarded-host", host), ("x-forwarded-proto", proto)])
        #expect(fields[.origin] == (isOwn ? "http://localhost:4173" : origin))
    }

    @Test(arguments: [
        ("http://gw.example:3000/web/pi/", "http://localhost:4173/"), ("http://gw.example:3000/", "http://localhost:4173/"),
        ("http://gw.example:3000", "http://localhost:4173"),
        ("http://gw.example:3000/x?/web/pi/", "http://localhost:4173/x?/web/pi/"),
        ("http://gw.example:3000/web/pi2/x", "http://localhost:4173/web/pi2/x"),
        ("http://gw.example:3000/web/pi//x", "http://localhost:4173//x"),
        ("http://evil.example/web/pi/x", "http://evil.example/web/pi/x"), ("/web/pi/x", "/web/pi/x"),
        ("about:blank", "about:blank"),
    ])
    func aRefererNamesTheServicesOwnPath(referer: String, expected: String) throws {
        #expect(try received([("referer", referer)] + Self.visitor)[.referer] == expected)
    }

    @Test func byHostNameAndBeneathABasePathTheSameHolds() throws {
        let byHost = [
            ("x-forwarded-host", "pi.sub.example"), ("x-forwarded-proto", "https"), ("origin", "https://pi.sub.example"),
            ("referer", "https://pi.sub.example/a"),
        ]
        var fields = try received(byHost)
        #expect(fields[.origin] == "http://localhost:4173")
        #expect(fields[.referer] == "http://localhost:4173/a")
        let service = LocalHTTPService(port: 4173, basePath: "/app/")
        fields = try received(byHost, service: service)
        #expect(fields[.referer] == "http://localhost:4173/app/a")
        fields = try received([("referer", "http://gw.example:3000/web/pi/a?b")] + Self.visitor, service: service)
        #expect(fields[.referer] == "http://localhost:4173/app/a?b")
    }

    @Test func aProxysOwnPrefixIsNotTheServicesEither() throws {
        let fields = try received([
            ("x-forwarded-host", "gw.example"), ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/tools/web/pi"),
            ("referer", "https://gw.example/tools/web/pi/a"),
        ])
        #expect(fields[.referer] == "http://localhost:4173/a")
    }

    @Test func aHostOfTheSettingsIsTheOriginToo() throws {
        let sent = [("origin", "http://gw.example:3000"), ("referer", "http://gw.example:3000/web/pi/a")] + Self.visitor
        let text = try received(sent, service: LocalHTTPService(port: 4173, hostField: .text("dev.local")))
        #expect(text[.origin] == "http://dev.local")
        #expect(text[.referer] == "http://dev.local/a")
        let kept = try received(sent, service: LocalHTTPService(port: 4173, hostField: .preserve))
        #expect(kept[.origin] == "http://gw.example:3000")
        #expect(kept[.referer] == "http://gw.example:3000/web/pi/a")
    }

    @Test func withoutAHostOfTheVisitorNothingChanges() throws {
        for fields in [[], [("x-forwarded-host", "")]] as [[(String, String)]] {
            #expect(try received([("origin", "http://gw.example")] + fields)[.origin] == "http://gw.example")
        }
    }
}
