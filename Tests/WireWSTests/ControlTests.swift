// Pings, pongs and the close handshake (RFC 6455 §5.5, §7), from both ends.

import TestSupport
import Testing
import WireWS

@Suite struct PingTests {
    @Test(arguments: [0, 1, 125]) func aPongRepeatsThePayload(count: Int) {
        #expect(read([masked(9, pattern(count))[...]], as: .server).replies == frame(10, pattern(count)))
        let fromClient = read([frame(9, pattern(count))[...]], as: aClient).replies
        #expect(read([fromClient[...]], as: .server).events == [.pong(pattern(count)[...])])
    }

    @Test func aPingGetsItsPongHoweverItIsCut() {
        let bytes = masked(9, utf8("are you there"))
        #expect(firstDisagreement(over: bytes) { read($0, as: .server) } == nil)
    }

    /// RFC 6455 §5.5.3 lets an end respond to only the latest ping: a flood costs one pong for each batch of bytes.
    @Test func ofSeveralPingsAtOnceTheLatestGetsAPong() {
        let flood = (UInt8(0)..<200).flatMap { masked(9, [$0]) }
        let reading = read([flood[...]], as: .server)
        #expect(reading.events == Array(repeating: .ping, count: 200))
        #expect(reading.replies == frame(10, [199]))
        #expect(read([flood[..<700], flood[700...]], as: .server).replies == frame(10, [99]) + frame(10, [199]))
    }

    @Test func aPongIsThereWhenTheBytesAreUsedUp() throws {
        var connection = WSConnection(.server)
        var replies: [UInt8] = []
        connection.receive((masked(9, [1]) + masked(2, [2]))[...])
        #expect(try connection.next(replies: &replies) == .ping)
        #expect(try connection.next(replies: &replies) == .binary([2]))
        #expect(try connection.next(replies: &replies) == nil)
        #expect(replies == frame(10, [1]))
    }

    @Test func aPingBeforeAnErrorGetsItsPong() {
        let reading = read([(masked(9, [1]) + masked(0, []))[...]], as: .server)
        #expect(reading == Reading(events: [.ping], error: .unexpectedContinuation, replies: frame(10, [1])))
    }

    @Test func afterOurCloseFramePingsGetNoPong() {
        var connection = WSConnection(.server)
        var reading = Reading()
        connection.close(.normal, reason: "", into: &reading.replies)
        connection.read((masked(9, [1]) + masked(2, [2]))[...], into: &reading)
        #expect(reading == Reading(events: [.ping, .binary([2])], replies: frame(8, closePayload(1000))))
    }

    @Test func aPingOfMoreThan125BytesIsNotSent() {
        var connection = WSConnection(.server)
        var bytes: [UInt8] = []
        let results = [connection.ping(pattern(125)[...], into: &bytes), connection.ping(pattern(126)[...], into: &bytes)]
        #expect(results == [true, false])
        #expect(bytes == frame(9, pattern(125)))
    }
}

@Suite struct CloseCodeTests {
    private let allowed = Set<UInt16>(1000...1003).union(1007...1014).union(3000...4999)

    @Test func onlyRegisteredAndPrivateCodesMayBeSent() {
        for number in UInt16.min ... .max {
            #expect(WSCloseCode(rawValue: number).mayBeSent == allowed.contains(number), "\(number)")
        }
    }

    @Test func onlyCodesThatMayBeSentMayArrive() {
        let samples: [UInt16] = [0, 1, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 1100, 2000, 2999]
        for number in samples + [3000, 3999, 4000, 4001, 4999, 5000, 65535] {
            let bytes = masked(8, closePayload(number, "why"))
            if allowed.contains(number) {
                expect([.closed(WSCloseCode(rawValue: number), reason: "why")], from: bytes)
            } else {
                expect([], .badClosePayload, from: bytes)
            }
        }
    }

