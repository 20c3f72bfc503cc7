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
        -> GatewayFixture
    {
        GatewayFixture(loops: loops) {
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
    private func visitByHost(_ fixture: GatewayFixture, _ agent: AgentPeer, _ fields: String = "") throws -> Bool {
        let id = fixture.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\(fields)\r\n")
        guard agent.waitingRequests > 0 else { return false }
        agent.respond(try agent.request().id, 200, HTTPFields(), "here")
        return try fixture.expectResponse(id).text == "here"
    }

    // MARK: Tokens

    @Test(arguments: DuplicateAgents.allCases, [true, false])
    func anotherSpellingNeedsTheSameToken(policy: DuplicateAgents, byPath: Bool) throws {
        let fixture = guarded {
            $0.duplicateAgents = policy
            $0.web.routesByPath = byPath
        }
        let own = fixture.dial(query: "agentId=pi&token=pis")
        own.register(AgentDescription(agentID: "pi"))
        for version in ["miagent.v2", "miagent.v1"] {
            let shouting = fixture.visit(GatewayFixture.handshake("agentId=PI&token=common", protocols: version))
            #expect(try fixture.expectResponse(shouting).errorCode == "unauthorized")
        }
        let late = fixture.dial(query: "token=common")
        late.register(AgentDescription(agentID: "Pi"))
        #expect(isRefused(late, .unauthorized))
        #expect(try visitByHost(fixture, own, Self.bearer))
        #expect(fixture.gateway.agentRecords.map(\.description.agentID) == ["pi"])
        fixture.end()
    }

    @Test func settingsAreTheNamesAndNotTheSpellings() throws {
        for key in ["pi", "Pi"] {
            let fixture = guarded(key: key)
            let shouting = fixture.dial(query: "agentId=PI&token=pis")
            shouting.register(AgentDescription(agentID: "PI"))
            #expect(fixture.gateway.counters.registeredAgents == 1)
            for (target, host) in [
                ("/web/PI/", "gw.example"), ("/web/pi/", "gw.example"), ("/", "pi.sub.test"), ("/", "PI.SUB.test"),
            ] {
                #expect(try fixture.get(target, host: host).status == 401, "\(target) at \(host)")
            }
            #expect(try visitByHost(fixture, shouting, Self.bearer))
            // One login for one name.
            let browser = Browser(fixture)
            _ = try browser.logIn("visitor", scope: "PI", next: "/web/PI/")
            #expect(browser.cookies.keys.sorted() == ["miagent.pi"])
            #expect(try browser.reach(shouting, "/web/PI/") != nil)
            fixture.end()
        }
    }

    @Test func whoWaitsForAGuardedAgentIsNotHandedToAnother() throws {
        let fixture = guarded { $0.web.agentWait = .seconds(2) }
        let id = fixture.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\(Self.bearer)\r\n")
        let late = fixture.dial(query: "token=common")
        late.register(AgentDescription(agentID: "PI"))
        #expect(late.waitingRequests == 0)
        let own = fixture.dial(query: "agentId=pi&token=pis")
        own.register(AgentDescription(agentID: "pi"))
        own.respond(try own.request().id, 200, HTTPFields(), "mine")
        #expect(try fixture.expectResponse(id).text == "mine")
        fixture.end()
    }

    // MARK: Who was first

    @Test(arguments: DuplicateAgents.allCases) func aNameThatIsConnectedIsNobodyElses(policy: DuplicateAgents) throws {
        let fixture = GatewayFixture {
            $0.web.subdomainHost = "sub.test"
            $0.duplicateAgents = policy
        }
        let first = fixture.agent("pi")
        for version in ["miagent.v2", "miagent.v1"] {
            let second = fixture.visit(GatewayFixture.handshake("agentId=PI", protocols: version))
            let response = try fixture.expectResponse(second)
            #expect(response.status == 409 && response.errorCode == "duplicate-agent" && response.text.contains("case"))
        }
        let late = fixture.dial(query: "")
        late.register(AgentDescription(agentID: "Pi"))
        #expect(isRefused(late, .duplicateAgent))
        #expect(
            late.events.last == .closed(WSCloseCode(rawValue: 4409), reason: GatewayError.nameTaken("Pi", by: "pi").explanation)
        )
        #expect(try visitByHost(fixture, first))
        #expect(try fixture.get("/web/PI/").errorCode == "unknown-agent", "a path never leads to another agent")
        fixture.end()
    }

    @Test func whoIsAwayLosesItsNameToASpellingThatMayHaveIt() throws {
        let fixture = GatewayFixture {
            $0.web.subdomainHost = "sub.test"
            $0.offlineAlert = OfflineAlertConfiguration(url: "http://alerts.example/")
        }
        fixture.agent("pi").close()
        fixture.wait(.seconds(31))
        let next = fixture.agent("PI")
        #expect(fixture.gateway.agentRecords.map(\.description.agentID) == ["PI"])
        #expect(try visitByHost(fixture, next))
        #expect(try fixture.get("/web/pi/").errorCode == "unknown-agent")
        #expect(fixture.alerts.map(\.event) == [.offline, .online], "it is the same name that is back")
        next.close()
        let back = fixture.agent("pi")
        #expect(try visitByHost(fixture, back))
    }

    // MARK: Several loops

    @Test func ofTwoThatConnectAtOnceOneGetsTheName() throws {
        for spelling in ["pi", "PI"] {
            let fixture = GatewayFixture(loops: 3) { $0.web.subdomainHost = "sub.test" }
            _ = fixture.agent("other")
            fixture.mail.isHeld = true
            let ids = [
                fixture.visit(GatewayFixture.handshake("agentId=pi"), on: 1),
                fixture.visit(GatewayFixture.handshake("agentId=PI"), on: 2),
            ]
            fixture.mail.isHeld = false
            for _ in 0..<4 { fixture.mail.deliver() }
            let peers = ids.map { fixture.accepted($0) }
            #expect(Set(ids.map { fixture.loop(of: $0) }).count == 1, "they meet")
            let order = spelling == "pi" ? [0, 1] : [1, 0]
            for place in order { peers[place].register(AgentDescription(agentID: ["pi", "PI"][place])) }
            #expect(isRefused(peers[order[1]], .duplicateAgent))
            #expect(fixture.loops.allSatisfy { $0.agentRecords.map(\.description.agentID) == ["other", spelling].sorted() })
            #expect(try visitByHost(fixture, peers[order[0]]))
            fixture.end()
        }
    }

    @Test func whoNamesItselfLateIsRefusedANameOfAnotherLoop() throws {
        let fixture = GatewayFixture(loops: 3) { $0.web.subdomainHost = "sub.test" }
        _ = fixture.agent("other")
        let home = fixture.agent("pi")
        #expect(fixture.loop(of: home.id) == 1)
        let late = fixture.dial(query: "")
        late.register(AgentDescription(agentID: "PI"))
        #expect(isRefused(late, .badAgentID))
        home.close()
        let next = fixture.dial(query: "")
        next.register(AgentDescription(agentID: "PI"))
        #expect(fixture.loops.allSatisfy { $0.agentRecords.map(\.description.agentID) == ["PI", "other"] })
        for loop in 0..<3 {
            let id = fixture.visit("GET / HTTP/1.1\r\nHost: pi.sub.test\r\n\r\n", on: loop)
            next.respond(try next.request().id, 200, HTTPFields(), "next")
            #expect(try fixture.expectResponse(id).text == "next")
        }
        fixture.end()
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
        #expect(registry.records.map(\.description.agentID).sorted() == ["pi"])
        registry.learn("pi", record("pi", isOnline: false), from: 1)
        registry.learn("PI", record("PI", isOnline: true), from: 2)
        #expect(registry.records.map(\.description.agentID).sorted() == ["PI"])
        registry.learn("pi", nil, from: 1)
        registry.learn("pi", record("pi", isOnline: false), from: 1)
        #expect(registry.records.map(\.description.agentID).sorted() == ["PI"])
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
