// `tunnel.mask`: when data goes to the gateway under the masking key zero.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

@Suite struct MaskTests {
    @Test(arguments: TunnelMask.allCases, [false, true])
    func zeroIsForTLSOrForWhoeverAsksForIt(mask: TunnelMask, isSecure: Bool) throws {
        let url = try GatewayURL(isSecure ? "wss://g.example/agent" : "ws://g.example/agent")
        let configuration = AgentConfiguration.sample { ($0.mask, $0.gateway) = (mask, url) }
        switch mask {
        case .automatic: #expect(configuration.usesZeroMask == isSecure)
        case .random: #expect(!configuration.usesZeroMask)
        case .zero: #expect(configuration.usesZeroMask)
        }
    }

    @Test func itIsAutomaticUnlessSet() {
        #expect(AgentConfiguration.sample().mask == .automatic)
        #expect(TunnelMask.allCases.map(\.rawValue) == ["auto", "random", "zero"])
    }

    @Test(arguments: TunnelMask.allCases, [false, true])
    func aGatewayGetsItOnlyIfItTakesIt(mask: TunnelMask, takes: Bool) throws {
        var fixture = AgentFixture(.sample { $0.mask = mask })
        fixture.welcome?.takesZeroMask = takes
        fixture.send(.start)
        let gateway = try fixture.acceptUpgrade(.v2)
        #expect(try masksWithZero(&fixture, gateway) == (takes && mask == .zero))
        fixture.expectNothingLeft()
    }

    /// Over TLS it is zero unless set otherwise.
    @Test(arguments: TunnelMask.allCases, [false, true])
    func tlsMakesItZeroUnlessSet(mask: TunnelMask, takes: Bool) throws {
        let url = try GatewayURL("wss://g.example/agent")
        var fixture = AgentFixture(.sample { ($0.mask, $0.gateway) = (mask, url) })
        fixture.welcome?.takesZeroMask = takes
        fixture.send(.start)
        let gateway = try fixture.acceptUpgrade(.v2)
        #expect(fixture.links[gateway]?.tlsPeer != nil)
        #expect(try masksWithZero(&fixture, gateway) == (takes && mask != .random))
        fixture.expectNothingLeft()
    }

    /// A reload is for the next welcome; what the connection has agreed on stays.
    @Test func aReloadHoldsFromTheNextConnectionOn() throws {
        var fixture = AgentFixture(.sample())
        fixture.welcome?.takesZeroMask = true
        fixture.send(.start)
        let before = try fixture.acceptUpgrade(.v2)
        fixture.send(.reconfigure(.sample { $0.mask = .zero }))
        #expect(fixture.dials.isEmpty)
        #expect(try masksWithZero(&fixture, before) == false)
        fixture.peerCloses(before)
        fixture.pass(.seconds(1))
        let after = try fixture.acceptUpgrade(.v2)
        #expect(try masksWithZero(&fixture, after) == true)
        fixture.expectNothingLeft()
    }

    @Test func v1HasNoDataToMask() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.mask = .zero }, version: .v1)
        #expect(try masksWithZero(&fixture, gateway) == nil)
        fixture.expectNothingLeft()
    }

    /// Whether a response's data came under the key zero, nil if there was none; all else must have another key.
    private func masksWithZero(_ fixture: inout AgentFixture, _ gateway: ConnectionID) throws -> Bool? {
        let stream = try fixture.request(gateway, "GET", "/")
        // The connection to the service is made once, and kept.
        let service = try fixture.dials.isEmpty ? nil : fixture.accept()
        let body = String(repeating: "abcdefgh", count: 8_000)
        fixture.reply(try #require(service), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 64000\r\n\r\n" + body)
        fixture.peerCloses(try #require(service))
        fixture.talk()
        #expect(fixture.response(gateway, stream).text == body)
        var decoder = WSFrameDecoder(expectingMask: true, limits: WSLimits(maximumFrameBytes: 1 << 20))
        decoder.receive((fixture.gateways[gateway]?.received ?? [])[...])
        var found: Set<Bool> = []
        while let event = try decoder.next() {
            guard case .header(let header) = event else { continue }
            if header.opcode == .binary { found.insert(header.mask?.isIdentity == true) }
            #expect(header.opcode == .binary || header.mask?.isIdentity == false)
        }
        #expect(found.count <= 1)
        return found.first
    }
}
