// Visitors and agents that do anything at any time. Whatever they do, the gateway's tables agree with each other at every step,
// and nothing is left over when everybody is gone.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct ChaosTests {
    private struct Chaos {
        let fixture: GatewayFixture
        var random: SplitMix
        var visitors: [ConnectionID] = []
        var agents: [AgentPeer] = []
        /// Streams that an agent knows, and whether it sent a head.
        var streams: [(agent: AgentPeer, id: StreamID)] = []

        static let requests = [
            get("/web/a/x"), get("/web/b/y") + get("/web/a/z"), get("/healthz"), get("/web/a/", "Connection: close\r\n"),
            "POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", "defghij", "\r\n",
            "POST /web/b/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", "0\r\n\r\n",
            "nonsense\r\n\r\n",
            "GET /web/a/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly", "GET /web/a/ HTTP/1.0\r\n\r\n",
            "HEAD /web/b/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET /web/a/", " HTTP/1.1\r\nHost: h\r\n\r\n",
            "PUT /web/b/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        ]

        mutating func step() {
            switch Int.random(in: 0..<24, using: &random) {
            case 0...2: visitors.append(fixture.connect())
            case 3...8: if let id = visitor() { fixture.send(id, Self.requests.randomElement(using: &random) ?? "") }
            case 9: if let id = visitor() { fixture.leave(id) }
            case 10: if let id = visitor() { finish(id) }
            case 11: if let id = visitor() { fixture.hold(id) }
            case 12...13: if let id = visitor() { fixture.take(id, Int.random(in: 1...50_000, using: &random)) }
            case 14: addAgent()
            case 15: if let agent = agents.randomElement(using: &random) { disturb(agent) }
            case 16: fixture.wait(.milliseconds(Int.random(in: 1...20_000, using: &random)))
            default: serve()
            }
            agents.removeAll { fixture.connection($0.id).isGone }
            visitors.removeAll { fixture.connection($0).isGone }
        }

        private mutating func visitor() -> ConnectionID? { visitors.randomElement(using: &random) }

        private func finish(_ id: ConnectionID) {
            if !fixture.connection(id).isGone { fixture.finish(id) }
        }

        private mutating func addAgent() {
            if fixture.gateway.internals.isDraining { return }
            let name = Bool.random(using: &random) ? "a" : "b"
            let version = Int.random(in: 0..<3, using: &random) == 0 ? TunnelVersion.v1 : .v2
            var limits = TunnelLimits()
            limits.initialWindow = 30_000
            agents.append(fixture.agent(name, version, limits: limits))
        }

        private mutating func disturb(_ agent: AgentPeer) {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: fixture.leave(agent.id)
            case 1: agent.close()
            case 2: agent.consumes.toggle()
            case 3: agent.isAlive.toggle()
            case 4: fixture.send(agent.id, random.bytes(20))
            default: agent.flush()
            }
        }

        /// Some agent does something for some stream.
        private mutating func serve() {
            guard !agents.isEmpty else { return addAgent() }
            for agent in agents {
                while agent.waitingRequests > 0, let request = try? agent.request() { streams.append((agent, request.id)) }
            }
            streams.removeAll { !$0.agent.session.isOpen($0.id) || fixture.connection($0.agent.id).isGone }
            guard let (agent, id) = streams.randomElement(using: &random) else { return }
            let declared = fields(("Content-Length", "\(Int.random(in: 0...9, using: &random))"))
            switch Int.random(in: 0..<10, using: &random) {
            case 0: agent.begin(id, 101)
            case 1: agent.begin(id, 200, declared)
            case 2: agent.begin(id, 204, HTTPFields(), hasBody: false)
            case 3, 4: agent.begin(id)
            case 5: agent.send(id, pattern(Int.random(in: 0...60_000, using: &random)))
            case 6: agent.send(id, [], end: true, trailers: fields(("t", "u")))
            case 7: agent.fail(id, .serviceUnreachable)
            case 8: agent.reset(id, .timedOut)
            default: agent.consume(id, 10_000)
            }
        }
    }

    /// Each exchange is known to its tunnel and each stream of a tunnel to its visitor.
    private func expectAgreement(_ gateway: Gateway, _ seed: UInt64) {
        #expect(gateway.internals.isConsistent, "seed \(seed)")
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>) func whateverTheyDoNothingIsLeftOver(seed: UInt64) {
        let fixture = GatewayFixture {
            $0.limits.tunnel.initialWindow = 30_000
            $0.limits.tunnel.maximumStreams = 5
            $0.limits.tunnel.maximumBufferedBody = 100_000
        }
        var chaos = Chaos(fixture: fixture, random: SplitMix(seed: seed))
        for step in 0..<400 {
            chaos.step()
            if step % 8 == 0 { expectAgreement(fixture.gateway, seed) }
            if step == 350, seed % 3 == 0 { fixture.tell(.drain(within: .seconds(30))) }
        }
        expectAgreement(fixture.gateway, seed)
        fixture.end()
        if seed % 3 == 0 { #expect(fixture.hasDrained) }
    }
}
