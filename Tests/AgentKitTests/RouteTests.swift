// Several services behind one agent: which of them gets a request, and that their connections and failures stay apart.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct RouteTests {
    private let site = LocalService.routes([
        RouteToService("/", to: .folder(StaticFolder(path: "/srv"))),
        RouteToService("/api/", to: .http(LocalHTTPService(port: 4000))),
        RouteToService("/api/v2", to: .http(LocalHTTPService(endpoint: .unix(path: "/run/v2.sock"), basePath: "/base"))),
        RouteToService("/own", to: .handler),
        RouteToService("/off", to: .none),
    ])

    @Test(arguments: [
        ("/", 0), ("/x", 0), ("/apis", 0), ("/api", 1), ("/api/", 1), ("/api/v1", 1), ("/api/v20", 1), ("/api/v2", 2),
        ("/api/v2/x", 2), ("/API", 0), ("/%61pi", 0), ("/own", 3), ("//own", 0), ("/off/x", 4),
    ])
    func theLongestPrefixWins(path: String, place: Int) {
        #expect(ServiceTable(site).place(for: Array(path.utf8)[...]) == place)
    }

    @Test func oneServiceHasEveryPath() {
        let table = ServiceTable(.handler)
        for path in ["/", "/x", "*", ""] { #expect(table.place(for: Array(path.utf8)[...]) == 0) }
        #expect(table[0] == .handler)
        #expect(table[1] == .none && table[-1] == .none)
    }

    @Test func eachServiceGetsItsRequestsWithTheWholePath() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: site))
        let first = try fixture.request(gateway, "GET", "/api/a")
        #expect(fixture.dials.map(\.endpoint) == [.tcp(host: "localhost", port: 4000)])
        let api = try fixture.accept()
        #expect(fixture.readText(api).hasPrefix("GET /api/a HTTP/1.1\r\nHost: localhost:4000\r\n"))
        try fixture.request(gateway, "GET", "/api/v2/b")
        #expect(fixture.dials.map(\.endpoint) == [.unix(path: "/run/v2.sock")])
        let socket = try fixture.accept()
        #expect(fixture.readText(socket).hasPrefix("GET /base/api/v2/b HTTP/1.1\r\nHost: localhost\r\n"))
        try fixture.request(gateway, "GET", "/own")
        #expect(fixture.calls.map(\.1.path) == ["/own"])
        try fixture.request(gateway, "GET", "/a.html")
        guard case .open(_, let head) = fixture.streaming.first else { throw Missing(what: "open") }
        #expect(head.folder == StaticFolder(path: "/srv"))
        let off = try fixture.request(gateway, "GET", "/off")
        #expect(fixture.response(gateway, off).failure?.code == TunnelFailure.noWebService.rawValue)
        fixture.reply(api, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.response(gateway, first).text == "ok")
        fixture.peerCloses(gateway)
        fixture.expectNothingLeft()
    }

    @Test func aPathWithoutARouteIsNotServed() throws {
        let service = LocalService.routes([RouteToService("/api", to: .handler)])
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: service))
        let stream = try fixture.request(gateway, "GET", "/")
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.noWebService.rawValue)
        fixture.expectNothingLeft()
    }

    @Test func idleConnectionsAreUsedForTheirOwnServiceOnly() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: site))
        try fixture.request(gateway, "GET", "/api/")
        let api = try fixture.accept()
        fixture.reply(api, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(fixture.agent.counters.pooledConnections == 1)
        try fixture.request(gateway, "GET", "/api/v2")
        #expect(fixture.dials.count == 1)
        let socket = try fixture.accept()
        fixture.reply(socket, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(fixture.agent.counters.pooledConnections == 2)
        _ = (fixture.read(api), fixture.read(socket))
        try fixture.request(gateway, "GET", "/api/again")
        #expect(fixture.dials.isEmpty)
        #expect(fixture.readText(api).hasPrefix("GET /api/again"))
        fixture.reply(api, "HTTP/1.1 204 No Content\r\n\r\n")
        fixture.expectNothingLeft()
    }

    @Test func aServiceThatIsDownIsSaidOnceForEach() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: site))
        for path in ["/api", "/api", "/api/v2"] {
            try fixture.request(gateway, "GET", path)
            try fixture.refuseDial()
        }
        let lines = fixture.logs.filter { $0.event == "service.unreachable" }
        #expect(lines.map(\.level) == [.warning, .debug, .warning])
        fixture.expectNothingLeft()
    }

    @Test func routesThatMakeNoSenseKeepTheAgentFromStarting() {
        let wrong: [[RouteToService]] = [
            [], [RouteToService("api", to: .handler)], [RouteToService("/", to: .routes([]))],
            [RouteToService("/a", to: .handler), RouteToService("/a/", to: .none)],
        ]
        for routes in wrong {
            var fixture = AgentFixture(.sample(service: .routes(routes)))
            fixture.send(.start)
            #expect(fixture.stops.count == 1)
            #expect(fixture.dials.isEmpty)
        }
    }
}