    @Test func theNamesHaveTheirNumbers() {
        let named: [WSCloseCode] = [
            .normal, .goingAway, .protocolError, .unsupportedData, .noStatus, .abnormal, .invalidPayload, .policyViolation,
            .messageTooBig, .mandatoryExtension, .internalError, .serviceRestart, .tryAgainLater, .badGateway,
        ]
        #expect(named.map(\.rawValue) == [1000, 1001, 1002, 1003] + Array(1005...1014))
    }

    /// RFC 6455 §7.4.1; every error also says what is wrong.
    @Test func everyErrorHasItsCode() {
        let protocolErrors: [WSError] = [
            .reservedBits, .unknownOpcode(3), .wrongMask, .overlongLength, .lengthOutOfRange, .fragmentedControl,
            .oversizedControl, .unexpectedContinuation, .expectedContinuation, .badClosePayload,
        ]
        #expect(protocolErrors.allSatisfy { $0.closeCode == .protocolError })
        #expect(WSError.frameTooLarge(9, limit: 1).closeCode == .messageTooBig)
        #expect(WSError.messageTooLarge(limit: 1).closeCode == .messageTooBig)
        #expect(WSError.invalidUTF8.closeCode == .invalidPayload)
        let all = protocolErrors + [.frameTooLarge(9, limit: 1), .messageTooLarge(limit: 1), .invalidUTF8]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect(all.allSatisfy { (1...123).contains($0.description.utf8.count) && $0.closeCode.mayBeSent })
    }
}

@Suite struct CloseTests {
    @Test func aCloseFrameIsEchoedWithItsCode() {
        let reading = read([masked(8, closePayload(4001, "replaced"))[...]], as: .server)
        #expect(reading.events == [.closed(WSCloseCode(rawValue: 4001), reason: "replaced")])
        #expect(reading.replies == frame(8, closePayload(4001)))
        let empty = read([masked(8, [])[...]], as: .server)
        #expect(empty == Reading(events: [.closed(nil, reason: "")], replies: frame(8, [])))
    }

    @Test func aCloseFrameIsReadHoweverItIsCut() {
        expect([.closed(.normal, reason: "bye – 再见")], from: masked(8, closePayload(1000, "bye – 再见")))
        expect([.closed(nil, reason: "")], from: frame(8, []), as: aClient)
        let full = String(repeating: "x", count: 123)
        expect([.closed(.goingAway, reason: full)], from: frame(8, closePayload(1001, full)), as: aClient)
        #expect(firstDisagreement(over: masked(8, closePayload(1000, "bye"))) { read($0, as: .server) } == nil)
    }

    @Test func aBadClosePayloadIsRefused() {
        expect([], .badClosePayload, from: masked(8, [3]))
        expect([], .invalidUTF8, from: masked(8, closePayload(1000) + [0xff]))
        expect([], .invalidUTF8, from: masked(8, closePayload(1000) + [0xe2, 0x82]))
    }

    @Test func nothingIsReadAfterACloseFrame() {
        let bytes = masked(8, closePayload(1000)) + masked(2, [1]) + [0xff, 0xff, 0xff]
        expect([.closed(.normal, reason: "")], from: bytes)
        var connection = WSConnection(.server)
        var reading = Reading()
        connection.read(bytes[...], into: &reading)
        connection.read(bytes[...], into: &reading)
        #expect(reading.events.count == 1)
        #expect(connection.isClosed)
    }

    @Test func pongsGoBeforeTheEcho() {
        let reading = read([(masked(9, [1]) + masked(8, []))[...]], as: .server)
        #expect(reading.replies == frame(10, [1]) + frame(8, []))
    }

