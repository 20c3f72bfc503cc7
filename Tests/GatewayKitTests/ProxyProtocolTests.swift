// Connections of which a trusted proxy says whose they are, before their first byte.

import HTTPCodec
import MachineCore
import SettingsCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ProxyProtocolTests {
    private static let proxy = "10.0.0.1"
    private static let line = "PROXY TCP4 198.51.100.7 10.0.0.1 12345 80\r\n"
    private static let binary =
        "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{0f}\u{c6}\u{33}\u{64}\u{07}\u{0a}\0\0\u{01}\u{30}\u{39}\0\u{50}\u{04}\0\0"

    private func world(
        _ choice: ProxyProtocol = .all, loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) -> World {
        World(loops: loops) {
            $0.proxyProtocol = choice
            $0.trustedProxies = ["10.0.0.0/8", "unix"].compactMap { AddressRange($0) }
            configure(&$0)
        }
    }

    @Test(arguments: [line, binary], [1, 3]) func theClientCountsEverywhere(header: String, loops: Int) throws {
        let world = world(loops: loops) {
            $0.accessLog = .json
            $0.web.allow = ["198.51.100.0/24"].compactMap { AddressRange($0) }
        }
        _ = world.agent("x", on: 0)
        let agent = world.agent("a", on: 0)
        let text = header + get("/web/a/", "X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-Proto: https\r\n")
        for cut in [0, 1, 8, header.unicodeScalars.count, header.unicodeScalars.count + 9] {
            let id = world.connect(from: Self.proxy, on: loops - 1)
            let bytes = latin1(text)
            if cut > 0 { world.send(id, Array(bytes[..<cut])) }
            world.send(id, Array(bytes[cut...]))
            let request = try agent.request()
            #expect(request.head.fields.all(.xForwardedFor).map { String(decoding: $0, as: UTF8.self) } == ["198.51.100.7"])
            #expect(request.head.fields[.xForwardedProto] == "http", "what the client says of itself is not believed")
            agent.answer(request.id)
            #expect(try world.expectAnswer(id).status == 200)
            world.leave(id)
        }
        let records = world.accessRecords.filter { $0.agentID == "a" }
        #expect(records.count == 5 && records.allSatisfy { $0.peer == "198.51.100.7" })
        let other =
            header.contains("PROXY") ? "PROXY TCP6 2001:db8::1 ::1 1 2\r\n" : Self.line.replacing("198.51", with: "203.0")
        let refused = world.visit(other + get("/web/a/"), from: Self.proxy)
        #expect(try world.expectAnswer(refused).errorCode == "forbidden")
        world.end()
    }

    @Test func aClientThatIsATrustedProxyItselfIsBelieved() throws {
        let world = world()
        let agent = world.agent("a")
        let header = "PROXY TCP4 10.7.7.7 10.0.0.1 1 2\r\n"
        let id = world.visit(header + get("/web/a/", "X-Forwarded-For: 192.0.2.66\r\n"), from: Self.proxy)
        #expect(try agent.request().head.fields[.xForwardedFor] == "192.0.2.66, 10.7.7.7")
        world.leave(id)
        world.end()
    }

    @Test(arguments: ["PROXY UNKNOWN\r\n", "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0"]) func theProxysOwnChecksAreItsOwn(header: String)
        throws
    {
        let world = world()
        let id = world.visit(header + get("/healthz"), from: Self.proxy)
        #expect(try world.expectAnswer(id).status == 200)
        world.leave(id)
        world.end()
    }

    @Test func anAgentComesThroughAProxyToo() throws {
        let world = world()
        let handshake = World.handshake("agentId=a", protocols: TunnelVersion.offer(upTo: .v2), "")
        let id = world.visit(Self.line + handshake, from: Self.proxy)
        #expect(world.read(id).hasPrefix("HTTP/1.1 101 "))
        let agent = AgentPeer(world, id, .v2)
        world.agents[id] = agent
        agent.register(AgentDescription(agentID: "a"))
        #expect(world.gateway.agentRecords.first?.remoteAddress == "198.51.100.7")
        world.end()
    }

    // MARK: Who is not asked, and who is refused

    @Test func othersSpeakForThemselvesAndTheirHeadersAreNoHTTP() throws {
        let world = world()
        #expect(try world.get("/healthz").status == 200)
        for header in [Self.line, Self.binary] {
            let id = world.visit(header + get("/healthz"))
            #expect(try world.expectAnswer(id).status == 400)
            world.leave(id)
        }
        world.end()
    }

    @Test func aListenerThatIsNotAskedForItSpeaksHTTP() throws {
        for (choice, peer) in [(ProxyProtocol.off, Self.proxy), (.unix, Self.proxy), (.tcp, "unix")] {
            let world = world(choice)
            #expect(try world.get("/healthz", from: peer).status == 200)
            world.end()
        }
        let world = world(.unix)
        let id = world.visit(Self.line + get("/healthz"), from: "unix")
        #expect(try world.expectAnswer(id).status == 200)
        world.end()
    }

    @Test(
        arguments: [
            get("/healthz"), "PROXY TCP4 evil 10.0.0.1 1 2\r\n", "PROXY TCP4 999.1.1.1 10.0.0.1 1 2\r\n",
            "PROXY TCP6 198.51.100.7 10.0.0.1 1 2\r\n", "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 unix 10.0.0.1 1 2\r\n",
            "\u{16}\u{03}\u{01}",
        ])
    func aTrustedProxyThatSaysNothingOrNonsenseIsCut(text: String) throws {
        let world = world()
        let id = world.visit(text, from: Self.proxy)
        #expect(world.wire(id).isAborted && world.read(id).isEmpty)
        let log = try #require(world.takeLogs("proxy.refused").first)
        #expect(log.fields.contains(.init("peer", Self.proxy)))
        world.end()
    }

    @Test func aHeaderThatDoesNotComeInTimeIsGivenUp() throws {
        let world = world { $0.limits.headTimeout = .seconds(4) }
        let silent = world.connect(from: Self.proxy)
        let slow = world.connect(from: Self.proxy)
        for byte in latin1(Self.line).prefix(3) {
            world.send(slow, [byte])
            world.wait(.seconds(1))
        }
        #expect(!world.wire(slow).isGone)
        world.wait(.seconds(1))
        #expect(world.wire(slow).isAborted && world.wire(silent).isAborted)
        world.end()
    }

    @Test func whoLeavesBeforeTheHeaderLeavesNothing() throws {
        let world = world()
        let (gone, finished) = (world.connect(from: Self.proxy), world.connect(from: Self.proxy))
        #expect(world.gateway.counters.visitors == 2)
        world.leave(gone)
        world.finish(finished)
        #expect(world.wire(finished).isClosing && world.gateway.internals.proxiedConnections == 0)
        let drained = world.connect(from: Self.proxy)
        world.tell(.drain(within: .seconds(5)))
        #expect(world.wire(drained).isAborted && world.hasDrained)
        world.end()
    }

    // MARK: Settings

    @Test(
        arguments: [
            (#"{"proxyProtocol": "tcp", "trustedProxies": "10.0.0.1"}"#, nil), (#"{"proxyProtocol": "off"}"#, nil),
            (#"{"proxyProtocol": "all", "trustedProxies": ["10.0.0.1", "unix"]}"#, nil),
            (#"{"proxyProtocol": "tcp"}"#, "needs trustedProxies"), (#"{"proxyProtocol": "on"}"#, "tcp"),
            (#"{"proxyProtocol": "unix", "trustedProxies": "10.0.0.1"}"#, "\"unix\""),
        ] as [(String, String?)])
    func settings(text: String, problem: String?) {
        var reader = SettingsReader(file: ("gateway.json", Array(text.utf8)), environment: [:])
        let configuration = GatewayConfiguration.read(from: &reader)
        let problems = reader.finish().map(\.description)
        if let problem {
            #expect(problems.count == 1 && problems[0].contains(problem), "\(problems)")
        } else {
            #expect(problems.isEmpty && (configuration.proxyProtocol == .off) == text.contains("off"), "\(problems)")
        }
    }
}
