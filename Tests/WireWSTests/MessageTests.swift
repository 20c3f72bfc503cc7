// Messages out of frames (RFC 6455 §5.4–§5.6), with every way to break the rules.

import TestSupport
import Testing
import WireWS

/// RFC 6455 §5.7, byte for byte.
@Suite struct RFCExampleTests {
    @Test func aSingleFrameUnmaskedTextMessage() {
        expect([.text(utf8("Hello")[...])], from: [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], as: aClient)
    }

    @Test func aSingleFrameMaskedTextMessage() {
        let bytes: [UInt8] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        expect([.text(utf8("Hello")[...])], from: bytes)
    }

    @Test func aFragmentedUnmaskedTextMessage() {
        let bytes: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]
        expect([.text(utf8("Hello")[...])], from: bytes, as: aClient)
    }

    @Test func anUnmaskedPingAndItsMaskedPong() {
        expect([.ping], from: [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], as: aClient)
        let bytes: [UInt8] = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        expect([.pong(utf8("Hello")[...])], from: bytes)
    }

    @Test func binaryMessagesOf256BytesAnd64KiB() {
        expect([.binary(pattern(256)[...])], from: [0x82, 0x7e, 0x01, 0x00] + pattern(256), as: aClient)
        let large: [UInt8] = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0] + pattern(65536)
        expect([.binary(pattern(65536)[...])], from: large, as: aClient)
    }
}

@Suite struct MessageTests {
    @Test(arguments: [0, 1, 125, 126, 127, 65535, 65536]) func everyLengthArrives(count: Int) {
        expect([.binary(pattern(count)[...])], from: masked(2, pattern(count)))
        expect([.binary(pattern(count)[...])], from: frame(2, pattern(count)), as: aClient)
        let text = [UInt8](repeating: 0x61, count: count)
        expect([.text(text[...])], from: masked(1, text))
    }

    @Test func messagesFollowOneAnother() {
        let bytes = masked(1, utf8("one")) + masked(2, [2]) + masked(1, []) + masked(2, []) + masked(10, [1, 2])
        expect([.text(utf8("one")[...]), .binary([2]), .text([]), .binary([]), .pong([1, 2])], from: bytes)
    }

    @Test func fragmentsAreJoinedAndEmptyOnesAllowed() {
        var bytes = masked(2, [], isFinal: false) + masked(0, [1, 2], isFinal: false) + masked(0, [], isFinal: false)
        bytes += masked(0, [3], isFinal: false) + masked(0, [])
        expect([.binary([1, 2, 3])], from: bytes)
        expect([.binary([9])], from: masked(2, [], isFinal: false) + masked(0, [9]))
        expect([.text([]), .binary([1])], from: masked(1, [], isFinal: false) + masked(0, []) + masked(2, [1]))
    }

    /// What a connection that splits makes of `pieces`: the same events, once the pieces are joined, and the same error.
    private func readSplitting(_ pieces: [ArraySlice<UInt8>], as role: WSRole, limits: WSLimits = .init()) -> Reading {
        var connection = WSConnection(role, limits: limits, splitsBinary: true)
        var split = Reading()
        for piece in pieces { connection.read(piece, into: &split) }
        var (joined, message) = (Reading(error: split.error), [UInt8]())
        for event in split.events {
            guard case .binaryPiece(let piece, let isLast) = event else {
                joined.events.append(event)
                continue
            }
            #expect(isLast || !piece.isEmpty)
            message += piece
            guard isLast else { continue }
            joined.events.append(.binary(message[...]))
            message = []
        }
        return joined
    }

    @Test func piecesOfABinaryMessageAreTheWhole() {
        var bytes = masked(2, [], isFinal: false) + masked(0, [1, 2, 3], isFinal: false) + masked(9, [])
        bytes += masked(0, [4]) + masked(1, utf8("text")) + masked(2, []) + masked(2, pattern(40))
        let expected = read([bytes[...]], as: .server).withoutReplies
        #expect(expected.events.count == 5)
        let disagreement = firstDisagreement(over: bytes, exhaustiveLimit: 200) { readSplitting($0, as: .server) }
        #expect(disagreement == nil)
        #expect(readSplitting([bytes[...]], as: .server) == expected)
    }

