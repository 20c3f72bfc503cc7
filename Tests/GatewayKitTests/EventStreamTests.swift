// Streams of server-sent events that are quiet, and the comments that keep them open.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct EventStreamTests {
    private let comment = "3\r\n:\n\n\r\n"

    private func fixture() -> GatewayFixture { GatewayFixture { $0.web.sseKeepAlive = .seconds(15) } }

    /// A visitor whose response has begun, with its head read.
    private func stream(
        _ fixture: GatewayFixture, _ agent: AgentPeer, _ fields: HTTPFields = fields(("Content-Type", "text/event-stream")),
        status: Int = 200,
        request: String = get("/web/a/")
    ) throws -> (visitor: ConnectionID, stream: StreamID) {
        let id = fixture.visit(request)
        let stream = try agent.request().id
        agent.begin(stream, status, fields)
        #expect(fixture.read(id).hasSuffix("\r\n\r\n"))
        return (id, stream)
    }

    @Test func aQuietStreamIsSentACommentBetweenEvents() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let (id, stream) = try stream(fixture, agent)
        fixture.wait(.milliseconds(14_999))
        #expect(fixture.read(id).isEmpty)
        fixture.wait(.milliseconds(1))
        #expect(fixture.read(id) == comment)
        fixture.wait(.seconds(30))
        #expect(fixture.read(id) == comment + comment)
        agent.send(stream, "data: 1\n")
        _ = fixture.read(id)
        fixture.wait(.seconds(60))
        #expect(fixture.read(id).isEmpty, "within an event")
        agent.send(stream, "\n")
        _ = fixture.read(id)
        fixture.wait(.seconds(14))
        agent.send(stream, "data: 2\n\n")
        _ = fixture.read(id)
        fixture.wait(.seconds(14))
        #expect(fixture.read(id).isEmpty)
        fixture.wait(.seconds(1))
        #expect(fixture.read(id) == comment)
        agent.send(stream, [], end: true)
        #expect(fixture.read(id) == "0\r\n\r\n")
        fixture.wait(.seconds(74))
        #expect(!fixture.connection(id).isClosing, "an ordinary idle connection by now")
        #expect(fixture.read(id).isEmpty)
        fixture.end()
    }

    @Test func toAnOldVisitorItIsNotChunked() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let (id, _) = try stream(fixture, agent, request: "GET /web/a/ HTTP/1.0\r\n\r\n")
        fixture.wait(.seconds(15))
        #expect(fixture.read(id) == ":\n\n")
        fixture.end()
    }

    @Test func aVisitorThatDoesNotReadGetsNoneAndIsCutAsUsual() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let (id, stream) = try stream(fixture, agent)
        fixture.hold(id)
        agent.send(stream, "data: 1\n\n")
        let held = fixture.gateway.counters.bufferedBytes
        fixture.wait(.seconds(59))
        #expect(fixture.gateway.counters.bufferedBytes == held)
        fixture.wait(.seconds(1))
        #expect(fixture.connection(id).isAborted)
        fixture.end()
    }

    @Test func nothingElseIsTouched() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let type = ("Content-Type", "text/event-stream")
        for (fields, status, request) in [
            (fields(type, ("Content-Length", "9")), 200, get("/web/a/")),
            (fields(type, ("Content-Encoding", "gzip")), 200, get("/web/a/")),
            (fields(("Content-Type", "text/event-streams")), 200, get("/web/a/")),
            (fields(("Content-Type", "text/html")), 200, get("/web/a/")),
            (HTTPFields(), 200, get("/web/a/")), (fields(type), 206, get("/web/a/")),
            (fields(type), 200, get("/web/a/").replacing("GET", with: "POST")),
        ] {
            let (id, _) = try stream(fixture, agent, fields, status: status, request: request)
            fixture.wait(.seconds(60))
            #expect(fixture.read(id).isEmpty && !fixture.connection(id).isClosing)
        }
        fixture.end()
    }

    @Test func itMayBeSwitchedOffWhileAStreamIsOpen() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let (id, stream) = try stream(fixture, agent)
        fixture.tell(.reconfigure(GatewayConfiguration()))
        agent.send(stream, "data: 1\n\n")
        _ = fixture.read(id)
        fixture.wait(.seconds(3_600))
        #expect(fixture.read(id).isEmpty && !fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func itIsOffUnlessAskedFor() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let (id, _) = try stream(fixture, agent)
        fixture.wait(.seconds(3_600))
        #expect(fixture.read(id).isEmpty)
        fixture.end()
    }

    @Test func theEndOfAnEventIsFoundHoweverItIsCut() throws {
        var head = ForwardedResponse(
            status: 200, fields: fields(("Content-Type", "Text/Event-Stream; charset=utf-8")), without: HTTPFieldMask())
        head.framing = .chunked
        for (text, isBetween) in [
            ("", true), ("\n", false), ("\n\n", true), ("data: x\n\n", true), ("data: x\r\r", true), ("data: x\r\n\r\n", true),
            ("data: x\r\n", false), ("data: x\n", false), ("data: x", false), ("\r\n\r", false), ("data: x\n\ny", false),
        ] {
            let start = try #require(EventStreamTail(head, method: "GET"))
            let wrong = firstDisagreement(over: Array(text.utf8)) { pieces in
                var tail = start
                for piece in pieces { tail.append(piece) }
                return tail.isBetweenEvents
            }
            #expect(wrong == nil, "\(text.debugDescription)")
            var tail = start
            tail.append(Array(text.utf8)[...])
            #expect(tail.isBetweenEvents == isBetween, "\(text.debugDescription)")
        }
    }
}
