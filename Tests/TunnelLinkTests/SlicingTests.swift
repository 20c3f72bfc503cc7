// The same events from the same bytes, however they are cut, and with the beginning of more behind them.

import HTTPCodec
import TestSupport
import Testing

@testable import TunnelLink

@Suite struct SlicingTests {
    private let post = WebRequest(
        method: "POST", path: Array("/a?".utf8), query: Array("b".utf8), fields: fields(("x", "\u{e9}")), hasBody: true)

    private func events(_ pieces: [ArraySlice<UInt8>], at fresh: () -> TunnelSession) -> [TunnelEvent] {
        var session = fresh()
        var events: [TunnelEvent] = []
        for piece in pieces {
            session.receive(piece)
            while let event = session.next() {
                if case .data(let id, let more) = event, case .data(id, let bytes)? = events.last {
                    events[events.count - 1] = .data(id, bytes + more)  // data comes as it comes
                } else {
                    events.append(event)
                }
            }
        }
        return events
    }

    private func expectTheSame(_ bytes: [UInt8], count: Int, at fresh: () -> TunnelSession) {
        for trailing in [[], [0x82], [0x89]] as [[UInt8]] {
            let whole = events([(bytes + trailing)[...]], at: fresh)
            #expect(whole.count == count, "\(whole)")
            #expect(firstDisagreement(over: bytes + trailing, exhaustiveLimit: 300) { events($0, at: fresh) } == nil)
        }
    }

    @Test func anAgentHearsTheSame() throws {
        var gateway = TunnelSession(.gateway, version: .v2)
        let first = gateway.open(post)
        let id = try #require(first)
        gateway.ping([1, 2])
        _ = gateway.send(pattern(300)[...], on: id, end: false)
        _ = gateway.send(pattern(10)[...], on: id, end: true, trailers: fields(("t", "u")))
        let second = gateway.open(post)
        gateway.reset(try #require(second), .cancelled)
        gateway.drain(within: .seconds(1))
        gateway.ping([])
        let waiting = Array(gateway.takeOutput())
        gateway.close(.goingAway, reason: "bye")
        let bytes = waiting + gateway.takeOutput()
        // request, data, data, end; request, reset; drain; closed
        expectTheSame(bytes, count: 8) { TunnelSession(agentRole, version: .v2) }
    }

    @Test func aGatewayHearsTheSame() throws {
        var agent = TunnelSession(agentRole, version: .v2)
        agent.register(AgentDescription(agentID: "a", type: "t"))
        agent.update(StatusUpdate(status: "busy"))
        agent.receive(requests(2))
        while agent.next() != nil {}
        agent.respond(WebResponse(status: 200, fields: fields(("y", "z")), hasBody: true), on: .number(1))
        _ = agent.send(pattern(300)[...], on: .number(1), end: true)
        agent.fail(.number(2), TunnelFailure.serviceUnreachable.failure("no"), reason: .unreachable)
        agent.ping([7])
        let bytes = Array(agent.takeOutput())
        // register, status; response, data, end; failed
        expectTheSame(bytes, count: 6) {
            var gateway = TunnelSession(.gateway, version: .v2)
            for _ in 0..<2 { _ = gateway.open(post) }
            return gateway
        }
    }

    /// What a gateway says to open `count` streams.
    private func requests(_ count: Int) -> ArraySlice<UInt8> {
        var gateway = TunnelSession(.gateway, version: .v2)
        for _ in 0..<count { _ = gateway.open(post) }
        return gateway.takeOutput()
    }

    @Test func v1IsTheSameInThis() throws {
        var gateway = TunnelSession(.gateway, version: .v1)
        let opened = gateway.open(post)
        let id = try #require(opened)
        _ = gateway.send(pattern(100)[...], on: id, end: true)
        let bytes = Array(gateway.takeOutput())
        expectTheSame(bytes, count: 3) { TunnelSession(agentRole, version: .v1) }
    }
}
