// Requests that the program itself responds to.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct HandlerTests {
    private func serving(_ version: TunnelVersion = .v2) throws -> (AgentFixture, ConnectionID) {
        try AgentFixture.serving(.sample(service: .handler) { $0.maximumHandlerBodyBytes = 10 }, version: version)
    }

    @Test(arguments: TunnelVersion.allCases) func aCallHasTheWholeRequestAndItsResponseReachesTheVisitor(version: TunnelVersion)
        throws
    {
        var (fixture, gateway) = try serving(version)
        let fields = [("x-a", "1")]
        let stream = try fixture.request(gateway, "POST", "/p%20q", query: "a=b", fields: fields, body: "some", isWhole: false)
        if version == .v2 { fixture.more(gateway, stream, "thing") }
        #expect(fixture.calls.isEmpty)
        fixture.more(gateway, stream, "", end: true)
        let (call, request) = try #require(fixture.calls.first)
        #expect(request.method == "POST")
        #expect(request.path == "/p%20q")
        #expect(request.query == "a=b")
        #expect(request.fields["x-a"] == "1")
        #expect(String(decoding: request.body, as: UTF8.self) == (version == .v2 ? "something" : "some"))
        fixture.send(.respond(call, .json(["ok": true])))
        let response = fixture.response(gateway, stream)
        #expect(response.head?.status == 200)
        #expect(response.head?.fields[.contentType] == "application/json")
        #expect(response.head?.fields[.contentLength] == "11")
        #expect(response.text == "{\"ok\":true}")
        #expect(response.ended)
        fixture.send(.respond(call, .text("again")))  // it is not awaited any more
        #expect(fixture.records.map(\.status) == [200])
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }

    @Test func responsesWithoutABodyHaveNone() throws {
        for (method, status, length) in [("HEAD", 200, "5"), ("GET", 204, nil), ("GET", 304, nil)] as [(String, Int, String?)] {
            var (fixture, gateway) = try serving()
            let stream = try fixture.request(gateway, method, "/")
            fixture.send(.respond(try #require(fixture.calls.first).0, .text("hello", status: status)))
            let response = fixture.response(gateway, stream)
            #expect(response.head?.status == status)
            #expect(response.head?.fields[.contentLength] == length)
            #expect(response.body.isEmpty)
            #expect(response.ended)
            fixture.expectNothingLeft()
        }
    }

    @Test func aStatusThatIsNoneBecomes500() throws {
        for status in [0, 101, 600] {
            var (fixture, gateway) = try serving()
            let stream = try fixture.request(gateway, "GET", "/")
            fixture.send(.respond(try #require(fixture.calls.first).0, HandlerResponse(status: status)))
            #expect(fixture.response(gateway, stream).head?.status == 500)
            fixture.expectNothingLeft()
        }
    }

    @Test(arguments: TunnelVersion.allCases) func aBodyOverTheLimitIsRefusedWith413(version: TunnelVersion) throws {
        var (fixture, gateway) = try serving(version)
        let stream = try fixture.request(gateway, "POST", "/", body: "eleven byte", isWhole: version == .v1)
        #expect(fixture.response(gateway, stream).head?.status == 413)
        #expect(fixture.calls.isEmpty)
        if version == .v2 {
            fixture.more(gateway, stream, String(repeating: "x", count: 300_000))
            fixture.more(gateway, stream, "", end: true)
        }
        #expect(fixture.records.map(\.status) == [413])
        fixture.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesTakesItsCallAway() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "GET", "/")
        #expect(fixture.agent.counters.openCalls == 1)
        fixture.gateways[gateway]?.session.reset(stream, .cancelled)
        fixture.talk()
        #expect(fixture.agent.counters.openCalls == 0)
        fixture.send(.respond(try #require(fixture.calls.first).0, .html("<p>late")))
        #expect(fixture.response(gateway, stream).head == nil)
        fixture.expectNothingLeft()
    }

    @Test func aLargeResponseWaitsForTheVisitor() throws {
        var (fixture, gateway) = try serving()
        fixture.readsResponses = false
        let stream = try fixture.request(gateway, "GET", "/")
        let body = [UInt8](repeating: 9, count: 1_000_000)
        fixture.send(.respond(try #require(fixture.calls.first).0, HandlerResponse(body: body)))
        #expect(fixture.response(gateway, stream).body.count == 256 * 1024)
        fixture.readsResponses = true
        fixture.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        fixture.talk()
        #expect(fixture.response(gateway, stream).body == body)
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func fieldsCannotBreakTheFraming() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "GET", "/")
        var response = HandlerResponse.text("four")
        try response.fields.append(.contentLength, "400")
        try response.fields.append(.transferEncoding, "chunked")
        fixture.send(.respond(try #require(fixture.calls.first).0, response))
        #expect(fixture.response(gateway, stream).head?.fields.all(.contentLength).map { Array($0) } == [Array("4".utf8)])
        #expect(fixture.response(gateway, stream).head?.fields.contains(.transferEncoding) == false)
        fixture.expectNothingLeft()
    }
}
