// What one end holds is bounded by its own limits, and not by numbers that the peer sends.

import HTTPCodec
import Testing
import WireWS

@testable import TunnelLink

@Suite struct HeldBytesTests {
    private func request(_ stream: UInt32) -> String {
        #"{"jsonrpc":"2.0","id":"web_\#(stream)","method":"web.request","params":{"httpMethod":"PUT","path":"/","stream":\#(stream)}}"#
    }

    private func welcome(window: Int) -> Welcome {
        Welcome(sessionID: "", webURL: "", ping: .seconds(1), initialWindow: window, maximumStreams: 1_000)
    }

    @Test func aGatewaysWindowCountsUpToOurOwnLimit() {
        var limits = TunnelLimits()
        limits.maximumWindow = 500_000
        var peer = RawPeer(of: agentRole, .v2, limits: limits)
        peer.session.adopt(welcome(window: Int(Int32.max)))
        _ = peer.say(request(1))
        var count = 0
        while peer.session.isOpen(.number(1)), count < 100 {
            _ = peer.say(dataFrame(1, pattern(60_000)))
            count += 1
        }
        #expect(count == 9)
        #expect(peer.received() == [.binary(resetFrame(1, 5))])
        #expect(peer.session.heldBytes == 0)
    }

    @Test func allStreamsTogetherHoldWhatTheLimitSays() {
        var limits = TunnelLimits()
        limits.maximumHeld = 200_000
        var peer = RawPeer(of: agentRole, .v2, limits: limits)
        for stream in 1...4 as ClosedRange<UInt32> {
            _ = peer.say(request(stream))
            _ = peer.say(dataFrame(stream, pattern(60_000)))
        }
        #expect(peer.session.heldBytes == 180_000)
        #expect(!peer.session.isOpen(.number(4)) && peer.session.openStreams == 3)
        peer.session.consumed(50_000, on: .number(1))
        #expect(peer.session.heldBytes == 130_000)
        _ = peer.say(dataFrame(2, pattern(60_000)))
        #expect(peer.session.heldBytes == 190_000)
        _ = peer.say(resetFrame(2, 4))
        #expect(peer.session.heldBytes == 70_000)
        peer.session.consumed(1_000_000, on: .number(1))
        peer.session.consumed(1_000_000, on: .number(3))
        #expect(peer.session.heldBytes == 0)
        peer.session.retire()
        _ = peer.say(request(9))
        _ = peer.say(dataFrame(9, pattern(60_000)))
        #expect(!peer.session.isOpen(.number(9)), "one of several tunnels has a quarter")
    }

    @Test func whatWaitsInTheStreamsIsCounted() throws {
        var limits = TunnelLimits()
        limits.initialWindow = 1_000
        limits.maximumQueued = 10_000
        var peer = RawPeer(of: .gateway, .v2, limits: limits)
        let post = WebRequest(method: "POST", path: [0x2f], hasBody: true)
        let streams = [try peer.open(post), try peer.open(post)]
        for id in streams { _ = peer.session.send(pattern(5_000)[...], on: id, end: false) }
        _ = peer.received()
        #expect(peer.session.queuedBytes == 8_000 && !peer.session.isFull)
        _ = peer.session.send(pattern(3_000)[...], on: streams[0], end: true)
        #expect(peer.session.queuedBytes == 11_000 && peer.session.isFull)
        _ = peer.say(creditFrame(1, 1 << 30))
        _ = peer.received()
        #expect(peer.session.queuedBytes == 4_000 && !peer.session.isFull)
        peer.session.reset(streams[1], .cancelled)
        #expect(peer.session.queuedBytes == 0)
    }

    @Test func ofWholeBodiesThatAreTooLargeTogetherOneGoesOn() throws {
        var limits = TunnelLimits()
        limits.maximumQueued = 10_000
        var peer = RawPeer(of: agentRole, .v1, limits: limits)
        var streams: [StreamID] = []
        for number in 1...4 {
            let text = #"{"jsonrpc":"2.0","id":\#(number),"method":"web.request","params":{"httpMethod":"GET","path":"/"}}"#
            guard case .request(let id, _)? = peer.say(text).first else { continue }
            peer.session.respond(WebResponse(status: 200, hasBody: true), on: id)
            streams.append(id)
        }
        let outcomes = streams.map { peer.session.send(pattern(6_000)[...], on: $0, end: false) }
        #expect(outcomes == [.sent, .sent, .full, .full])
        #expect(peer.session.send(pattern(6_000)[...], on: streams[0], end: false) == .full)
        #expect(peer.received().isEmpty && peer.events().isEmpty, "the second goes on")
        var ended = 1
        #expect(peer.session.send(pattern(10)[...], on: streams[1], end: true) == .sent)
        while ended < 4 {
            _ = peer.received()
            _ = peer.received()
            let resumed = peer.events().compactMap { if case .resume(let id) = $0 { id } else { nil } }
            guard !resumed.isEmpty else { break }
            for id in resumed {
                #expect(peer.session.send(pattern(10)[...], on: id, end: true) == .sent)
                ended += 1
            }
        }
        _ = peer.received()
        #expect(ended == 4)
        #expect(peer.isClean)
    }

    @Test func wholeRequestsBeyondTheLimitAreRefusedUnprocessed() {
        var limits = TunnelLimits()
        limits.maximumHeld = 10_000
        var peer = RawPeer(of: agentRole, .v1, limits: limits)
        let body = String(repeating: "A", count: 8_000)  // 6,000 bytes
        func request(_ id: Int) -> String {
            #"{"jsonrpc":"2.0","id":\#(id),"method":"web.request","params":{"httpMethod":"PUT","path":"/","body":"\#(body)"}}"#
        }
        guard case .request(let first, _)? = peer.say(request(1)).first else {
            Issue.record("no request")
            return
        }
        #expect(peer.say(request(2)).isEmpty)
        #expect(peer.receivedText()?.contains("-32014") == true)
        peer.session.consumed(6_000, on: first)
        #expect(peer.session.heldBytes == 0)
        #expect(peer.say(request(3)).count == 3)
    }
}
