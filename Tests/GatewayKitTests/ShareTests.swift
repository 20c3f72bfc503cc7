// What one address may take of a gateway: connections, requests under way, places for those that wait and that watch, requests
// a second, and wrong tokens, on one loop and on several.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ShareTests {
    private func ranges(_ texts: String...) -> [AddressRange] { texts.compactMap { AddressRange($0) } }
    private let upload = "POST /web/a/ HTTP/1.1\r\nHost: gw.example\r\nContent-Length: 1000000\r\n\r\nx"

    private func refused(_ fixture: GatewayFixture, _ id: ConnectionID) -> Bool {
        guard let response = fixture.response(id) else { return false }
        return response.status == 429 && response.errorCode == "too-many-requests" && response.fields[.retryAfter] != nil
    }

    // MARK: Connections

    @Test(arguments: [1, 2]) func anAddressHasAShareOfTheConnections(loops: Int) throws {
        let fixture = GatewayFixture(loops: loops) { $0.limits.perAddress.connections = 10 }
        var mine: [ConnectionID] = []
        for number in 0..<10 { mine.append(fixture.connect(on: number % loops)) }
        let eleventh = fixture.connect(on: loops - 1)
        #expect(refused(fixture, eleventh) && fixture.connection(eleventh).isClosing)
        #expect(try fixture.get("/healthz", from: "198.51.100.1").status == 200)
        fixture.leave(mine[0])
        #expect(try fixture.get("/healthz", on: loops - 1).status == 200)
        fixture.end()
    }

    @Test func whoGoesOnIsCutWithoutAWord() {
        let fixture = GatewayFixture { $0.limits.perAddress.connections = 8 }
        let ids = (0..<200).map { _ in fixture.connect(isHeld: true) }
        #expect(ids.count { fixture.connection($0).isAborted } > 150)
        #expect(fixture.gateway.counters.visitors < 40)
        #expect(fixture.takeLogs("visitor.limited").count == 192)
        fixture.end()
    }

    @Test func theDefaultIsGenerousAndThisMachinesOwnAddressesAreFree() {
        let fixture = GatewayFixture()
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "unix"] {
            for _ in 0..<1_100 { _ = fixture.connect(from: peer) }
        }
        #expect(fixture.gateway.counters.visitors == 4_400)
        for _ in 0..<1_024 { _ = fixture.connect() }
        #expect(refused(fixture, fixture.connect()))
        #expect(!refused(fixture, fixture.connect(from: "203.0.113.10")))
        fixture.end()
    }

    @Test func aTrustedProxysConnectionsAreNotCountedAndASubscriberOfIPv6IsOneAddress() {
        let fixture = GatewayFixture {
            $0.limits.perAddress.connections = 3
            $0.trustedProxies = ranges("192.0.2.0/24")
        }
        for _ in 0..<50 { _ = fixture.connect(from: "192.0.2.7") }
        #expect(fixture.gateway.counters.visitors == 50)
        for number in 0..<3 { _ = fixture.connect(from: "2001:db8::\(number)") }
        #expect(refused(fixture, fixture.connect(from: "2001:db8::ffff:0:0:9")))
        #expect(!refused(fixture, fixture.connect(from: "2001:db8:0:1::")))
        fixture.end()
    }

    @Test func agentsAreNoVisitors() {
        let fixture = GatewayFixture { $0.limits.perAddress.connections = 2 }
        for number in 0..<20 { _ = fixture.agent("a\(number)") }
        #expect(fixture.gateway.counters.registeredAgents == 20)
        fixture.end()
    }

    @Test func aConnectionThatMovesIsCountedWhereItIs() throws {
        let fixture = GatewayFixture(loops: 2) { $0.limits.perAddress.connections = 4 }
        let agent = fixture.agent("a", on: 1)
        for _ in 0..<10 {
            let id = fixture.visit(get("/web/a/"), on: 0)
            agent.respond(try agent.request().id, 200, HTTPFields(), "x")
            #expect(try fixture.expectResponse(id).status == 200)
            fixture.leave(id)
        }
        fixture.end()
    }

    // MARK: Requests under way

    @Test(arguments: TunnelVersion.allCases) func dribbledBodiesTakeAShareOfAnAgent(version: TunnelVersion) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a", version)
        let ids = (0..<300).map { _ in fixture.visit(upload) }
        #expect(ids.count { refused(fixture, $0) } == 300 - 256)
        let other = fixture.visit(get("/web/a/"), from: "198.51.100.1")
        #expect(fixture.response(other) == nil)
        if version == .v2 { #expect(agent.waitingRequests == 257) }
        fixture.leave(ids[0])
        #expect(!refused(fixture, fixture.visit(upload)))
        fixture.end()
    }

    @Test func behindATrustedProxyTheClientCounts() {
        let fixture = GatewayFixture {
            $0.limits.perAddress.requests = 2
            $0.trustedProxies = ranges("192.0.2.7")
        }
        _ = fixture.agent()
        func visit(_ client: String) -> ConnectionID {
            fixture.visit(get("/web/a/", "X-Forwarded-For: \(client)\r\n"), from: "192.0.2.7")
        }
        _ = (visit("203.0.113.1"), visit("203.0.113.1"))
        #expect(refused(fixture, visit("203.0.113.1")))
        #expect(!refused(fixture, visit("203.0.113.2")))
        _ = (visit("rubbish"), visit("more rubbish"))
        #expect(refused(fixture, visit("rubbish again")))
        #expect(!refused(fixture, fixture.visit(get("/web/a/", "X-Forwarded-For: 203.0.113.1\r\n"), from: "198.51.100.1")))
        fixture.end()
    }

    @Test func thoseThatWaitForAnAgentHaveAShareToo() {
        let fixture = GatewayFixture { $0.web.agentWait = .seconds(3) }
        fixture.leave(fixture.agent().id)
        let ids = (0..<300).map { _ in fixture.visit(get("/web/a/")) }
        #expect(ids.count { fixture.response($0)?.status == 503 } == 300 - 64)
        let other = fixture.visit(get("/web/a/"), from: "198.51.100.1")
        #expect(fixture.response(other) == nil)
        fixture.end()
    }

    @Test func silentWatchersDoNotLockOthersOut() {
        let fixture = GatewayFixture()
        let ids = (0..<256).map { _ in fixture.visit(get("/api/events")) }
        #expect(ids.count { refused(fixture, $0) } == 256 - 32)
        #expect(fixture.read(fixture.visit(get("/api/events"), from: "198.51.100.1")).hasPrefix("HTTP/1.1 200"))
        fixture.leave(ids[0])
        #expect(fixture.read(fixture.visit(get("/api/events"))).hasPrefix("HTTP/1.1 200"))
        fixture.end()
    }

    // MARK: Requests a second

    private func limited(loops: Int = 1, rate: Int = 10, burst: Int? = nil) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.limits.perAddress.requestsPerSecond = rate
            $0.limits.perAddress.requestBurst = burst
            $0.trustedProxies = ranges("192.0.2.7")
        }
    }

    @Test func requestsASecondAreLimitedByAddress() throws {
        let fixture = limited()
        for _ in 0..<20 { #expect(try fixture.get("/healthz").status == 200) }
        let response = try fixture.get("/healthz")
        #expect(response.status == 429 && response.errorCode == "too-many-requests" && response.fields[.retryAfter] == "1")
        #expect(try fixture.get("/healthz", from: "198.51.100.1").status == 200)
        fixture.wait(.milliseconds(100))
        #expect(try fixture.get("/healthz").status == 200)
        #expect(try fixture.get("/nowhere").status == 429)
        #expect(try fixture.get("/web/nobody/").status == 429)
        fixture.wait(.seconds(2))
        let id = fixture.visit(String(repeating: get("/healthz"), count: 30))
        fixture.wait(.zero)
        for index in 0..<30 { #expect(try fixture.expectResponse(id).status == (index < 20 ? 200 : 429)) }
        _ = fixture.agent()
        #expect(fixture.gateway.counters.registeredAgents == 1, "an agent's handshake is no visitor's request")
        fixture.end()
    }

    @Test func theRateIsTheClientsBehindATrustedProxy() throws {
        let fixture = limited(rate: 1, burst: 1)
        func ask(_ client: String) throws -> Int {
            try fixture.get("/healthz", "X-Forwarded-For: \(client)\r\n", from: "192.0.2.7").status
        }
        #expect(try ask("203.0.113.1") == 200)
        #expect(try ask("203.0.113.1") == 429)
        #expect(try ask("203.0.113.2") == 200)
        fixture.end()
    }

    /// A tenth of a second late, but right over time.
    @Test func theRateHoldsForAllLoopsTogether() throws {
        let fixture = limited(loops: 4)
        var served = 0
        for _ in 0..<100 {
            for loop in 0..<4 where try fixture.get("/healthz", on: loop).status == 200 { served += 1 }
            fixture.wait(.milliseconds(100))
        }
        #expect(served <= 20 + 100 + 4 * 20)
        #expect(served >= 100)
        fixture.end()
    }

    @Test func noLimitIsTheDefault() throws {
        let fixture = GatewayFixture()
        for _ in 0..<500 { #expect(try fixture.get("/healthz").status == 200) }
        #expect(fixture.gateway.nextDeadline.map { $0 > fixture.now } != false)
        fixture.end()
    }

    // MARK: Attempts

    @Test func wrongTokensAreCountedOverAllLoops() throws {
        let fixture = GatewayFixture(loops: 4) { $0.web.authTokens = ["t0ken"] }
        var looked = 0
        for number in 0..<40 {
            let response = try fixture.get("/web/a/", "Authorization: Bearer wrong\r\n", on: number % 4)
            if response.status == 401 { looked += 1 } else { #expect(response.status == 429) }
        }
        #expect(looked == 10)
        for loop in 0..<4 {
            #expect(try fixture.get("/web/a/", "Authorization: Bearer t0ken\r\n", on: loop).status == 429)
            #expect(try fixture.get("/web/a/", "Authorization: Bearer t0ken\r\n", from: "198.51.100.1", on: loop).status == 404)
        }
        fixture.wait(.seconds(60))
        #expect(try fixture.get("/web/a/", "Authorization: Bearer t0ken\r\n", on: 3).status == 404)
        fixture.end()
    }

    // MARK: Tables

    @Test func theTablesOfConnectionsForgetWhoIsGone() {
        var shares = [ConnectionShares(loops: 2), ConnectionShares(loops: 2)]
        let address = NetworkAddress("203.0.113.9") ?? .local
        func tell(_ loop: Int) {
            for (address, count) in shares[loop].takeChanges(limit: 64) { shares[1 - loop].receive(address, count, from: loop) }
        }
        for count in 1...10 {
            #expect(shares[0].add(address) == count)
            tell(0)
        }
        #expect(shares[1].add(address) == 11)
        for _ in 0..<10 { shares[0].remove(address) }
        tell(0)
        #expect(shares[1].add(address) == 2)
        for _ in 0..<2 { shares[1].remove(address) }
        tell(1)
        #expect(shares[0].count == 0 && shares[1].count == 0)
        shares[0].receive(address, 1, from: 7)
        shares[0].remove(address)
        #expect(shares[0].count == 0)
    }

    @Test func requestsOfAddressesAreToldAfterAPauseOrWhenThereAreMany() {
        var configuration = GatewayConfiguration()
        configuration.limits.perAddress.requestsPerSecond = 1_000_000
        let clock = WallClock(unixNanosecondsAtZero: 0)
        let environment = Environment(configuration, clock: clock, loop: 0, of: 2, startedAt: 0)
        let (shares, visitors) = (AddressShares(environment), Visitors(environment, Metrics(environment)))
        let head = HTTPRequestHead(method: "GET", target: latin1("/"), fields: HTTPFields())
        let request = VisitorRequest(head: head, framing: .none, id: "", received: Moment())
        var outputs: Gateway.Outputs = []
        var turn = Turn(now: Moment(nanoseconds: 5), taking: &outputs)
        for number in 0..<1_024 as Range<UInt32> {
            let peer = "10.0.\(number >> 8).\(number & 255)"
            let visitor = visitors.accept(ConnectionID(slot: number, generation: 1), peer: peer, redirectPort: nil, turn.now)
            #expect(shares.due != turn.now && shares.takeUnreportedRequests(turn.now).isEmpty, "not yet")
            #expect(shares.charge(request, of: visitor, &turn) == nil)
        }
        #expect(shares.due == turn.now)
        #expect(shares.takeUnreportedRequests(turn.now).count == 1_024)
        #expect(shares.due == nil && shares.takeUnreportedRequests(turn.now).isEmpty)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("unix", true), ("::ffff:127.0.0.1", true),
        ("128.0.0.1", false), ("10.0.0.1", false), ("::2", false), ("2001:db8::1", false),
    ]) func thisMachinesOwnAddresses(text: String, isOwn: Bool) {
        #expect(NetworkAddress(text)?.isOfThisMachine == isOwn)
    }
}
