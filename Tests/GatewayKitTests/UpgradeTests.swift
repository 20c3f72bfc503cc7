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
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade + "early")
        let request = try agent.request()
        #expect(request.head.upgrade == "websocket" && request.head.hasBody)
        #expect(request.head.query == latin1("x=1") && request.head.fields["sec-websocket-key"] == "k")
        #expect(agent.body(request.id).isEmpty)  // nothing before the 101
        world.send(id, "-bird")
        agent.begin(request.id, 101, fields(("Sec-WebSocket-Accept", "s"), ("Content-Length", "5")))
        #expect(agent.body(request.id) == "early-bird")
        agent.send(request.id, "hello")
        let answer = try world.expectAnswer(id)
        #expect(answer.status == 101 && answer.fields["sec-websocket-accept"] == "s")
        #expect(answer.fields["connection"] == "Upgrade" && answer.fields["upgrade"] == "websocket")
        #expect(!answer.fields.contains(.contentLength))
        #expect(world.read(id) == "hello")
        world.send(id, [0, 255, 13, 10])
        #expect(agent.bodies[request.id]?.suffix(4) == [0, 255, 13, 10])
        world.wait(.seconds(36_000))  // it may be quiet for as long as it likes
        #expect(!world.wire(id).isGone)
        world.leave(id)
        #expect(agent.has(.reset(request.id, .cancelled)))
        world.end()
    }

    @Test func theProtocolIsTheOneThatTheServiceChose() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade.replacing("Upgrade: websocket", with: "Upgrade: h2c, WebSocket"))
        let request = try agent.request()
        #expect(request.head.upgrade == "websocket")
        agent.begin(request.id, 101, fields(("Upgrade", "WEBSOCKET")))
        #expect(try world.expectAnswer(id).fields["upgrade"] == "websocket")
        world.end()
    }

    @Test func eachHalfEndsByItself() throws {
        for visitorFirst in [true, false] {
            let world = World()
            let agent = world.agent()
            let id = world.visit(upgrade)
            let request = try agent.request()
            agent.begin(request.id, 101)
            _ = world.answer(id)
            if visitorFirst {
                world.finish(id)
                #expect(agent.has(.end(request.id, trailers: HTTPFields())))
                #expect(!world.wire(id).isFinished)
                agent.send(request.id, "last words")
                #expect(world.read(id) == "last words")
                agent.send(request.id, [], end: true)
                #expect(world.wire(id).isFinished && world.wire(id).isClosing)
            } else {
                agent.send(request.id, "last words", end: true)
                #expect(world.read(id) == "last words")
                #expect(world.wire(id).isFinished && !world.wire(id).isClosing)
                world.send(id, "answer")
                #expect(agent.body(request.id) == "answer")
                world.finish(id)
                #expect(world.wire(id).isClosing)
            }
            #expect(world.gateway.counters.openStreams == 0 && agent.session.openStreams == 0)
            world.end()
        }
    }

    @Test func whoWasStoppedBeforeThe101IsReadAgainAfterIt() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade + String(repeating: "x", count: 20_000))
        #expect(!world.wire(id).isReading)
        let request = try agent.request()
        agent.begin(request.id, 101)
        #expect(agent.body(request.id).utf8.count == 20_000)
        #expect(world.wire(id).isReading)
        world.end()
    }

    @Test func aServiceThatDoesNotSwitchAnswersAsUsual() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade + get("/healthz"))
        let request = try agent.request()
        agent.answer(request.id, 426, HTTPFields(), "no")
        #expect(agent.has(.end(request.id, trailers: HTTPFields())))
        #expect(try world.expectAnswer(id).text == "no")
        #expect(try world.expectAnswer(id).text == "ok\n")
        #expect(!world.wire(id).isClosing)
        world.end()
    }

    @Test func aRequestWithABodyIsAnOrdinaryOne() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(
            upgrade.replacing("GET", with: "POST").replacing("Host: h", with: "Host: h\r\nContent-Length: 6") + "abc")
        let request = try agent.request()
        #expect(request.head.upgrade == nil)
        agent.begin(request.id, 200)
        world.send(id, "def" + get("/healthz"))
        #expect(agent.body(request.id) == "abcdef")
        #expect(agent.has(.end(request.id, trailers: HTTPFields())))
        agent.send(request.id, "done", end: true)
        #expect(try world.expectAnswer(id).text == "done")
        #expect(try world.expectAnswer(id).text == "ok\n")
        world.end()
    }

    @Test func v1AndHTTP10HaveNoWayToLeave() throws {
        for version in TunnelVersion.allCases {
            let world = World()
            let agent = world.agent("a", version)
            let id = world.visit(version == .v1 ? upgrade : upgrade.replacing("HTTP/1.1", with: "HTTP/1.0"))
            let request = try agent.request()
            #expect(request.head.upgrade == nil && !request.head.hasBody)
            agent.answer(request.id, 200, HTTPFields(), "page")
            #expect(try world.expectAnswer(id).text == "page")
            world.end()
        }
    }

    @Test func anUpgradeThatIsNotAnsweredTimesOut() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade)
        world.wait(.seconds(30))
        #expect(try world.expectAnswer(id).status == 504)
        #expect(agent.has(.reset(try agent.request().id, .timedOut)))
        world.end()
    }

    @Test func aTunnelLostUnderAnUpgradedStreamCutsIt() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(upgrade)
        agent.begin(try agent.request().id, 101)
        world.leave(agent.id)
        #expect(world.wire(id).isAborted)
        world.end()
    }

    @Test func upgradedStreamsAreHeldBackLikeAnyOther() throws {
        let world = World { $0.limits.tunnel.initialWindow = 20_000 }
        var limits = TunnelLimits()
        limits.initialWindow = 20_000
        let agent = world.agent(limits: limits)
        let id = world.visit(upgrade)
        let request = try agent.request()
        agent.begin(request.id, 101)
        _ = world.answer(id)
        world.hold(id)
        agent.send(request.id, pattern(60_000))
        #expect(world.wire(id).unacknowledged <= 20_200)
        for _ in 0..<20 { world.take(id, 5_000) }
        #expect(world.readBytes(id) == pattern(60_000))
        world.take(id)
        agent.consumes = false
        while world.wire(id).isReading { world.send(id, pattern(10_000)) }
        #expect(world.gateway.counters.bufferedBytes <= 64 * 1024 + 10_000)
        world.wait(.seconds(61))
        #expect(!world.wire(id).isGone)
        for _ in 0..<40 { agent.consume(request.id, 5_000) }
        #expect(world.wire(id).isReading)
        world.end()
    }

    // MARK: What may be switched to

    @Test(arguments: [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk", "Upgrade: TLS/1.0", "Upgrade: tls/1.2, h2c", "Upgrade: HTTP/2.0",
        "Upgrade: foo",
        "Upgrade: websocket/13", "Upgrade:", "Upgrade: h2c\r\nUpgrade: foo", "Upgrade: x/1",
    ])
    func otherProtocolsAreNotAskedForAndTheRequestIsAPlainOne(lines: String) throws {
        for configured in [["websocket"], ["websocket", "h2c", "TLS/1.0", "HTTP/2.0"]] {
            let world = World { $0.web.upgrades = configured }
            let agent = world.agent()
            let id = world.visit(
                "GET /web/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n\(lines)\r\n\r\n")
            let request = try agent.request()
            #expect(request.head.upgrade == nil && !request.head.hasBody)
            #expect(!request.head.fields.contains("HTTP2-Settings") && !request.head.fields.contains(.upgrade))
            agent.answer(request.id)
            #expect(try world.expectAnswer(id).status == 200)
            world.send(id, get("/healthz"))
            #expect(try world.expectAnswer(id).status == 200)
            world.end()
        }
    }

    @Test func theFirstThatIsAllowedIsAskedForAsItWasConfigured() throws {
        let world = World { $0.web.upgrades = ["WebSocket", "x/1"] }
        let agent = world.agent()
        for (lines, expected) in [
            ("Upgrade: h2c, X/1, websocket", "x/1"), ("Upgrade: h2c\r\nUpgrade: , WEBSOCKET", "WebSocket"),
            ("Upgrade: websocket", "WebSocket"),
        ] {
            let id = world.visit("GET /web/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\(lines)\r\n\r\n")
            #expect(try agent.request().head.upgrade == expected)
            world.leave(id)
        }
        world.end()
    }

    @Test func aWebSocketBeginsWithAGetAndNotInHTTP10() throws {
        let world = World()
        let agent = world.agent()
        for start in ["POST /web/a/ws HTTP/1.1", "GET /web/a/ws HTTP/1.0", "OPTIONS /web/a/ws HTTP/1.1"] {
            let id = world.visit("\(start)\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(try agent.request().head.upgrade == nil)
            world.leave(id)
        }
        world.end()
    }

    @Test(arguments: ["h2c", "foo", "websocket, h2c"])
    func a101OfAnotherProtocolThanAskedForIs502(granted: String) throws {
        let world = World { $0.web.upgrades = ["websocket", "foo"] }
        let agent = world.agent()
        let id = world.visit(upgrade)
        agent.begin(try agent.request().id, 101, fields(("Upgrade", granted)))
        let answer = try world.expectAnswer(id)
        #expect(answer.status == 502 && answer.errorCode == "service-broken")
        world.end()
    }

    @Test(arguments: ["CONNECT", "TRACE", "TRACK"])
    func someMethodsAreNobodys(method: String) throws {
        let world = World()
        let agent = world.agent()
        for target in ["/web/a/x", "h:443", "/", "http://h/web/a/"] {
            let id = world.visit("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\nGET /web/a/ HTTP/1.1\r\nHost: h\r\n\r\n")
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 405 && answer.errorCode == "method-not-allowed" && answer.fields[.allow] != nil)
            #expect(world.wire(id).isClosing)
        }
        #expect(agent.events.allSatisfy { if case .request = $0 { false } else { true } })
        world.end()
    }

    @Test func aPathThatLeadsOutOfItsPrefixIsNobodys() throws {
        let world = World()
        let agent = world.agent()
        for path in ["/web/a/..", "/web/a/../b/", "/web/a/%2e%2e/b/", "/web/a/x/../../b", "/web/a/..%2f", "http://h/web/a/../"]
        {
            #expect(try world.get(path).status == 400, "\(path)")
        }
        #expect(agent.events.allSatisfy { if case .request = $0 { false } else { true } })
        world.end()
    }
}
