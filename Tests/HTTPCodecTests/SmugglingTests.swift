// Attacks in which two recipients are to see different messages in the same bytes. Each is refused, with the status that a
// server responds with, and however the bytes are cut. (RFC 9112 §11.2; GHSA-mgc4-wqv7-4pxm, CVE-2022-1705, CVE-2019-16276 and
// their like.)

import HTTPCodec
import TestSupport
import Testing

/// One attack: its name, what stands between `Host: a CRLF` and the empty line, and the status of its response.
struct Attack: Sendable, CustomTestStringConvertible {
    var name: String
    var lines: String
    var status = 400

    var testDescription: String { name }
}

@Suite struct SmugglingTests {
    static let fieldAttacks: [Attack] = [
        Attack(name: "CL.TE", lines: "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
        Attack(name: "TE.CL", lines: "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"),
        Attack(name: "TE.TE with an unknown second coding", lines: "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
        Attack(name: "TE.TE, chunked twice", lines: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        Attack(name: "space before the colon", lines: "Transfer-Encoding : chunked\r\n"),
        Attack(name: "tab before the colon", lines: "Transfer-Encoding\t: chunked\r\n"),
        Attack(name: "xchunked", lines: "Transfer-Encoding: xchunked\r\n", status: 501),
        Attack(name: "chunked, identity", lines: "Transfer-Encoding: chunked, identity\r\n", status: 501),
        Attack(name: "identity", lines: "Transfer-Encoding: identity\r\n", status: 501),
        Attack(name: "gzip, chunked", lines: "Transfer-Encoding: gzip, chunked\r\n", status: 501),
        Attack(name: "chunked with a comma", lines: "Transfer-Encoding: chunked,\r\n", status: 501),
        Attack(name: "chunked with a parameter", lines: "Transfer-Encoding: chunked;q=1\r\n", status: 501),
        Attack(name: "chunked in quotes", lines: "Transfer-Encoding: \"chunked\"\r\n", status: 501),
        Attack(name: "empty coding", lines: "Transfer-Encoding:\r\n", status: 501),
        Attack(name: "vertical tab before chunked", lines: "Transfer-Encoding: \u{b}chunked\r\n"),
        Attack(name: "vertical tab in the name", lines: "Transfer-Encoding\u{b}: chunked\r\n"),
        Attack(name: "form feed after chunked", lines: "Transfer-Encoding: chunked\u{c}\r\n"),
        Attack(name: "NUL in a value", lines: "X: a\u{0}b\r\n"),
        Attack(name: "NUL in a name", lines: "X\u{0}: b\r\n"),
        Attack(name: "DEL in a value", lines: "X: a\u{7f}\r\n"),
        Attack(name: "bare LF as line end", lines: "X: a\nTransfer-Encoding: chunked\r\n"),
        Attack(name: "bare CR as line end", lines: "X: a\rTransfer-Encoding: chunked\r\n"),
        Attack(name: "CR CR LF", lines: "X: a\r\r\n"),
        Attack(name: "LF alone ends the head", lines: "X: a\r\n\nGET /admin HTTP/1.1\r\n"),
        Attack(name: "obs-fold with a space", lines: "Transfer-Encoding:\r\n chunked\r\n"),
        Attack(name: "obs-fold with a tab", lines: "X: a\r\n\tTransfer-Encoding: chunked\r\n"),
        Attack(name: "line of whitespace", lines: " \r\n"),
        Attack(name: "leading space", lines: " Content-Length: 5\r\n"),
        Attack(name: "no colon", lines: "Content-Length 5\r\n"),
        Attack(name: "only a name", lines: "Content-Length\r\n"),
        Attack(name: "empty name", lines: ": 5\r\n"),
        Attack(name: "name in quotes", lines: "\"Content-Length\": 5\r\n"),
        Attack(name: "name beyond ASCII", lines: "Content\u{ad}Length: 5\r\n"),
        Attack(name: "two lengths", lines: "Content-Length: 5\r\nContent-Length: 6\r\n"),
        Attack(name: "the same length twice", lines: "Content-Length: 5\r\ncontent-length: 5\r\n"),
        Attack(name: "list of lengths", lines: "Content-Length: 5, 5\r\n"),
        Attack(name: "list with an empty member", lines: "Content-Length: ,5\r\n"),
        Attack(name: "plus sign", lines: "Content-Length: +5\r\n"),
        Attack(name: "minus sign", lines: "Content-Length: -5\r\n"),
        Attack(name: "hexadecimal length", lines: "Content-Length: 0x5\r\n"),
        Attack(name: "length with an underscore", lines: "Content-Length: 1_0\r\n"),
        Attack(name: "length with a fraction", lines: "Content-Length: 5.0\r\n"),
        Attack(name: "length with a space inside", lines: "Content-Length: 1 0\r\n"),
        Attack(name: "empty length", lines: "Content-Length:\r\n"),
        Attack(name: "digits beyond ASCII", lines: "Content-Length: \u{665}\r\n"),
        Attack(name: "length 2^63", lines: "Content-Length: 9223372036854775808\r\n"),
        Attack(name: "length 2^64+5", lines: "Content-Length: 18446744073709551621\r\n"),
        Attack(name: "length with a hundred zeros", lines: "Content-Length: " + String(repeating: "0", count: 100) + "5\r\n"),
        Attack(name: "second Host", lines: "Host: b\r\n"),
        Attack(name: "second Host, the same", lines: "HOST: a\r\n"),
    ]

    @Test(arguments: fieldAttacks)
    func isRefused(_ attack: Attack) {
        let message = "POST / HTTP/1.1\r\nHost: a\r\n\(attack.lines)\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
        let seen = requests(message)
        #expect(seen.count == 1, "nothing may come before the error")
        #expect(seen.error?.suggestedStatus == attack.status)
    }

    static let chunkAttacks: [Attack] = [
        Attack(name: "0x prefix", lines: "0x5\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "plus sign", lines: "+5\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "minus sign", lines: "-5\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "leading space", lines: " 5\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "trailing space", lines: "5 \r\nhello\r\n0\r\n\r\n"),
        Attack(name: "underscore", lines: "0_5\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "no size", lines: "\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "only an extension", lines: ";a=b\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "letter beyond f", lines: "g\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "size of 2^63", lines: "8000000000000000\r\nhello"),
        Attack(name: "size of 2^64+5", lines: "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "seventeen digits", lines: "00000000000000005\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "footer is not CRLF", lines: "5\r\nhelloXX0\r\n\r\n"),
        Attack(name: "footer is LF", lines: "5\r\nhello\n0\r\n\r\n"),
        Attack(name: "footer is missing", lines: "5\r\nhello0\r\n\r\n"),
        Attack(name: "footer is CR CR", lines: "5\r\nhello\r\r0\r\n\r\n"),
        Attack(name: "data longer than the size", lines: "4\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "LF ends the size", lines: "5\nhello\r\n0\r\n\r\n"),
        Attack(name: "CR alone ends the size", lines: "5\rhello\r\n0\r\n\r\n"),
        Attack(name: "LF ends the last chunk", lines: "0\n\r\n"),
        Attack(name: "LF within an extension", lines: "5;a\nhello\r\n0\r\n\r\n"),
        Attack(name: "LF within a quoted extension", lines: "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "CR within a quoted extension", lines: "5;a=\"\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "extension without a name", lines: "5;\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "extension without a value", lines: "5;a=\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "text after a quoted value", lines: "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "NUL in an extension", lines: "5;a=\"\u{0}\"\r\nhello\r\n0\r\n\r\n"),
        Attack(name: "trailer with a length", lines: "0\r\nContent-Length: 5\r\n\r\n"),
        Attack(name: "trailer with a coding", lines: "0\r\ntransfer-encoding: chunked\r\n\r\n"),
        Attack(name: "trailer with a host", lines: "0\r\nHOST: b\r\n\r\n"),
        Attack(name: "trailer with a bare LF", lines: "0\r\nX: y\n\r\n"),
        Attack(name: "folded trailer", lines: "0\r\nX: y\r\n z\r\n\r\n"),
        Attack(name: "trailer without a colon", lines: "0\r\nGET / HTTP/1.1\r\n\r\n"),
    ]

    @Test(arguments: chunkAttacks)
    func isRefusedInChunks(_ attack: Attack) {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let message = head + attack.lines + "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
        let seen = requests(message)
        #expect(seen.error?.suggestedStatus == 400)
        #expect(seen.brief.allSatisfy { !$0.contains("/admin") && $0 != "end" })
    }

    @Test func transferEncodingInHTTP10IsRefused() {
        #expect(requests("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").error?.suggestedStatus == 400)
    }

    @Test func hostIsThereOnceAndLegal() {
        #expect(requests("GET / HTTP/1.1\r\n\r\n").error == .badFraming("no Host field"))
        #expect(requests("GET / HTTP/1.0\r\n\r\n").brief.first == "GET / none")
        for host in ["", "a", "a.b:80", "127.0.0.1:8080", "[::1]", "[::1]:443", "a:", "x_y-z.example", "%41", "xn--a"] {
            #expect(requests("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").brief.first == "GET / none", "\(host)")
        }
        for host in [
            "a b", "a/b", "user@a", "a?b", "a#b", "a:b", "[::1", "::1", "a:80:90", "[]", "[::1]x", "a\\b", "<a>", "a:123456",
            "\u{e4}",
        ] {
            let error = requests("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").error
            #expect(error == .badField(index: 0, reason: "illegal Host"), "\(host)")
        }
        #expect(requests("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").error?.suggestedStatus == 400)
    }

    @Test func aTargetHasNoFragment() {
        for target in ["/a#b", "#", "/#", "http://h/#", "/a?b#c", "*#"] {
            let seen = requests("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(seen.error?.suggestedStatus == 400, "\(target)")
        }
        #expect(requests("GET /%23 HTTP/1.1\r\nHost: a\r\n\r\n").error == nil)
    }

    @Test func everyControlByteIsRefusedInEveryPlace() {
        for byte in Array(0..<0x20) + [0x7f] as [UInt8] where byte != 0x09 {
            for place in [0, 2, 4, 6, 14, 18, 20, 24, 25] {
                var message = Array("GET /xy HTTP/1.1\r\nHost: abc\r\n\r\n".utf8)
                guard message[place] != 0x0d else { continue }
                message.insert(byte, at: place)
                if place == 0, byte == 0x0d { continue }
                let error = requests([message[...]]).error
                #expect(error?.suggestedStatus == 400, "byte \(byte) at \(place)")
            }
        }
    }
}
