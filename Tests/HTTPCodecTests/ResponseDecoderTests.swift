// Responses, whose framing depends on the request that they belong to (RFC 9112 §6.3).

import HTTPCodec
import TestSupport
import Testing

@Suite struct ResponseDecoderTests {
    @Test func theExampleOfRFC9112HasALength() {
        let seen = responses(
            "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\nETag: \"34aa387-d-1568eb00\"\r\n"
                + "Content-Length: 14\r\nVary: Accept-Encoding\r\nContent-Type: text/plain\r\n\r\nHello World!\r\n", eof: false)
        #expect(seen.brief == ["200 length(14)", "body Hello World!\r\n", "end"])
    }

    @Test func aReasonMayBeMissingWithOrWithoutItsSpace() {
        for (line, reason) in [
            ("HTTP/1.1 200", ""), ("HTTP/1.1 200 ", ""), ("HTTP/1.1 200 OK", "OK"), ("HTTP/1.0 200 All is well", "All is well"),
            ("HTTP/1.1 200 Tr\u{e8}s bien", "Tr\u{c3}\u{a8}s bien"), ("HTTP/1.1 200  ", " "),
        ] {
            guard case .response(let head, .length(0))? = responses("\(line)\r\nContent-Length: 0\r\n\r\n").first else {
                Issue.record("refused: \(line)")
                continue
            }
            #expect(head.reason == reason)
        }
    }

    @Test func malformedStatusLinesAreRefused() {
        let lines = [
            "", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 2x0 OK", "HTTP/1.1  200 OK",
            "HTTP/1.1 200\tOK",
            " HTTP/1.1 200 OK", "HTTP/1.1 099 Low", "HTTP/1.1 +20 OK", "ICY 200 OK", "HTTP/1.1 200 a\u{1}b", "HTTP/1.1\t200 OK",
            "HTTP/11 200 OK", "200 OK", "\u{feff}HTTP/1.1 200 OK",
        ]
        for line in lines {
            guard case .badStartLine? = responses("\(line)\r\nContent-Length: 0\r\n\r\n").error else {
                Issue.record("accepted: \(line)")
                continue
            }
        }
        #expect(responses("HTTP/2.0 200 OK\r\n\r\n").error == .badVersion)
        #expect(responses("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n").brief.first == "999 length(0)")
    }

    @Test func withoutLengthABodyEndsWithTheConnection() {
        #expect(responses("HTTP/1.0 200 OK\r\n\r\nall of it").brief == ["200 untilClose", "body all of it", "end", "closed"])
        #expect(responses("HTTP/1.1 200 OK\r\n\r\n").brief == ["200 untilClose", "end", "closed"])
    }

