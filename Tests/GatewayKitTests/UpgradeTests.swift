// Leaving HTTP through the tunnel (RFC 9110 §7.8): raw bytes both ways after a 101, kept from the first to the last.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct UpgradeTests {
    private let upgrade =
        "GET /web/a/ws?x=1 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Key: k\r\n\r\n"

    @Test func bytesBesideTheHeadAndBesideThe101AreKept() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade + "early")
        let request = try agent.request()
        #expect(request.head.upgrade == "websocket" && request.head.hasBody)
        #expect(request.head.query == latin1("x=1")[...] && request.head.fields["sec-websocket-key"] == "k")
        #expect(agent.body(request.id).isEmpty)  // nothing before the 101
        fixture.send(id, "-bird")
        agent.begin(request.id, 101, fields(("Sec-WebSocket-Accept", "s"), ("Content-Length", "5")))
        #expect(agent.body(request.id) == "early-bird")
        agent.send(request.id, "hello")
        let response = try fixture.expectResponse(id)
        #expect(response.status == 101 && response.fields["sec-websocket-accept"] == "s")
        #expect(response.fields["connection"] == "Upgrade" && response.fields["upgrade"] == "websocket")
        #expect(!response.fields.contains(.contentLength))
        #expect(fixture.read(id) == "hello")
        fixture.send(id, [0, 255, 13, 10])
        #expect(agent.bodies[request.id]?.suffix(4) == [0, 255, 13, 10])
        fixture.wait(.seconds(36_000))  // it may be quiet for as long as it likes
        #expect(!fixture.connection(id).isGone)
        fixture.leave(id)
        #expect(agent.has(.reset(request.id, .cancelled)))
        fixture.end()
    }

    @Test func theProtocolIsTheOneThatTheServiceChose() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade.replacing("Upgrade: websocket", with: "Upgrade: h2c, WebSocket"))
        let request = try agent.request()
        #expect(request.head.upgrade == "websocket")
        agent.begin(request.id, 101, fields(("Upgrade", "WEBSOCKET")))
        #expect(try fixture.expectResponse(id).fields["upgrade"] == "websocket")
        fixture.end()
    }

    @Test func eachHalfEndsByItself() throws {
        for visitorFirst in [true, false] {
            let fixture = GatewayFixture()
            let agent = fixture.agent()
            let id = fixture.visit(upgrade)
            let request = try agent.request()
            agent.begin(request.id, 101)
            _ = fixture.response(id)
            if visitorFirst {
                fixture.finish(id)
                #expect(agent.has(.end(request.id, trailers: HTTPFields())))
                #expect(!fixture.connection(id).isFinished)
                agent.send(request.id, "last words")
                #expect(fixture.read(id) == "last words")
                agent.send(request.id, [], end: true)
                #expect(fixture.connection(id).isFinished && fixture.connection(id).isClosing)
            } else {
                agent.send(request.id, "last words", end: true)
                #expect(fixture.read(id) == "last words")
                #expect(fixture.connection(id).isFinished && !fixture.connection(id).isClosing)
                fixture.send(id, "answer")
                #expect(agent.body(request.id) == "answer")
                fixture.finish(id)
                #expect(fixture.connection(id).isClosing)
            }
            #expect(fixture.gateway.counters.openStreams == 0 && agent.session.openStreams == 0)
            fixture.end()
        }
    }

    @Test func whoWasStoppedBeforeThe101IsReadAgainAfterIt() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade + String(repeating: "x", count: 20_000))
        #expect(!fixture.connection(id).isReading)
        let request = try agent.request()
        agent.begin(request.id, 101)
        #expect(agent.body(request.id).utf8.count == 20_000)
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    @Test func aServiceThatDoesNotSwitchRespondsAsUsual() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade + get("/healthz"))
        let request = try agent.request()
        agent.respond(request.id, 426, HTTPFields(), "no")
        #expect(agent.has(.end(request.id, trailers: HTTPFields())))
        #expect(try fixture.expectResponse(id).text == "no")
        #expect(try fixture.expectResponse(id).text == "ok\n")
        #expect(!fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func aRequestWithABodyIsAnOrdinaryOne() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(
            upgrade.replacing("GET", with: "POST").replacing("Host: h", with: "Host: h\r\nContent-Length: 6") + "abc")
        let request = try agent.request()
        #expect(request.head.upgrade == nil)
        agent.begin(request.id, 200)
        fixture.send(id, "def" + get("/healthz"))
        #expect(agent.body(request.id) == "abcdef")
        #expect(agent.has(.end(request.id, trailers: HTTPFields())))
        agent.send(request.id, "done", end: true)
        #expect(try fixture.expectResponse(id).text == "done")
        #expect(try fixture.expectResponse(id).text == "ok\n")
        fixture.end()
    }

    @Test func v1AndHTTP10HaveNoWayToLeave() throws {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture()
            let agent = fixture.agent("a", version)
            let id = fixture.visit(version == .v1 ? upgrade : upgrade.replacing("HTTP/1.1", with: "HTTP/1.0"))
            let request = try agent.request()
            #expect(request.head.upgrade == nil && !request.head.hasBody)
            agent.respond(request.id, 200, HTTPFields(), "page")
            #expect(try fixture.expectResponse(id).text == "page")
            fixture.end()
        }
    }

    @Test func anUpgradeThatIsNotAnsweredTimesOut() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade)
        fixture.wait(.seconds(30))
        #expect(try fixture.expectResponse(id).status == 504)
        #expect(agent.has(.reset(try agent.request().id, .timedOut)))
        fixture.end()
    }

    @Test func aTunnelLostUnderAnUpgradedStreamCutsIt() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(upgrade)
        agent.begin(try agent.request().id, 101)
        fixture.leave(agent.id)
        #expect(fixture.connection(id).isAborted)
        fixture.end()
    }

    @Test func upgradedStreamsAreHeldBackLikeAnyOther() throws {
        let fixture = GatewayFixture { $0.limits.tunnel.initialWindow = 20_000 }
        var limits = TunnelLimits()
        limits.initialWindow = 20_000
        let agent = fixture.agent(limits: limits)
        let id = fixture.visit(upgrade)
        let request = try agent.request()
        agent.begin(request.id, 101)
        _ = fixture.response(id)
        fixture.hold(id)
        agent.send(request.id, pattern(60_000))
        #expect(fixture.connection(id).unacknowledged <= 20_200)
        for _ in 0..<20 { fixture.take(id, 5_000) }
        #expect(fixture.readBytes(id) == pattern(60_000))
        fixture.take(id)
        agent.consumes = false
        while fixture.connection(id).isReading { fixture.send(id, pattern(10_000)) }
        #expect(fixture.gateway.counters.bufferedBytes <= 64 * 1024 + 10_000)
        fixture.wait(.seconds(61))
        #expect(!fixture.connection(id).isGone)
        for _ in 0..<40 { agent.consume(request.id, 5_000) }
        #expect(fixture.connection(id).isReading)
        fixture.end()
    }

    // MARK: What may be switched to

    @Test(arguments: [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk", "Upgrade: TLS/1.0", "Upgrade: tls/1.2, h2c", "Upgrade: HTTP/2.0",
        "Upgrade: foo",
        "Upgrade: websocket/13", "Upgrade:", "Upgrade: h2c\r\nUpgrade: foo", "Upgrade: x/1",
    ])
    func otherProtocolsAreNotAskedForAndTheRequestIsAPlainOne(lines: String) throws {
        for configured in [["websocket"], ["websocket", "h2c", "TLS/1.0", "HTTP/2.0"]] {
            let fixture = GatewayFixture { $0.web.upgrades = configured }
            let agent = fixture.agent()
            let id = fixture.visit(
                "GET /web/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n\(lines)\r\n\r\n")
            let request = try agent.request()
            #expect(request.head.upgrade == nil && !request.head.hasBody)
            #expect(!request.head.fields.contains("HTTP2-Settings") && !request.head.fields.contains(.upgrade))
            agent.respond(request.id)
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.send(id, get("/healthz"))
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.end()
        }
    }

    @Test func theFirstThatIsAllowedIsAskedForAsItWasConfigured() throws {
        let fixture = GatewayFixture { $0.web.upgrades = ["WebSocket", "x/1"] }
        let agent = fixture.agent()
        for (lines, expected) in [
            ("Upgrade: h2c, X/1, websocket", "x/1"), ("Upgrade: h2c\r\nUpgrade: , WEBSOCKET", "WebSocket"),
            ("Upgrade: websocket", "WebSocket"),
        ] {
            let id = fixture.visit("GET /web/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\(lines)\r\n\r\n")
            #expect(try agent.request().head.upgrade == expected)
            fixture.leave(id)
        }
        fixture.end()
    }

    @Test func aWebSocketBeginsWithAGetAndNotInHTTP10() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for start in ["POST /web/a/ws HTTP/1.1", "GET /web/a/ws HTTP/1.0", "OPTIONS /web/a/ws HTTP/1.1"] {
            let id = fixture.visit("\(start)\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(try agent.request().head.upgrade == nil)
            fixture.leave(id)
        }
        fixture.end()
    }

    @Test(arguments: ["h2c", "foo", "websocket, h2c"])
    func a101OfAnotherProtocolThanAskedForIs502(granted: String) throws {
        let fixture = GatewayFixture { $0.web.upgrades = ["websocket", "foo"] }
        let agent = fixture.agent()
        let id = fixture.visit(upgrade)
        agent.begin(try agent.request().id, 101, fields(("Upgrade", granted)))
        let response = try fixture.expectResponse(id)
        #expect(response.status == 502 && response.errorCode == "service-broken")
        fixture.end()
    }

    @Test(arguments: ["CONNECT", "TRACE", "TRACK"])
    func someMethodsAreNobodys(method: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for target in ["/web/a/x", "h:443", "/", "http://h/web/a/"] {
            let id = fixture.visit("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\nGET /web/a/ HTTP/1.1\r\nHost: h\r\n\r\n")
            let response = try fixture.expectResponse(id)
            #expect(response.status == 405 && response.errorCode == "method-not-allowed" && response.fields[.allow] != nil)
            #expect(fixture.connection(id).isClosing)
        }
        #expect(agent.events.allSatisfy { if case .request = $0 { false } else { true } })
        fixture.end()
    }

    @Test func aPathThatLeadsOutOfItsPrefixIsNobodys() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for path in ["/web/a/..", "/web/a/../b/", "/web/a/%2e%2e/b/", "/web/a/x/../../b", "/web/a/..%2f", "http://h/web/a/../"]
        {
            #expect(try fixture.get(path).status == 400, "\(path)")
        }
        #expect(agent.events.allSatisfy { if case .request = $0 { false } else { true } })
        fixture.end()
    }
}
