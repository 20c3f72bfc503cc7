// From the dial to the registration, and everything that a gateway may send instead.

import HTTPCodec
import MachineCore
import RPCCore
import TestSupport
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct ConnectionTests {
    @Test func dialsUpgradesRegistersAndServes() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        #expect(fixture.dials.map(\.endpoint) == [.tcp(host: "gateway.example.com", port: 3000)])
        let gateway = try fixture.acceptUpgrade(.v2)
        #expect(fixture.phases == [.dialing(attempt: 1), .upgrading, .registering, .serving])
        #expect(fixture.notes.contains(.registered(webURL: "http://g/web/my-agent/")))
        let description = try #require(fixture.gateways[gateway]?.registrations.first)
        #expect(description.agentID == "my-agent")
        #expect(description.type == "pi-coding")
        #expect(description.servesWeb)
        #expect(description.token == nil)
        #expect(description.version == AgentConfiguration.programVersion)
        fixture.expectNothingLeft()
        #expect(fixture.gateways[gateway]?.closed == .goingAway)
        #expect(fixture.stops == ["stopped by its host"])
    }

    @Test func theUpgradeRequestSaysAllThatAGatewayNeeds() throws {
        var fixture = AgentFixture(.sample { $0.gateway = (try? GatewayURL("ws://g.example/agent?zone=1")) ?? .unknown })
        fixture.send(.start)
        let id = try fixture.accept()
        let head = try fixture.upgradeRequest(on: id)
        #expect(head.method == "GET")
        #expect(String(decoding: head.target, as: UTF8.self) == "/agent?zone=1&agentId=my-agent")
        #expect(head.fields[.host] == "g.example")
        #expect(head.fields[.authorization] == "Bearer s3cret-token")
        #expect(head.fields[.secWebSocketProtocol] == "miagent.v1, miagent.v2")
        #expect(head.fields[.secWebSocketVersion] == "13")
        #expect(head.fields[.userAgent] == "miagent/\(AgentConfiguration.programVersion)")
        fixture.expectNothingLeft()
    }

    @Test func theQueryBeginsWithTheAgentIfThereIsNone() throws {
        var fixture = AgentFixture(
            .sample {
                $0.highestVersion = .v1; $0.token = nil
            })
        fixture.send(.start)
        let id = try fixture.accept()
        let head = try fixture.upgradeRequest(on: id)
        #expect(String(decoding: head.target, as: UTF8.self) == "/agent?agentId=my-agent")
        #expect(head.fields[.secWebSocketProtocol] == "miagent.v1")
        #expect(!head.fields.contains(.authorization))
        fixture.expectNothingLeft()
    }

    @Test func aV1GatewayNeedNotRespondToTheRegistration() throws {
        for version in [TunnelVersion.v1, nil] {
            var fixture = AgentFixture()
            fixture.welcome = nil
            fixture.send(.start)
            let gateway = try fixture.acceptUpgrade(version)
            #expect(fixture.agent.phase == .serving)
            fixture.pass(.seconds(60))
            #expect(fixture.agent.phase == .serving)
            #expect((fixture.gateways[gateway]?.session.openStreams) == 0)
            fixture.expectNothingLeft()
        }
    }

    @Test func aV1GatewayThatDoesNotKnowRegistrationIsServed() throws {
        var fixture = AgentFixture()
        fixture.refusal = .methodNotFound
        fixture.send(.start)
        try fixture.acceptUpgrade(.v1)
        #expect(fixture.agent.phase == .serving)
        fixture.expectNothingLeft()
    }

    @Test func theUpgradeMayArriveInAnyPieces() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        let head = try fixture.upgradeRequest(on: try fixture.accept())
        var gateway = TunnelSession(.gateway, version: .v2)
        gateway.welcome(.integer(1), try #require(fixture.welcome))
        let bytes = Array(try AgentFixture.switching(head, version: .v2).utf8) + gateway.takeOutput()
        let disagreement = firstDisagreement(over: bytes, exhaustiveLimit: 150) { pieces in
            var fixture = AgentFixture()
            fixture.send(.start)
            guard let id = try? fixture.accept() else { return [AgentPhase]() }
            for piece in pieces { fixture.event(.received(id, piece)) }
            return fixture.phases
        }
        #expect(disagreement == nil)
        var whole = AgentFixture()
        whole.send(.start)
        whole.reply(try whole.accept(), bytes)
        #expect(whole.agent.phase == .serving)
        whole.expectNothingLeft()
        fixture.expectNothingLeft()
    }

    // MARK: Refusals of the upgrade

    private static let plain = "Content-Type: text/plain\r\n"

    @Test(arguments: [
        ("HTTP/1.1 401 Unauthorized\r\nx-miagent-error: unauthorized\r\nContent-Length: 0\r\n\r\n", "check gatewayToken", true),
        ("HTTP/1.1 409 Conflict\r\nx-miagent-error: duplicate-agent\r\nContent-Length: 0\r\n\r\n", "an agent of this id", true),
        ("HTTP/1.1 403 Forbidden\r\n\(plain)Content-Length: 6\r\n\r\nbanned", "banned", true),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://new/agent\r\nContent-Length: 0\r\n\r\n",
            "wss:// instead of ws:// in gatewayUrl?", false
        ),
        (
            "HTTP/1.1 308 Moved\r\nLocation: http://new/agent\r\nContent-Length: 0\r\n\r\n", "http://new/agent; put the right",
            false
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no gateway takes agents at /agent (404)", false),
        (
            "HTTP/1.1 503 Service Unavailable\r\nx-miagent-error: overloaded\r\nContent-Length: 0\r\n\r\n", "503: overloaded",
            false
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\nx-miagent-error: upgrade-required\r\nContent-Length: 0\r\n\r\n",
            "proxy_set_header Connection upgrade", false
        ),
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "proxy_set_header Upgrade $http_upgrade", false),
        (
            "HTTP/1.1 400 Bad Request\r\nx-miagent-error: bad-agent-id\r\nContent-Length: 0\r\n\r\n", "400: bad-agent-id",
            false
        ),
        (
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n\r\n\r\n".replacing(
                "HTTP/1.0 400 Bad Request", with: "HTTP/1.1 400 Bad Request\r\nContent-Length: 52"),
            "wss:// instead of ws://?", false
        ),
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "wss:// instead of ws://?", false),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "is gatewayd running behind it", false),
        ("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "choose another agentId", true),
        (
            "HTTP/1.1 401 Unauthorized\r\n\(plain)Content-Length: 20\r\n\r\nA token is needed. \n", "A token is needed; check",
            true
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "this is no gateway", false),
        ("SSH-2.0-OpenSSH_9.6\r\n", "not HTTP", false),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
            "wrong Sec-WebSocket-Accept", false
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "does not upgrade", false),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "no Connection: Upgrade", false),
    ])
    func anyOtherResponseIsALossThatSaysWhy(response: String, reason: String, isSlow: Bool) throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        let id = try fixture.accept()
        _ = try fixture.upgradeRequest(on: id)
        fixture.reply(id, response)
        let said = try #require(fixture.lossReason)
        #expect(said.contains(reason), "\(said)")
        #expect(gluedMarks(in: said) == nil, "\(said)")
        #expect(try #require(fixture.wait) >= .seconds(30) || !isSlow)
        #expect(try #require(fixture.wait) <= (isSlow ? .seconds(45) : .milliseconds(500)))
        #expect(fixture.links[id]?.ending == .closed)
        #expect(fixture.logs.allSatisfy { record in record.fields.allSatisfy { !$0.value.contains("s3cret") } })
        fixture.expectNothingLeft()
    }

    @Test func extensionsAndForeignSubprotocolsAreRefused() throws {
        for extra in ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"] {
            var fixture = AgentFixture()
            fixture.send(.start)
            let id = try fixture.accept()
            let response = try AgentFixture.switching(try fixture.upgradeRequest(on: id), version: nil)
            fixture.reply(id, response.dropLast(1) + "\(extra)\r\n\r\n")
            #expect(fixture.lossReason?.contains("that was not offered") == true)
            fixture.expectNothingLeft()
        }
    }

    @Test func v2IsRefusedIfOnlyV1WasOffered() throws {
        var fixture = AgentFixture(.sample { $0.highestVersion = .v1 })
        fixture.send(.start)
        let id = try fixture.accept()
        fixture.reply(id, try AgentFixture.switching(try fixture.upgradeRequest(on: id), version: .v2))
        #expect(fixture.lossReason?.contains("not offered") == true)
        fixture.expectNothingLeft()
    }

    @Test func aConnectionThatEndsDuringTheUpgradeIsALoss() throws {
        for ending in [0, 1] {
            var fixture = AgentFixture()
            fixture.send(.start)
            let id = try fixture.accept()
            fixture.reply(id, "HTTP/1.1 401 Unauth")
            if ending == 0 { fixture.event(.receivedEOF(id)) } else { fixture.peerCloses(id, error: "connection reset") }
            #expect(fixture.lossReason?.isEmpty == false)
            fixture.expectNothingLeft()
        }
    }

    // MARK: Timeouts

    @Test func dialUpgradeAndRegistrationHaveTheirTime() throws {
        var fixture = AgentFixture(.sample { $0.backoff = .seconds(1)...(.seconds(1)) })
        fixture.welcome = nil
        fixture.send(.start)
        fixture.pass(.milliseconds(10_000))
        #expect(fixture.lossReason == "no connection to gateway.example.com:3000 within 10.0 seconds")
        #expect(fixture.cancelledDials == 1)
        fixture.pass(.seconds(1))
        let id = try fixture.accept()
        fixture.pass(.milliseconds(10_000))
        #expect(fixture.lossReason == "10.0 seconds passed before the gateway answered the WebSocket upgrade")
        #expect(fixture.links[id]?.ending == .aborted)
        fixture.pass(.seconds(1))
        try fixture.acceptUpgrade(.v2)
        #expect(fixture.agent.phase == .registering)
        fixture.pass(.milliseconds(10_000))
        #expect(fixture.lossReason == "no response to agent.register within 10.0 seconds")
        fixture.expectNothingLeft()
    }

    @Test func aRefusalWhoseBodyNeverEndsIsStillUnderstood() throws {
        var fixture = AgentFixture()
        fixture.send(.start)
        fixture.reply(try fixture.accept(), "HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\nabc")
        #expect(fixture.agent.phase == .upgrading)
        fixture.pass(.milliseconds(10_000))
        #expect(fixture.lossReason?.contains("check gatewayToken") == true)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [
        (
            "ws://127.0.0.1:3000", "127.0.0.1:3000: Connection refused",
            "cannot connect to 127.0.0.1:3000: Connection refused; is gatewayd running"
        ),
        (
            "ws://g:3000", "127.0.0.1:3000: Connection refused; [::1]:3000: Connection refused",
            "g:3000: 127.0.0.1:3000: Connection refused; [::1]"
        ),
        ("ws://g", "g: Name or service not known.", "cannot connect to g: Name or service not known"),
    ])
    func aGatewayThatIsNotThereIsNamedOnce(gateway: String, reason: String, said: String) throws {
        var fixture = AgentFixture(.sample { $0.gateway = (try? GatewayURL(gateway)) ?? .unknown })
        fixture.send(.start)
        try fixture.refuseDial(reason)
        let words = try #require(fixture.lossReason)
        #expect(words.contains(said), "\(words)")
        #expect(gluedMarks(in: words) == nil)
        fixture.expectNothingLeft()
    }

    @Test func whoSentNoTokenReadsThatOneIsNeeded() throws {
        let responses = [
            "HTTP/1.1 401 Unauthorized\r\nx-miagent-error: unauthorized\r\nContent-Length: 0\r\n\r\n", nil,
        ]
        for response in responses {
            var fixture = AgentFixture(.sample { $0.token = nil })
            fixture.refusal = TunnelFailure.unauthorized.failure("the token is missing or wrong")
            fixture.send(.start)
            if let response { fixture.reply(try fixture.accept(), response) } else { try fixture.acceptUpgrade(.v2) }
            let said = try #require(fixture.lossReason)
            #expect(said.contains("the gateway asks for a token") && said.contains("set gatewayToken"), "\(said)")
            fixture.expectNothingLeft()
        }
    }

    // MARK: Refusals of the registration, and close codes

    @Test(arguments: [
        (TunnelFailure.unauthorized, true), (.badAgentID, true), (.duplicateAgent, true), (.tooManyStreams, false),
    ])
    func aRefusedRegistrationIsRetried(failure: TunnelFailure, slowly: Bool) throws {
        var fixture = AgentFixture()
        fixture.refusal = failure.failure("because\u{1b}[31m.")
        fixture.send(.start)
        let id = try fixture.acceptUpgrade(.v2)
        let what = failure == .unauthorized ? "the gateway refuses the token" : "the gateway refuses to register this agent"
        #expect(fixture.lossReason?.hasPrefix("\(what): because[31m (\(failure.rawValue))") == true)
        #expect(fixture.lossReason.map { gluedMarks(in: $0) } == .some(nil))
        #expect(try #require(fixture.wait) >= .seconds(30) || !slowly)
        #expect(fixture.links[id]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test func aReplacedAgentStops() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.gateways[gateway]?.session.close(WSCloseCode(rawValue: TunnelClose.replaced.rawValue), reason: "replaced")
        fixture.talk()
        #expect(fixture.agent.phase == .stopped)
        #expect(
            fixture.stops == ["another agent registered as my-agent and takes its place; to run both, give one another agentId"]
        )
        #expect(fixture.links[service]?.ending == .aborted)
        #expect(fixture.records.map(\.failure) == ["the connection to the gateway is lost"])
        #expect(fixture.response(gateway, stream).head == nil)
        fixture.pass(.seconds(120))
        #expect(fixture.dials.isEmpty)
        fixture.expectNothingLeft()
    }

    @Test func otherCloseCodesLeadToAnotherDial() throws {
        for (code, isSlow) in [(UInt16(4401), true), (4409, false), (1001, false), (1012, false)] {
            var (fixture, gateway) = try AgentFixture.serving()
            fixture.gateways[gateway]?.session.close(WSCloseCode(rawValue: code), reason: "x")
            fixture.talk()
            #expect(try #require(fixture.wait) >= .seconds(30) || !isSlow)
            fixture.pass(try #require(fixture.wait))
            #expect(fixture.agent.phase == .dialing(attempt: 2))
            fixture.expectNothingLeft()
        }
    }

    @Test func aGatewayThatClosesWithoutCloseFrameIsALoss() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.event(.receivedEOF(gateway))
        #expect(fixture.lossReason == "the gateway closed the connection")
        #expect(fixture.links[gateway]?.ending == .aborted)
        fixture.expectNothingLeft()
    }

    @Test func aGatewayThatBreaksTheProtocolIsTold() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.reply(gateway, [0x83, 0x00])  // an unknown opcode
        #expect(fixture.lossReason?.contains("broke the protocol") == true)
        #expect(fixture.links[gateway]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    // MARK: Configuration

    @Test func aConfigurationThatCannotWorkStopsBeforeItBegins() {
        for change in [
            { $0.description.agentID = "." }, { $0.token = "two words" },
        ] as [(inout AgentConfiguration) -> Void] {
            var fixture = AgentFixture(.sample(change))
            fixture.send(.start)
            #expect(fixture.stops.count == 1)
            #expect(fixture.dials.isEmpty)
            #expect(fixture.agent.phase == .stopped)
        }
    }

    @Test func aStatusIsToldNowAndAtTheNextRegistration() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        fixture.send(.status(StatusUpdate(status: "busy", servesWeb: false)))
        #expect(fixture.gateways[gateway]?.statuses == [StatusUpdate(status: "busy", servesWeb: false)])
        fixture.peerCloses(gateway)
        fixture.pass(.seconds(1))
        let next = try fixture.acceptUpgrade(.v2)
        #expect(fixture.gateways[next]?.registrations.first?.status == "busy")
        #expect(fixture.gateways[next]?.registrations.first?.servesWeb == false)
        fixture.expectNothingLeft()
    }
}
