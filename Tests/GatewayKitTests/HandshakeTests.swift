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

    @Test func theAnswerIsRFC6455sAndNamesTheHighestVersionOffered() throws {
        for (offer, selected) in [
            ("miagent.v1, miagent.v2", "miagent.v2"), ("miagent.v2", "miagent.v2"), ("miagent.v1", "miagent.v1"),
            ("chat, MIAGENT.V2", "miagent.v2"),
            ("chat", nil), (nil, nil),
        ] as [(String?, String?)] {
            let world = World()
            let id = world.visit(World.handshake(protocols: offer))
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 101)
            #expect(answer.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(answer.fields["upgrade"] == "websocket" && answer.fields["connection"] == "Upgrade")
            #expect(answer.fields["sec-websocket-protocol"] == selected)
            #expect(world.gateway.counters.agents == 1 && world.gateway.counters.visitors == 0)
            world.end()
        }
    }

    @Test func whatIsNoWebSocketIsToldToBecomeOne() throws {
        let world = World()
        let good = World.handshake()
        for request in [
            get("/agent"), good.replacing("websocket", with: "h2c"), good.replacing("Version: 13", with: "Version: 8"),
            good.replacing(World.sampleKey, with: "short"), good.replacing("Sec-WebSocket-Key", with: "X-Key"),
            good.replacing("Connection: Upgrade", with: "Connection: close"), good.replacing("HTTP/1.1", with: "HTTP/1.0"),
        ] {
            let id = world.visit(request)
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 426 && answer.errorCode == "upgrade-required", "\(request)")
            #expect(answer.fields["upgrade"] == "websocket" && answer.fields["sec-websocket-version"] == "13")
            #expect(answer.fields.containsToken("upgrade", in: .connection))
        }
        let post = world.visit(good.replacing("GET", with: "POST"))
        let answer = try world.expectAnswer(post)
        #expect(answer.status == 405 && answer.fields[.allow] == "GET")
        world.end()
    }

    @Test func aBadIdIsRefusedAtOnce() throws {
        let world = World()
        for query in [
            "agentId=", "agentId=.a", "agentId=a%2Fb", "agentId=%C3%A9", "agentId=" + String(repeating: "a", count: 65),
        ] {
            let id = world.visit(World.handshake(query))
            #expect(try world.expectAnswer(id).errorCode == "bad-agent-id", "\(query)")
        }
        world.end()
    }

    @Test func aWrongTokenIsRefusedAtOnce() throws {
        let world = World { $0.gatewayTokens = ["good", "next"] }
        for (query, header) in [
            ("agentId=a", "Authorization: Bearer bad\r\n"), ("agentId=a&token=bad", ""), ("agentId=a&token=", ""),
            ("agentId=a&token=good", "Authorization: Bearer bad\r\n"),
        ] {
            let id = world.visit(World.handshake(query, header))
            let answer = try world.expectAnswer(id)
            #expect(answer.status == 401 && answer.errorCode == "unauthorized", "\(query)")
        }
        #expect(world.takeLogs("agent.turned-away").count == 4)
        #expect(world.logs.allSatisfy { $0.fields.allSatisfy { !$0.value.contains("bad") && !$0.value.contains("good") } })
        world.end()
    }

    @Test func bytesBesideTheHandshakeBelongToTheTunnel() {
        let world = World()
        var session = TunnelSession(.agent(seed: [5]), version: .v2)
        session.register(AgentDescription(agentID: "a"))
        let id = world.connect()
        world.send(id, latin1(World.handshake()) + session.takeOutput())
        #expect(world.gateway.counters.registeredAgents == 1)
        world.end()
    }

    // MARK: Registration

    @Test func aTokenMayComeInThreePlaces() throws {
        for version in TunnelVersion.allCases {
            let world = World { $0.gatewayTokens = ["old", "s3cret"] }
            let header = world.dial(version, query: "agentId=h", "Authorization: Bearer s3cret\r\n")
            header.register(AgentDescription(agentID: "h"))
            let query = world.dial(version, query: "agentId=q&token=s3cret")
            query.register(AgentDescription(agentID: "q"))
            let inside = world.dial(version, query: "")
            inside.register(AgentDescription(agentID: "i", token: "s3cret"))
            for agent in [header, query, inside] {
                #expect(agent.events.contains { if case .welcome = $0 { true } else { false } })
            }
            #expect(world.gateway.agentRecords.map(\.description.agentID) == ["h", "i", "q"])
            #expect(world.gateway.agentRecords.allSatisfy { $0.description.token == nil })
            world.end()
        }
    }

    @Test func aWrongOrMissingTokenInRegisterIsAnErrorAndAGoodbye() {
        for token in ["bad", nil] {
            let world = World { $0.gatewayTokens = ["good"] }
            let agent = world.dial(.v2)
            #expect(world.gateway.counters.registeredAgents == 0)
            agent.register(AgentDescription(agentID: "a", token: token))
            #expect(agent.has(.refused(TunnelFailure.unauthorized.failure("the token is missing or wrong"))))
            #expect(agent.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
            #expect(world.wire(agent.id).isClosing)
            #expect(world.gateway.counters.agents == 0)
            world.end()
        }
    }

    @Test func anAgentMayHaveATokenOfItsOwnInsteadOfTheCommonOne() throws {
        let world = World {
            $0.gatewayTokens = ["common"]
            var access = AgentAccess()
            access.tokens = ["special"]
            $0.agents["a"] = access
        }
        #expect(try world.expectAnswer(world.visit(World.handshake("agentId=a&token=common"))).status == 401)
        let other = world.dial(query: "agentId=b&token=common")
        other.register(AgentDescription(agentID: "b"))
        let own = world.dial(query: "agentId=a&token=special")
        own.register(AgentDescription(agentID: "a"))
        #expect(world.gateway.counters.registeredAgents == 2)
        // Without an id in the URL the common token lets it in, but not under a name that has its own.
        let sly = world.dial(query: "token=common")
        sly.register(AgentDescription(agentID: "a"))
        #expect(sly.events.last == .closed(WSCloseCode(rawValue: 4401), reason: "the token is missing or wrong"))
        #expect(!world.wire(own.id).isClosing)
        world.end()
    }

    @Test func aTokenOfItsOwnIsEnoughWithoutAnIdInTheURL() {
        let world = World {
            $0.gatewayTokens = ["common"]
            var access = AgentAccess()
            access.tokens = ["special"]
            $0.agents["a"] = access
        }
        let agent = world.dial(query: "token=special")
        agent.register(AgentDescription(agentID: "a"))
        #expect(world.gateway.counters.registeredAgents == 1)
        let sly = world.dial(query: "token=special")
        sly.register(AgentDescription(agentID: "b"))
        #expect(world.gateway.counters.registeredAgents == 1)
        world.end()
    }

    @Test func theIdMustBeTheOneInTheURL() {
        for (name, query) in [("b", "agentId=a"), (".a", ""), ("a b", ""), ("", "")] {
            let world = World()
            let agent = world.dial(query: query)
            agent.register(AgentDescription(agentID: name))
            guard case .closed(let code, _)? = agent.events.last else {
                Issue.record("\(name) was let in")
                continue
            }
            #expect(code?.rawValue == 4408)
            #expect(agent.events.contains { if case .refused(let failure) = $0 { failure.code == -32002 } else { false } })
            #expect(world.gateway.agentRecords.isEmpty)
            world.end()
        }
    }

    @Test func aV1AgentIsRegisteredByItsURLAlone() throws {
        let world = World { $0.gatewayTokens = ["s3cret"] }
        let agent = world.dial(.v1, query: "agentId=a&token=s3cret")
        #expect(world.gateway.counters.registeredAgents == 1)
        let id = world.visit(get("/web/a/"))
        agent.answer(try agent.request().id, 200, HTTPFields(), "v1")
        #expect(try world.expectAnswer(id).text == "v1")
        agent.register(AgentDescription(agentID: "a", type: "pi"))  // it may say more later
        #expect(world.gateway.agentRecords.first?.description.type == "pi")
        #expect(world.gateway.counters.registeredAgents == 1)
        let tokenless = world.dial(.v1, query: "agentId=b")
        #expect(world.gateway.counters.registeredAgents == 1)
        tokenless.register(AgentDescription(agentID: "b", token: "s3cret"))
        #expect(world.gateway.counters.registeredAgents == 2)
        world.end()
    }

    @Test func whoDoesNotRegisterInTimeIsClosed() {
        let world = World()
        let agent = world.dial(.v2)
        world.wait(.seconds(10))
        #expect(agent.events.last == .closed(WSCloseCode(rawValue: 4408), reason: "agent.register did not come in time"))
        #expect(world.wire(agent.id).isClosing)
        world.end()
    }

    // MARK: Two of a name

    @Test(arguments: TunnelVersion.allCases) func theNewOneReplacesTheOldAtOnce(version: TunnelVersion) throws {
        let world = World()
        let old = world.agent("a", version)
        let visitor = world.visit(get("/web/a/"))
        let new = world.agent("a", version)
        #expect(old.events.last == .closed(WSCloseCode(rawValue: 4001), reason: "another agent registered as a"))
        #expect(world.wire(old.id).isClosing)
        #expect(try world.expectAnswer(visitor).errorCode == "agent-lost")
        #expect(world.gateway.counters.registeredAgents == 1)
        let id = world.visit(get("/web/a/"))
        new.answer(try new.request().id)
        #expect(try world.expectAnswer(id).status == 200)
        world.leave(old.id)
        #expect(world.gateway.counters.registeredAgents == 1)
        world.end()
    }

    @Test func theOldOneStaysWhereDuplicatesAreRejected() throws {
        let world = World {
            $0.duplicateAgents = .reject
            $0.gatewayTokens = ["s3cret"]
        }
        let old = world.dial(query: "agentId=a&token=s3cret")
        old.register(AgentDescription(agentID: "a"))
        let early = world.visit(World.handshake("agentId=a&token=s3cret"))
        let answer = try world.expectAnswer(early)
        #expect(answer.status == 409 && answer.errorCode == "duplicate-agent")
        let late = world.dial(query: "")
        late.register(AgentDescription(agentID: "a", token: "s3cret"))
        #expect(late.has(.refused(TunnelFailure.duplicateAgent.failure("an agent a is connected already"))))
        #expect(late.events.last == .closed(WSCloseCode(rawValue: 4409), reason: "an agent a is connected already"))
        // Who has no token learns nothing of who is here.
        let stranger = world.dial(query: "agentId=a")
        #expect(stranger.events.isEmpty)
        #expect(!world.wire(old.id).isClosing)
        old.close()
        let next = world.dial(query: "agentId=a&token=s3cret")
        next.register(AgentDescription(agentID: "a"))
        #expect(world.gateway.counters.registeredAgents == 1)
        world.end()
    }
}
