// What two open engines carry, and how a connection ends.

import TestSupport
import Testing

@testable import SocketKit

@Suite("TLS: bytes and ends", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct TLSDataTests {
    private func openPair() throws -> TLSPair {
        let pair = try TLSPair()
        pair.carry()
        #expect(pair.phases == [.open, .open])
        return pair
    }

    @Test(arguments: [1000, 16 * 1024, 65_536, Int.max]) func aMebibyteGoesBothWays(pieces: Int) throws {
        let pair = try openPair()
        var generator = SplitMix(seed: 7)
        let (up, down) = (generator.bytes(1 << 20), generator.bytes(1 << 20))
        try pair.client.send(up)
        try pair.server.send(down)
        #expect(pair.client.outgoing.count < up.count + 64 * 32)
        pair.carry(pieces: pieces)
        #expect(pair.server.received == up && pair.client.received == down)
    }

    @Test func nothingIsKeptBackButAPartOfARecord() throws {
        let pair = try openPair()
        try pair.client.send([UInt8](repeating: 1, count: 100_000))
        var given = 0
        while !pair.client.outgoing.isEmpty {
            let piece = Array(pair.client.outgoing.prefix(5000))
            pair.client.outgoing.removeFirst(piece.count)
            given += piece.count
            pair.server.receive(piece[...])
            #expect(given - pair.server.received.count < 17_500)
            #expect(pair.server.received.count <= given)
        }
        #expect(pair.server.received.count == 100_000)
    }

    @Test func manySmallMessagesStayInOrder() throws {
        let pair = try openPair()
        var expected: [UInt8] = []
        for number in 0..<500 {
            let message = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 7 + 1)
            expected += message
            try pair.client.send(message)
            if number % 3 == 0 { pair.carry(pieces: 5) }
        }
        pair.carry()
        #expect(pair.server.received == expected)
        try pair.client.send([])
        #expect(pair.client.outgoing.isEmpty)
    }

    @Test func anEndThatIsSaidIsAnEnd() throws {
        let pair = try openPair()
        try pair.client.send([1, 2, 3])
        pair.client.engine.close(into: &pair.client.outgoing)
        #expect(pair.client.engine.isClosed)
        #expect(throws: TLSError.notOpen) { try pair.client.send([4]) }
        pair.carry()
        #expect(pair.server.received == [1, 2, 3] && pair.server.engine.phase == .ended)
        try pair.server.engine.receiveEOF()
        // The other direction is still open.
        try pair.server.send([5, 6])
        pair.server.engine.close(into: &pair.server.outgoing)
        pair.carry()
        #expect(pair.client.received == [5, 6] && pair.client.engine.phase == .ended)
        try pair.client.engine.receiveEOF()
        #expect(pair.client.error == nil && pair.server.error == nil)
        var more: [UInt8] = []
        pair.client.engine.close(into: &more)
        #expect(more.isEmpty)
    }

    @Test func whatFollowsTheEndIsIgnored() throws {
        let pair = try openPair()
        pair.client.engine.close(into: &pair.client.outgoing)
        pair.carry()
        pair.server.receive([1, 2, 3, 4, 5, 6, 7, 8])
        #expect(pair.server.engine.phase == .ended && pair.server.error == nil)
    }

    @Test func anEndThatIsNotSaidIsAnError() throws {
        let pair = try openPair()
        try pair.client.send([UInt8](repeating: 9, count: 20_000))
        pair.server.receive(pair.client.outgoing.prefix(18_000))
        #expect(throws: TLSError.truncated) { try pair.server.engine.receiveEOF() }
        #expect(pair.server.engine.phase == .failed && pair.server.engine.failure == .truncated)
        #expect(throws: TLSError.truncated) { try pair.server.engine.receiveEOF() }
        #expect(throws: TLSError.truncated) { try pair.server.send([1]) }
        #expect(pair.server.engine.facts == nil)
    }

    @Test func anEndInTheHandshakeIsAnErrorOfItsOwn() throws {
        let fresh = try TLSPair()
        #expect(throws: TLSError.endedInHandshake) { try fresh.server.engine.receiveEOF() }
        let pair = try TLSPair()
        pair.server.receive(pair.client.outgoing[...])
        #expect(throws: TLSError.endedInHandshake) { try pair.server.engine.receiveEOF() }
        #expect(throws: TLSError.endedInHandshake) { try pair.client.engine.receiveEOF() }
    }

    @Test func aConnectionThatIsClosedInItsHandshakeStaysSilent() throws {
        let pair = try TLSPair()
        pair.server.engine.close(into: &pair.server.outgoing)
        pair.server.receive(pair.client.outgoing[...])
        #expect(pair.server.outgoing.isEmpty && pair.server.engine.phase == .handshaking)
    }

    @Test func aRecordThatWasChangedIsAnError() throws {
        let pair = try openPair()
        try pair.client.send(Array("pay 1".utf8))
        pair.client.outgoing[pair.client.outgoing.count - 1] ^= 1
        pair.carry()
        #expect(pair.server.received.isEmpty)
        guard case .invalidRecord = pair.server.error else {
            Issue.record("\(String(describing: pair.server.error))")
            return
        }
        #expect(pair.client.error == .refusedByPeer(alert: 20))
    }
}
