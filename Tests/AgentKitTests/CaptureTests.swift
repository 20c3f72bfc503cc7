// What an inspector is told of exchanges: heads with secrets masked, the beginnings of bodies, times, ends; and requests that
// are sent again to their service.

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
    ) throws -> (AgentFixture, ConnectionID) {
        try AgentFixture.serving(.sample(service: service) { $0.captures = Self.captures(change) }, version: version)
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
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/")
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.captures.isEmpty)
        fixture.send(.replay(try Self.replayed(), of: 7, call: 1))
        #expect(fixture.dials.isEmpty && fixture.captures.isEmpty)
        fixture.expectNothingLeft()
    }

    @Test(arguments: TunnelVersion.allCases) func anExchangeIsToldWhenItBeginsAndWhenItIsOver(version: TunnelVersion) throws {
        var (fixture, gateway) = try serving(.http(LocalHTTPService(port: 4173)), version)
        let fields = [
            ("authorization", "Bearer abc"), ("x-request-id", "r-1"), ("x-forwarded-for", "192.0.2.1, 10.0.0.1"),
        ]
        try fixture.request(gateway, "POST", "/p", query: "token=abc&a=1", fields: fields, body: "question")
        fixture.pass(.milliseconds(2))
        let service = try fixture.accept()
        fixture.pass(.milliseconds(3))
        fixture.reply(service, "HTTP/1.1 201 Created\r\nSet-Cookie: a=secret\r\nContent-Length: 6\r\n\r\nans")
        let begun = try #require(fixture.captures.first)
        #expect(fixture.captures.count == 1 && begun.totalMicroseconds == nil && begun.outcome == "")
        fixture.pass(.milliseconds(4))
        fixture.reply(service, "wer")
        let over = try #require(fixture.captures.last)
        #expect(fixture.captures.count == 2 && over.number == begun.number)
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
        #expect(fixture.agent.counters.capturedBytes == 0)
        fixture.expectNothingLeft()
    }

    @Test func bodiesAreKeptUpToTheirLimitAndPassedOnWhole() throws {
        var (fixture, gateway) = try serving { $0.maximumBodyBytes = 4 }
        let stream = try fixture.request(gateway, "POST", "/", body: "0123456789")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcdef")
        fixture.reply(service, "ghij")
        let over = try #require(fixture.captures.last)
        #expect(over.requestBody.prefix == Array("0123".utf8) && over.requestBody.count == 10)
        #expect(over.responseBody.prefix == Array("abcd".utf8) && over.responseBody.count == 10)
        #expect(fixture.response(gateway, stream).text == "abcdefghij")
        #expect(fixture.readText(service).contains("0123456789"))
        fixture.expectNothingLeft()
    }

    @Test func allBodiesUnderWayShareABudgetAndNoneHasAGap() throws {
        var (fixture, gateway) = try serving { $0.maximumBytes = 6 }
        let first = try fixture.request(gateway, "POST", "/1", body: "0123", isWhole: false)
        let one = try fixture.accept()
        let second = try fixture.request(gateway, "POST", "/2", body: "4567", isWhole: false)
        let two = try fixture.accept()
        #expect(fixture.agent.counters.capturedBytes == 6)
        fixture.more(gateway, first, "", end: true)
        fixture.reply(one, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(fixture.agent.counters.capturedBytes == 2)
        fixture.more(gateway, second, "89", end: true)  // there is room again, but not for what has a gap before it
        fixture.reply(two, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let over = try #require(fixture.captures.last)
        #expect(over.requestBody.prefix == Array("45".utf8) && over.requestBody.count == 6)
        #expect(over.responseBody.prefix == Array("ok".utf8))
        #expect(fixture.agent.counters.capturedBytes == 0)
        fixture.expectNothingLeft()
    }

    @Test func endsHaveTheirNames() throws {
        var (fixture, gateway) = try serving()
        try fixture.request(gateway, "GET", "/refused")
        try fixture.refuseDial()
        #expect(fixture.captures.last?.outcome == "service-unreachable")
        try fixture.request(gateway, "GET", "/broken")
        fixture.reply(try fixture.accept(), "nonsense\r\n\r\n")
        #expect(fixture.captures.last?.outcome == "service-broken")
        let stream = try fixture.request(gateway, "GET", "/cancelled")
        fixture.gateways[gateway]?.session.reset(stream, .cancelled)
        fixture.talk()
        #expect(fixture.captures.last?.outcome == "cancelled")
        try fixture.request(gateway, "GET", "/lost")
        fixture.peerCloses(gateway)
        #expect(fixture.captures.last?.outcome == "gateway-lost")
        #expect(fixture.captures.count == 8)
        fixture.expectNothingLeft()
    }

    // MARK: Replays

    @Test func aReplayReachesTheServiceAsAVisitorsRequestWould() throws {
        var (fixture, _) = try serving()
        fixture.send(.replay(try Self.replayed("/again?x=1", method: "POST", body: "hello"), of: 7, call: 3))
        let service = try fixture.accept()
        #expect(
            fixture.readText(service)
                == "POST /again?x=1 HTTP/1.1\r\nHost: localhost:4173\r\nContent-Length: 5\r\n\r\nhello")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let over = try #require(fixture.captures.last)
        #expect(fixture.replayCalls == [3, 3] && over.replayOf == 7 && over.status == 200)
        #expect(over.requestBody.prefix == Array("hello".utf8) && over.responseBody.prefix == Array("ok".utf8))
        #expect(fixture.records.count == 1)
        #expect(fixture.agent.counters.pooledConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func whoeverAnswersVisitorsAnswersReplays() throws {
        var (fixture, _) = try serving(.handler)
        fixture.send(.replay(try Self.replayed(method: "PUT", body: "x"), of: 7, call: 1))
        let (call, request) = try #require(fixture.calls.first)
        #expect(
            request.method == "PUT" && request.path == "/again" && request.query == "x=1" && request.body == Array("x".utf8))
        fixture.send(.respond(call, .text("done")))
        #expect(fixture.captures.last?.responseBody.prefix == Array("done".utf8))
        fixture.expectNothingLeft()

        (fixture, _) = try serving(.routes([RouteToService("/files", to: .folder(StaticFolder(path: "/x")))]))
        fixture.send(.replay(try Self.replayed("/files/a"), of: 7, call: 1))
        let open = try fixture.onlyCall()
        fixture.send(.head(open, HandlerResponseHead()))
        fixture.send(.body(open, Array("file".utf8), end: true))
        #expect(fixture.captures.last?.responseBody.prefix == Array("file".utf8))
        fixture.send(.replay(try Self.replayed("/nobody"), of: 7, call: 2))
        #expect(fixture.captures.last?.outcome == "no-web-service" && fixture.replayCalls.last == 2)
        fixture.expectNothingLeft()
    }

    @Test func aReplayWorksWithoutAGateway() throws {
        var (fixture, gateway) = try serving()
        fixture.peerCloses(gateway)
        fixture.send(.replay(try Self.replayed(), of: 7, call: 1))
        let gatewayDials = fixture.dials.filter { $0.endpoint != .tcp(host: "localhost", port: 4173) }.count
        #expect(fixture.dials.count == gatewayDials + 1)
        fixture.dials.removeAll { $0.endpoint != .tcp(host: "localhost", port: 4173) }
        fixture.reply(try fixture.accept(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(fixture.captures.last?.status == 200)
        fixture.expectNothingLeft()
    }

    @Test func aReplayIsCutInTimeAndSize() throws {
        var (fixture, _) = try serving { $0.replayBytes = 5 }
        fixture.send(.replay(try Self.replayed(), of: 7, call: 1))
        let slow = try fixture.accept()
        fixture.pass(.seconds(30))
        #expect(fixture.captures.last?.outcome == "replay-cut" && fixture.links[slow]?.ending == .aborted)
        fixture.send(.replay(try Self.replayed(), of: 7, call: 2))
        let large = try fixture.accept()
        fixture.reply(large, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n123456")
        #expect(fixture.captures.last?.outcome == "replay-cut" && fixture.links[large]?.ending == .aborted)
        #expect(fixture.captures.last?.responseBody.count == 6)
        fixture.expectNothingLeft()
    }

    @Test func tooManyReplaysAndThoseOfAnAgentThatStopsAreRefused() throws {
        var (fixture, _) = try serving { $0.maximumReplays = 2 }
        for call in 1...3 { fixture.send(.replay(try Self.replayed(), of: 7, call: UInt64(call))) }
        #expect(fixture.dials.count == 2)
        #expect(fixture.captures.last?.outcome == "too-many-streams" && fixture.replayCalls.last == 3)
        fixture.send(.stop)
        #expect(fixture.captures.filter { $0.outcome == "cancelled" }.count == 2)
        fixture.send(.replay(try Self.replayed(), of: 7, call: 4))
        #expect(fixture.captures.last?.outcome == "cancelled" && fixture.replayCalls.last == 4)
        fixture.expectNothingLeft()
    }
}

extension AgentFixture {
    var captures: [CapturedExchange] { notes.compactMap { if case .captured(let exchange, _) = $0 { exchange } else { nil } } }
    var replayCalls: [UInt64] { notes.compactMap { if case .captured(_, let call) = $0 { call } else { nil } } }
}
