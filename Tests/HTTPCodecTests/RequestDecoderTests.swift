// Requests that must be understood, and the life of the decoder around them. What must be refused: SmugglingTests.

import HTTPCodec
import TestSupport
import Testing

@Suite struct RequestDecoderTests {
    @Test func theExampleOfRFC9112IsARequestWithoutBody() throws {
        let message =
            "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, mi\r\n\r\n"
        let seen = requests(message)
        #expect(seen.brief == ["GET /hello.txt none", "end", "closed"])
        guard case .request(let head, _) = seen[0] else { return }
        #expect(head.minorVersion == 1)
        #expect(head.fields.map(\.nameString) == ["User-Agent", "Host", "Accept-Language"])
        #expect(head.fields[.acceptLanguage] == "en, mi")
        #expect(head.fields["USER-AGENT"] == "curl/7.64.1")
    }

    @Test func aBodyOfDeclaredLengthIsFollowedByTheNextRequest() {
        let seen = requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(seen.brief == ["POST / length(5)", "body hello", "end", "GET /b none", "end", "closed"])
    }

    @Test func aLengthOfZeroHasAnEndAndNoBody() {
        #expect(
            requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").brief == ["POST / length(0)", "end", "closed"])
    }

    @Test func chunksArriveAsOneBodyWithTrailers() {
        let seen = requests(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5\r\nhello\r\n00006;a;b=c ; d = \"e\\\"\t;\" \r\n world\r\n0\r\nX-Sum:  1\t\r\nX-More:\r\n\r\n")
        // A space before CRLF is refused, so leave it out and see the rest.
        #expect(seen.error == .badChunk("illegal character in the chunk line"))
        let legal = requests(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5\r\nhello\r\n00006;a;b=c ; d = \"e\\\"\t;\"\r\n world\r\n0\r\nX-Sum:  1\t\r\nX-More:\r\n\r\n")
        #expect(legal.brief == ["POST / chunked", "body hello world", "end X-Sum=1|X-More=", "closed"])
    }

