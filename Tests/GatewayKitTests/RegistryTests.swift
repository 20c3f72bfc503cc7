// Who is here and who was; and the small things that pages are made of.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct RegistryTests {
    private func connection(_ slot: UInt32) -> ConnectionID { ConnectionID(slot: slot, generation: 1) }

    private func add(_ id: String, _ slot: UInt32, to registry: Registry, at time: Int64 = 0, servesWeb: Bool = true) {
        var description = AgentDescription(agentID: id, servesWeb: servesWeb)
        description.token = "s3cret"
        registry.add(description, connection: connection(slot), remoteAddress: "peer", at: time)
    }

    private func byPath(_ id: String) -> WebRoute {
        WebRoute(WebAddress(agentID: id, prefix: "", isByHost: false), path: [], query: nil)
    }
    private func byHost(_ id: String) -> WebRoute {
        WebRoute(WebAddress(agentID: id, prefix: "", isByHost: true), path: [], query: nil)
    }

    @Test func anAgentComesGoesAndIsRemembered() throws {
        let registry = Registry(maximumOffline: 10)
        add("a", 1, to: registry, at: 5)
        #expect(registry.onlineCount == 1)
        #expect(registry.webServiceCount == 1)
        let record = try #require(registry.entry(for: byPath("a"))?.record)
        #expect(record.isOnline && record.lastSeen == nil && record.connectedAt == 5 && record.description.token == nil)
        registry.remove(connection(2), of: "a", at: 6)  // another's
        #expect(registry.onlineCount == 1)
        registry.remove(connection(1), of: "a", at: 7)
        registry.remove(connection(1), of: "a", at: 8)
        #expect(registry.onlineCount == 0)
        #expect(registry.webServiceCount == 0)
        #expect(registry.entry(for: byPath("a"))?.record.lastSeen == 7)
        add("a", 3, to: registry, at: 9)
        #expect(registry.onlineCount == 1)
        #expect(registry.entry(for: byPath("a"))?.record.lastSeen == nil)
    }

    @Test func pathsAreExactAndHostNamesHaveNoCase() {
        let registry = Registry(maximumOffline: 10)
        add("My.Agent", 1, to: registry)
        #expect(registry.entry(for: byPath("My.Agent"))?.record != nil)
        #expect(registry.entry(for: byPath("my.agent"))?.record == nil)
        #expect(registry.entry(for: byHost("my.agent"))?.record.description.agentID == "My.Agent")
    }

    @Test func agentsWithoutAWebServiceAreNotCounted() {
        let registry = Registry(maximumOffline: 10)
        add("a", 1, to: registry, servesWeb: false)
        add("b", 2, to: registry)
        #expect(registry.onlineCount == 2)
        #expect(registry.webServiceCount == 1)
        registry.update("b") { $0.description.servesWeb = false }
        registry.update("nobody") { $0.description.servesWeb = true }
        #expect(registry.webServiceCount == 0)
        #expect(registry.records.count == 2)
    }

    @Test func onlySoManyOfflineAgentsAreRememberedTheLongestGoneAreForgotten() {
        let registry = Registry(maximumOffline: 20)
        for slot in 1...30 as ClosedRange<UInt32> { add("a\(slot)", slot, to: registry) }
        for slot in 1...21 as ClosedRange<UInt32> { registry.remove(connection(slot), of: "a\(slot)", at: Int64(slot)) }
        #expect(registry.onlineCount == 9)
        #expect(registry.records.count == 28)
        for id in ["a1", "a2"] {
            #expect(registry[id] == nil)
            #expect(registry.entry(for: byHost(id))?.record == nil)
        }
        #expect(registry["a3"]?.isOnline == false)
        #expect(registry["a22"]?.isOnline == true)
    }

    @Test func oneNameHasOneOwner() {
        let registry = Registry(maximumOffline: 10)
        add("Twin", 1, to: registry)
        #expect(registry.otherOwner(of: "twin") == "Twin" && registry.otherOwner(of: "Twin") == nil)
        registry.remove(connection(1), of: "Twin", at: 1)
        #expect(registry.otherOwner(of: "twin") == nil, "who is offline is in nobody's way")
        add("twin", 2, to: registry)
        #expect(registry.records.map(\.description.agentID).sorted() == ["twin"] && registry.onlineCount == 1)
        #expect(registry.entry(for: byHost("twin"))?.record.description.agentID == "twin")
        #expect(registry.owner(of: "TWIN")?.description.agentID == "twin")
    }

    @Test func severalTunnelsOfOneAgentAreKeptInOrder() {
        let registry = Registry(maximumOffline: 10)
        add("a", 1, to: registry)
        add("a", 2, to: registry)
        add("a", 1, to: registry)
        #expect(registry["a"]?.connections == [connection(2), connection(1)])
        #expect(registry.onlineCount == 1)
        registry.remove(connection(2), of: "a", at: 1)
        #expect(registry["a"]?.isOnline == true)
    }

    // MARK: What pages are made of

    @Test func clocksBeyondAllReasonDoNotTrap() {
        let clock = WallClock(unixNanosecondsAtZero: .max)
        _ = clock.unixSeconds(at: Moment(nanoseconds: .max))
    }

    @Test func theDateIsMadeOnceASecond() {
        var date = CachedDate()
        #expect(date.field(784_111_777)[.date] == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(date.field(784_111_777)[.date] == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(date.field(784_111_778)[.date] == "Sun, 06 Nov 1994 08:49:38 GMT")
    }
}
