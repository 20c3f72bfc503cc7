// Requests that the program itself responds to piece by piece: what the host is told, and what becomes of what it says.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct StreamingTests {
    private func serving(
        _ version: TunnelVersion = .v2, _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) throws -> (AgentFixture, ConnectionID) {
        try AgentFixture.serving(.sample(service: .streamingHandler, change), version: version)
    }

    /// An agent whose host has one request without a body before it.
    private func asked(_ version: TunnelVersion = .v2, _ method: String = "GET") throws -> (
        AgentFixture, ConnectionID, StreamID, HandlerCall
    ) {
        var (fixture, gateway) = try serving(version)
        let stream = try fixture.request(gateway, method, "/")
        return (fixture, gateway, stream, try fixture.onlyCall())
    }

    @Test(arguments: TunnelVersion.allCases) func theHostHasTheHeadAtOnceAndThenTheBody(version: TunnelVersion) throws {
        var (fixture, gateway) = try serving(version)
        let stream = try fixture.request(
            gateway, "POST", "/a%20b", query: "q", fields: [("x-a", "1")], body: "some", isWhole: version == .v1)
        let call = try fixture.onlyCall()
        guard case .open(_, let head) = fixture.streaming.first else { throw Missing(what: "open") }
        #expect(head.method == "POST" && head.path == "/a%20b" && head.query == "q" && head.fields["x-a"] == "1")
        #expect(head.hasBody && head.folder == nil)
        if version == .v2 {
            #expect(fixture.streaming.last == .body(call, Array("some".utf8)[...]))
            fixture.more(gateway, stream, "thing", end: true)
            #expect(fixture.streaming.dropFirst(2) == [.body(call, Array("thing".utf8)[...]), .bodyEnd(call)])
        } else {
            #expect(fixture.streaming.dropFirst() == [.body(call, Array("some".utf8)[...]), .bodyEnd(call)])
        }
        fixture.send(.head(call, HandlerResponseHead(status: 201)))
        #expect(fixture.streaming.last == .writable(call))
        fixture.send(.body(call, Array("first ".utf8), end: false))
        #expect(fixture.streaming.last == .writable(call))
        if version == .v2 { #expect(fixture.response(gateway, stream).text == "first ") }
        fixture.send(.body(call, Array("second".utf8), end: true))
        let response = fixture.response(gateway, stream)
        #expect(response.head?.status == 201)
        #expect(response.text == "first second")
        #expect(response.ended)
        #expect(!fixture.streaming.contains(.cancelled(call)))
        #expect(fixture.records.map(\.failure) == [nil])
        fixture.send(.body(call, [1], end: true))  // it is not awaited any more
        fixture.expectNothingLeft()
    }

    @Test func aRequestWithoutABodyEndsAtOnce() throws {
        var (fixture, gateway, stream, call) = try asked()
        #expect(fixture.streaming.count == 2)
        #expect(fixture.streaming.last == .bodyEnd(call))
        fixture.send(.respond(call, .text("whole")))
        #expect(fixture.response(gateway, stream).text == "whole")
        fixture.expectNothingLeft()
    }

    @Test func anUpgradeIsIgnoredByAHandler() throws {
        for service in [LocalService.streamingHandler, .handler] {
            var (fixture, gateway) = try AgentFixture.serving(.sample(service: service))
            let stream = try fixture.request(gateway, "GET", "/", upgrade: "h2c", body: "", isWhole: false)
            let call = try service == .handler ? #require(fixture.calls.first).0 : fixture.onlyCall()
            fixture.send(.respond(call, .text("plain")))
            #expect(fixture.response(gateway, stream).text == "plain")
            fixture.more(gateway, stream, "", end: true)
            #expect(fixture.records.count == 1)
            fixture.expectNothingLeft()
        }
    }

    @Test func theVisitorIsAskedForItsBody() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "POST", "/", fields: [("expect", "100-continue")], body: "", isWhole: false)
        #expect(fixture.response(gateway, stream).interim == [WebInformational(status: 100)])
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    // MARK: Back-pressure

    @Test func creditReturnsOnlyForWhatTheHostTook() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "POST", "/", body: "", isWhole: false)
        fixture.more(gateway, stream, String(repeating: "x", count: 400_000), end: true)
        let call = try fixture.onlyCall()
        #expect(fixture.shownBytes == 256 * 1024)
        fixture.send(.took(call, -1))
        fixture.send(.took(call, 135_000))
        #expect(fixture.shownBytes == 256 * 1024 + 135_000)
        fixture.send(.took(call, .max))  // never more than it was shown
        #expect(fixture.shownBytes == 400_000)
        #expect(fixture.streaming.last == .bodyEnd(call))
        fixture.send(.respond(call, .text("")))
        fixture.expectNothingLeft()
    }

    @Test func whatTheHostDoesNotTakeIsDiscardedAfterItsResponse() throws {
        var (fixture, gateway) = try serving()
        let stream = try fixture.request(gateway, "POST", "/", body: "", isWhole: false)
        fixture.more(gateway, stream, String(repeating: "x", count: 600_000), end: true)
        #expect(fixture.shownBytes == 256 * 1024)
        fixture.send(.respond(try fixture.onlyCall(), .text("no", status: 413)))
        #expect(fixture.shownBytes == 256 * 1024)
        #expect(fixture.response(gateway, stream).head?.status == 413)
        #expect(fixture.records.map(\.requestBytes) == [600_000])
        fixture.expectNothingLeft()
    }

    @Test func theHostIsToldToWaitAndToGoOn() throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.readsResponses = false
        fixture.send(.head(call, HandlerResponseHead()))
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        var sent = 0
        while fixture.streaming.last == .writable(call), sent < 100 {
            fixture.send(.body(call, piece, end: false))
            sent += 1
        }
        #expect(fixture.streaming.last == .full(call))
        #expect(sent == 5)  // a window, and what may wait beside it
        fixture.readsResponses = true
        fixture.gateways[gateway]?.session.consumed(256 * 1024, on: stream)
        fixture.talk()
        #expect(fixture.streaming.last == .writable(call))
        #expect(fixture.streaming.filter { $0 == .full(call) }.count == 1)
        fixture.send(.body(call, [], end: true))
        #expect(fixture.response(gateway, stream).body.count == sent * piece.count)
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    // MARK: Framing

    @Test(arguments: [("HEAD", 200), ("GET", 204), ("GET", 304)])
    func aResponseWithoutABodyIsOverWithItsHead(method: String, status: Int) throws {
        var (fixture, gateway, stream, call) = try asked(.v2, method)
        var fields = HTTPFields()
        try fields.append(.contentLength, "5")
        fixture.send(.head(call, HandlerResponseHead(status: status, fields: fields)))
        let response = fixture.response(gateway, stream)
        #expect(response.ended && response.body.isEmpty)
        #expect(response.head?.status == status)
        #expect(response.head?.fields[.contentLength] == (status == 204 ? nil : "5"))
        #expect(!fixture.streaming.contains(.writable(call)))
        fixture.send(.body(call, [1], end: true))
        fixture.expectNothingLeft()
    }

    @Test func aLengthOfZeroIsAResponseWithoutABody() throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.head(call, try .of(length: "0")))
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [("4", ["abc", "de"]), ("4", ["abc", ""]), ("0007", ["abcdefgh"])])
    func theHostIsHeldToItsLength(length: String, pieces: [String]) throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.head(call, try .of(length: length)))
        for (index, piece) in pieces.enumerated() {
            fixture.send(.body(call, Array(piece.utf8), end: index == pieces.count - 1))
        }
        #expect(fixture.response(gateway, stream).reset == .unreachable)
        #expect(!fixture.response(gateway, stream).ended)
        #expect(fixture.streaming.last == .cancelled(call))
        #expect(fixture.records.first?.failure?.contains("than it said") == true)
        fixture.expectNothingLeft()
    }

    @Test func theRightLengthIsKept() throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.head(call, try .of(length: "5")))
        fixture.send(.body(call, Array("abc".utf8), end: false))
        fixture.send(.body(call, Array("de".utf8), end: true))
        #expect(fixture.response(gateway, stream).text == "abcde")
        #expect(fixture.response(gateway, stream).head?.fields[.contentLength] == "5")
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func fieldsCannotBreakTheFraming() throws {
        var (fixture, gateway, stream, call) = try asked()
        var head = try HandlerResponseHead.of(length: "5, 6")
        try head.fields.append(.transferEncoding, "gzip")
        fixture.send(.head(call, head))
        fixture.send(.body(call, [65], end: true))
        let fields = fixture.response(gateway, stream).head?.fields
        #expect(fields?.contains(.contentLength) == false && fields?.contains(.transferEncoding) == false)
        #expect(fixture.response(gateway, stream).text == "A")
        fixture.expectNothingLeft()
    }

    @Test(arguments: [0, 101, 199, 600]) func aStatusThatIsNoneBecomes500(status: Int) throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.head(call, HandlerResponseHead(status: status)))
        #expect(fixture.response(gateway, stream).head?.status == 500)
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.streaming.last == .cancelled(call))
        fixture.expectNothingLeft()
    }

    @Test func aBodyBeforeItsHeadIsAFailure() throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.body(call, [1], end: false))
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceBroken.rawValue)
        #expect(fixture.streaming.last == .cancelled(call))
        fixture.expectNothingLeft()
    }

    @Test func aSecondHeadIsIgnored() throws {
        var (fixture, gateway, stream, call) = try asked()
        fixture.send(.head(call, HandlerResponseHead()))
        fixture.send(.head(call, HandlerResponseHead(status: 500)))
        fixture.send(.respond(call, .text("no", status: 500)))
        fixture.send(.body(call, [65], end: true))
        #expect(fixture.response(gateway, stream).head?.status == 200)
        #expect(fixture.response(gateway, stream).text == "A")
        fixture.expectNothingLeft()
    }

    // MARK: Failures and cancellation

    @Test(arguments: TunnelVersion.allCases) func theHostCanFail(version: TunnelVersion) throws {
        for sendsHead in [false, true] {
            var (fixture, gateway, stream, call) = try asked(version)
            if sendsHead { fixture.send(.head(call, HandlerResponseHead())) }
            fixture.send(.fail(call, reason: "the disk\nis gone"))
            let response = fixture.response(gateway, stream)
            if sendsHead, version == .v2 {
                #expect(response.reset == .unreachable)
            } else {
                #expect(response.failure?.code == TunnelFailure.serviceBroken.rawValue)
                #expect(response.failure?.message == "the diskis gone")
            }
            #expect(!fixture.streaming.contains(.cancelled(call)))
            fixture.expectNothingLeft()
        }
    }

    @Test func aVisitorThatLeavesIsSaid() throws {
        for service in [LocalService.streamingHandler, .handler] {
            var (fixture, gateway) = try AgentFixture.serving(.sample(service: service))
            let stream = try fixture.request(gateway, "GET", "/")
            let call = try service == .handler ? #require(fixture.calls.first).0 : fixture.onlyCall()
            if service == .streamingHandler { fixture.send(.head(call, HandlerResponseHead())) }
            fixture.gateways[gateway]?.session.reset(stream, .cancelled)
            fixture.talk()
            #expect(fixture.streaming.last == .cancelled(call))
            fixture.send(.body(call, [1], end: false))
            fixture.send(.fail(call, reason: "late"))
            #expect(fixture.streaming.last == .cancelled(call))
            fixture.expectNothingLeft()
        }
    }

    @Test func aLostTunnelCancelsEveryCall() throws {
        var (fixture, gateway) = try serving()
        for _ in 0..<3 { try fixture.request(gateway, "GET", "/") }
        fixture.peerCloses(gateway)
        #expect(fixture.streaming.filter { if case .cancelled = $0 { true } else { false } }.count == 3)
        #expect(fixture.agent.counters.openCalls == 0)
        fixture.expectNothingLeft()
    }

    @Test func aResponseThatIsTooLargeForVersionOneIsCancelled() throws {
        var (fixture, gateway) = try serving(.v1) { $0.limits.maximumBufferedBody = 100_000 }
        let stream = try fixture.request(gateway, "GET", "/")
        let call = try fixture.onlyCall()
        fixture.send(.head(call, HandlerResponseHead()))
        for _ in 0..<2 { fixture.send(.body(call, [UInt8](repeating: 1, count: 60_000), end: false)) }
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.bodyTooLarge.rawValue)
        #expect(fixture.streaming.last == .cancelled(call))
        fixture.expectNothingLeft()
    }

    @Test func aHostThatDoesNotRespondInTimeIsCancelled() throws {
        var (fixture, gateway) = try serving { $0.responseHeadTimeout = .seconds(1) }
        let stream = try fixture.request(gateway, "GET", "/")
        fixture.pass(.seconds(2))
        #expect(fixture.response(gateway, stream).failure?.code == TunnelFailure.serviceTimedOut.rawValue)
        #expect(fixture.streaming.last == .cancelled(try fixture.onlyCall()))
        fixture.expectNothingLeft()
    }
}

extension HandlerResponseHead {
    fileprivate static func of(length: String) throws -> HandlerResponseHead {
        var head = HandlerResponseHead()
        try head.fields.append(.contentLength, length)
        return head
    }
}

extension AgentFixture {
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
