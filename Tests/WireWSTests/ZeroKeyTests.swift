// The masking key zero: what comes under it is not copied, and a client uses it for binary messages alone, when told to.

import TestSupport
import Testing
import WireWS

private let zero: [UInt8] = [0, 0, 0, 0]

@Suite struct ZeroKeyReceivingTests {
    @Test(arguments: [0, 1, 125, 126, 65535, 65536]) func everyLengthArrives(count: Int) {
        expect([.binary(pattern(count)[...])], from: frame(2, pattern(count), key: zero))
        let text = [UInt8](repeating: 0x61, count: count)
        expect([.text(text[...])], from: frame(1, text, key: zero))
    }

    @Test func controlFramesAndFragmentsMayHaveItToo() {
        var bytes = frame(2, [1, 2], isFinal: false, key: zero) + frame(9, [7], key: zero) + masked(0, [3], isFinal: false)
        bytes += frame(0, [4], key: zero) + frame(10, [5], key: zero) + frame(8, closePayload(1000, "é"), key: zero)
        expect([.ping, .binary([1, 2, 3, 4]), .pong([5]), .closed(.normal, reason: "é")], from: Array(bytes))
        expect([], .invalidUTF8, from: frame(1, [0xff], key: zero))
    }

    @Test func aWholeMessageIsASliceOfTheReceivedBytes() throws {
        for opcode: UInt8 in [1, 2] {
            let bytes = frame(opcode, [UInt8](repeating: 0x61, count: 1000), key: zero)
            var connection = WSConnection(.server)
            var replies: [UInt8] = []
            connection.receive(bytes[...])
            switch try connection.next(replies: &replies) {
            case .text(let payload), .binary(let payload): #expect(offset(of: payload, in: bytes) == 8)
            case let other: Issue.record("\(String(describing: other))")
            }
        }
    }

    /// However a message is cut, each of its pieces lies in the bytes that it came in, and together they are the message.
    @Test func piecesAreSlicesOfTheReceivedBytesAtEverySplit() throws {
        let bytes = frame(2, pattern(300), key: zero)
        for way in slicings(of: bytes) {
            var connection = WSConnection(.server, splitsBinary: true)
            var (replies, whole) = ([UInt8](), [UInt8]())
            for piece in way {
                let received = Array(piece)
                connection.receive(received[...])
                while case .binaryPiece(let payload, _) = try connection.next(replies: &replies) {
                    whole += payload
                    #expect(payload.isEmpty || offset(of: payload, in: received) != nil)
                }
            }
            #expect(whole == pattern(300))
        }
    }

    /// Frames under keys of all kinds: what comes out is what a client was sent without any, at every split.
    @Test(arguments: UInt64(0)..<30) func whatIsUnmaskedIsWhatWasMeantAtEverySplit(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var (plain, bytes) = ([UInt8](), [UInt8]())
        for _ in 0..<6 {
            let payload = random.bytes(Int.random(in: 0...40, using: &random)).map { $0 & 0x7f }
            let opcode = [UInt8(1), 2, 9, 10][Int.random(in: 0..<4, using: &random)]
            let key = [zero, [0, 0, 0, 1], [0x80, 0, 0, 0], random.bytes(4)][Int.random(in: 0..<4, using: &random)]
            plain += frame(opcode, payload)
            bytes += frame(opcode, payload, key: key)
        }
        let meant = read([plain[...]], as: aClient).withoutReplies
        #expect(read([bytes[...]], as: .server).withoutReplies == meant)
        #expect(firstDisagreement(over: bytes, exhaustiveLimit: 200) { read($0, as: .server).withoutReplies } == nil)
    }

    /// Where `part` begins in the storage of `whole`; nil if it lies elsewhere.
    private func offset(of part: ArraySlice<UInt8>, in whole: [UInt8]) -> Int? {
        whole.withUnsafeBytes { whole in
            part.withUnsafeBytes { part in
                guard let from = whole.baseAddress, let to = part.baseAddress, to >= from, to < from + whole.count else {
                    return nil
                }
                return to - from
            }
        }
    }
}

@Suite struct ZeroKeySendingTests {
    private func client(seed: [UInt8] = [5]) -> WSConnection {
        var connection = WSConnection(.client(seed: seed))
        connection.masksBinaryWithZero = true
        return connection
    }

    /// Binary frames have it and draw none of the keys that the others have.
    @Test func onlyBinaryMessagesHaveIt() {
        var connection = client()
        var other = WSConnection(.client(seed: [5]))
        var (bytes, others) = ([UInt8](), [UInt8]())
        let sent = [
            connection.binary(pattern(300)[...], into: &bytes), connection.text(utf8("Hi")[...], into: &bytes),
            connection.binary([1, 2], [3], into: &bytes), connection.ping([4], into: &bytes),
            other.text(utf8("Hi")[...], into: &others), other.ping([4], into: &others),
        ]
        connection.close(.normal, reason: "", into: &bytes)
        other.close(.normal, reason: "", into: &others)
        #expect(sent == [true, true, true, true, true, true])
        let (text, ping, close) = (others[..<8], others[8..<15], others[15...])
        #expect(bytes == frame(2, pattern(300), key: zero) + text + frame(2, [1, 2, 3], key: zero) + ping + close)
        for whole in [text, ping, close] { #expect(whole.dropFirst(2).prefix(4) != zero[...]) }
    }

    @Test(arguments: [0, 1, 125, 126, 65535, 65536]) func aPayloadCanStayWhereItIs(count: Int) {
        var connection = client()
        var bytes: [UInt8] = []
        #expect(connection.lendsBinary)
        let isLent = connection.binary([8, 9], beforePayloadOf: count, into: &bytes)
        #expect(isLent)
        #expect(bytes + pattern(count) == frame(2, [8, 9] + pattern(count), key: zero))
    }

    @Test func untilItIsToldToAClientMasksAndLendsNothing() {
        var connection = client()
        connection.masksBinaryWithZero = false
        var bytes: [UInt8] = []
        #expect(!connection.lendsBinary)
        let isLent = connection.binary([8, 9], beforePayloadOf: 1, into: &bytes)
        #expect(!isLent && bytes.isEmpty)
        let isSent = connection.binary([8, 9], into: &bytes)
        #expect(isSent && bytes[2..<6] != zero[...])
    }

    @Test func nothingIsLentAfterTheClose() {
        var connection = client()
        var bytes: [UInt8] = []
        connection.close(.normal, reason: "", into: &bytes)
        let count = bytes.count
        let isLent = connection.binary([8, 9], beforePayloadOf: 1, into: &bytes)
        #expect(!isLent && bytes.count == count)
    }

    @Test func toAServerItMeansNothing() {
        var connection = WSConnection(.server)
        connection.masksBinaryWithZero = true
        var bytes: [UInt8] = []
        let isSent = connection.binary([1], into: &bytes)
        let isLent = connection.binary([2], beforePayloadOf: 1, into: &bytes)
        #expect(isSent && isLent)
        #expect(bytes + [3] == frame(2, [1]) + frame(2, [2, 3]))
    }
}
