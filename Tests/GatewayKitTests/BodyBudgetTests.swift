// Whole bodies (v1) take what the budget allows, and nothing that has reached an agent is lost for it.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct BodyBudgetTests {
    private func world(loops: Int = 1) -> World {
        World(loops: loops) {
            $0.limits.tunnel.maximumBufferedBody = 10_000
            $0.limits.bufferPerAgent = 30_000
            $0.limits.bufferTotal = 100_000
        }
    }

    private func post(_ count: Int) -> String { "POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n" }

    private func end(_ world: World) {
        world.end()
        for loop in world.loops { #expect(loop.internals.heldBodyBytes == 0) }
    }

    @Test func responsesThatNobodyReadsStopTheReadingOfTheirAgent() throws {
        let world = world()
        let agent = world.agent("a", .v1)
        let body = String(repeating: "x", count: 9_000)
        let visitors = (0..<6).map { _ in world.visit(get("/web/a/")) }
        for visitor in visitors { world.hold(visitor) }
        for _ in 0..<4 { agent.answer(try agent.request().id, 200, HTTPFields(), body) }
        #expect(!world.wire(agent.id).isReading)
        let refused = try world.get("/web/a/")
        #expect(refused.status == 503 && refused.errorCode == "buffers-full" && refused.fields[.retryAfter] != nil)
        world.wait(.seconds(45))
        #expect(!world.wire(agent.id).isGone, "who is not read cannot answer a ping")
        for visitor in visitors.prefix(4) { world.take(visitor) }
        #expect(world.wire(agent.id).isReading)
        for visitor in visitors.prefix(4) { #expect(try world.expectAnswer(visitor).text == body) }
        end(world)
    }

    @Test func requestsThatHaveNoRoomAreRefusedAndTheOthersGoOn() throws {
        let world = world()
        let agent = world.agent("a", .v1)
        let visitors = (0..<5).map { _ in world.visit(post(9_000)) }
        for visitor in visitors { world.send(visitor, [UInt8](repeating: 1, count: 8_999)) }
        let refused = visitors.dropFirst(3)
        for visitor in refused {
            let answer = try world.expectAnswer(visitor, to: "POST")
            #expect(answer.status == 503 && answer.errorCode == "buffers-full")
        }
        #expect(agent.waitingRequests == 0, "nothing of them has reached the agent")
        for visitor in visitors.prefix(3) {
            world.send(visitor, [1])
            agent.answer(try agent.request().id, 201)
            #expect(try world.expectAnswer(visitor, to: "POST").status == 201)
        }
        end(world)
    }

    @Test func whatIsAnnouncedMustFitAndAnyOneBodyDoes() throws {
        let world = world()
        let agent = world.agent("a", .v1)
        let first = world.visit(post(10_000))
        world.send(first, [UInt8](repeating: 1, count: 9_999))
        #expect(try world.expectAnswer(world.visit(post(9_000)), to: "POST").errorCode == "buffers-full")
        #expect(world.wire(world.visit(post(100))).written.isEmpty)
        world.send(first, [1])
        agent.answer(try agent.request().id, 201)
        #expect(try world.expectAnswer(first, to: "POST").status == 201)
        end(world)
    }

    @Test func oneAgentsBodiesAreNotAnothers() throws {
        let world = world()
        _ = world.agent("a", .v1)
        let other = world.agent("b", .v1)
        for _ in 0..<3 { world.send(world.visit(post(9_000)), [UInt8](repeating: 1, count: 8_999)) }
        let visitor = world.visit(get("/web/b/"))
        other.answer(try other.request().id)
        #expect(try world.expectAnswer(visitor).status == 200)
        end(world)
    }

    @Test func anAgentWithAMessageThatNobodyWaitsForIsCutWhenItIsInTheWay() throws {
        let world = World {
            $0.limits.tunnel.maximumBufferedBody = 10_000
            $0.limits.bufferTotal = 30_000
        }
        let agents = (0..<3).map { world.agent("a\($0)", .v1) }
        // The beginnings of masked text frames that say 13,000 bytes.
        let unfinished = [0x81, 0xfe, 0x32, 0xc8, 0, 0, 0, 0] + [UInt8](repeating: 0x20, count: 12_000)
        for agent in agents { world.send(agent.id, unfinished) }
        #expect(agents.contains { !world.wire($0.id).isReading })
        world.wait(.seconds(45))
        #expect(agents.contains { world.wire($0.id).isGone })
        end(world)
    }

    @Test func v2HasWindowsAndNoBudget() throws {
        let world = world()
        let agent = world.agent()
        let visitors = (0..<8).map { _ in world.visit(post(9_000)) }
        for visitor in visitors { world.send(visitor, [UInt8](repeating: 1, count: 8_999)) }
        #expect(agent.waitingRequests == 8)
        #expect(world.gateway.internals.heldBodyBytes == 0)
        end(world)
    }

    @Test func loopsShareWhatTheProcessMayTake() {
        var limits = GatewayLimits()
        limits.bufferTotal = 400_000_000
        #expect(BodyBudget.limits(limits, loops: 4).total == 100_000_000)
        #expect(BodyBudget.limits(limits, loops: 64).total == BodyBudget.need(of: UInt64(limits.tunnel.maximumBufferedBody)))
        #expect(BodyBudget.need(of: .max) > 0)
    }
}
