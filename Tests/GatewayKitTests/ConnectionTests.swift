// A visitor's connection over several requests: what keeps it, what ends it, and in which order it is answered.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ConnectionTests {
    @Test func aConnectionServesManyRequests() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.connect()
        for index in 0..<5 {
            fixture.send(id, get("/web/a/\(index)"))
            let request = try agent.request()
            #expect(request.head.path == latin1("/\(index)")[...])
            agent.respond(request.id, 200, HTTPFields(), "body \(index)")
            let response = try fixture.expectResponse(id)
            #expect(response.text == "body \(index)" && !response.fields.contains(.connection))
            fixture.send(id, get("/healthz"))
            #expect(try fixture.expectResponse(id).text == "ok\n")
        }
        #expect(fixture.gateway.counters.openStreams == 0)
        fixture.end()
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/1") + get("/healthz") + get("/web/a/2"))
        #expect(agent.waitingRequests == 1)
        #expect(fixture.response(id) == nil)
        agent.respond(try agent.request().id, 200, HTTPFields(), "one")
        #expect(agent.waitingRequests == 1)
        agent.respond(try agent.request().id, 200, HTTPFields(), "three")
        #expect(try fixture.expectResponse(id).text == "one")
        #expect(try fixture.expectResponse(id).text == "ok\n")
        #expect(try fixture.expectResponse(id).text == "three")
        fixture.end()
    }

    @Test func requestsAreUnderstoodHoweverTheyAreCut() {
        let text = latin1("POST /web/a/x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + get("/healthz"))
        let disagreement = firstDisagreement(over: text, exhaustiveLimit: 40) { pieces in
            let fixture = GatewayFixture()
            let agent = fixture.agent()
            let id = fixture.connect()
            for piece in pieces { fixture.send(id, Array(piece)) }
            guard let request = try? agent.request() else { return "nothing" }
            agent.respond(request.id, 200, HTTPFields(), "echo \(agent.body(request.id))")
            defer { fixture.end() }
            return fixture.read(id)
        }
        #expect(disagreement == nil)
    }

    @Test func connectionCloseEndsItAfterTheResponse() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for own in [true, false] {
            let id = fixture.visit(get(own ? "/healthz" : "/web/a/", "Connection: close\r\n"))
            if !own { agent.respond(try agent.request().id, 200, HTTPFields(), "x") }
            let response = try fixture.expectResponse(id)
            #expect(response.status == 200 && response.fields[.connection] == "close")
            #expect(fixture.connection(id).isClosing)
        }
        fixture.end()
    }

    /// RFC 9112 §9.6: who sends after it asked for the end would have the connection reset under the response.
    @Test(arguments: [("", false), ("GET /more", true)])
    func nobodyWaitsForAVisitorThatAskedForTheEnd(unread: String, lingers: Bool) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/", "Connection: close\r\n") + unread)
        agent.respond(try agent.request().id, 200, HTTPFields(), "x")
        #expect(try fixture.expectResponse(id).status == 200)
        #expect(fixture.connection(id).isClosing && fixture.connection(id).lingers == lingers)
        fixture.end()
    }

    @Test func http10ClosesUnlessAskedToStay() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let plain = fixture.visit("GET /web/a/ HTTP/1.0\r\n\r\n")
        let request = try agent.request()
        agent.begin(request.id)
        agent.send(request.id, "abc")
        agent.send(request.id, "def", end: true)
        let response = try fixture.expectResponse(plain)
        #expect(response.text == "abcdef" && response.fields[.connection] == "close")
        #expect(!response.fields.contains(.transferEncoding))
        #expect(fixture.connection(plain).isClosing)
        let staying = fixture.visit("GET /web/a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        agent.respond(try agent.request().id, 200, fields(("Content-Length", "1")), "x")
        let kept = try fixture.expectResponse(staying)
        #expect(kept.text == "x" && kept.fields[.connection] == "keep-alive")
        fixture.send(staying, "GET /healthz HTTP/1.0\r\n\r\n")
        #expect(try fixture.expectResponse(staying).fields[.connection] == "close")
        #expect(fixture.connection(staying).isClosing)
        fixture.end()
    }

    @Test func anHTTP10VisitorWithoutALengthGetsTheEndOfTheConnectionWhateverItAsked() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("GET /web/a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let request = try agent.request()
        agent.begin(request.id)
        agent.send(request.id, Array("abc".utf8), end: true, trailers: fields(("x-sum", "1")))
        let response = try fixture.expectResponse(id)
        #expect(response.text == "abc" && response.fields[.connection] == "close")
        #expect(fixture.connection(id).isClosing && !fixture.connection(id).isAborted)
        fixture.end()
    }

    @Test func anIdleConnectionIsClosedAndABusyOneIsNot() throws {
        let fixture = GatewayFixture()
        let id = fixture.visit(get("/healthz"))
        for _ in 0..<3 {
            fixture.wait(.seconds(74))
            #expect(!fixture.connection(id).isClosing)
            fixture.send(id, get("/healthz"))
        }
        fixture.wait(.seconds(75))
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aPipelinedHeadThatNeverEndsTimesOutLikeAnyOther() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let own = fixture.visit(get("/healthz") + "GET /slow")
        _ = try fixture.expectResponse(own)
        let id = fixture.visit(get("/web/a/") + "GET /slow")
        fixture.wait(.seconds(5))
        agent.respond(try agent.request().id)
        _ = try fixture.expectResponse(id)
        fixture.wait(.seconds(10))
        #expect(try fixture.expectResponse(id).status == 408)
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func bytesOfLaterRequestsWaitInTheKernel() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/") + String(repeating: get("/web/a/"), count: 300))
        #expect(!fixture.connection(id).isReading)
        for _ in 0..<301 {
            agent.respond(try agent.request().id, 204)
            #expect(try fixture.expectResponse(id).status == 204)
        }
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    @Test func aVisitorThatFinishesItsSideIsGone() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        fixture.finish(id)
        #expect(agent.has(.reset(request.id, .cancelled)))
        #expect(fixture.connection(id).isClosing)
        let idle = fixture.visit(get("/healthz"))
        fixture.finish(idle)
        #expect(fixture.connection(idle).isClosing)
        fixture.end()
    }

    @Test func aVisitorThatLeavesStopsTheWorkForIt() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let before = fixture.visit(get("/web/a/"))
        let first = try agent.request()
        fixture.leave(before)
        #expect(agent.has(.reset(first.id, .cancelled)))
        let during = fixture.visit(get("/web/a/"))
        let second = try agent.request()
        agent.begin(second.id)
        agent.send(second.id, "abc")
        fixture.leave(during)
        #expect(agent.has(.reset(second.id, .cancelled)))
        agent.send(second.id, "late")
        #expect(fixture.gateway.counters.openStreams == 0)
        #expect(agent.session.openStreams == 0)
        fixture.end()
    }

    @Test func whatIsThrownAwayIsThrownAwayInTimeOrNotAtAll() throws {
        let fixture = GatewayFixture()
        let id = fixture.visit("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
        #expect(try fixture.expectResponse(id).status == 404)
        fixture.wait(.seconds(10))
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func lateAndStrayEventsDisturbNobody() {
        let fixture = GatewayFixture()
        let nobody = ConnectionID(slot: 9, generation: 9)
        for event in [
            TransportEvent.received(nobody, [1]), .wrote(nobody, 5), .receivedEOF(nobody), .closed(nobody, error: nil),
            .connected(DialID(rawValue: 1), nobody), .dialFailed(DialID(rawValue: 1), reason: ""),
        ] {
            fixture.happen(.transport(event))
        }
        let id = fixture.visit(get("/nothing", "Connection: close\r\n"))
        fixture.happen(.transport(.received(id, [1, 2, 3])))
        fixture.happen(.transport(.wrote(id, 1_000_000)))
        fixture.end()
    }

    @Test func requestsAreLoggedWithoutTheirQueries() throws {
        let fixture = GatewayFixture { $0.logsRequests = true }
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/x?secret=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
        fixture.wait(.milliseconds(7))
        agent.respond(try agent.request().id, 201, HTTPFields(), "abc")
        let logs = fixture.takeLogs("web.request")
        #expect(logs.count == 1)
        let values = Dictionary(uniqueKeysWithValues: logs.first?.fields.map { ($0.name, $0.value) } ?? [])
        #expect(values["path"] == "/web/a/x" && values["status"] == "201" && values["in"] == "2" && values["out"] == "3")
        #expect(values["ms"] == "7" && values["outcome"] == "done" && values["method"] == "POST" && values["agent"] == "a")
        fixture.leave(id)
        fixture.end()
    }
}
