// What an inspector is told of exchanges: heads with secrets masked, the beginnings of bodies, times, ends; and requests that are
// sent again to their service.

import HTTPCodec
import Inspection
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct CaptureTests {
    private static func captures(_ change: (inout CaptureSettings) -> Void = { _ in }) -> CaptureSettings {
        var settings = CaptureSettings(unixMillisecondsAtZero: 1_775_798_000_000)
        change(&settings)
        return settings
    }

    private func serving(
        _ service: LocalService = .http(LocalHTTPService(port: 4173)), _ version: TunnelVersion = .v2,
        _ change: (inout CaptureSettings) -> Void = { _ in }
    ) throws -> (World, ConnectionID) {
        try World.serving(.sample(service: service) { $0.captures = Self.captures(change) }, version: version)
    }

    private static func replayed(
        _ target: String = "/again?x=1", method: String = "GET", body: String = ""
    ) throws -> ReplayedRequest {
        let original = CapturedExchange(
            agentID: "my-agent", method: method, target: Array(target.utf8), requestFields: HTTPFields(),
            startedAtMilliseconds: 0)
        var wish = ReplayRequest(number: 7)
        wish.body = Array(body.utf8)
        return try wish.applied(to: original)
    }

    // MARK: Captures

    @Test func nothingIsCapturedUnasked() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/")
        world.reply(try world.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(world.captures.isEmpty)
        world.send(.replay(try Self.replayed(), of: 7, call: 1))
        #expect(world.dials.isEmpty && world.captures.isEmpty)
        world.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func anExchangeIsToldWhenItBeginsAndWhenItIsOver(version: TunnelVersion) throws {
        var (world, gateway) = try serving(.http(LocalHTTPService(port: 4173)), version)
        let fields = [
            ("authorization", "Bearer abc"), ("x-request-id", "r-1"), ("x-forwarded-for", "192.0.2.1, 10.0.0.1"),
        ]
        try world.request(gateway, "POST", "/p", query: "token=abc&a=1", fields: fields, body: "question")
        world.pass(.milliseconds(2))
        let service = try world.accept()
        world.pass(.milliseconds(3))
        world.reply(service, "HTTP/1.1 201 Created\r\nSet-Cookie: a=secret\r\nContent-Length: 6\r\n\r\nans")
        let begun = try #require(world.captures.first)
        #expect(world.captures.count == 1 && begun.totalMicroseconds == nil && begun.outcome == "")
        world.pass(.milliseconds(4))
        world.reply(service, "wer")
        let over = try #require(world.captures.last)
        #expect(world.captures.count == 2 && over.number == begun.number)
        #expect(over.agentID == "my-agent" && over.method == "POST" && over.requestID == "r-1" && over.peer == "192.0.2.1")
        #expect(String(decoding: over.target, as: UTF8.self) == "/p?token=•••&a=1")
        #expect(
            over.requestFields[.authorization].map { Array($0.unicodeScalars.map { UInt8($0.value) }) }
                == Array("Bearer •••".utf8))
        #expect(over.responseFields[.setCookie]?.contains("secret") == false)
        #expect(over.requestBody.prefix == Array("question".utf8) && over.requestBody.isWhole)
        #expect(over.responseBody.prefix == Array("answer".utf8) && over.responseBody.isWhole)
        #expect(over.status == 201 && over.outcome == CapturedExchange.done)
        #expect(over.queueMicroseconds == 2000 && over.firstByteMicroseconds == 5000 && over.totalMicroseconds == 9000)
        #expect(over.startedAtMilliseconds == 1_775_798_005_000)
        #expect(world.agent.counters.capturedBytes == 0)
        world.expectNothingLeft()
    }

    @Test func bodiesAreKeptUpToTheirLimitAndPassedOnWhole() throws {
        var (world, gateway) = try serving { $0.maximumBodyBytes = 4 }
        let stream = try world.request(gateway, "POST", "/", body: "0123456789")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdef")
        world.reply(service, "ghij")
        let over = try #require(world.captures.last)
        #expect(over.requestBody.prefix == Array("0123".utf8) && over.requestBody.count == 10)
        #expect(over.responseBody.prefix == Array("abcd".utf8) && over.responseBody.count == 10)
        #expect(world.response(gateway, stream).text == "abcdefghij")
        #expect(world.readText(service).contains("0123456789"))
        world.expectNothingLeft()
    }

    @Test func allBodiesUnderWayShareABudgetAndNoneHasAGap() throws {
        var (world, gateway) = try serving { $0.maximumBytes = 6 }
        let first = try world.request(gateway, "POST", "/1", body: "0123", isWhole: false)
        let one = try world.accept()
        let second = try world.request(gateway, "POST", "/2", body: "4567", isWhole: false)
        let two = try world.accept()
        #expect(world.agent.counters.capturedBytes == 6)
        world.more(gateway, first, "", end: true)
        world.reply(one, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(world.agent.counters.capturedBytes == 2)
        world.more(gateway, second, "89", end: true)  // there is room again, but not for what has a gap before it
        world.reply(two, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let over = try #require(world.captures.last)
        #expect(over.requestBody.prefix == Array("45".utf8) && over.requestBody.count == 6)
        #expect(over.responseBody.prefix == Array("ok".utf8))
        #expect(world.agent.counters.capturedBytes == 0)
        world.expectNothingLeft()
    }

    @Test func endsHaveTheirNames() throws {
        var (world, gateway) = try serving()
        try world.request(gateway, "GET", "/refused")
        try world.refuseDial()
        #expect(world.captures.last?.outcome == "service-unreachable")
        try world.request(gateway, "GET", "/broken")
        world.reply(try world.accept(), "nonsense\r\n\r\n")
        #expect(world.captures.last?.outcome == "service-broken")
        let stream = try world.request(gateway, "GET", "/cancelled")
        world.gateways[gateway]?.session.reset(stream, .cancelled)
        world.talk()
        #expect(world.captures.last?.outcome == "cancelled")
        try world.request(gateway, "GET", "/lost")
        world.peerCloses(gateway)
        #expect(world.captures.last?.outcome == "gateway-lost")
        #expect(world.captures.count == 8)
        world.expectNothingLeft()
    }

    // MARK: Replays

    @Test func aReplayReachesTheServiceAsAVisitorsRequestWould() throws {
        var (world, _) = try serving()
        world.send(.replay(try Self.replayed("/again?x=1", method: "POST", body: "hello"), of: 7, call: 3))
        let service = try world.accept()
        #expect(
            world.readText(service)
                == "POST /again?x=1 HTTP/1.1\r\nHost: localhost:4173\r\nContent-Length: 5\r\n\r\nhello")
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let over = try #require(world.captures.last)
        #expect(world.replayCalls == [3, 3] && over.replayOf == 7 && over.status == 200)
        #expect(over.requestBody.prefix == Array("hello".utf8) && over.responseBody.prefix == Array("ok".utf8))
        #expect(world.records.count == 1)
        #expect(world.agent.counters.pooledConnections == 1)
        world.expectNothingLeft()
    }

    @Test func whoeverAnswersVisitorsAnswersReplays() throws {
        var (world, _) = try serving(.handler)
        world.send(.replay(try Self.replayed(method: "PUT", body: "x"), of: 7, call: 1))
        let (call, request) = try #require(world.calls.first)
        #expect(
            request.method == "PUT" && request.path == "/again" && request.query == "x=1" && request.body == Array("x".utf8))
        world.send(.respond(call, .text("done")))
        #expect(world.captures.last?.responseBody.prefix == Array("done".utf8))
        world.expectNothingLeft()

        (world, _) = try serving(.routes([RouteToService("/files", to: .folder(StaticFolder(path: "/x")))]))
        world.send(.replay(try Self.replayed("/files/a"), of: 7, call: 1))
        let open = try world.onlyCall()
        world.send(.head(open, HandlerResponseHead()))
        world.send(.body(open, Array("file".utf8), end: true))
        #expect(world.captures.last?.responseBody.prefix == Array("file".utf8))
        world.send(.replay(try Self.replayed("/nobody"), of: 7, call: 2))
        #expect(world.captures.last?.outcome == "no-web-service" && world.replayCalls.last == 2)
        world.expectNothingLeft()
    }

    @Test func aReplayWorksWithoutAGateway() throws {
        var (world, gateway) = try serving()
        world.peerCloses(gateway)
        world.send(.replay(try Self.replayed(), of: 7, call: 1))
        let gatewayDials = world.dials.filter { $0.endpoint != .tcp(host: "localhost", port: 4173) }.count
        #expect(world.dials.count == gatewayDials + 1)
        world.dials.removeAll { $0.endpoint != .tcp(host: "localhost", port: 4173) }
        world.reply(try world.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(world.captures.last?.status == 200)
        world.expectNothingLeft()
    }

    @Test func aReplayIsCutInTimeAndSize() throws {
        var (world, _) = try serving { $0.replayBytes = 5 }
        world.send(.replay(try Self.replayed(), of: 7, call: 1))
        let slow = try world.accept()
        world.pass(.seconds(30))
        #expect(world.captures.last?.outcome == "replay-cut" && world.links[slow]?.ending == .aborted)
        world.send(.replay(try Self.replayed(), of: 7, call: 2))
        let large = try world.accept()
        world.reply(large, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n123456")
        #expect(world.captures.last?.outcome == "replay-cut" && world.links[large]?.ending == .aborted)
        #expect(world.captures.last?.responseBody.count == 6)
        world.expectNothingLeft()
    }

    @Test func tooManyReplaysAndThoseOfAnAgentThatStopsAreRefused() throws {
        var (world, _) = try serving { $0.maximumReplays = 2 }
        for call in 1...3 { world.send(.replay(try Self.replayed(), of: 7, call: UInt64(call))) }
        #expect(world.dials.count == 2)
        #expect(world.captures.last?.outcome == "too-many-streams" && world.replayCalls.last == 3)
        world.send(.stop)
        #expect(world.captures.filter { $0.outcome == "cancelled" }.count == 2)
        world.send(.replay(try Self.replayed(), of: 7, call: 4))
        #expect(world.captures.last?.outcome == "cancelled" && world.replayCalls.last == 4)
        world.expectNothingLeft()
    }
}

extension World {
    var captures: [CapturedExchange] { notes.compactMap { if case .captured(let exchange, _) = $0 { exchange } else { nil } } }
    var replayCalls: [UInt64] { notes.compactMap { if case .captured(_, let call) = $0 { call } else { nil } } }
}
