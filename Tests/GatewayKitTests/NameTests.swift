// One owner for each name: ids that differ in case alone share a host name, so they share everything that is decided by an id.

import HTTPCodec
import MachineCore
import SettingsCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct NameTests {
    private static let bearer = "Authorization: Bearer visitor\r\n"

    /// An agent `pi` with tokens of its own, among others that share a common one.
    private func guarded(loops: Int = 1, key: String = "pi", _ configure: (inout GatewayConfiguration) -> Void = { _ in })
        -> World
    {
        World(loops: loops) {
            $0.gatewayTokens = ["common"]
            $0.web.subdomainHost = "sub.test"
            var access = AgentAccess()
            access.tokens = ["pis"]
            access.authTokens = ["visitor"]
            $0.agents[key] = access
            configure(&$0)
        }
    }

    private func isRefused(_ agent: AgentPeer, _ failure: TunnelFailure) -> Bool {
        agent.events.contains { if case .refused(let reason) = $0 { reason.code == failure.rawValue } else { false } }
    }

    /// What a visitor at the host name of `pi` gets, if `agent` answers it.
    private func visitByHost(_ world: World, _ agent: AgentPeer, _ fields: String = "") throws -> Bool {
        let id = world.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\(fields)\r\n")
        guard agent.waitingRequests > 0 else { return false }
        agent.answer(try agent.request().id, 200, HTTPFields(), "here")
        return try world.expectAnswer(id).text == "here"
    }

    // MARK: Tokens

    @Test(arguments: DuplicateAgents.allCases, [true, false])
    func anotherSpellingNeedsTheSameToken(policy: DuplicateAgents, byPath: Bool) throws {
        let world = guarded {
            $0.duplicateAgents = policy
            $0.web.routesByPath = byPath
        }
        let own = world.dial(query: "agentId=pi&token=pis")
        own.register(AgentDescription(agentID: "pi"))
        for version in ["miagent.v2", "miagent.v1"] {
            let shouting = world.visit(World.handshake("agentId=PI&token=common", protocols: version))
            #expect(try world.expectAnswer(shouting).errorCode == "unauthorized")
        }
        let late = world.dial(query: "token=common")
        late.register(AgentDescription(agentID: "Pi"))
        #expect(isRefused(late, .unauthorized))
        #expect(try visitByHost(world, own, Self.bearer))
        #expect(world.gateway.agentRecords.map(\.description.agentID) == ["pi"])
        world.end()
    }

    @Test func settingsAreTheNamesAndNotTheSpellings() throws {
        for key in ["pi", "Pi"] {
            let world = guarded(key: key)
            let shouting = world.dial(query: "agentId=PI&token=pis")
            shouting.register(AgentDescription(agentID: "PI"))
            #expect(world.gateway.counters.registeredAgents == 1)
            for (target, host) in [
                ("/web/PI/", "gw.example"), ("/web/pi/", "gw.example"), ("/", "pi.sub.test"), ("/", "PI.SUB.test"),
            ] {
                #expect(try world.get(target, host: host).status == 401, "\(target) at \(host)")
            }
            #expect(try visitByHost(world, shouting, Self.bearer))
            // One login for one name.
            let browser = Browser(world)
            _ = try browser.logIn("visitor", scope: "PI", next: "/web/PI/")
            #expect(browser.cookies.keys.sorted() == ["miagent.pi"])
            #expect(try browser.reach(shouting, "/web/PI/") != nil)
            world.end()
        }
    }

    @Test func whoWaitsForAGuardedAgentIsNotHandedToAnother() throws {
        let world = guarded { $0.web.agentWait = .seconds(2) }
        let id = world.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\(Self.bearer)\r\n")
        let late = world.dial(query: "token=common")
        late.register(AgentDescription(agentID: "PI"))
        #expect(late.waitingRequests == 0)
        let own = world.dial(query: "agentId=pi&token=pis")
        own.register(AgentDescription(agentID: "pi"))
        own.answer(try own.request().id, 200, HTTPFields(), "mine")
        #expect(try world.expectAnswer(id).text == "mine")
        world.end()
    }

    // MARK: Who was first

    @Test(arguments: DuplicateAgents.allCases) func aNameThatIsConnectedIsNobodyElses(policy: DuplicateAgents) throws {
        let world = World {
            $0.web.subdomainHost = "sub.test"
            $0.duplicateAgents = policy
        }
        let first = world.agent("pi")
        for version in ["miagent.v2", "miagent.v1"] {
            let second = world.visit(World.handshake("agentId=PI", protocols: version))
            let answer = try world.expectAnswer(second)
            #expect(answer.status == 409 && answer.errorCode == "duplicate-agent" && answer.text.contains("case"))
        }
        let late = world.dial(query: "")
        late.register(AgentDescription(agentID: "Pi"))
        #expect(isRefused(late, .duplicateAgent))
        #expect(
            late.events.last == .closed(WSCloseCode(rawValue: 4409), reason: GatewayError.nameTaken("Pi", by: "pi").explanation)
        )
        #expect(try visitByHost(world, first))
        #expect(try world.get("/web/PI/").errorCode == "unknown-agent", "a path never leads to another agent")
        world.end()
    }

    @Test func whoIsAwayLosesItsNameToASpellingThatMayHaveIt() throws {
        let world = World {
            $0.web.subdomainHost = "sub.test"
            $0.offlineAlert = OfflineAlertConfiguration(url: "http://alerts.example/")
        }
        world.agent("pi").close()
        world.wait(.seconds(31))
        let next = world.agent("PI")
        #expect(world.gateway.agentRecords.map(\.description.agentID) == ["PI"])
        #expect(try visitByHost(world, next))
        #expect(try world.get("/web/pi/").errorCode == "unknown-agent")
        #expect(world.alerts.map(\.event) == [.offline, .online], "it is the same name that is back")
        next.close()
        let back = world.agent("pi")
        #expect(try visitByHost(world, back))
    }

    // MARK: Several loops

    @Test func ofTwoThatConnectAtOnceOneGetsTheName() throws {
        for spelling in ["pi", "PI"] {
            let world = World(loops: 3) { $0.web.subdomainHost = "sub.test" }
            _ = world.agent("other")
            world.places.isHeld = true
            let ids = [world.visit(World.handshake("agentId=pi"), on: 1), world.visit(World.handshake("agentId=PI"), on: 2)]
            world.places.isHeld = false
            for _ in 0..<4 { world.deliverMail() }
            let peers = ids.map { world.accepted($0) }
            #expect(Set(ids.map { world.places.loop(of: $0) }).count == 1, "they meet")
            let order = spelling == "pi" ? [0, 1] : [1, 0]
            for place in order { peers[place].register(AgentDescription(agentID: ["pi", "PI"][place])) }
            #expect(isRefused(peers[order[1]], .duplicateAgent))
            #expect(world.loops.allSatisfy { $0.agentRecords.map(\.description.agentID) == ["other", spelling].sorted() })
            #expect(try visitByHost(world, peers[order[0]]))
            world.end()
        }
    }

    @Test func whoNamesItselfLateIsRefusedANameOfAnotherLoop() throws {
        let world = World(loops: 3) { $0.web.subdomainHost = "sub.test" }
        _ = world.agent("other")
        let home = world.agent("pi")
        #expect(world.places.loop(of: home.id) == 1)
        let late = world.dial(query: "")
        late.register(AgentDescription(agentID: "PI"))
        #expect(isRefused(late, .badAgentID))
        home.close()
        let next = world.dial(query: "")
        next.register(AgentDescription(agentID: "PI"))
        #expect(world.loops.allSatisfy { $0.agentRecords.map(\.description.agentID) == ["PI", "other"] })
        for loop in 0..<3 {
            let id = world.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\r\n", on: loop)
            next.answer(try next.request().id, 200, HTTPFields(), "next")
            #expect(try world.expectAnswer(id).text == "next")
        }
        world.end()
    }

    @Test func lateWordOfAnotherSpellingIsNoNews() throws {
        func record(_ id: String, isOnline: Bool) -> AgentRecord {
            AgentRecord(
                description: AgentDescription(agentID: id), connections: isOnline ? [ConnectionID(slot: 1, generation: 1)] : [],
                remoteAddress: "", connectedAt: 0, lastSeen: isOnline ? nil : 5)
        }
        let registry = Registry(maximumOffline: 10, loop: 0, of: 3)
        registry.learn("pi", record("pi", isOnline: true), from: 1)
        registry.learn("PI", record("PI", isOnline: false), from: 2)
        #expect(registry.records.keys.sorted() == ["pi"])
        registry.learn("pi", record("pi", isOnline: false), from: 1)
        registry.learn("PI", record("PI", isOnline: true), from: 2)
        #expect(registry.records.keys.sorted() == ["PI"])
        registry.learn("pi", nil, from: 1)
        registry.learn("pi", record("pi", isOnline: false), from: 1)
        #expect(registry.records.keys.sorted() == ["PI"])
        #expect(registry.onlineCounts == [0, 0, 1] && registry.webServiceCount == 1)
        #expect(registry.sortedIDs() == ["PI"])
    }

    // MARK: Settings

    @Test func twoKeysOfOneNameAreAMistake() {
        var reader = SettingsReader(file: ("f", Array(#"{"agents": {"pi": {"token": "a"}, "PI": {"token": "b"}}}"#.utf8)))
        _ = GatewayConfiguration.read(from: &reader)
        let problems = reader.finish()
        #expect(problems.map(\.path) == ["agents.PI"])
        #expect(problems.first?.message.contains("differs from \"pi\" in case alone") == true)
    }

    @Test func aKeyThatIsNoIDIsAMistake() {
        var reader = SettingsReader(file: ("f", Array(#"{"agents": {"a b": {"token": "a"}}}"#.utf8)))
        _ = GatewayConfiguration.read(from: &reader)
        #expect(reader.finish().map(\.path) == ["agents.a b"])
    }
}