    @Test func pipelinedBytesWaitUntilTheNextMessageIsStarted() throws {
        var decoder = HTTPRequestDecoder()
        decoder.receive(Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)[...])
        guard case .head? = try decoder.next(), case .end? = try decoder.next() else {
            Issue.record("no first request")
            return
        }
        #expect(decoder.isPaused)
        #expect(try decoder.next() == nil)
        #expect(decoder.unreadCount == 28)
        #expect(!decoder.isIdle)
        decoder.startNextMessage()
        guard case .head(let head, _)? = try decoder.next() else {
            Issue.record("no second request")
            return
        }
        #expect(text(head.target) == "/2")
        #expect(!decoder.isPaused)
    }

    @Test func bytesBehindAnUpgradeAreHandedOver() throws {
        var decoder = HTTPRequestDecoder()
        let message =
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}\r\n"
        decoder.receive(Array(message.utf8)[...])
        guard case .head(let head, .none)? = try decoder.next() else {
            Issue.record("no request")
            return
        }
        #expect(head.asksForUpgrade)
        #expect(try decoder.next() == .end(trailers: HTTPFields()))
        #expect(try decoder.next() == nil)
        #expect(Array(decoder.takeUnread()) == [1, 2, 13, 10])
        decoder.startNextMessage()
        decoder.receive([3])
        #expect(try decoder.next() == nil)
        #expect(Array(decoder.takeUnread()) == [3])
        #expect(decoder.takeUnread().isEmpty)
    }

    @Test func oneEmptyLineBeforeARequestIsSkippedAndNotTwo() {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(requests("\r\n" + request + "\r\n" + request).brief == ["GET / none", "end", "GET / none", "end", "closed"])
        #expect(requests("\r\n\r\n" + request).error == .badStartLine("empty line"))
        #expect(requests("\n" + request).error == .badStartLine("bare LF"))
        #expect(requests("\r\n").brief == ["closed"])
    }

    @Test func anEndBetweenRequestsIsOrderlyAndWithinOneIsNot() {
        #expect(requests("").brief == ["closed"])
        let message = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        for count in 1..<message.utf8.count {
            #expect(requests([Array(message.utf8)[..<count]]).error == .unexpectedEOF, "\(count) bytes")
        }
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nB: c\r\n\r\n"
        for count in 1..<chunked.utf8.count {
            #expect(requests([Array(chunked.utf8)[..<count]]).error == .unexpectedEOF, "\(count) bytes")
        }
    }

    @Test func anErrorIsRepeatedAndNothingElseHappensAfterIt() {
        var decoder = HTTPRequestDecoder()
        decoder.receive(Array("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n".utf8)[...])
        for _ in 0..<3 { #expect(throws: HTTPDecodeError.self) { try decoder.next() } }
        decoder.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)[...])
        decoder.receiveEOF()
        #expect(throws: HTTPDecodeError.badField(index: 0, reason: "whitespace in or after the name")) { try decoder.next() }
        #expect(!decoder.isPaused && !decoder.isIdle)
        #expect(decoder.takeUnread().isEmpty || decoder.unreadCount == 0)
    }

    @Test func versionsAreOneDotSomething() {
        #expect(requests("GET / HTTP/1.0\r\n\r\n").brief == ["GET / none", "end", "closed"])
        guard case .request(let head, _)? = requests("GET / HTTP/1.7\r\nHost: a\r\n\r\n").first else {
            Issue.record("HTTP/1.7 refused")
            return
        }
        #expect(head.minorVersion == 1)
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.1"] {
            #expect(requests("GET / \(version)\r\nHost: a\r\n\r\n").error?.suggestedStatus == 505, "\(version)")
        }
        #expect(requests("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").error == .badVersion)
        for version in [
            "", "HTTP/1", "HTTP/1.", "HTTP/1.10", "http/1.1", "HTTP/a.1", "HTTP/1.1 ", "HTTP 1.1", "XTTP/1.1", "HTTP/1,1",
        ] {
            #expect(requests("GET / \(version)\r\nHost: a\r\n\r\n").error?.suggestedStatus == 400, "\(version)")
        }
    }

    @Test func methodsAreTokensAndTargetsHaveNoSpace() {
        #expect(requests("M-SEARCH * HTTP/1.1\r\nHost:\r\n\r\n").brief == ["M-SEARCH * none", "end", "closed"])
        #expect(
            requests("GET /caf\u{e9}?q=\u{1F600} HTTP/1.1\r\nHost: a\r\n\r\n").brief.first == "GET /caf\u{e9}?q=\u{1F600} none")
        let lines = [
            "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET /  HTTP/1.1", "GET /a b HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\t HTTP/1.1",
            "GET /\u{7f} HTTP/1.1", "G(T / HTTP/1.1", "GET /", "GET", "/ HTTP/1.1", "GET /\u{0} HTTP/1.1", "GET /\r HTTP/1.1",
            "GET / HTTP/1.1\t", "G\u{c9}T / HTTP/1.1", "GET /\u{b}HTTP/1.1",
        ]
        for line in lines {
            guard case .badStartLine? = requests("\(line)\r\nHost: a\r\n\r\n").error else {
                Issue.record("accepted: \(line)")
                continue
            }
        }
    }

    @Test func expectationsOfContinueAreSeenInHTTP11Only() throws {
        var head = HTTPRequestHead(method: "PUT", target: "/", fields: try fields((.expect, "100-Continue")))
        #expect(head.expectsContinue)
        head.minorVersion = 0
        #expect(!head.expectsContinue)
        head = HTTPRequestHead(method: "PUT", target: "/", fields: try fields((.expect, "200-ok")))
        #expect(!head.expectsContinue)
    }

    static let persistence: [(Int, String?, Bool)] = [
        (1, nil, true), (1, "close", false), (1, "Close", false), (1, "keep-alive, CLOSE", false), (1, "x, keep-alive", true),
        (1, "closed", true), (1, "", true), (0, nil, false), (0, "Keep-Alive", true), (0, "keep-alive, close", false),
        (0, "x", false),
    ]

    @Test(arguments: persistence)
    func persistenceFollowsVersionAndConnection(minorVersion: Int, connection: String?, expected: Bool) throws {
        var list = HTTPFields()
        if let connection { try list.append(.connection, connection) }
        #expect(HTTPRequestHead(method: "GET", target: "/", minorVersion: minorVersion, fields: list).keepsAlive == expected)
        #expect(HTTPResponseHead(status: 200, minorVersion: minorVersion, fields: list).keepsAlive == expected)
    }

    @Test func bodyBytesAreViewsOfWhatWasLent() throws {
        let bytes = Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789".utf8)
        var decoder = HTTPRequestDecoder()
        decoder.receive(bytes[...])
        guard case .head? = try decoder.next(), case .body(let body)? = try decoder.next() else {
            Issue.record("no body")
            return
        }
        let isView = bytes.withUnsafeBufferPointer { whole in
            body.withUnsafeBufferPointer { $0.baseAddress == whole.baseAddress.map { $0 + (bytes.count - 9) } }
        }
        #expect(isView)
    }

    @Test func theLoanEndsWhenNextReturnsNil() throws {
        var buffer = Array("POST / HTTP/1.1\r\nHost: a\r\nConte".utf8)
        var decoder = HTTPRequestDecoder()
        decoder.receive(buffer[...])
        #expect(try decoder.next() == nil)
        let address = buffer.withUnsafeBufferPointer { $0.baseAddress }
        buffer[0] = 0  // copies the buffer if the decoder still holds it
        #expect(buffer.withUnsafeBufferPointer { $0.baseAddress } == address)
        #expect(decoder.unreadCount == buffer.count)
    }

    @Test func severalChunksMayBeReceivedBeforeTheFirstNext() throws {
        var decoder = HTTPRequestDecoder()
        for byte in Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8) { decoder.receive([byte]) }
        guard case .head? = try decoder.next() else {
            Issue.record("no head")
            return
        }
    }
}
