// Bodies on their way out: what was declared is kept to.

import HTTPCodec
import TestSupport
import Testing

@Suite struct BodyEncoderTests {
    @Test func chunksAreWrappedAndEmptyPiecesAreNot() throws {
        var encoder = HTTPBodyEncoder(.chunked)
        var bytes: [UInt8] = []
        try encoder.encode(Array("hello".utf8)[...], into: &bytes)
        try encoder.encode([], into: &bytes)
        try encoder.encode(Array(repeating: 0x78, count: 0x1a)[...], into: &bytes)
        try encoder.finish(trailers: try fields(("X-Sum", "1")), into: &bytes)
        #expect(text(bytes) == "5\r\nhello\r\n1a\r\n\(String(repeating: "x", count: 26))\r\n0\r\nX-Sum: 1\r\n\r\n")
        let count = bytes.count
        try encoder.finish(into: &bytes)
        #expect(throws: HTTPBodyEncoder.Failure.longerThanDeclared) { try encoder.encode([1], into: &bytes) }
        #expect(bytes.count == count && encoder.isFinished)
    }

    @Test(arguments: [1, 9, 10, 15, 16, 255, 256, 0xffff, 0x10000, 0x7fff_ffff])
    func sizesAreHexadecimal(count: Int) throws {
        var encoder = HTTPBodyEncoder(.chunked)
        var bytes: [UInt8] = []
        try encoder.encodePrefix(count, into: &bytes)
        #expect(text(bytes) == String(count, radix: 16) + "\r\n")
    }

    @Test func aPieceMayBeWrittenByTheCaller() throws {
        var encoder = HTTPBodyEncoder(.chunked)
        var bytes: [UInt8] = []
        try encoder.encodePrefix(3, into: &bytes)
        bytes += Array("abc".utf8)
        encoder.encodeSuffix(into: &bytes)
        encoder.encodeSuffix(into: &bytes)
        try encoder.encodePrefix(0, into: &bytes)
        encoder.encodeSuffix(into: &bytes)
        try encoder.encodePrefix(1, into: &bytes)
        bytes += Array("d".utf8)
        try encoder.finish(into: &bytes)
        #expect(text(bytes) == "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
    }

    @Test func aDeclaredLengthIsKept() throws {
        var encoder = HTTPBodyEncoder(.length(5))
        var bytes: [UInt8] = []
        try encoder.encode(Array("abc".utf8)[...], into: &bytes)
        #expect(throws: HTTPBodyEncoder.Failure.shorterThanDeclared(missing: 2)) { try encoder.finish(into: &bytes) }
        #expect(throws: HTTPBodyEncoder.Failure.longerThanDeclared) { try encoder.encode(Array("def".utf8)[...], into: &bytes) }
        try encoder.encode(Array("de".utf8)[...], into: &bytes)
        try encoder.finish(into: &bytes)
        #expect(text(bytes) == "abcde")
    }

    @Test func noneTakesNothingAndUntilCloseTakesAll() throws {
        var bytes: [UInt8] = []
        var none = HTTPBodyEncoder(.none)
        try none.encode([], into: &bytes)
        #expect(throws: HTTPBodyEncoder.Failure.longerThanDeclared) { try none.encode([1], into: &bytes) }
        try none.finish(into: &bytes)
        var open = HTTPBodyEncoder(.untilClose)
        try open.encode([1, 2], into: &bytes)
        try open.finish(into: &bytes)
        #expect(bytes == [1, 2])
        #expect(open.framing == .untilClose)
    }

    @Test func trailersNeedChunksAndDecideNothing() throws {
        var bytes: [UInt8] = []
        for framing in [HTTPBodyFraming.none, .length(0), .untilClose] {
            var encoder = HTTPBodyEncoder(framing)
            let trailers = try fields(("A", "b"))
            #expect(throws: HTTPBodyEncoder.Failure.trailersNotAllowed) { try encoder.finish(trailers: trailers, into: &bytes) }
        }
        var encoder = HTTPBodyEncoder(.chunked)
        let trailers = try fields((.contentLength, "1"))
        #expect(throws: HTTPBodyEncoder.Failure.fieldError(HTTPFieldError(.trailer))) {
            try encoder.finish(trailers: trailers, into: &bytes)
        }
        #expect(bytes.isEmpty)
    }
}
