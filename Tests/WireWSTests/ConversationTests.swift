// Sending, and two connections that talk through pipes which cut and join bytes as they like.

import TestSupport
import Testing
import WireWS

@Suite struct SendingTests {
    @Test func aServerSendsPlainFrames() {
        var connection = WSConnection(.server)
        var bytes: [UInt8] = [0xaa]
        let sent = [
            connection.text(utf8("Hello")[...], into: &bytes), connection.binary([1, 2], into: &bytes),
            connection.binary([1, 2], [3], into: &bytes), connection.ping([], into: &bytes),
        ]
        #expect(sent == [true, true, true, true])
        #expect(bytes == [0xaa] + frame(1, utf8("Hello")) + frame(2, [1, 2]) + frame(2, [1, 2, 3]) + frame(9, []))
    }

    @Test func aClientMasksWithTheKeysOfItsSeed() {
        var connection = WSConnection(.client(seed: [5]))
        var keys = KeyStream(seed: [5])
        let two = keys.next()
        let octets = stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: two >> $0) }
        var bytes: [UInt8] = []
        let sent = [connection.text(utf8("Hi")[...], into: &bytes), connection.binary(pattern(9)[...], [7], into: &bytes)]
        #expect(sent == [true, true])
        #expect(bytes == frame(1, utf8("Hi"), key: Array(octets[..<4])) + frame(2, pattern(9) + [7], key: Array(octets[4...])))
    }

    @Test(arguments: [0, 1, 125, 126, 65535, 65536]) func whatIsSentArrives(count: Int) {
        for (sender, receiver) in [(WSRole.server, aClient), (aClient, .server)] {
            var connection = WSConnection(sender)
            var bytes: [UInt8] = []
            let sent = connection.binary(pattern(20)[...], pattern(count)[...], into: &bytes)
            #expect(sent)
            #expect(read([bytes[...]], as: receiver).events == [.binary((pattern(20) + pattern(count))[...])])
        }
    }
}

@Suite struct StorageTests {
    @Test func anUnmaskedMessageIsASliceOfTheReceivedBytes() throws {
        let bytes = frame(2, pattern(1000))
        var connection = WSConnection(aClient)
        var replies: [UInt8] = []
        connection.receive(bytes[...])
        guard case .binary(let payload) = try connection.next(replies: &replies) else { return #expect(Bool(false)) }
        let offset = bytes.withUnsafeBytes { whole in payload.withUnsafeBytes { part in address(part) - address(whole) } }
        #expect(offset == 4)
    }

    /// Writing to an array that something else holds moves it; the read buffer must stay where it is.
    @Test(arguments: [WSRole.server, aClient]) func nothingReceivedIsHeldAfterNil(role: WSRole) throws {
        let whole = role == .server ? masked(1, pattern(300).map { $0 & 0x7f }) : frame(1, pattern(300).map { $0 & 0x7f })
        let ping = role == .server ? masked(9, [1, 2, 3]) : frame(9, [1, 2, 3])
        for cut in [0, 1, 3, 10, whole.count, whole.count + 4, whole.count + ping.count] {
            var buffer = Array((whole + ping)[..<cut])
            let before = buffer.withUnsafeBytes(address)
            var connection = WSConnection(role)
            connection.receive(buffer[...])
            var replies: [UInt8] = []
            while try connection.next(replies: &replies) != nil {}
            if !buffer.isEmpty { buffer[0] = 0 }
            #expect(buffer.withUnsafeBytes(address) == before)
            connection.receive((whole + ping)[cut...])
            while try connection.next(replies: &replies) != nil {}
            #expect(!replies.isEmpty, "the ping at the end was understood")
        }
    }

    private func address(_ bytes: UnsafeRawBufferPointer) -> Int { bytes.baseAddress.map { Int(bitPattern: $0) } ?? 0 }
}

/// Two connections with everything that each sent and saw.
private struct Pair {
    struct Side {
        var connection: WSConnection
        var outgoing: [UInt8] = []
        var sent: [WSEvent] = []
        var seen = Reading()
    }