    @Test func nothingIsSentAfterOurCloseFrame() {
        var connection = WSConnection(.server)
        var bytes: [UInt8] = []
        connection.close(.goingAway, reason: "restart", into: &bytes)
        connection.close(.normal, reason: "again", into: &bytes)
        let sent = [
            connection.text([], into: &bytes), connection.binary([], into: &bytes), connection.binary([], [], into: &bytes),
            connection.ping([], into: &bytes),
        ]
        #expect(sent == [false, false, false, false])
        #expect(bytes == frame(8, closePayload(1001, "restart")))
        #expect(connection.isClosing && !connection.isClosed)
    }

    @Test func messagesThatWereUnderWayStillArriveAfterOurCloseFrame() {
        var connection = WSConnection(.server)
        var reading = Reading()
        connection.close(.normal, reason: "", into: &reading.replies)
        connection.read((masked(2, [1]) + masked(8, closePayload(1000)))[...], into: &reading)
        #expect(reading.events == [.binary([1]), .closed(.normal, reason: "")])
        #expect(reading.replies == frame(8, closePayload(1000)), "no second close frame")
        #expect(connection.isClosed)
    }

    @Test(arguments: [WSRole.server, aClient], [WSCloseCode.normal, nil]) func bothEndsClose(first: WSRole, code: WSCloseCode?)
    {
        var initiator = WSConnection(first)
        var other = WSConnection(first == .server ? aClient : .server)
        var bytes: [UInt8] = []
        initiator.close(code, reason: "done", into: &bytes)
        var there = Reading()
        other.read(bytes[...], into: &there)
        #expect(there.events == [.closed(code, reason: code == nil ? "" : "done")])
        #expect(other.isClosed)
        var back = Reading()
        initiator.read(there.replies[...], into: &back)
        #expect(back == Reading(events: [.closed(code, reason: "")]))
        #expect(initiator.isClosed)
    }

    @Test func bothEndsMayCloseAtOnce() {
        var (server, client) = (WSConnection(.server), WSConnection(aClient))
        var (down, up) = ([UInt8](), [UInt8]())
        server.close(.goingAway, reason: "", into: &down)
        client.close(.normal, reason: "", into: &up)
        var (atServer, atClient) = (Reading(), Reading())
        server.read(up[...], into: &atServer)
        client.read(down[...], into: &atClient)
        #expect(atServer == Reading(events: [.closed(.normal, reason: "")]))
        #expect(atClient == Reading(events: [.closed(.goingAway, reason: "")]))
        #expect(server.isClosed && client.isClosed)
    }

    @Test func codesThatMayNotBeSentAreReplaced() {
        let cases: [(WSCloseCode, [UInt8])] = [
            (.noStatus, []), (.abnormal, closePayload(1011, "x")), (WSCloseCode(rawValue: 0), closePayload(1011, "x")),
            (WSCloseCode(rawValue: 1015), closePayload(1011, "x")), (WSCloseCode(rawValue: 5000), closePayload(1011, "x")),
            (WSCloseCode(rawValue: 4999), closePayload(4999, "x")),
        ]
        for (code, payload) in cases {
            var connection = WSConnection(.server)
            var bytes: [UInt8] = []
            connection.close(code, reason: "x", into: &bytes)
            #expect(bytes == frame(8, payload))
        }
    }

    @Test func aLongReasonIsCutBetweenCharacters() {
        let cases: [(String, Int)] = [
            (String(repeating: "a", count: 123), 123), (String(repeating: "a", count: 124), 123),
            (String(repeating: "é", count: 100), 122), (String(repeating: "隧", count: 100), 123),
            (String(repeating: "🕳", count: 100), 120), ("a" + String(repeating: "隧", count: 100), 121),
            (String(repeating: "a", count: 121) + "🕳b", 121),
        ]
        for (reason, count) in cases {
            var connection = WSConnection(.server)
            var bytes: [UInt8] = []
            connection.close(.normal, reason: reason, into: &bytes)
            #expect(bytes == frame(8, closePayload(1000) + Array(reason.utf8.prefix(count))))
            #expect(read([bytes[...]], as: aClient).error == nil)
        }
    }
}