    @Test func aMessageMayBeSentInTwoSteps() {
        var (server, whole, parts) = (WSConnection(.server), [UInt8](), [UInt8]())
        #expect(server.binary([1, 2][...], pattern(300)[...], into: &whole) == true)
        #expect(server.binary([1, 2][...], beforePayloadOf: 300, into: &parts) == true)
        #expect(parts + pattern(300) == whole)
        server.close(.normal, reason: "", into: &parts)
        #expect(server.binary([1][...], beforePayloadOf: 3, into: &parts) == false)
        var client = WSConnection(aClient)
        #expect(client.binary([1][...], beforePayloadOf: 3, into: &parts) == false, "what is masked has to be copied")
    }

    @Test func piecesAreHeldToTheLimitsOfTheWhole() {
        let limits = WSLimits(maximumFrameBytes: 4, maximumMessageBytes: 6)
        let tooLong = masked(2, [1, 2, 3], isFinal: false) + masked(0, [4], isFinal: false) + masked(0, [5, 6, 7])
        #expect(readSplitting([tooLong[...]], as: .server, limits: limits).error == .messageTooLarge(limit: 6))
        let twice = masked(2, [1, 2, 3, 4], isFinal: false) + masked(0, [5, 6]) + masked(2, [1, 2, 3, 4])
        #expect(readSplitting([twice[...]], as: .server, limits: limits).error == nil)
        #expect(readSplitting([masked(2, [1])[...], masked(0, [1])[...]], as: .server).error == .unexpectedContinuation)
    }

    @Test func aPieceIsToldBeforeItsFrameEnds() throws {
        var connection = WSConnection(.server, splitsBinary: true)
        var replies: [UInt8] = []
        connection.receive(masked(2, pattern(9))[..<10])
        #expect(try connection.next(replies: &replies) == .binaryPiece(pattern(4)[...], isLast: false))
        #expect(try connection.next(replies: &replies) == nil)
    }

    @Test func controlFramesMayStandBetweenFragments() {
        var bytes = masked(1, utf8("Hel"), isFinal: false) + masked(9, utf8("are you there"))
        bytes += masked(0, utf8("l"), isFinal: false) + masked(10, [7]) + masked(0, utf8("o"))
        expect([.ping, .pong([7]), .text(utf8("Hello")[...])], from: bytes)
        let closing = masked(2, [1], isFinal: false) + masked(8, closePayload(1001))
        expect([.closed(.goingAway, reason: "")], from: closing)
    }

    @Test func sequenceErrorsAreRefused() {
        expect([], .unexpectedContinuation, from: masked(0, [1]))
        expect([], .unexpectedContinuation, from: masked(0, [1], isFinal: false))
        expect([.binary([1])], .unexpectedContinuation, from: masked(2, [1]) + masked(0, [1]))
        expect([.ping], .unexpectedContinuation, from: masked(9, []) + masked(0, [1]))
        for opcode: UInt8 in [1, 2] {
            for isFinal in [true, false] {
                let second = masked(opcode, [2], isFinal: isFinal)
                expect([], .expectedContinuation, from: masked(1, [1], isFinal: false) + second)
                expect([], .expectedContinuation, from: masked(2, [], isFinal: false) + second)
            }
        }
    }

    @Test(arguments: FrameDecoderTests.badHeaders) func headerErrorsComeThrough(header: [UInt8], error: WSError) {
        let limits = WSLimits(maximumFrameBytes: 65536)
        expect([.ping], error, from: frame(9, []) + header, as: aClient, limits: limits)
    }

    @Test func maskingIsRequiredOfClientsAndRefusedOfServers() {
        expect([], .wrongMask, from: frame(2, [1]))
        expect([], .wrongMask, from: masked(2, [1]), as: aClient)
        expect([.ping], .wrongMask, from: masked(9, [1]) + frame(10, []))
    }

