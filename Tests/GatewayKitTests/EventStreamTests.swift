// Streams of server-sent events that are quiet, and the comments that keep them open.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct EventStreamTests {
    private let comment = "3\r\n:\n\n\r\n"

    private func world() -> World { World { $0.web.sseKeepAlive = .seconds(15) } }

    /// A visitor whose answer has begun, with its head read.
    private func stream(
        _ world: World, _ agent: AgentPeer, _ fields: HTTPFields = fields(("Content-Type", "text/event-stream")),
        status: Int = 200,
        request: String = get("/web/a/")
    ) throws -> (visitor: ConnectionID, stream: StreamID) {
        let id = world.visit(request)
        let stream = try agent.request().id
        agent.begin(stream, status, fields)
        #expect(world.read(id).hasSuffix("\r\n\r\n"))
        return (id, stream)
    }

    @Test func aQuietStreamIsSentACommentBetweenEvents() throws {
        let world = world()
        let agent = world.agent()
        let (id, stream) = try stream(world, agent)
        world.wait(.milliseconds(14_999))
        #expect(world.read(id).isEmpty)
        world.wait(.milliseconds(1))
        #expect(world.read(id) == comment)
        world.wait(.seconds(30))
        #expect(world.read(id) == comment + comment)
        agent.send(stream, "data: 1\n")
        _ = world.read(id)
        world.wait(.seconds(60))
        #expect(world.read(id).isEmpty, "within an event")
        agent.send(stream, "\n")
        _ = world.read(id)
        world.wait(.seconds(14))
        agent.send(stream, "data: 2\n\n")
        _ = world.read(id)
        world.wait(.seconds(14))
        #expect(world.read(id).isEmpty)
        world.wait(.seconds(1))
        #expect(world.read(id) == comment)
        agent.send(stream, [], end: true)
        #expect(world.read(id) == "0\r\n\r\n")
        world.wait(.seconds(74))
        #expect(!world.wire(id).isClosing, "an ordinary idle connection by now")
        #expect(world.read(id).isEmpty)
        world.end()
    }

    @Test func toAnOldVisitorItIsNotChunked() throws {
        let world = world()
        let agent = world.agent()
        let (id, _) = try stream(world, agent, request: "GET /web/a/ HTTP/1.0\r\n\r\n")
        world.wait(.seconds(15))
        #expect(world.read(id) == ":\n\n")
        world.end()
    }

    @Test func aVisitorThatDoesNotReadGetsNoneAndIsCutAsUsual() throws {
        let world = world()
        let agent = world.agent()
        let (id, stream) = try stream(world, agent)
        world.hold(id)
        agent.send(stream, "data: 1\n\n")
        let held = world.gateway.counters.bufferedBytes
        world.wait(.seconds(59))
        #expect(world.gateway.counters.bufferedBytes == held)
        world.wait(.seconds(1))
        #expect(world.wire(id).isAborted)
        world.end()
    }

    @Test func nothingElseIsTouched() throws {
        let world = world()
        let agent = world.agent()
        let type = ("Content-Type", "text/event-stream")
        for (fields, status, request) in [
            (fields(type, ("Content-Length", "9")), 200, get("/web/a/")),
            (fields(type, ("Content-Encoding", "gzip")), 200, get("/web/a/")),
            (fields(("Content-Type", "text/event-streams")), 200, get("/web/a/")),
            (fields(("Content-Type", "text/html")), 200, get("/web/a/")),
            (HTTPFields(), 200, get("/web/a/")), (fields(type), 206, get("/web/a/")),
            (fields(type), 200, get("/web/a/").replacing("GET", with: "POST")),
        ] {
            let (id, _) = try stream(world, agent, fields, status: status, request: request)
            world.wait(.seconds(60))
            #expect(world.read(id).isEmpty && !world.wire(id).isClosing)
        }
        world.end()
    }

    @Test func itMayBeSwitchedOffWhileAStreamIsOpen() throws {
        let world = world()
        let agent = world.agent()
        let (id, stream) = try stream(world, agent)
        world.tell(.reconfigure(GatewayConfiguration()))
        agent.send(stream, "data: 1\n\n")
        _ = world.read(id)
        world.wait(.seconds(3_600))
        #expect(world.read(id).isEmpty && !world.wire(id).isClosing)
        world.end()
    }

    @Test func itIsOffUnlessAskedFor() throws {
        let world = World()
        let agent = world.agent()
        let (id, _) = try stream(world, agent)
        world.wait(.seconds(3_600))
        #expect(world.read(id).isEmpty)
        world.end()
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