    var sides = [Side(connection: WSConnection(.server)), Side(connection: WSConnection(aClient))]

    /// Sends something from one side and notes what the other must see.
    mutating func send(from side: Int, using random: inout SplitMix) {
        let count = [0, 1, 5, 125, 126, 1000, 65536][Int.random(in: 0..<(random.next() % 8 == 0 ? 7 : 6), using: &random)]
        let payload = pattern(count)[...]
        var this = sides[side]
        switch random.next() % 4 {
        case 0:
            let text = utf8(String(repeating: "é隧a", count: count / 6))[...]
            if this.connection.text(text, into: &this.outgoing) { this.sent.append(.text(text)) }
        case 1:
            let whole = [1, 2, 3] + Array(payload)
            if this.connection.binary([1, 2, 3], payload, into: &this.outgoing) { this.sent.append(.binary(whole[...])) }
        case 2:
            if this.connection.binary(payload, into: &this.outgoing) { this.sent.append(.binary(payload)) }
        default:
            if this.connection.ping(payload.prefix(125), into: &this.outgoing) { this.sent.append(.ping) }
        }
        sides[side] = this
    }

    mutating func close(from side: Int) {
        var this = sides[side]
        this.connection.close(.goingAway, reason: "done", into: &this.outgoing)
        sides[side] = this
    }

    /// Carries some of what one side has written to the other.
    mutating func carry(from side: Int, at most: Int) {
        let count = min(most, sides[side].outgoing.count)
        let piece = Array(sides[side].outgoing[..<count])
        sides[side].outgoing.removeSubrange(..<count)
        var there = sides[1 - side]
        there.connection.read(piece[...], into: &there.seen)
        there.outgoing += there.seen.replies
        there.seen.replies = []
        sides[1 - side] = there
    }

    mutating func carryAll() {
        while !(sides[0].outgoing.isEmpty && sides[1].outgoing.isEmpty) {
            carry(from: 0, at: .max)
            carry(from: 1, at: .max)
        }
    }

    /// What a side saw, without pongs, whose number depends on how bytes came together.
    func seen(by side: Int) -> [WSEvent] {
        sides[side].seen.events.filter { if case .pong = $0 { false } else { true } }
    }
}

@Suite struct ConversationTests {
    @Test(arguments: UInt64(0)..<20) func everythingArrivesInOrderThroughAnyPipe(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var pair = Pair()
        for _ in 0..<60 {
            let side = Int(random.next() % 2)
            if random.next() % 2 == 0 { pair.send(from: side, using: &random) }
            pair.carry(from: Int(random.next() % 2), at: Int(random.next() % [3, 50, 70000][Int(random.next() % 3)]))
        }
        let closer = Int(random.next() % 2)
        pair.close(from: closer)
        pair.carryAll()
        for side in 0..<2 {
            #expect(pair.sides[side].seen.error == nil)
            #expect(pair.sides[side].connection.isClosed)
            let reason = side == closer ? "" : "done"
            #expect(pair.seen(by: side) == pair.sides[1 - side].sent + [.closed(.goingAway, reason: reason)], "seed \(seed)")
        }
    }

    @Test func randomBytesNeverTrapAndAnyCutAgrees() {
        var random = SplitMix(seed: 99)
        for _ in 0..<120 {
            // Mostly legal first bytes, so that more than the first header is reached.
            var bytes = random.bytes(60)
            for index in stride(from: 0, to: 60, by: 5) { bytes[index] = [0x81, 0x82, 0x89, 0x01, 0x80, 0x88][index % 6] }
            bytes[1] = 0x82 & bytes[1]
            for role in [WSRole.server, aClient] {
                #expect(firstDisagreement(over: bytes) { read($0, as: role).withoutReplies } == nil)
            }
        }
    }
}
