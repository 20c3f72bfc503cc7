// How an agent gets in: the WebSocket handshake, its token in three places, and what becomes of those before it.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct HandshakeTests {
    // MARK: The handshake

    @Test func theResponseIsRFC6455sAndNamesTheHighestVersionOffered() throws {
        for (offer, selected) in [
            ("miagent.v1, miagent.v2", "miagent.v2"), ("miagent.v2", "miagent.v2"), ("miagent.v1", "miagent.v1"),
            ("chat, MIAGENT.V2", "miagent.v2"),
            ("chat", nil), (nil, nil),
        ] as [(String?, String?)] {
            let fixture = GatewayFixture()
            let id = fixture.visit(GatewayFixture.handshake(protocols: offer))
            let response = try fixture.expectResponse(id)
            #expect(response.status == 101)
            #expect(response.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(response.fields["upgrade"] == "websocket" && response.fields["connection"] == "Upgrade")
            #expect(response.fields["sec-websocket-protocol"] == selected)
            #expect(fixture.gateway.counters.agents == 1 && fixture.gateway.counters.visitors == 0)
            fixture.end()
        }
    }

    @Test func whatIsNoWebSocketIsToldToBecomeOne() throws {
        let fixture = GatewayFixture()
        let good = GatewayFixture.handshake()
        for request in [
            get("/agent"), good.replacing("websocket", with: "h2c"), good.replacing("Version: 13", with: "Version: 8"),
            good.replacing(GatewayFixture.sampleKey, with: "short"), good.replacing("Sec-WebSocket-Key", with: "X-Key"),
            good.replacing("Connection: Upgrade", with: "Connection: close"), good.replacing("HTTP/1.1", with: "HTTP/1.0"),
        ] {
            let id = fixture.visit(request)
            let response = try fixture.expectResponse(id)
            #expect(response.status == 426 && response.errorCode == "upgrade-required", "\(request)")
            #expect(response.fields["upgrade"] == "websocket" && response.fields["sec-websocket-version"] == "13")
            #expect(response.fields.containsToken("upgrade", in: .connection))
        }
        let post = fixture.visit(good.replacing("GET", with: "POST"))
        let response = try fixture.expectResponse(post)
        #expect(response.status == 405 && response.fields[.allow] == "GET")
        fixture.end()
    }

    @Test func aBadIdIsRefusedAtOnce() throws {
        let fixture = GatewayFixture()
        for query in [
            "agentId=", "agentId=.a", "agentId=a%2Fb", "agentId=%C3%A9", "agentId=" + String(repeating: "a", count: 65),
        ] {
            let id = fixture.visit(GatewayFixture.handshake(query))
            #expect(try fixture.expectResponse(id).errorCode == "bad-agent-id", "\(query)")
        }
        fixture.end()
    }

    @Test func aWrongTokenIsRefusedAtOnce() throws {
        let fixture = GatewayFixture { $0.gatewayTokens = ["good", "next"] }
        for (query, header) in [
            ("agentId=a", "Authorization: Bearer bad\r\n"), ("agentId=a&token=bad", ""), ("agentId=a&token=", ""),
            ("agentId=a&token=good", "Authorization: Bearer bad\r\n"),
        ] {
            let id = fixture.visit(GatewayFixture.handshake(query, header))
            let response = try fixture.expectResponse(id)
            #expect(response.status == 401 && response.errorCode == "unauthorized", "\(query)")
        }
        #expect(fixture.takeLogs("agent.turned-away").count == 4)
        #expect(fixture.logs.allSatisfy { $0.fields.allSatisfy { !$0.value.contains("bad") && !$0.value.contains("good") } })
        fixture.end()
    }

    @Test func bytesBesideTheHandshakeBelongToTheTunnel() {
        let fixture = GatewayFixture()
        var session = TunnelSession(.agent(seed: [5]), version: .v2)
        session.register(AgentDescription(agentID: "a"))
        let id = fixture.connect()
        fixture.send(id, latin1(GatewayFixture.handshake()) + session.takeOutput())
        #expect(fixture.gateway.counters.registeredAgents == 1)
        fixture.end()
    }

    // MARK: Registration

    @Test func theWelcomeOfV2SaysThatTheKeyZeroIsTaken() {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture()
            let agent = fixture.dial(version)
            agent.register(AgentDescription(agentID: "a"))
            let taken = agent.events.compactMap { if case .welcome(let welcome) = $0 { welcome.takesZeroMask } else { nil } }
            #expect(taken == [version == .v2])
            fixture.end()
        }
    }

    @Test func aTokenMayComeInThreePlaces() throws {
        for version in TunnelVersion.allCases {
            let fixture = GatewayFixture { $0.gatewayTokens = ["old", "s3cret"] }
            let header = fixture.dial(version, query: "agentId=h", "Authorization: Bearer s3cret\r\n")
            header.register(AgentDescription(agentID: "h"))
            let query = fixture.dial(version, query: "agentId=q&token=s3cret")
            query.register(AgentDescription(agentID: "q"))
            let inside = fixture.dial(version, query: "")
            inside.register(AgentDescription(agentID: "i", token: "s3cret"))
            for agent in [header, query, inside] {
                #expect(agent.events.contains { if case .welcome = $0 { true } else { false } })
            }
            #expect(fixture.gateway.agentRecords.map(\.description.agentID) == ["h", "i", "q"])
            #expect(fixture.gateway.agentRecords.allSatisfy { $0.description.token == nil })
            fixture.end()
        }
    }

    @Test func aWrongOrMissingTokenInRegisterIsAnErrorAndAGoodbye() {
        for token in ["bad", nil] {
            let fixture = GatewayFixture { $0.gatewayTokens = ["good"] }
            let agent = fixture.dial(.v2)
            #expect(fixture.gateway.counters.registeredAgents == 0)
            agent.register(AgentDescription(agentID: "a", token: token))
            #expect(agent.has(.refused(TunnelFailure.unauthorized.failure("the token is missing or wrong"))))
            #expect(agent.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
            #expect(fixture.connection(agent.id).isClosing)
            #expect(fixture.gateway.counters.agents == 0)
            fixture.end()
        }
    }

    @Test func anAgentMayHaveATokenOfItsOwnInsteadOfTheCommonOne() throws {
        let fixture = GatewayFixture {
            $0.gatewayTokens = ["common"]
            var access = AgentAccess()
            access.tokens = ["special"]
            $0.agents["a"] = access
        }
        #expect(try fixture.expectResponse(fixture.visit(GatewayFixture.handshake("agentId=a&token=common"))).status == 401)
        let other = fixture.dial(query: "agentId=b&token=common")
        other.register(AgentDescription(agentID: "b"))
        let own = fixture.dial(query: "agentId=a&token=special")
        own.register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.counters.registeredAgents == 2)
        // Without an id in the URL the common token lets it in, but not under a name that has its own.
        let sly = fixture.dial(query: "token=common")
        sly.register(AgentDescription(agentID: "a"))
        #expect(sly.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
        #expect(!fixture.connection(own.id).isClosing)
        fixture.end()
    }

    @Test func aTokenOfItsOwnIsEnoughWithoutAnIdInTheURL() {
        let fixture = GatewayFixture {
            $0.gatewayTokens = ["common"]
            var access = AgentAccess()
            access.tokens = ["special"]
            $0.agents["a"] = access
        }
        let agent = fixture.dial(query: "token=special")
        agent.register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.counters.registeredAgents == 1)
        let sly = fixture.dial(query: "token=special")
        sly.register(AgentDescription(agentID: "b"))
        #expect(fixture.gateway.counters.registeredAgents == 1)
        fixture.end()
    }

    @Test func theIdMustBeTheOneInTheURL() {
        for (name, query) in [("b", "agentId=a"), (".a", ""), ("a b", ""), ("", "")] {
            let fixture = GatewayFixture()
            let agent = fixture.dial(query: query)
            agent.register(AgentDescription(agentID: name))
            guard case .closed(let code, _)? = agent.events.last else {
                Issue.record("\(name) was let in")
                continue
            }
            #expect(code?.rawValue == 4408)
            #expect(agent.events.contains { if case .refused(let failure) = $0 { failure.code == -32002 } else { false } })
            #expect(fixture.gateway.agentRecords.isEmpty)
            fixture.end()
        }
    }

    @Test func aV1AgentIsRegisteredByItsURLAlone() throws {
        let fixture = GatewayFixture { $0.gatewayTokens = ["s3cret"] }
        let agent = fixture.dial(.v1, query: "agentId=a&token=s3cret")
        #expect(fixture.gateway.counters.registeredAgents == 1)
        let id = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id, 200, HTTPFields(), "v1")
        #expect(try fixture.expectResponse(id).text == "v1")
        agent.register(AgentDescription(agentID: "a", type: "pi"))  // it may say more later
        #expect(fixture.gateway.agentRecords.first?.description.type == "pi")
        #expect(fixture.gateway.counters.registeredAgents == 1)
        let tokenless = fixture.dial(.v1, query: "agentId=b")
        #expect(fixture.gateway.counters.registeredAgents == 1)
        tokenless.register(AgentDescription(agentID: "b", token: "s3cret"))
        #expect(fixture.gateway.counters.registeredAgents == 2)
        fixture.end()
    }

    @Test func whoDoesNotRegisterInTimeIsClosed() {
        let fixture = GatewayFixture()
        let agent = fixture.dial(.v2)
        fixture.wait(.seconds(10))
        #expect(agent.events.last == .closed(WSCloseCode(rawValue: 4408), reason: "agent.register did not come in time"))
        #expect(fixture.connection(agent.id).isClosing)
        fixture.end()
    }

    // MARK: Two of a name

    @Test(arguments: TunnelVersion.allCases) func theNewOneReplacesTheOldAtOnce(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let old = fixture.agent("a", version)
        let visitor = fixture.visit(get("/web/a/"))
        let new = fixture.agent("a", version)
        #expect(old.events.last == .closed(WSCloseCode(rawValue: 4001), reason: "another agent registered as a"))
        #expect(fixture.connection(old.id).isClosing)
        #expect(try fixture.expectResponse(visitor).errorCode == "agent-lost")
        #expect(fixture.gateway.counters.registeredAgents == 1)
        let id = fixture.visit(get("/web/a/"))
        new.respond(try new.request().id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.leave(old.id)
        #expect(fixture.gateway.counters.registeredAgents == 1)
        fixture.end()
    }

    @Test func theOldOneStaysWhereDuplicatesAreRejected() throws {
        let fixture = GatewayFixture {
            $0.duplicateAgents = .reject
            $0.gatewayTokens = ["s3cret"]
        }
        let old = fixture.dial(query: "agentId=a&token=s3cret")
        old.register(AgentDescription(agentID: "a"))
        let early = fixture.visit(GatewayFixture.handshake("agentId=a&token=s3cret"))
        let response = try fixture.expectResponse(early)
        #expect(response.status == 409 && response.errorCode == "duplicate-agent")
        let late = fixture.dial(query: "")
        late.register(AgentDescription(agentID: "a", token: "s3cret"))
        #expect(late.has(.refused(TunnelFailure.duplicateAgent.failure("an agent a is connected already"))))
        #expect(late.events.last == .closed(WSCloseCode(rawValue: 4409), reason: "an agent a is connected already"))
        // Who has no token learns nothing of who is here.
        let withoutToken = fixture.dial(query: "agentId=a")
        #expect(withoutToken.events.isEmpty)
        #expect(!fixture.connection(old.id).isClosing)
        old.close()
        let next = fixture.dial(query: "agentId=a&token=s3cret")
        next.register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.counters.registeredAgents == 1)
        fixture.end()
    }
}
