// Requests that the program itself responds to piece by piece: what the host is told, and what becomes of what it says.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct StreamingTests {
    private func serving(
        _ version: TunnelVersion = .v2, _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) throws -> (World, ConnectionID) {
        try World.serving(.sample(service: .streamingHandler, change), version: version)
    }

    /// A world in which the host has one request without a body before it.
    private func asked(_ version: TunnelVersion = .v2, _ method: String = "GET") throws -> (
        World, ConnectionID, StreamID, HandlerCall
    ) {
        var (world, gateway) = try serving(version)
        let stream = try world.request(gateway, method, "/")
        return (world, gateway, stream, try world.onlyCall())
    }

    @Test(arguments: TunnelVersion.allCases) func theHostHasTheHeadAtOnceAndThenTheBody(version: TunnelVersion) throws {
        var (world, gateway) = try serving(version)
        let stream = try world.request(
            gateway, "POST", "/a%20b", query: "q", fields: [("x-a", "1")], body: "some", isWhole: version == .v1)
        let call = try world.onlyCall()
        guard case .open(_, let head) = world.streaming.first else { throw Missing(what: "open") }
        #expect(head.method == "POST" && head.path == "/a%20b" && head.query == "q" && head.fields["x-a"] == "1")
        #expect(head.hasBody && head.folder == nil)
        if version == .v2 {
            #expect(world.streaming.last == .body(call, Array("some".utf8)[...]))
            world.more(gateway, stream, "thing", end: true)
            #expect(world.streaming.dropFirst(2) == [.body(call, Array("thing".utf8)[...]), .bodyEnd(call)])
        } else {
            #expect(world.streaming.dropFirst() == [.body(call, Array("some".utf8)[...]), .bodyEnd(call)])
        }
        world.send(.head(call, HandlerResponseHead(status: 201)))
        #expect(world.streaming.last == .writable(call))
        world.send(.body(call, Array("first ".utf8), end: false))
        #expect(world.streaming.last == .writable(call))
        if version == .v2 { #expect(world.response(gateway, stream).text == "first ") }
        world.send(.body(call, Array("second".utf8), end: true))
        let response = world.response(gateway, stream)
        #expect(response.head?.status == 201)
        #expect(response.text == "first second")
        #expect(response.ended)
        #expect(!world.streaming.contains(.cancelled(call)))
        #expect(world.records.map(\.failure) == [nil])
        world.send(.body(call, [1], end: true))  // it is not awaited any more
        world.expectNothingLeft()
    }

    @Test func aRequestWithoutABodyEndsAtOnce() throws {
        var (world, gateway, stream, call) = try asked()
        #expect(world.streaming.count == 2)
        #expect(world.streaming.last == .bodyEnd(call))
        world.send(.respond(call, .text("whole")))
        #expect(world.response(gateway, stream).text == "whole")
        world.expectNothingLeft()
    }

    @Test func anUpgradeIsIgnoredByAHandler() throws {
        for service in [LocalService.streamingHandler, .handler] {
            var (world, gateway) = try World.serving(.sample(service: service))
            let stream = try world.request(gateway, "GET", "/", upgrade: "h2c", body: "", isWhole: false)
            let call = try service == .handler ? #require(world.calls.first).0 : world.onlyCall()
            world.send(.respond(call, .text("plain")))
            #expect(world.response(gateway, stream).text == "plain")
            world.more(gateway, stream, "", end: true)
            #expect(world.records.count == 1)
            world.expectNothingLeft()
        }
    }

    @Test func theVisitorIsAskedForItsBody() throws {
        var (world, gateway) = try serving()
        let stream = try world.request(gateway, "POST", "/", fields: [("expect", "100-continue")], body: "", isWhole: false)
        #expect(world.response(gateway, stream).interim == [WebInformational(status: 100)])
        world.send(.stop)
        world.expectNothingLeft()
    }

    // MARK: Back-pressure

    @Test func creditReturnsOnlyForWhatTheHostTook() throws {
        var (world, gateway) = try serving()
        let stream = try world.request(gateway, "POST", "/", body: "", isWhole: false)
        world.more(gateway, stream, String(repeating: "x", count: 400_000), end: true)
        let call = try world.onlyCall()
        #expect(world.shownBytes == 256 * 1024)
        world.send(.took(call, -1))
        world.send(.took(call, 135_000))
        #expect(world.shownBytes == 256 * 1024 + 135_000)
        world.send(.took(call, .max))  // never more than it was shown
        #expect(world.shownBytes == 400_000)
        #expect(world.streaming.last == .bodyEnd(call))
        world.send(.respond(call, .text("")))
        world.expectNothingLeft()
    }

    @Test func whatTheHostDoesNotTakeIsDiscardedAfterItsResponse() throws {
        var (world, gateway) = try serving()
        let stream = try world.request(gateway, "POST", "/", body: "", isWhole: false)
        world.more(gateway, stream, String(repeating: "x", count: 600_000), end: true)
        #expect(world.shownBytes == 256 * 1024)
        world.send(.respond(try world.onlyCall(), .text("no", status: 413)))
        #expect(world.shownBytes == 256 * 1024)
        #expect(world.response(gateway, stream).head?.status == 413)
        #expect(world.records.map(\.requestBytes) == [600_000])
        world.expectNothingLeft()
    }

    @Test func theHostIsToldToWaitAndToGoOn() throws {
        var (world, gateway, stream, call) = try asked()
        world.readsResponses = false
        world.send(.head(call, HandlerResponseHead()))
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        var sent = 0
        while world.streaming.last == .writable(call), sent < 100 {
            world.send(.body(call, piece, end: false))
            sent += 1
        }
        #expect(world.streaming.last == .full(call))
        #expect(sent == 5)  // a window, and what may wait beside it
        world.readsResponses = true
        world.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        world.talk()
        #expect(world.streaming.last == .writable(call))
        #expect(world.streaming.filter { $0 == .full(call) }.count == 1)
        world.send(.body(call, [], end: true))
        #expect(world.response(gateway, stream).body.count == sent * piece.count)
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    // MARK: Framing

    @Test(arguments: [("HEAD", 200), ("GET", 204), ("GET", 304)])
    func aResponseWithoutABodyIsOverWithItsHead(method: String, status: Int) throws {
        var (world, gateway, stream, call) = try asked(.v2, method)
        var fields = HTTPFields()
        try fields.append(.contentLength, "5")
        world.send(.head(call, HandlerResponseHead(status: status, fields: fields)))
        let response = world.response(gateway, stream)
        #expect(response.ended && response.body.isEmpty)
        #expect(response.head?.status == status)
        #expect(response.head?.fields[.contentLength] == (status == 204 ? nil : "5"))
        #expect(!world.streaming.contains(.writable(call)))
        world.send(.body(call, [1], end: true))
        world.expectNothingLeft()
    }

    @Test func aLengthOfZeroIsAResponseWithoutABody() throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.head(call, try .of(length: "0")))
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test(arguments: [("4", ["abc", "de"]), ("4", ["abc", ""]), ("0007", ["abcdefgh"])])
    func theHostIsHeldToItsLength(length: String, pieces: [String]) throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.head(call, try .of(length: length)))
        for (index, piece) in pieces.enumerated() {
            world.send(.body(call, Array(piece.utf8), end: index == pieces.count - 1))
        }
        #expect(world.response(gateway, stream).reset == .unreachable)
        #expect(!world.response(gateway, stream).ended)
        #expect(world.streaming.last == .cancelled(call))
        #expect(world.records.first?.failure?.contains("than it said") == true)
        world.expectNothingLeft()
    }

    @Test func theRightLengthIsKept() throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.head(call, try .of(length: "5")))
        world.send(.body(call, Array("abc".utf8), end: false))
        world.send(.body(call, Array("de".utf8), end: true))
        #expect(world.response(gateway, stream).text == "abcde")
        #expect(world.response(gateway, stream).head?.fields[.contentLength] == "5")
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func fieldsCannotBreakTheFraming() throws {
        var (world, gateway, stream, call) = try asked()
        var head = try HandlerResponseHead.of(length: "5, 6")
        try head.fields.append(.transferEncoding, "gzip")
        world.send(.head(call, head))
        world.send(.body(call, [65], end: true))
        let fields = world.response(gateway, stream).head?.fields
        #expect(fields?.contains(.contentLength) == false && fields?.contains(.transferEncoding) == false)
        #expect(world.response(gateway, stream).text == "A")
        world.expectNothingLeft()
    }

    @Test(arguments: [0, 101, 199, 600]) func aStatusThatIsNoneBecomes500(status: Int) throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.head(call, HandlerResponseHead(status: status)))
        #expect(world.response(gateway, stream).head?.status == 500)
        #expect(world.response(gateway, stream).ended)
        #expect(world.streaming.last == .cancelled(call))
        world.expectNothingLeft()
    }

    @Test func aBodyBeforeItsHeadIsAFailure() throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.body(call, [1], end: false))
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        #expect(world.streaming.last == .cancelled(call))
        world.expectNothingLeft()
    }

    @Test func aSecondHeadIsIgnored() throws {
        var (world, gateway, stream, call) = try asked()
        world.send(.head(call, HandlerResponseHead()))
        world.send(.head(call, HandlerResponseHead(status: 500)))
        world.send(.respond(call, .text("no", status: 500)))
        world.send(.body(call, [65], end: true))
        #expect(world.response(gateway, stream).head?.status == 200)
        #expect(world.response(gateway, stream).text == "A")
        world.expectNothingLeft()
    }

    // MARK: Failures and cancellation

    @Test(arguments: TunnelVersion.allCases) func theHostCanFail(version: TunnelVersion) throws {
        for sendsHead in [false, true] {
            var (world, gateway, stream, call) = try asked(version)
            if sendsHead { world.send(.head(call, HandlerResponseHead())) }
            world.send(.fail(call, reason: "the disk\nis gone"))
            let response = world.response(gateway, stream)
            if sendsHead, version == .v2 {
                #expect(response.reset == .unreachable)
            } else {
                #expect(response.failure?.code == TunnelFailure.serviceBroken.rawValue)
                #expect(response.failure?.message == "the diskis gone")
            }
            #expect(!world.streaming.contains(.cancelled(call)))
            world.expectNothingLeft()
        }
    }

    @Test func aVisitorThatLeavesIsSaid() throws {
        for service in [LocalService.streamingHandler, .handler] {
            var (world, gateway) = try World.serving(.sample(service: service))
            let stream = try world.request(gateway, "GET", "/")
            let call = try service == .handler ? #require(world.calls.first).0 : world.onlyCall()
            if service == .streamingHandler { world.send(.head(call, HandlerResponseHead())) }
            world.gateways[gateway]?.session.reset(stream, .cancelled)
            world.talk()
            #expect(world.streaming.last == .cancelled(call))
            world.send(.body(call, [1], end: false))
            world.send(.fail(call, reason: "late"))
            #expect(world.streaming.last == .cancelled(call))
            world.expectNothingLeft()
        }
    }

    @Test func aLostTunnelCancelsEveryCall() throws {
        var (world, gateway) = try serving()
        for _ in 0..<3 { try world.request(gateway, "GET", "/") }
        world.peerCloses(gateway)
        #expect(world.streaming.filter { if case .cancelled = $0 { true } else { false } }.count == 3)
        #expect(world.agent.counters.openCalls == 0)
        world.expectNothingLeft()
    }

    @Test func aResponseThatIsTooLargeForVersionOneIsCancelled() throws {
        var (world, gateway) = try serving(.v1) { $0.limits.maximumBufferedBody = 100_000 }
        let stream = try world.request(gateway, "GET", "/")
        let call = try world.onlyCall()
        world.send(.head(call, HandlerResponseHead()))
        for _ in 0..<2 { world.send(.body(call, [UInt8](repeating: 1, count: 60_000), end: false)) }
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.bodyTooLarge.rawValue)
        #expect(world.streaming.last == .cancelled(call))
        world.expectNothingLeft()
    }

    @Test func aHostThatDoesNotRespondInTimeIsCancelled() throws {
        var (world, gateway) = try serving { $0.responseHeadTimeout = .seconds(1) }
        let stream = try world.request(gateway, "GET", "/")
        world.pass(.seconds(2))
        #expect(world.response(gateway, stream).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(world.streaming.last == .cancelled(try world.onlyCall()))
        world.expectNothingLeft()
    }
}

extension HandlerResponseHead {
    fileprivate static func of(length: String) throws -> HandlerResponseHead {
        var head = HandlerResponseHead()
        try head.fields.append(.contentLength, length)
        return head
    }
}

extension World {
    /// What the host was told about calls that it responds to piece by piece, and about those that are over.
    var streaming: [AgentNote] {
        notes.filter { note in
            switch note {
            case .open, .body, .bodyEnd, .writable, .full, .cancelled: true
            case .log, .phase, .exchange, .call, .registered, .roundTrip, .captured, .stopped: false
            }
        }
    }

    /// Bytes of request bodies that the host was shown.
    var shownBytes: Int { notes.reduce(0) { if case .body(_, let bytes) = $1 { $0 + bytes.count } else { $0 } } }

    /// The one call that was opened.
    func onlyCall() throws -> HandlerCall {
        let calls = notes.compactMap { if case .open(let call, _) = $0 { call } else { nil } }
        #expect(calls.count == 1)
        guard let call = calls.first else { throw Missing(what: "a call") }
        return call
    }
}
