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

    private func fixture(
        _ choice: ProxyProtocol = .all, loops: Int = 1, _ configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.proxyProtocol = choice
            $0.trustedProxies = ["10.0.0.0/8", "unix"].compactMap { AddressRange($0) }
            configure(&$0)
        }
    }

    @Test(arguments: [line, binary], [1, 3]) func theClientCountsEverywhere(header: String, loops: Int) throws {
        let fixture = fixture(loops: loops) {
            $0.accessLog = .json
            $0.web.allow = ["198.51.100.0/24"].compactMap { AddressRange($0) }
        }
        _ = fixture.agent("x", on: 0)
        let agent = fixture.agent("a", on: 0)
        let text = header + get("/web/a/", "X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-Proto: https\r\n")
        for cut in [0, 1, 8, header.unicodeScalars.count, header.unicodeScalars.count + 9] {
            let id = fixture.connect(from: Self.proxy, on: loops - 1)
            let bytes = latin1(text)
            if cut > 0 { fixture.send(id, Array(bytes[..<cut])) }
            fixture.send(id, Array(bytes[cut...]))
            let request = try agent.request()
            #expect(request.head.fields.all(.xForwardedFor).map { String(decoding: $0, as: UTF8.self) } == ["198.51.100.7"])
            #expect(request.head.fields[.xForwardedProto] == "http", "what the client says of itself is not believed")
            agent.respond(request.id)
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.leave(id)
        }
        let records = fixture.accessRecords.filter { $0.agentID == "a" }
        #expect(records.count == 5 && records.allSatisfy { $0.peer == "198.51.100.7" })
        let other =
            header.contains("PROXY") ? "PROXY TCP6 2001:db8::1 ::1 1 2\r\n" : Self.line.replacing("198.51", with: "203.0")
        let refused = fixture.visit(other + get("/web/a/"), from: Self.proxy)
        #expect(try fixture.expectResponse(refused).errorCode == "forbidden")
        fixture.end()
    }

    @Test func aClientThatIsATrustedProxyItselfIsBelieved() throws {
        let fixture = fixture()
        let agent = fixture.agent("a")
        let header = "PROXY TCP4 10.7.7.7 10.0.0.1 1 2\r\n"
        let id = fixture.visit(header + get("/web/a/", "X-Forwarded-For: 192.0.2.66\r\n"), from: Self.proxy)
        #expect(try agent.request().head.fields[.xForwardedFor] == "192.0.2.66, 10.7.7.7")
        fixture.leave(id)
        fixture.end()
    }

    @Test(arguments: ["PROXY UNKNOWN\r\n", "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0"]) func theProxysOwnChecksAreItsOwn(header: String)
        throws
    {
        let fixture = fixture()
        let id = fixture.visit(header + get("/healthz"), from: Self.proxy)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.leave(id)
        fixture.end()
    }

    @Test func anAgentComesThroughAProxyToo() throws {
        let fixture = fixture()
        let handshake = GatewayFixture.handshake("agentId=a", protocols: TunnelVersion.offer(upTo: .v2), "")
        let id = fixture.visit(Self.line + handshake, from: Self.proxy)
        #expect(fixture.read(id).hasPrefix("HTTP/1.1 101 "))
        let agent = AgentPeer(fixture, id, .v2)
        fixture.agents[id] = agent
        agent.register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.agentRecords.first?.remoteAddress == "198.51.100.7")
        fixture.end()
    }

    // MARK: Who is not asked, and who is refused

    @Test func othersSpeakForThemselvesAndTheirHeadersAreNoHTTP() throws {
        let fixture = fixture()
        #expect(try fixture.get("/healthz").status == 200)
        for header in [Self.line, Self.binary] {
            let id = fixture.visit(header + get("/healthz"))
            #expect(try fixture.expectResponse(id).status == 400)
            fixture.leave(id)
        }
        fixture.end()
    }

    @Test func aListenerThatIsNotAskedForItSpeaksHTTP() throws {
        for (choice, peer) in [(ProxyProtocol.off, Self.proxy), (.unix, Self.proxy), (.tcp, "unix")] {
            let fixture = fixture(choice)
            #expect(try fixture.get("/healthz", from: peer).status == 200)
            fixture.end()
        }
        let fixture = fixture(.unix)
        let id = fixture.visit(Self.line + get("/healthz"), from: "unix")
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }

    @Test(
        arguments: [
            get("/healthz"), "PROXY TCP4 evil 10.0.0.1 1 2\r\n", "PROXY TCP4 999.1.1.1 10.0.0.1 1 2\r\n",
            "PROXY TCP6 198.51.100.7 10.0.0.1 1 2\r\n", "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 unix 10.0.0.1 1 2\r\n",
            "\u{16}\u{03}\u{01}",
        ])
    func aTrustedProxyThatSaysNothingOrNonsenseIsCut(text: String) throws {
        let fixture = fixture()
        let id = fixture.visit(text, from: Self.proxy)
        #expect(fixture.connection(id).isAborted && fixture.read(id).isEmpty)
        let log = try #require(fixture.takeLogs("proxy.refused").first)
        #expect(log.fields.contains(.init("peer", Self.proxy)))
        fixture.end()
    }

    @Test func aHeaderThatDoesNotComeInTimeIsGivenUp() throws {
        let fixture = fixture { $0.limits.headTimeout = .seconds(4) }
        let silent = fixture.connect(from: Self.proxy)
        let slow = fixture.connect(from: Self.proxy)
        for byte in latin1(Self.line).prefix(3) {
            fixture.send(slow, [byte])
            fixture.wait(.seconds(1))
        }
        #expect(!fixture.connection(slow).isGone)
        fixture.wait(.seconds(1))
        #expect(fixture.connection(slow).isAborted && fixture.connection(silent).isAborted)
        fixture.end()
    }

    @Test func whoLeavesBeforeTheHeaderLeavesNothing() throws {
        let fixture = fixture()
        let (gone, finished) = (fixture.connect(from: Self.proxy), fixture.connect(from: Self.proxy))
        #expect(fixture.gateway.counters.visitors == 2)
        fixture.leave(gone)
        fixture.finish(finished)
        #expect(fixture.connection(finished).isClosing && fixture.gateway.internals.proxiedConnections == 0)
        let drained = fixture.connect(from: Self.proxy)
        fixture.tell(.drain(within: .seconds(5)))
        #expect(fixture.connection(drained).isAborted && fixture.hasDrained)
        fixture.end()
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
