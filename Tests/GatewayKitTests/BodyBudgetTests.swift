// Whole bodies (v1) take what the budget allows, and nothing that has reached an agent is lost for it.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct BodyBudgetTests {
    private func fixture(loops: Int = 1) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            $0.limits.tunnel.maximumBufferedBody = 10_000
            $0.limits.bufferPerAgent = 30_000
            $0.limits.bufferTotal = 100_000
        }
    }

    private func post(_ count: Int) -> String { "POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n" }

    private func end(_ fixture: GatewayFixture) {
        fixture.end()
        for loop in fixture.loops { #expect(loop.internals.heldBodyBytes == 0) }
    }

    @Test func responsesThatNobodyReadsStopTheReadingOfTheirAgent() throws {
        let fixture = fixture()
        let agent = fixture.agent("a", .v1)
        let body = String(repeating: "x", count: 9_000)
        let visitors = (0..<6).map { _ in fixture.visit(get("/web/a/")) }
        for visitor in visitors { fixture.hold(visitor) }
        for _ in 0..<4 { agent.respond(try agent.request().id, 200, HTTPFields(), body) }
        #expect(!fixture.connection(agent.id).isReading)
        let refused = try fixture.get("/web/a/")
        #expect(refused.status == 503 && refused.errorCode == "buffers-full" && refused.fields[.retryAfter] != nil)
        fixture.wait(.seconds(45))
        #expect(!fixture.connection(agent.id).isGone, "who is not read cannot answer a ping")
        for visitor in visitors.prefix(4) { fixture.take(visitor) }
        #expect(fixture.connection(agent.id).isReading)
        for visitor in visitors.prefix(4) { #expect(try fixture.expectResponse(visitor).text == body) }
        end(fixture)
    }

    @Test func requestsThatHaveNoRoomAreRefusedAndTheOthersGoOn() throws {
        let fixture = fixture()
        let agent = fixture.agent("a", .v1)
        let visitors = (0..<5).map { _ in fixture.visit(post(9_000)) }
        for visitor in visitors { fixture.send(visitor, [UInt8](repeating: 1, count: 8_999)) }
        let refused = visitors.dropFirst(3)
        for visitor in refused {
            let response = try fixture.expectResponse(visitor, to: "POST")
            #expect(response.status == 503 && response.errorCode == "buffers-full")
        }
        #expect(agent.waitingRequests == 0, "nothing of them has reached the agent")
        for visitor in visitors.prefix(3) {
            fixture.send(visitor, [1])
            agent.respond(try agent.request().id, 201)
            #expect(try fixture.expectResponse(visitor, to: "POST").status == 201)
        }
        end(fixture)
    }

    @Test func whatIsAnnouncedMustFitAndAnyOneBodyDoes() throws {
        let fixture = fixture()
        let agent = fixture.agent("a", .v1)
        let first = fixture.visit(post(10_000))
        fixture.send(first, [UInt8](repeating: 1, count: 9_999))
        #expect(try fixture.expectResponse(fixture.visit(post(9_000)), to: "POST").errorCode == "buffers-full")
        #expect(fixture.connection(fixture.visit(post(100))).written.isEmpty)
        fixture.send(first, [1])
        agent.respond(try agent.request().id, 201)
        #expect(try fixture.expectResponse(first, to: "POST").status == 201)
        end(fixture)
    }

    @Test func oneAgentsBodiesAreNotAnothers() throws {
        let fixture = fixture()
        _ = fixture.agent("a", .v1)
        let other = fixture.agent("b", .v1)
        for _ in 0..<3 { fixture.send(fixture.visit(post(9_000)), [UInt8](repeating: 1, count: 8_999)) }
        let visitor = fixture.visit(get("/web/b/"))
        other.respond(try other.request().id)
        #expect(try fixture.expectResponse(visitor).status == 200)
        end(fixture)
    }

    @Test func anAgentWithAMessageThatNobodyWaitsForIsCutWhenItIsInTheWay() throws {
        let fixture = GatewayFixture {
            $0.limits.tunnel.maximumBufferedBody = 10_000
            $0.limits.bufferTotal = 30_000
        }
        let agents = (0..<3).map { fixture.agent("a\($0)", .v1) }
        // The beginnings of masked text frames that say 13,000 bytes.
        let unfinished = [0x81, 0xfe, 0x32, 0xc8, 0, 0, 0, 0] + [UInt8](repeating: 0x20, count: 12_000)
        for agent in agents { fixture.send(agent.id, unfinished) }
        #expect(agents.contains { !fixture.connection($0.id).isReading })
        fixture.wait(.seconds(45))
        #expect(agents.contains { fixture.connection($0.id).isGone })
        end(fixture)
    }

    @Test func v2HasWindowsAndNoBudget() throws {
        let fixture = fixture()
        let agent = fixture.agent()
        let visitors = (0..<8).map { _ in fixture.visit(post(9_000)) }
        for visitor in visitors { fixture.send(visitor, [UInt8](repeating: 1, count: 8_999)) }
        #expect(agent.waitingRequests == 8)
        #expect(fixture.gateway.internals.heldBodyBytes == 0)
        end(fixture)
    }

    @Test func loopsShareWhatTheProcessMayTake() {
        var limits = GatewayLimits()
        limits.bufferTotal = 400_000_000
        #expect(BodyBudget.limits(limits, loops: 4).total == 100_000_000)
        #expect(BodyBudget.limits(limits, loops: 64).total == BodyBudget.need(of: UInt64(limits.tunnel.maximumBufferedBody)))
        #expect(BodyBudget.need(of: .max) > 0)
    }
}
