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
        var world = World()
        world.send(.start)
        #expect(world.dials.map(\.endpoint) == [.tcp(host: "gateway.example.com", port: 3000)])
        let gateway = try world.acceptUpgrade(.v2)
        #expect(world.phases == [.dialing(attempt: 1), .upgrading, .registering, .serving])
        #expect(world.notes.contains(.registered(webURL: "http://g/web/my-agent/")))
        let description = try #require(world.gateways[gateway]?.registrations.first)
        #expect(description.agentID == "my-agent")
        #expect(description.type == "pi-coding")
        #expect(description.servesWeb)
        #expect(description.token == nil)
        #expect(description.version == AgentConfiguration.programVersion)
        world.expectNothingLeft()
        #expect(world.gateways[gateway]?.closed == .goingAway)
        #expect(world.stops == ["stopped by its host"])
    }

    @Test func theUpgradeRequestSaysAllThatAGatewayNeeds() throws {
        var world = World(.sample { $0.gateway = (try? GatewayURL("ws://g.example/agent?zone=1")) ?? .unknown })
        world.send(.start)
        let id = try world.accept()
        let head = try world.upgradeRequest(on: id)
        #expect(head.method == "GET")
        #expect(String(decoding: head.target, as: UTF8.self) == "/agent?zone=1&agentId=my-agent")
        #expect(head.fields[.host] == "g.example")
        #expect(head.fields[.authorization] == "Bearer s3cret-token")
        #expect(head.fields[.secWebSocketProtocol] == "miagent.v1, miagent.v2")
        #expect(head.fields[.secWebSocketVersion] == "13")
        #expect(head.fields[.userAgent] == "miagent/\(AgentConfiguration.programVersion)")
        world.expectNothingLeft()
    }

    @Test func theQueryBeginsWithTheAgentIfThereIsNone() throws {
        var world = World(
            .sample {
                $0.highestVersion = .v1; $0.token = nil
            })
        world.send(.start)
        let id = try world.accept()
        let head = try world.upgradeRequest(on: id)
        #expect(String(decoding: head.target, as: UTF8.self) == "/agent?agentId=my-agent")
        #expect(head.fields[.secWebSocketProtocol] == "miagent.v1")
        #expect(!head.fields.contains(.authorization))
        world.expectNothingLeft()
    }

    @Test func aV1GatewayNeedNotRespondToTheRegistration() throws {
        for version in [TunnelVersion.v1, nil] {
            var world = World()
            world.welcome = nil
            world.send(.start)
            let gateway = try world.acceptUpgrade(version)
            #expect(world.agent.phase == .serving)
            world.pass(.seconds(60))
            #expect(world.agent.phase == .serving)
            #expect((world.gateways[gateway]?.session.openStreams) == 0)
            world.expectNothingLeft()
        }
    }

    @Test func aV1GatewayThatDoesNotKnowRegistrationIsServed() throws {
        var world = World()
        world.refusal = .methodNotFound
        world.send(.start)
        try world.acceptUpgrade(.v1)
        #expect(world.agent.phase == .serving)
        world.expectNothingLeft()
    }

    @Test func theUpgradeMayArriveInAnyPieces() throws {
        var world = World()
        world.send(.start)
        let head = try world.upgradeRequest(on: try world.accept())
        var gateway = TunnelSession(.gateway, version: .v2)
        gateway.welcome(.integer(1), try #require(world.welcome))
        let bytes = Array(try World.switching(head, version: .v2).utf8) + gateway.takeOutput()
        let disagreement = firstDisagreement(over: bytes, exhaustiveLimit: 150) { pieces in
            var world = World()
            world.send(.start)
            guard let id = try? world.accept() else { return [AgentPhase]() }
            for piece in pieces { world.event(.received(id, piece)) }
            return world.phases
        }
        #expect(disagreement == nil)
        var whole = World()
        whole.send(.start)
        whole.reply(try whole.accept(), bytes)
        #expect(whole.agent.phase == .serving)
        whole.expectNothingLeft()
        world.expectNothingLeft()
    }

    // MARK: Refusals of the upgrade

    private static let plain = "Content-Type: text/plain\r\n"

    @Test(arguments: [
        ("HTTP/1.1 401 Unauthorized\r\nx-miagent-error: unauthorized\r\nContent-Length: 0\r\n\r\n", "check gatewayToken", true),
        ("HTTP/1.1 409 Conflict\r\nx-miagent-error: duplicate-agent\r\nContent-Length: 0\r\n\r\n", "an agent of this id", true),
        ("HTTP/1.1 403 Forbidden\r\n\(plain)Content-Length: 6\r\n\r\nbanned", "banned", true),
        ("HTTP/1.1 301 Moved\r\nLocation: https://new/agent\r\nContent-Length: 0\r\n\r\n", "https://new/agent", false),
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
            "TLS is spoken at this address", false
        ),
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "TLS is spoken at this address", false),
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
        var world = World()
        world.send(.start)
        let id = try world.accept()
        _ = try world.upgradeRequest(on: id)
        world.reply(id, response)
        let said = try #require(world.lossReason)
        #expect(said.contains(reason), "\(said)")
        #expect(gluedMarks(in: said) == nil, "\(said)")
        #expect(try #require(world.wait) >= .seconds(30) || !isSlow)
        #expect(try #require(world.wait) <= (isSlow ? .seconds(45) : .milliseconds(500)))
        #expect(world.links[id]?.ending == .closed)
        #expect(world.logs.allSatisfy { record in record.fields.allSatisfy { !$0.value.contains("s3cret") } })
        world.expectNothingLeft()
    }

    @Test func extensionsAndForeignSubprotocolsAreRefused() throws {
        for extra in ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"] {
            var world = World()
            world.send(.start)
            let id = try world.accept()
            let response = try World.switching(try world.upgradeRequest(on: id), version: nil)
            world.reply(id, response.dropLast(1) + "\(extra)\r\n\r\n")
            #expect(world.lossReason?.contains("that was not offered") == true)
            world.expectNothingLeft()
        }
    }

    @Test func v2IsRefusedIfOnlyV1WasOffered() throws {
        var world = World(.sample { $0.highestVersion = .v1 })
        world.send(.start)
        let id = try world.accept()
        world.reply(id, try World.switching(try world.upgradeRequest(on: id), version: .v2))
        #expect(world.lossReason?.contains("not offered") == true)
        world.expectNothingLeft()
    }

    @Test func aConnectionThatEndsDuringTheUpgradeIsALoss() throws {
        for ending in [0, 1] {
            var world = World()
            world.send(.start)
            let id = try world.accept()
            world.reply(id, "HTTP/1.1 401 Unauth")
            if ending == 0 { world.event(.receivedEOF(id)) } else { world.peerCloses(id, error: "connection reset") }
            #expect(world.lossReason?.isEmpty == false)
            world.expectNothingLeft()
        }
    }

    // MARK: Timeouts

    @Test func dialUpgradeAndRegistrationHaveTheirTime() throws {
        var world = World(.sample { $0.backoff = .seconds(1)...(.seconds(1)) })
        world.welcome = nil
        world.send(.start)
        world.pass(.milliseconds(10_000))
        #expect(world.lossReason == "no connection to gateway.example.com:3000 within 10.0 seconds")
        #expect(world.cancelledDials == 1)
        world.pass(.seconds(1))
        let id = try world.accept()
        world.pass(.milliseconds(10_000))
        #expect(world.lossReason == "10.0 seconds passed before the gateway answered the WebSocket upgrade")
        #expect(world.links[id]?.ending == .aborted)
        world.pass(.seconds(1))
        try world.acceptUpgrade(.v2)
        #expect(world.agent.phase == .registering)
        world.pass(.milliseconds(10_000))
        #expect(world.lossReason == "no response to agent.register within 10.0 seconds")
        world.expectNothingLeft()
    }

    @Test func aRefusalWhoseBodyNeverEndsIsStillUnderstood() throws {
        var world = World()
        world.send(.start)
        world.reply(try world.accept(), "HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\nabc")
        #expect(world.agent.phase == .upgrading)
        world.pass(.milliseconds(10_000))
        #expect(world.lossReason?.contains("check gatewayToken") == true)
        world.expectNothingLeft()
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
        var world = World(.sample { $0.gateway = (try? GatewayURL(gateway)) ?? .unknown })
        world.send(.start)
        try world.refuseDial(reason)
        let words = try #require(world.lossReason)
        #expect(words.contains(said), "\(words)")
        #expect(gluedMarks(in: words) == nil)
        world.expectNothingLeft()
    }

    @Test func whoSentNoTokenReadsThatOneIsNeeded() throws {
        let responses = [
            "HTTP/1.1 401 Unauthorized\r\nx-miagent-error: unauthorized\r\nContent-Length: 0\r\n\r\n", nil,
        ]
        for response in responses {
            var world = World(.sample { $0.token = nil })
            world.refusal = TunnelFailure.unauthorized.failure("the token is missing or wrong")
            world.send(.start)
            if let response { world.reply(try world.accept(), response) } else { try world.acceptUpgrade(.v2) }
            let said = try #require(world.lossReason)
            #expect(said.contains("the gateway asks for a token") && said.contains("set gatewayToken"), "\(said)")
            world.expectNothingLeft()
        }
    }

    // MARK: Refusals of the registration, and close codes

    @Test(arguments: [
        (TunnelFailure.unauthorized, true), (.badAgentID, true), (.duplicateAgent, true), (.tooManyStreams, false),
    ])
    func aRefusedRegistrationIsRetried(failure: TunnelFailure, slowly: Bool) throws {
        var world = World()
        world.refusal = failure.failure("because\u{1b}[31m.")
        world.send(.start)
        let id = try world.acceptUpgrade(.v2)
        let what = failure == .unauthorized ? "the gateway refuses the token" : "the gateway refuses to register this agent"
        #expect(world.lossReason?.hasPrefix("\(what): because[31m (\(failure.rawValue))") == true)
        #expect(world.lossReason.map { gluedMarks(in: $0) } == .some(nil))
        #expect(try #require(world.wait) >= .seconds(30) || !slowly)
        #expect(world.links[id]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test func aReplacedAgentStops() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.gateways[gateway]?.session.close(WSCloseCode(rawValue: TunnelClose.replaced.rawValue), reason: "replaced")
        world.talk()
        #expect(world.agent.phase == .stopped)
        #expect(
            world.stops == ["another agent registered as my-agent and takes its place; to run both, give one another agentId"])
        #expect(world.links[service]?.ending == .aborted)
        #expect(world.records.map(\.failure) == ["the connection to the gateway is lost"])
        #expect(world.response(gateway, stream).head == nil)
        world.pass(.seconds(120))
        #expect(world.dials.isEmpty)
        world.expectNothingLeft()
    }

    @Test func otherCloseCodesLeadToAnotherDial() throws {
        for (code, isSlow) in [(UInt16(4401), true), (4409, false), (1001, false), (1012, false)] {
            var (world, gateway) = try World.serving()
            world.gateways[gateway]?.session.close(WSCloseCode(rawValue: code), reason: "x")
            world.talk()
            #expect(try #require(world.wait) >= .seconds(30) || !isSlow)
            world.pass(try #require(world.wait))
            #expect(world.agent.phase == .dialing(attempt: 2))
            world.expectNothingLeft()
        }
    }

    @Test func aGatewayThatClosesWithoutCloseFrameIsALoss() throws {
        var (world, gateway) = try World.serving()
        world.event(.receivedEOF(gateway))
        #expect(world.lossReason == "the gateway closed the connection")
        #expect(world.links[gateway]?.ending == .aborted)
        world.expectNothingLeft()
    }

    @Test func aGatewayThatBreaksTheProtocolIsTold() throws {
        var (world, gateway) = try World.serving()
        world.reply(gateway, [0x83, 0x00])  // an unknown opcode
        #expect(world.lossReason?.contains("broke the protocol") == true)
        #expect(world.links[gateway]?.ending == .closed)
        world.expectNothingLeft()
    }

    // MARK: Configuration

    @Test func aConfigurationThatCannotWorkStopsBeforeItBegins() {
        for change in [
            { $0.gateway = (try? GatewayURL("wss://g/agent")) ?? .unknown }, { $0.description.agentID = "." },
            { $0.token = "two words" },
        ] as [(inout AgentConfiguration) -> Void] {
            var world = World(.sample(change))
            world.send(.start)
            #expect(world.stops.count == 1)
            #expect(world.dials.isEmpty)
            #expect(world.agent.phase == .stopped)
        }
    }

    @Test func aStatusIsToldNowAndAtTheNextRegistration() throws {
        var (world, gateway) = try World.serving()
        world.send(.status(StatusUpdate(status: "busy", servesWeb: false)))
        #expect(world.gateways[gateway]?.statuses == [StatusUpdate(status: "busy", servesWeb: false)])
        world.peerCloses(gateway)
        world.pass(.seconds(1))
        let next = try world.acceptUpgrade(.v2)
        #expect(world.gateways[next]?.registrations.first?.status == "busy")
        #expect(world.gateways[next]?.registrations.first?.servesWeb == false)
        world.expectNothingLeft()
    }
}
