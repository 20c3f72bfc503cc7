// A request on its way through, and its response on its way back: what arrives, when, and how much is held on the way.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ExchangeTests {
    @Test(arguments: TunnelVersion.allCases) func aRequestArrivesAsItWasSent(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let id = fixture.visit(
            "PATCH /web/a/x%2Fy/../z?q=%20&\u{e9} HTTP/1.1\r\nHost: gw.example:80\r\nContent-Length: 5\r\nX-Odd: \u{ff}\r\n"
                + "Cookie: a=b\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nhello")
        let request = try agent.request()
        #expect(request.head.method == "PATCH")
        #expect(request.head.path == latin1("/x%2Fy/../z")[...])
        #expect(request.head.query == latin1("q=%20&\u{e9}")[...])
        #expect(request.head.hasBody && request.head.upgrade == nil)
        var received = request.head.fields
        #expect(received[.xRequestID]?.isEmpty == false)
        received.removeAll(.xRequestID)
        #expect(
            received
                == fields(
                    ("content-length", "5"), ("x-odd", "\u{ff}"), ("cookie", "a=b"), ("x-forwarded-for", "203.0.113.9"),
                    ("x-forwarded-proto", "http"), ("x-forwarded-host", "gw.example:80"), ("x-forwarded-prefix", "/web/a")))
        #expect(agent.body(request.id) == "hello")
        agent.respond(
            request.id, 201, fields(("Location", "/new"), ("Set-Cookie", "s=1; Path=/"), ("Set-Cookie", "t=2")), "made")
        let response = try fixture.expectResponse(id, to: "PATCH")
        #expect(response.status == 201 && response.text == "made")
        #expect(response.fields[.location] == "/web/a/new")
        #expect(response.fields.all(.setCookie).map { Array($0) } == [latin1("s=1; Path=/"), latin1("t=2")])
        #expect(response.fields.contains(.date))
        fixture.end()
    }

    @Test func eachByteGoesOnWhenItIsHere() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        let request = try agent.request()
        #expect(!request.head.fields.contains(.transferEncoding) && !request.head.fields.contains(.contentLength))
        fixture.send(id, "1\r\na\r\n")
        #expect(agent.body(request.id) == "a")
        agent.begin(request.id, 200, fields(("Content-Type", "text/event-stream")))
        agent.send(request.id, "data: 1\n\n")
        #expect(fixture.read(id).hasSuffix("9\r\ndata: 1\n\n\r\n"))
        fixture.wait(.seconds(3_600))  // what streams has no limit of time
        fixture.send(id, "1\r\nb\r\n0\r\nX-Sum: 7\r\n\r\n")
        #expect(agent.body(request.id) == "ab")
        #expect(agent.has(.end(request.id, trailers: fields(("x-sum", "7")))))
        agent.send(request.id, [], end: true, trailers: fields(("x-took", "8")))
        #expect(fixture.read(id).lowercased() == "0\r\nx-took: 8\r\n\r\n")
        #expect(!fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aResponsesTrailersReachWhoCanHaveThem() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let trailers = fields(("x-sum", "1"))
        for (target, method, head) in [
            ("/web/a/1", "GET", HTTPFields()), ("/web/a/2", "GET", fields(("Content-Length", "3"))),
            ("/web/a/3", "HEAD", HTTPFields()),
        ] {
            let id = fixture.visit("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
            let request = try agent.request()
            agent.begin(request.id, 200, head)
            agent.send(request.id, Array("abc".utf8), end: true, trailers: trailers)
            let response = try fixture.expectResponse(id, to: method)
            #expect(response.trailers["x-sum"] == (target == "/web/a/1" ? "1" : nil))
            #expect(!fixture.connection(id).isClosing, "\(target)")
        }
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func responsesWithoutBodiesHaveNone(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let id = fixture.connect()
        func ask(_ method: String, _ status: Int, _ head: HTTPFields, body: String = "") throws -> ReceivedResponse {
            fixture.send(id, "\(method) /web/a/ HTTP/1.1\r\nHost: h\r\n\r\n")
            agent.respond(try agent.request().id, status, head, body)
            return try fixture.expectResponse(id, to: method)
        }
        #expect(try ask("HEAD", 200, fields(("Content-Length", "5000"))).fields[.contentLength] == "5000")
        #expect(try ask("HEAD", 200, fields(("ETag", "x"))).fields.contains(.contentLength) == false)
        #expect(try ask("HEAD", 200, HTTPFields(), body: "a body that nobody wants").status == 200)
        #expect(try ask("GET", 304, fields(("Content-Length", "9"))).fields[.contentLength] == "9")
        #expect(try ask("GET", 204, fields(("Content-Length", "0"))).fields.contains(.contentLength) == false)
        #expect(try ask("GET", 200, HTTPFields()).fields[.contentLength] == "0")
        #expect(try ask("GET", 200, HTTPFields(), body: "x").text == "x")
        #expect(!fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aLengthThatIsNoNumberIsNotPassedOnEvenWithoutABody() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for length in ["x", "5, 5", "+5", ""] {
            let id = fixture.visit("HEAD /web/a/ HTTP/1.1\r\nHost: h\r\n\r\n")
            agent.respond(try agent.request().id, 200, fields(("Content-Length", length)))
            #expect(try fixture.expectResponse(id, to: "HEAD").errorCode == "service-broken", "\(length)")
        }
        fixture.end()
    }

    @Test func aBodyLongerOrShorterThanDeclaredCutsTheResponse() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for body in ["abcd", "ab"] {
            let id = fixture.visit(get("/web/a/"))
            let request = try agent.request()
            agent.begin(request.id, 200, fields(("Content-Length", "3")))
            agent.send(request.id, body, end: true)
            #expect(fixture.read(id).hasSuffix(body.count > 3 ? "\r\n\r\n" : "\r\n\r\nab"))
            #expect(fixture.connection(id).isClosing)
        }
        let none = fixture.visit(get("/web/a/"))
        agent.begin(try agent.request().id, 200, fields(("Content-Length", "3")), hasBody: false)
        #expect(fixture.response(none) == nil)
        #expect(fixture.connection(none).isClosing)
        #expect(fixture.gateway.counters.openStreams == 0)
        fixture.end()
    }

    @Test func v1ResponsesHaveTheLengthThatTheyHave() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", .v1)
        let id = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id, 200, fields(("Content-Length", "77"), ("Transfer-Encoding", "chunked")), "abc")
        let response = try fixture.expectResponse(id)
        #expect(response.text == "abc" && response.fields[.contentLength] == "3")
        fixture.end()
    }

    @Test func aResponseBeforeTheRequestsEndEndsTheConnectionAndTheRequest() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        let request = try agent.request()
        agent.respond(request.id, 403, HTTPFields(), "no")
        #expect(try fixture.expectResponse(id).text == "no")
        #expect(agent.has(.reset(request.id, .cancelled)))
        #expect(fixture.connection(id).isClosing)
        #expect(agent.session.openStreams == 0)
        fixture.end()
    }

    // MARK: Memory

    @Test func aVisitorThatDoesNotReadStopsItsServiceAndNobodyElse() throws {
        let fixture = GatewayFixture { $0.limits.tunnel.initialWindow = 20_000 }
        var limits = TunnelLimits()
        limits.initialWindow = 20_000
        let agent = fixture.agent(limits: limits)
        let slow = fixture.visit(get("/web/a/slow"))
        let request = try agent.request()
        fixture.hold(slow)
        agent.begin(request.id)
        let body = pattern(300_000)
        agent.send(request.id, body, end: true)
        #expect(fixture.connection(slow).unacknowledged < 21_000)
        #expect(fixture.gateway.counters.bufferedBytes < 21_000)
        let quick = fixture.visit(get("/web/a/quick"))
        agent.respond(try agent.request().id, 200, HTTPFields(), "quick")
        #expect(try fixture.expectResponse(quick).text == "quick")
        for _ in 0..<50 {
            fixture.take(slow, 7_000)
            #expect(fixture.connection(slow).unacknowledged < 21_000)
        }
        #expect(try fixture.expectResponse(slow).body == body)
        fixture.take(slow)
        fixture.end()
    }

    @Test func aServiceThatDoesNotReadStopsItsVisitor() throws {
        let fixture = GatewayFixture { $0.limits.tunnel.initialWindow = 20_000 }
        var limits = TunnelLimits()
        limits.initialWindow = 20_000
        let agent = fixture.agent(limits: limits)
        agent.consumes = false
        let body = pattern(200_000)
        let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n")
        let request = try agent.request()
        var sent = 0
        while sent < body.count {
            guard fixture.connection(id).isReading else {
                #expect(fixture.gateway.counters.bufferedBytes <= 64 * 1024 + 10_000 + 100)
                agent.consume(request.id, 5_000)
                continue
            }
            let piece = body[sent..<min(body.count, sent + 10_000)]
            fixture.send(id, Array(piece))
            sent += piece.count
        }
        for _ in 0..<40 { agent.consume(request.id, 5_000) }
        #expect(agent.bodies[request.id] == body)
        agent.respond(request.id)
        #expect(try fixture.expectResponse(id).status == 200)
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    @Test func largeBodiesPassBothWays() throws {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture()
            let agent = fixture.agent("a", version)
            let body = pattern(1_500_000)
            let id = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
            for start in stride(from: 0, to: body.count, by: 65_536) {
                fixture.send(id, Array(body[start..<min(body.count, start + 65_536)]))
            }
            let request = try agent.request()
            #expect(agent.bodies[request.id] == body)
            agent.begin(request.id, 200)
            agent.send(request.id, body, end: true)
            #expect(try fixture.expectResponse(id).body == body)
            fixture.end()
        }
    }

    @Test func aVisitorThatReadsNothingAtAllIsCutInTheEnd() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        fixture.hold(id)
        agent.begin(request.id)
        agent.send(request.id, pattern(100_000))
        for _ in 0..<5 {
            fixture.wait(.seconds(59))
            #expect(!fixture.connection(id).isAborted)
            fixture.take(id, 1_000)  // any progress counts
        }
        fixture.wait(.seconds(60))
        #expect(fixture.connection(id).isAborted)
        #expect(agent.has(.reset(request.id, .cancelled)))
        fixture.end()
    }

    @Test(arguments: ["", "Connection: close\r\n"]) func aSlowVisitorGetsAWholeResponseHoweverLongItTakes(connection: String)
        throws
    {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", .v1)
        let id = fixture.visit(get("/web/a/", connection))
        let request = try agent.request()
        fixture.hold(id)
        agent.begin(request.id)
        agent.send(request.id, pattern(100_000), end: true)
        #expect(fixture.connection(id).unacknowledged > 100_000)
        for _ in 0..<20 {  // 1,000 s in all
            fixture.wait(.seconds(50))
            #expect(!fixture.connection(id).isGone)
            fixture.take(id, 5_100)
        }
        #expect(try fixture.expectResponse(id).body == pattern(100_000))
        fixture.wait(.seconds(200))
        #expect(fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func anAgentThatDoesNotReadGetsNoMoreRequestsAndIsCut() throws {
        let fixture = GatewayFixture { $0.limits.tunnel.maximumBacklog = 20_000 }
        let agent = fixture.agent()
        fixture.hold(agent.id)
        var refused: ReceivedResponse?
        for _ in 0..<200 where refused == nil {
            let id = fixture.visit(get("/web/a/"))
            refused = fixture.response(id)
            if refused == nil { fixture.leave(id) }
        }
        #expect(refused?.errorCode == "too-many-streams")
        fixture.end()
    }
}