    @Test func theMessageLimitIsInclusiveAndCountsAllFragments() {
        let limits = WSLimits(maximumFrameBytes: 8, maximumMessageBytes: 5)
        expect([.binary(pattern(5)[...])], from: masked(2, pattern(5)), limits: limits)
        expect([], .messageTooLarge(limit: 5), from: masked(2, pattern(6)), limits: limits)
        expect([], .frameTooLarge(9, limit: 8), from: masked(2, pattern(9)), limits: limits)
        let three = masked(2, [1, 2, 3], isFinal: false)
        expect([.binary([1, 2, 3, 4, 5])], from: three + masked(0, [4, 5]), limits: limits)
        expect([], .messageTooLarge(limit: 5), from: three + masked(0, [4, 5, 6]), limits: limits)
        let twice = masked(2, pattern(5)) + masked(2, pattern(5))
        expect([.binary(pattern(5)[...]), .binary(pattern(5)[...])], from: twice, limits: limits)
    }

    @Test func aMessageOverTheLimitIsRefusedBeforeItsBytesCome() {
        let limits = WSLimits(maximumMessageBytes: 100)
        let reading = read([[0x82, 0x7e, 0x00, 0xff]], as: aClient, limits: limits)
        #expect(reading == Reading(error: .messageTooLarge(limit: 100)))
        #expect(read([[0x82, 0x00]], as: aClient, limits: .init(maximumMessageBytes: .min)).error != nil)
    }

    @Test func afterAnErrorNothingComesAndNothingIsSent() throws {
        var connection = WSConnection(.server)
        var bytes: [UInt8] = []
        connection.receive(frame(2, [1])[...])
        #expect(throws: WSError.wrongMask) { try connection.next(replies: &bytes) }
        connection.receive(masked(2, [1])[...])
        #expect(try connection.next(replies: &bytes) == nil)
        let sent = [
            connection.text([], into: &bytes), connection.binary([], into: &bytes), connection.ping([], into: &bytes),
        ]
        #expect(sent == [false, false, false])
        #expect(bytes.isEmpty)
        #expect(!connection.isClosing && !connection.isClosed)
        connection.close(WSError.wrongMask.closeCode, reason: "no", into: &bytes)
        #expect(bytes == frame(8, closePayload(1002, "no")))
        #expect(connection.isClosing && connection.isClosed)
    }
}

@Suite struct TextTests {
    @Test func aCharacterMayBeCutByFrames() {
        let bytes = utf8("κόσμε 隧道 🕳")
        for cut in 0...bytes.count {
            let frames = frame(1, Array(bytes[..<cut]), isFinal: false) + frame(0, Array(bytes[cut...]))
            expect([.text(bytes[...])], from: frames, as: aClient)
        }
    }

    @Test(
        arguments: [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0x61, 0xc3]] as [[UInt8]])
    func badTextIsRefused(bad: [UInt8]) {
        expect([], .invalidUTF8, from: masked(1, bad))
        expect([], .invalidUTF8, from: masked(1, utf8("fine "), isFinal: false) + masked(0, bad))
        expect([], .invalidUTF8, from: masked(1, bad, isFinal: false) + masked(0, [0x20]))
        expect([], .invalidUTF8, from: frame(1, bad), as: aClient)
        expect([.binary(bad[...])], from: masked(2, bad))
    }

    @Test func aTextThatEndsInsideACharacterIsRefusedAtItsEnd() {
        expect([], .invalidUTF8, from: masked(1, [0xe2, 0x82], isFinal: false) + masked(0, []))
        let completed = masked(1, [0xe2, 0x82], isFinal: false) + masked(0, [0xac])
        expect([.text(utf8("€")[...])], from: completed)
        expect([.text(utf8("€")[...]), .text(utf8("a")[...])], from: completed + masked(1, utf8("a")))
    }

    /// RFC 6455 §8.1: the connection fails as soon as the bytes show it, not at the end of the frame or the message.
    @Test func badTextIsRefusedBeforeTheFrameEnds() {
        let bytes = masked(1, utf8("κόσμε") + [0xed, 0xa0, 0x80] + pattern(90), isFinal: false)
        let upToTheSurrogate = bytes[..<(6 + 10 + 2)]
        #expect(read([upToTheSurrogate], as: .server).error == .invalidUTF8)
        #expect(read([upToTheSurrogate.dropLast()], as: .server).error == nil)
    }
}
