// A service with a base path or a host of its own: the addresses in its responses, and those in its requests.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct AddressTests {
    private static let visitor = [
        ("x-forwarded-host", "gw.example"), ("x-forwarded-proto", "http"), ("x-forwarded-prefix", "/web/pi"),
    ]
    private static let app = LocalHTTPService(port: 4173, basePath: "/app/")

    private func answered(
        _ lines: String, by service: LocalHTTPService, version: TunnelVersion = .v2
    ) throws -> HTTPFields {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(service)), version: version)
        let stream = try fixture.request(gateway, "GET", "/", fields: Self.visitor)
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\n\(lines)\r\nContent-Length: 0\r\n\r\n")
        let fields = try #require(fixture.response(gateway, stream).head).fields
        fixture.expectNothingLeft()
        return fields
    }

    @Test(arguments: [
        ("/app/login", "/login"), ("/app", "/"), ("/app?x", "/?x"), ("/app/", "/"), ("/apps/x", "/apps/x"), ("/x", "/x"),
        ("x", "x"),
        ("http://localhost:4173/app/login?a#b", "/login?a#b"), ("http://LOCALHOST:4173", "/"),
        ("//localhost:4173/app/x", "//localhost:4173/app/x"),
        ("http://localhost:4173/app//evil.example/", "http://localhost//evil.example/"),
        ("/app//evil.example", "//evil.example"),
        ("http://other.example/app/x", "http://other.example/app/x"), ("/web/pi/app/x", "/web/pi/x"),
        ("/web/pi/x", "/web/pi/x"),
    ])
    func aBasePathIsNotTheVisitors(location: String, expected: String) throws {
        for version in [TunnelVersion.v1, .v2] {
            let result = try answered("Location: \(location)", by: Self.app, version: version)[.location]
            // Two slashes would lead to another host.
            #expect(result == (expected.hasPrefix("//evil") ? "http://localhost" + expected : expected))
        }
    }

    @Test(arguments: [
        ("Content-Location: /app/x", "Content-Location", "/x"), ("Refresh: 0; url=/app/x", "Refresh", "0; url=/x"),
        ("Link: </app/x>; rel=next, </y>", "Link", "</x>; rel=next, </y>"), ("SourceMap: /app/x.map", "SourceMap", "/x.map"),
        ("Set-Cookie: a=b; Path=/app", "Set-Cookie", "a=b; Path=/"),
        ("Set-Cookie: a=b;\tPATH =/app/x; Secure", "Set-Cookie", "a=b; Path=/x; Secure"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie", "a=b; Path=/"),
        ("Set-Cookie: a=b; Path=/web/pi/app/", "Set-Cookie", "a=b; Path=/web/pi/"),
    ])
    func allAddressesAreAKind(line: String, name: String, expected: String) throws {
        #expect(try answered(line, by: Self.app)[HTTPFieldName(name)] == expected)
    }

    @Test func aHostOfTheSettingsIsTheServicesOwn() throws {
        let service = LocalHTTPService(port: 4173, hostField: .text("dev.local"))
        #expect(try answered("Location: https://dev.local/x", by: service)[.location] == "/x")
        let kept = LocalHTTPService(port: 4173, basePath: "/app", hostField: .preserve)
        #expect(try answered("Location: http://gw.example/app/x", by: kept)[.location] == "/x")
        #expect(try answered("Location: http://gw.example/web/pi/app/x", by: kept)[.location] == "/web/pi/x")
    }

    @Test func interimResponsesSayTheSame() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(Self.app)))
        let stream = try fixture.request(gateway, "GET", "/", fields: Self.visitor)
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 103 Early Hints\r\nLink: </app/x>; rel=preload\r\n\r\n")
        #expect(fixture.response(gateway, stream).interim.first?.fields[.link] == "</x>; rel=preload")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        fixture.expectNothingLeft()
    }

    // MARK: Requests

    private func asked(_ fields: [(String, String)], of service: LocalHTTPService) throws -> String? {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(service)))
        let stream = try fixture.request(gateway, "MOVE", "/a", fields: fields + Self.visitor)
        defer { fixture.expectNothingLeft() }
        guard !fixture.dials.isEmpty else {
            #expect(fixture.response(gateway, stream).failure != nil)
            return nil
        }
        let text = fixture.readText(try fixture.accept())
        fixture.send(.stop)
        return text
    }

    @Test(arguments: [
        ("http://gw.example/web/pi/b", "http://localhost:4173/b", "http://localhost:4173/app/b"), ("/web/pi/b", "/b", "/app/b"),
        ("http://gw.example/web/other/b", "http://gw.example/web/other/b", "http://gw.example/web/other/b"),
        ("http://evil.example/web/pi/b", "http://evil.example/web/pi/b", "http://evil.example/web/pi/b"),
    ])
    func aDestinationIsTheServices(destination: String, plain: String, based: String) throws {
        let sent = [("destination", destination), ("if", "<\(destination)> (<urn:uuid:1>)")]
        for (service, expected) in [(LocalHTTPService(port: 4173), plain), (Self.app, based)] {
            let text = try #require(try asked(sent, of: service))
            #expect(text.lowercased().contains("\r\ndestination: \(expected)\r\n"))
            #expect(text.lowercased().contains("\r\nif: <\(expected)> (<urn:uuid:1>)\r\n"))
        }
    }

    @Test(arguments: ["/web/pi/../admin", "http://gw.example/web/pi/%2e%2e/admin"])
    func noDestinationLeadsOutOfABasePath(destination: String) throws {
        #expect(try asked([("destination", destination)], of: Self.app) == nil)
    }
}
