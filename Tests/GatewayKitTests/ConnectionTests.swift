// A visitor's connection over several requests: what keeps it, what ends it, and in which order it is answered.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ConnectionTests {
    @Test func aConnectionServesManyRequests() throws {
        let world = World()
        let agent = world.agent()
        let id = world.connect()
        for index in 0..<5 {
            world.send(id, get("/web/a/\(index)"))
            let request = try agent.request()
            #expect(request.head.path == latin1("/\(index)"))
            agent.answer(request.id, 200, HTTPFields(), "body \(index)")
            let answer = try world.expectAnswer(id)
            #expect(answer.text == "body \(index)" && !answer.fields.contains(.connection))
            world.send(id, get("/healthz"))
            #expect(try world.expectAnswer(id).text == "ok\n")
        }
        #expect(world.gateway.counters.openStreams == 0)
        world.end()
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/1") + get("/healthz") + get("/web/a/2"))
        #expect(agent.waitingRequests == 1)
        #expect(world.answer(id) == nil)
        agent.answer(try agent.request().id, 200, HTTPFields(), "one")
        #expect(agent.waitingRequests == 1)
        agent.answer(try agent.request().id, 200, HTTPFields(), "three")
        #expect(try world.expectAnswer(id).text == "one")
        #expect(try world.expectAnswer(id).text == "ok\n")
        #expect(try world.expectAnswer(id).text == "three")
        world.end()
    }

    @Test func requestsAreUnderstoodHoweverTheyAreCut() {
        let text = latin1("POST /web/a/x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + get("/healthz"))
        let disagreement = firstDisagreement(over: text, exhaustiveLimit: 40) { pieces in
            let world = World()
            let agent = world.agent()
            let id = world.connect()
            for piece in pieces { world.send(id, Array(piece)) }
            guard let request = try? agent.request() else { return "nothing" }
            agent.answer(request.id, 200, HTTPFields(), "echo \(agent.body(request.id))")
            defer { world.end() }
            return world.read(id)
        }
        #expect(disagreement == nil)
    }

    @Test func connectionCloseEndsItAfterTheAnswer() throws {
        let world = World()
        let agent = world.agent()
        for own in [true, false] {
            let id = world.visit(get(own ? "/healthz" : "/web/a/", "Connection: close\r\n"))
            if !own { agent.answer(try agent.request().id, 200, HTTPFields(), "x") }
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 200 && answer.fields[.connection] == "close")
            #expect(world.wire(id).isClosing)
        }
        world.end()
    }

    /// RFC 9112 §9.6: who sends after it asked for the end would have the connection reset under the answer.
    @Test(arguments: [("", false), ("GET /more", true)])
    func nobodyWaitsForAVisitorThatAskedForTheEnd(unread: String, lingers: Bool) throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/", "Connection: close\r\n") + unread)
        agent.answer(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try world.expectAnswer(id).status == 200)
        #expect(world.wire(id).isClosing && world.wire(id).lingers == lingers)
        world.end()
    }

    @Test func http10ClosesUnlessAskedToStay() throws {
        let world = World()
        let agent = world.agent()
        let plain = world.visit("GET /web/a/ HTTP/1.0\r\n\r\n")
        let request = try agent.request()
        agent.begin(request.id)
        agent.send(request.id, "abc")
        agent.send(request.id, "def", end: true)
        let answer = try world.expectAnswer(plain)
        #expect(answer.text == "abcdef" && answer.fields[.connection] == "close")
        #expect(!answer.fields.contains(.transferEncoding))
        #expect(world.wire(plain).isClosing)
        let staying = world.visit("GET /web/a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        agent.answer(try agent.request().id, 200, fields(("Content-Length", "1")), "x")
        let kept = try world.expectAnswer(staying)
        #expect(kept.text == "x" && kept.fields[.connection] == "keep-alive")
        world.send(staying, "GET /healthz HTTP/1.0\r\n\r\n")
        #expect(try world.expectAnswer(staying).fields[.connection] == "close")
        #expect(world.wire(staying).isClosing)
        world.end()
    }

    @Test func anHTTP10VisitorWithoutALengthGetsTheEndOfTheConnectionWhateverItAsked() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit("GET /web/a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let request = try agent.request()
        agent.begin(request.id)
        agent.send(request.id, Array("abc".utf8), end: true, trailers: fields(("x-sum", "1")))
        let answer = try world.expectAnswer(id)
        #expect(answer.text == "abc" && answer.fields[.connection] == "close")
        #expect(world.wire(id).isClosing && !world.wire(id).isAborted)
        world.end()
    }

    @Test func anIdleConnectionIsClosedAndABusyOneIsNot() throws {
        let world = World()
        let id = world.visit(get("/healthz"))
        for _ in 0..<3 {
            world.wait(.seconds(74))
            #expect(!world.wire(id).isClosing)
            world.send(id, get("/healthz"))
        }
        world.wait(.seconds(75))
        #expect(world.wire(id).isClosing)
        world.end()
    }

    @Test func aPipelinedHeadThatNeverEndsTimesOutLikeAnyOther() throws {
        let world = World()
        let agent = world.agent()
        let own = world.visit(get("/healthz") + "GET /slow")
        _ = try world.expectAnswer(own)
        let id = world.visit(get("/web/a/") + "GET /slow")
        world.wait(.seconds(5))
        agent.answer(try agent.request().id)
        _ = try world.expectAnswer(id)
        world.wait(.seconds(10))
        #expect(try world.expectAnswer(id).status == 408)
        #expect(world.wire(id).isClosing)
        world.end()
    }

    @Test func bytesOfLaterRequestsWaitInTheKernel() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/") + String(repeating: get("/web/a/"), count: 300))
        #expect(!world.wire(id).isReading)
        for _ in 0..<301 {
            agent.answer(try agent.request().id, 204)
            #expect(try world.expectAnswer(id).status == 204)
        }
        #expect(world.wire(id).isReading)
        world.end()
    }

    @Test func aVisitorThatFinishesItsSideIsGone() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        let request = try agent.request()
        world.finish(id)
        #expect(agent.has(.reset(request.id, .cancelled)))
        #expect(world.wire(id).isClosing)
        let idle = world.visit(get("/healthz"))
        world.finish(idle)
        #expect(world.wire(idle).isClosing)
        world.end()
    }

    @Test func aVisitorThatLeavesStopsTheWorkForIt() throws {
        let world = World()
        let agent = world.agent()
        let before = world.visit(get("/web/a/"))
        let first = try agent.request()
        world.leave(before)
        #expect(agent.has(.reset(first.id, .cancelled)))
        let during = world.visit(get("/web/a/"))
        let second = try agent.request()
        agent.begin(second.id)
        agent.send(second.id, "abc")
        world.leave(during)
        #expect(agent.has(.reset(second.id, .cancelled)))
        agent.send(second.id, "late")
        #expect(world.gateway.counters.openStreams == 0)
        #expect(agent.session.openStreams == 0)
        world.end()
    }

    @Test func whatIsThrownAwayIsThrownAwayInTimeOrNotAtAll() throws {
        let world = World()
        let id = world.visit("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
        #expect(try world.expectAnswer(id).status == 404)
        world.wait(.seconds(10))
        #expect(world.wire(id).isClosing)
        world.end()
    }

    @Test func lateAndStrayEventsDisturbNobody() {
        let world = World()
        let nobody = ConnectionID(slot: 9, generation: 9)
        for event in [
            TransportEvent.received(nobody, [1]), .wrote(nobody, 5), .receivedEOF(nobody), .closed(nobody, error: nil),
            .connected(DialID(rawValue: 1), nobody), .dialFailed(DialID(rawValue: 1), reason: ""),
        ] {
            world.happen(.transport(event))
        }
        let id = world.visit(get("/nothing", "Connection: close\r\n"))
        world.happen(.transport(.received(id, [1, 2, 3])))
        world.happen(.transport(.wrote(id, 1_000_000)))
        world.end()
    }

    @Test func requestsAreLoggedWithoutTheirQueries() throws {
        let world = World { $0.logsRequests = true }
        let agent = world.agent()
        let id = world.visit("POST /web/a/x?secret=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
        world.wait(.milliseconds(7))
        agent.answer(try agent.request().id, 201, HTTPFields(), "abc")
        let logs = world.takeLogs("web.request")
        #expect(logs.count == 1)
        let values = Dictionary(uniqueKeysWithValues: logs.first?.fields.map { ($0.name, $0.value) } ?? [])
        #expect(values["path"] == "/web/a/x" && values["status"] == "201" && values["in"] == "2" && values["out"] == "3")
        #expect(values["ms"] == "7" && values["outcome"] == "done" && values["method"] == "POST" && values["agent"] == "a")
        world.leave(id)
        world.end()
    }
}
