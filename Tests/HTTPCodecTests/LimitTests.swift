// Each limit is exact, names itself, and is applied to bytes as they come, not to complete lines.

import HTTPCodec
import TestSupport
import Testing

@Suite struct LimitTests {
    private func small() -> HTTPLimits {
        var limits = HTTPLimits()
        limits.maximumStartLineBytes = 20
        limits.maximumFieldSectionBytes = 30
        limits.maximumFieldCount = 3
        limits.maximumChunkLineBytes = 8
        limits.maximumTrailerBytes = 10
        return limits
    }

    @Test func theDefaultsAreThoseOfTheDocumentation() {
        let limits = HTTPLimits()
        #expect(limits.maximumStartLineBytes == 65_536 && limits.maximumFieldSectionBytes == 65_536)
        #expect(limits.maximumFieldCount == 200 && limits.maximumChunkLineBytes == 256 && limits.maximumTrailerBytes == 8192)
    }

    @Test func aStartLineMayBeAsLongAsTheLimitAndNoLonger() {
        let path = "/" + String(repeating: "p", count: 6)
        #expect(requests("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", limits: small()).error == nil)
        #expect(requests("GET \(path)p HTTP/1.1\r\nHost: a\r\n\r\n", limits: small()).error == .tooLarge(.startLine))
        #expect(requests(String(repeating: "G", count: 21), limits: small(), eof: false).error == .tooLarge(.startLine))
        #expect(requests(String(repeating: "G", count: 20), limits: small(), eof: false) == [])
        #expect(HTTPDecodeError.tooLarge(.startLine).suggestedStatus == 414)
    }

    @Test func aFieldSectionMayBeAsLongAsTheLimitAndNoLonger() {
        let value = String(repeating: "v", count: 16)  // "Host: a" CRLF is 9 bytes, "X: " and CRLF are 5
        #expect(requests("GET / HTTP/1.1\r\nHost: a\r\nX: \(value)\r\n\r\n", limits: small()).error == nil)
        #expect(
            requests("GET / HTTP/1.1\r\nHost: a\r\nX: \(value)v\r\n\r\n", limits: small()).error == .tooLarge(.fieldSection))
        #expect(
            requests("GET / HTTP/1.1\r\n" + String(repeating: "N", count: 31), limits: small(), eof: false).error
                == .tooLarge(.fieldSection))
        #expect(HTTPDecodeError.tooLarge(.fieldSection).suggestedStatus == 431)
    }

    @Test func fieldsAreCounted() {
        #expect(requests("GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC:\r\n\r\n", limits: small()).error == nil)
        #expect(
            requests("GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC:\r\nD:\r\n\r\n", limits: small()).error == .tooLarge(.fieldCount))
        #expect(HTTPDecodeError.tooLarge(.fieldCount).suggestedStatus == 431)
    }

    @Test func chunkLinesAndTrailersAreBounded() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:chunked\r\n\r\n"
        var limits = small()
        limits.maximumFieldSectionBytes = 100
        #expect(requests(head + "1;abcdef\r\nx\r\n0\r\n\r\n", limits: limits).error == nil)
        #expect(requests(head + "1;abcdefg\r\nx\r\n0\r\n\r\n", limits: limits).error == .tooLarge(.chunkLine))
        #expect(requests(head + "1;a=\"aaaaaaaaaa", limits: limits, eof: false).error == .tooLarge(.chunkLine))
        #expect(requests(head + "0\r\nA: bcdef\r\n\r\n", limits: limits).error == nil)
        #expect(requests(head + "0\r\nA: bcdefg\r\n\r\n", limits: limits).error == .tooLarge(.trailers))
        #expect(requests(head + "0\r\nA:\r\nA:\r\nABC", limits: limits, eof: false).error == .tooLarge(.trailers))
        #expect(HTTPDecodeError.tooLarge(.trailers).suggestedStatus == 431)
        #expect(HTTPDecodeError.tooLarge(.chunkLine).suggestedStatus == 400)
    }

    @Test func endlessExtensionsOnTinyChunksAreRefused() {
        let chunk = "1;" + String(repeating: "e", count: 200) + "\r\nx\r\n"
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let few = Array((head + String(repeating: chunk, count: 50) + "0\r\n\r\n").utf8)
        #expect(requests([few[...]]).error == nil)
        let many = Array((head + String(repeating: chunk, count: 200) + "0\r\n\r\n").utf8)
        #expect(requests([many[...]]).error == .tooLarge(.chunkLine))
        let plain = Array((head + String(repeating: "1\r\nx\r\n", count: 50_000) + "0\r\n\r\n").utf8)
        #expect(requests([plain[...]]).error == nil)
    }

    @Test func absurdLimitsDoNotTrap() {
        for number in [0, -1, Int.max, Int.min] {
            var limits = HTTPLimits()
            limits.maximumStartLineBytes = number
            limits.maximumFieldSectionBytes = number
            limits.maximumFieldCount = number
            limits.maximumChunkLineBytes = number
            limits.maximumTrailerBytes = number
            let seen = requests(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nB: c\r\n\r\n", limits: limits)
            #expect((seen.error == nil) == (number == Int.max))
        }
    }

    @Test func aHeadOfManyBytesInSinglePiecesIsReadOnce() {
        var message = "GET / HTTP/1.1\r\nHost: a\r\n"
        for index in 0..<90 { message += "X-\(index): \(String(repeating: "v", count: 300))\r\n" }
        message += "\r\n"
        let bytes = Array(message.utf8)
        let start = ContinuousClock.now
        let seen = requests(bytes.indices.map { bytes[$0...$0] })
        #expect(seen.brief == ["GET / none", "end", "closed"])
        // 28,000 single bytes; rescanning from zero would look at 400 million.
        #expect(ContinuousClock.now - start < .seconds(5))
    }
}