    @Test(arguments: ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""])
    func responsesToHEADHaveNoBodyWhateverTheyDeclare(field: String) {
        let seen = responses("HTTP/1.1 200 OK\r\n\(field)\r\nHTTP/1.1 304 Not Modified\r\n\(field)\r\n", to: ["HEAD", "GET"])
        #expect(seen.brief == ["200 none", "end", "304 none", "end", "closed"])
    }

    @Test func noContentHasNoBodyWhateverItDeclares() {
        #expect(responses("HTTP/1.1 204 No Content\r\n\r\n").brief == ["204 none", "end", "closed"])
        #expect(responses("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").brief == ["204 none", "end", "closed"])
        for field in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
            let seen = responses("HTTP/1.1 204 No Content\r\n\(field)\r\n\r\n")
            #expect(seen.brief == ["204 none", "end", "closed"])
            guard case .response(let head, _)? = seen.first else { return }
            #expect(head.fields.isEmpty)
            #expect(
                responses("HTTP/1.1 103 Early Hints\r\n\(field)\r\n\r\n").error
                    == .badFraming("a body in a 1xx or 204 response"))
        }
    }

    @Test func informationalHeadsComeBeforeTheFinalOne() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        let seen = responses(interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(seen.brief == ["100 none", "103 none", "200 length(2)", "body ok", "end", "closed"])
        #expect(responses(interim).error == .unexpectedEOF)
    }

    @Test func whatIsExpectedHoldsAcrossInformationalHeads() {
        let seen = responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", to: ["HEAD"])
        #expect(seen.brief == ["100 none", "200 none", "end", "closed"])
    }

    @Test func whatFollowsSwitchingProtocolsIsHandedOver() throws {
        let seen = responses("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 raw", eof: false)
        #expect(seen.brief == ["101 none", "unread HTTP/1.1 200 raw"])
        var decoder = HTTPResponseDecoder()
        decoder.receive(Array("HTTP/1.1 101 X\r\n\r\nabc".utf8)[...])
        guard case .head? = try decoder.next() else {
            Issue.record("no head")
            return
        }
        #expect(decoder.isPaused)
        #expect(try decoder.next() == nil)
        #expect(text(decoder.takeUnread()) == "abc")
        decoder.receive([0x64])
        #expect(try decoder.next() == nil)
        #expect(text(decoder.takeUnread()) == "d")
    }

    @Test func aTunnelBeginsWithAny2xxToConnectAndNotOtherwise() {
        let tunnel = responses(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\nraw", to: ["CONNECT"], eof: false)
        #expect(tunnel.brief == ["200 none", "unread raw"])
        let refusal = responses("HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nsry", to: ["CONNECT"])
        #expect(refusal.brief == ["407 length(3)", "body sry", "end", "closed"])
        // Methods are case-sensitive.
        #expect(
            responses("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", to: ["connect"]).brief == [
                "200 length(0)", "end", "closed",
            ])
    }

    @Test func bytesSentUnaskedAreHeldAndNotDecoded() throws {
        var decoder = HTTPResponseDecoder()
        decoder.expectResponse(to: "GET")
        decoder.receive(
            Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 Forged\r\nContent-Length: 0\r\n\r\n".utf8)[...])
        while try decoder.next() != nil {}
        #expect(decoder.isPaused && !decoder.isIdle)
        #expect(decoder.unreadCount == 42)
    }

    @Test func aConnectionIsIdleOnlyWithNothingOwedAndNothingRead() throws {
        var decoder = HTTPResponseDecoder()
        #expect(decoder.isIdle)
        decoder.receive(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)[...])
        while try decoder.next() != nil {}
        #expect(!decoder.isIdle)
        decoder.expectResponse(to: "HEAD")  // too late: has no effect
        decoder.receive(Array("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n".utf8)[...])
        while try decoder.next() != nil {}
        #expect(!decoder.isIdle)
        decoder.receive([0x61])
        while try decoder.next() != nil {}
        #expect(decoder.isIdle && decoder.isPaused)
        decoder.expectResponse(to: "GET")
        #expect(decoder.isIdle && !decoder.isPaused)
        decoder.receiveEOF()
        #expect(try decoder.next() == .closed)
        #expect(try decoder.next() == nil)
    }

    @Test func aServerThatClosesWithinABodyHasFailed() {
        for message in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "HTTP/1.1 200 OK\r\n",
        ] {
            #expect(responses(message).error == .unexpectedEOF, "\(message)")
        }
    }

    @Test func ambiguousFramingIsRefusedInResponsesToo() {
        for (field, error) in [
            ("Content-Length: 1\r\nContent-Length: 2", HTTPDecodeError.badFraming("more than one Content-Length")),
            ("Content-Length: 1\r\nContent-Length: 01", .badFraming("more than one Content-Length")),
            ("Content-Length: 1, 2", .badFraming("Content-Length is not 1 to 19 digits")),
            ("Content-Length: +1, +1", .badFraming("Content-Length is not 1 to 19 digits")),
            ("Transfer-Encoding: gzip, chunked", .unsupportedTransferCoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .badFraming("more than one Transfer-Encoding")),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked, chunked", .unsupportedTransferCoding),
        ] {
            #expect(responses("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n").error == error)
        }
        #expect(
            responses("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").error
                == .badFraming("Transfer-Encoding in an HTTP/1.0 message"))
    }

    // MARK: What browsers take

    @Test(arguments: [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked", "chunked"),
        ("Transfer-Encoding: Chunked\r\nContent-Length: 9", "chunked"),
        ("Content-Length: 2\r\ncontent-length: 2", "length(2)"), ("Content-Length: 2, 2", "length(2)"),
        ("Content-Length: 2\r\nContent-Length: 2, 2", "length(2)"),
    ])
    func aLengthThatCanBeReadInOneWayOnlyIsTaken(fields: String, framing: String) throws {
        for method in ["GET", "HEAD"] {
            let body = method == "HEAD" ? "" : framing == "chunked" ? "2\r\nok\r\n0\r\n\r\n" : "ok"
            let seen = responses("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n\(body)", to: [method])
            let expected = method == "HEAD" ? ["200 none", "end", "closed"] : ["200 \(framing)", "body ok", "end", "closed"]
            #expect(seen.brief == expected)
            guard case .response(let head, _)? = seen.first else { return }
            // No recipient behind us can read it in another way.
            #expect(head.fields.count == 1)
            #expect(head.fields[.contentLength] == (framing == "chunked" ? nil : "2"))
        }
        var decoder = HTTPResponseDecoder()
        decoder.receive(Array("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n".utf8)[...])
        #expect(try decoder.next() != nil)
        #expect(decoder.isRepaired)
    }

    @Test func aPlainResponseIsNotRepaired() throws {
        for fields in ["Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n", ""] {
            var decoder = HTTPResponseDecoder()
            decoder.receive(Array("HTTP/1.1 200 OK\r\n\(fields)\r\n".utf8)[...])
            #expect(try decoder.next() != nil)
            #expect(!decoder.isRepaired)
        }
    }

    @Test func aHeadMayEndItsLinesWithLFAlone() {
        let seen = responses("HTTP/1.0 200 OK\nA: 1\r\nB:2\n\nall\nof it")
        #expect(seen.brief == ["200 untilClose", "body all\nof it", "end", "closed"])
        guard case .response(let head, _)? = seen.first else { return }
        var bytes: [UInt8] = []
        try? head.encode(into: &bytes)
        #expect(text(bytes[...]) == "HTTP/1.0 200 OK\r\nA: 1\r\nB: 2\r\n\r\n")
        for message in [
            "HTTP/1.1 200 OK\r\nA: 1\r\r\n\r\n", "HTTP/1.1 200 OK\rA: 1\r\n\r\n", "HTTP/1.1 200 OK\nA: 1\n b\n\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
        ] {
            #expect(responses(message).error?.suggestedStatus == 400, "\(message)")
        }
    }

    @Test func whitespaceBeforeAColonIsDropped() {
        let seen = responses("HTTP/1.1 200 OK\r\nA : 1\r\nB\t :2\r\nContent-Length : 0\r\n\r\n")
        #expect(seen.brief == ["200 length(0)", "end", "closed"])
        guard case .response(let head, _)? = seen.first else { return }
        var bytes: [UInt8] = []
        try? head.encode(into: &bytes)
        #expect(text(bytes[...]) == "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Length: 0\r\n\r\n")
        for line in [" A: 1", "A B: 1", "A \u{1}: 1", "A ", ": 1", " : 1"] {
            #expect(responses("HTTP/1.1 200 OK\r\n\(line)\r\n\r\n").error != nil, "\(line)")
        }
    }
}
