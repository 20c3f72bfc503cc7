// Requests that the program itself responds to.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct HandlerTests {
    private func serving(_ version: TunnelVersion = .v2) throws -> (World, ConnectionID) {
        try World.serving(.sample(service: .handler) { $0.maximumHandlerBodyBytes = 10 }, version: version)
    }

    @Test(arguments: TunnelVersion.allCases) func aCallHasTheWholeRequestAndItsResponseReachesTheVisitor(version: TunnelVersion)
        throws
    {
        var (world, gateway) = try serving(version)
        let fields = [("x-a", "1")]
        let stream = try world.request(gateway, "POST", "/p%20q", query: "a=b", fields: fields, body: "some", isWhole: false)
        if version == .v2 { world.more(gateway, stream, "thing") }
        #expect(world.calls.isEmpty)
        world.more(gateway, stream, "", end: true)
        let (call, request) = try #require(world.calls.first)
        #expect(request.method == "POST")
        #expect(request.path == "/p%20q")
        #expect(request.query == "a=b")
        #expect(request.fields["x-a"] == "1")
        #expect(String(decoding: request.body, as: UTF8.self) == (version == .v2 ? "something" : "some"))
        world.send(.respond(call, .json(["ok": true])))
        let response = world.response(gateway, stream)
        #expect(response.head?.status == 200)
        #expect(response.head?.fields[.contentType] == "application/json")
        #expect(response.head?.fields[.contentLength] == "11")
        #expect(response.text == "{\"ok\":true}")
        #expect(response.ended)
        world.send(.respond(call, .text("again")))  // it is not awaited any more
        #expect(world.records.map(\.status) == [200])
        #expect(world.dials.isEmpty)
        world.expectNothingLeft()
    }

    @Test func responsesWithoutABodyHaveNone() throws {
        for (method, status, length) in [("HEAD", 200, "5"), ("GET", 204, nil), ("GET", 304, nil)] as [(String, Int, String?)] {
            var (world, gateway) = try serving()
            let stream = try world.request(gateway, method, "/")
            world.send(.respond(try #require(world.calls.first).0, .text("hello", status: status)))
            let response = world.response(gateway, stream)
            #expect(response.head?.status == status)
            #expect(response.head?.fields[.contentLength] == length)
            #expect(response.body.isEmpty)
            #expect(response.ended)
            world.expectNothingLeft()
        }
    }

    @Test func aStatusThatIsNoneBecomes500() throws {
        for status in [0, 101, 600] {
            var (world, gateway) = try serving()
            let stream = try world.request(gateway, "GET", "/")
            world.send(.respond(try #require(world.calls.first).0, HandlerResponse(status: status)))
            #expect(world.response(gateway, stream).head?.status == 500)
            world.expectNothingLeft()
        }
    }

    @Test(arguments: TunnelVersion.allCases) func aBodyOverTheLimitIsRefusedWith413(version: TunnelVersion) throws {
        var (world, gateway) = try serving(version)
        let stream = try world.request(gateway, "POST", "/", body: "eleven byte", isWhole: version == .v1)
        #expect(world.response(gateway, stream).head?.status == 413)
        #expect(world.calls.isEmpty)
        if version == .v2 {
            world.more(gateway, stream, String(repeating: "x", count: 300_000))
            world.more(gateway, stream, "", end: true)
        }
        #expect(world.records.map(\.status) == [413])
        world.expectNothingLeft()
    }

    @Test func aVisitorThatLeavesTakesItsCallAway() throws {
        var (world, gateway) = try serving()
        let stream = try world.request(gateway, "GET", "/")
        #expect(world.agent.counters.openCalls == 1)
        world.gateways[gateway]?.session.reset(stream, .cancelled)
        world.talk()
        #expect(world.agent.counters.openCalls == 0)
        world.send(.respond(try #require(world.calls.first).0, .html("<p>late")))
        #expect(world.response(gateway, stream).head == nil)
        world.expectNothingLeft()
    }

    @Test func aLargeResponseWaitsForTheVisitor() throws {
        var (world, gateway) = try serving()
        world.readsResponses = false
        let stream = try world.request(gateway, "GET", "/")
        let body = [UInt8](repeating: 9, count: 1_000_000)
        world.send(.respond(try #require(world.calls.first).0, HandlerResponse(body: body)))
        #expect(world.response(gateway, stream).body.count == 256 * 1024)
        world.readsResponses = true
        world.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        world.talk()
        #expect(world.response(gateway, stream).body == body)
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func fieldsCannotBreakTheFraming() throws {
        var (world, gateway) = try serving()
        let stream = try world.request(gateway, "GET", "/")
        var response = HandlerResponse.text("four")
        try response.fields.append(.contentLength, "400")
        try response.fields.append(.transferEncoding, "chunked")
        world.send(.respond(try #require(world.calls.first).0, response))
        #expect(world.response(gateway, stream).head?.fields.all(.contentLength).map { Array($0) } == [Array("4".utf8)])
        #expect(world.response(gateway, stream).head?.fields.contains(.transferEncoding) == false)
        world.expectNothingLeft()
    }
}
