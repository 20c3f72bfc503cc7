// A base path or a route shows a part of a service, and no spelling of a path leads out of it.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ConfinementTests {
    private static let app = LocalService.http(LocalHTTPService(port: 1, basePath: "/app"))
    private static let plain = LocalService.http(LocalHTTPService(port: 1))

    private func expectRefused(
        _ path: String, _ service: LocalService, version: TunnelVersion = .v2, upgrade: String? = nil
    ) throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: service), version: version)
        let stream = try fixture.request(
            gateway, "GET", path, upgrade: upgrade, body: upgrade == nil ? nil : "", isWhole: upgrade == nil)
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.noWebService.rawValue, "\(path)")
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [
        "/../admin", "/%2e%2e/admin", "/.%2E/admin", "/x/../../admin", "/..;/admin", "/..%2fadmin", "/..\\admin",
        "/%252e%252e/admin",
        "/x//../../admin", "/x#/../..", "/..",
    ])
    func noSpellingLeavesABasePath(path: String) throws {
        for version in [TunnelVersion.v1, .v2] { try expectRefused(path, Self.app, version: version) }
        try expectRefused(path, Self.app, upgrade: "websocket")
        try expectRefused(path, .http(LocalHTTPService(port: 1, basePath: "/app/")))
    }

    @Test(arguments: ["/api/../admin", "/api/%2e%2e/admin", "/api/x/../../admin", "/api/..%2f", "/api/..;/admin"])
    func noSpellingLeavesARoute(path: String) throws {
        for service in [Self.plain, Self.app, .handler, .streamingHandler] {
            try expectRefused(path, .routes([RouteToService("/api", to: service), RouteToService("/", to: Self.plain)]))
        }
    }

    @Test(
        arguments: [
            (app, "/x/../y", "/app/x/../y"), (app, "/.well-known/a%2e", "/app/.well-known/a%2e"), (plain, "/../x", "/../x"),
            (.http(LocalHTTPService(port: 1, basePath: "//")), "/../x", "//../x"),
            (.routes([RouteToService("/api", to: plain), RouteToService("/", to: plain)]), "/x/../api/y", "/x/../api/y"),
            (.routes([RouteToService("/api", to: app)]), "/api/a/../b", "/app/api/a/../b"),
        ] as [(LocalService, String, String)])
    func whatStaysInsidePasses(service: LocalService, path: String, target: String) throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: service))
        try fixture.request(gateway, "GET", path)
        #expect(fixture.readText(try fixture.accept()).hasPrefix("GET \(target) HTTP/1.1\r\n"))
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }
}
