// Field lists: order, lookup, editing, and what may never get into one.

import TestSupport
import Testing

@testable import HTTPCodec

@Suite struct FieldTests {
    @Test func namesAreFoundInAnyCaseAndKeepTheirOwn() throws {
        let list = try fields(("X-One", "1"), (.contentType, "text/plain"), ("x-one", "2"))
        #expect(list["X-ONE"] == "1")
        #expect(list.all("x-One").map(text) == ["1", "2"])
        #expect(list.count(of: "X-One") == 2)
        #expect(list.contains(.contentType) && !list.contains(.contentLength))
        #expect(list.map(\.nameString) == ["X-One", "Content-Type", "x-one"])
        #expect(list.sameName(0, 2) && !list.sameName(0, 1))
        #expect(list.nameHash(at: 0) == list.nameHash(at: 2))
        #expect(list.nameHash(at: 1) == HTTPFieldName.contentType.caseInsensitiveHash)
        #expect(list.name(at: 1, is: "CONTENT-TYPE") && !list.name(at: 0, is: .contentType))
    }

    @Test func fieldsComeFromSpansAsFromSlices() throws {
        let names = ["a", "content-type", "X-Forwarded-For", "", "a b", "a:", "é", "0123456789-abcdef", "sec-ch-ua\n"]
        let values = ["", " ", "1", "\t x \t", "a\r\nb: c", "text/plain; charset=utf-8", "\u{7f}", "x\0", "ÿ\ty"]
        for name in names {
            for value in values {
                let value = value.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
                var slow = try fields(("x", "y"))
                var fast = slow
                var thrown: (slow: HTTPFieldError?, fast: HTTPFieldError?)
                do throws(HTTPFieldError) { try slow.append(name: Array(name.utf8)[...], value: value[...]) } catch {
                    thrown.slow = error
                }
                do throws(HTTPFieldError) { try fast.append(name: Array(name.utf8).span, value: value.span) } catch {
                    thrown.fast = error
                }
                #expect(thrown.slow == thrown.fast && slow == fast)
                #expect(slow.indices.map { slow.nameHash(at: $0) } == fast.indices.map { fast.nameHash(at: $0) })
            }
        }
    }

    @Test func fieldsOfOneNameAreFoundOneAfterAnother() throws {
        let list = try fields(("A", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("A", "5"))
        #expect(list.indices.map { list.nextIndex(after: $0) } == [2, nil, 4, nil, nil])
        list.withField(at: 2) { name, value in
            #expect(name.count == 1 && name[0] == UInt8(ascii: "a") && value.count == 1 && value[0] == UInt8(ascii: "3"))
        }
    }

    @Test func equalityIsByteWiseAndInOrder() throws {
        let list = try fields(("A", "1"), ("B", "2"))
        #expect(list == (try fields(("A", "1"), ("B", "2"))))
        #expect(list != (try fields(("B", "2"), ("A", "1"))))
        #expect(list != (try fields(("a", "1"), ("B", "2"))))
        #expect(list != (try fields(("A", "1"), ("B", "3"))))
        #expect(list != (try fields(("A", "1"))))
        #expect(list.hashValue == (try fields(("A", " 1 "), ("B", "2"))).hashValue)
    }

    @Test func namesDifferInMoreThanLetterCase() {
        // 0x5e and 0x7e, as token characters, differ in the same bit as "A" and "a".
        #expect(HTTPFieldName("a^b") != HTTPFieldName("a~b"))
        #expect(HTTPFieldName("abcdefgh^") != HTTPFieldName("abcdefgh~"))
        #expect(HTTPFieldName("^bcdefgh") != HTTPFieldName("~bcdefgh"))
        #expect(HTTPFieldName("X-Forwarded-For") == HTTPFieldName("x-fORWARDED-fOR"))
        #expect(HTTPFieldName("X-Forwarded-For") != HTTPFieldName("X-Forwarded-Fo"))
        #expect(Set<HTTPFieldName>(["Host", "HOST", "host"]).count == 1)
    }

    @Test func settingReplacesAllAndRemovingRemovesAll() throws {
        var list = try fields(("A", "1"), ("B", "2"), ("a", "3"), ("C", "4"))
        try list.set("A", "5")
        #expect(list.description == "B: 2\nC: 4\nA: 5")
        list.removeAll("c")
        #expect(list.description == "B: 2\nA: 5")
        list.removeAll("Z")
        list.removeAll { $0.valueString == "2" }
        #expect(list.description == "A: 5")
        #expect(throws: HTTPFieldError(.value)) { try list.set("A", "x\r\ny") }
        #expect(list.description == "A: 5")
        list.removeAll { _ in true }
        #expect(list.isEmpty && list == HTTPFields())
    }

    @Test func settingAgainAndAgainDoesNotGrow() throws {
        var list = try fields(("A", "1"), ("B", "2"))
        for index in 0..<10_000 { try list.set("B", "value \(index)") }
        #expect(list.description == "A: 1\nB: value 9999")
        #expect(list.storage.count < 20_000)
        for index in 0..<1000 {
            try list.append(HTTPFieldName("X-\(index)"), String(repeating: "x", count: 50))
            list.removeAll("A")
        }
        #expect(list.count == 1001 && list["X-999"] == String(repeating: "x", count: 50))
        var bytes: [UInt8] = []
        list.encode(into: &bytes)
        #expect(text(bytes).hasPrefix("B: value 9999\r\nX-0: xxx"))
    }

    @Test func noNameOrValueCanEndALine() throws {
        var list = HTTPFields()
        for value in [
            "a\r\nSet-Cookie: x", "a\rb", "a\nb", "a\u{0}", "\u{7f}", "\u{b}", "\u{1b}[2J", "\r", "\n", "\u{100}", "\u{2028}",
            "\u{560a}",
        ] {
            #expect(throws: HTTPFieldError(.value), "\(value.debugDescription)") { try list.append(.location, value) }
            #expect(throws: HTTPFieldError(.value)) { try list.append(.location, bytes: Array("a\r\n".utf8)[...]) }
        }
        for name in ["", " ", "A B", "A:", "A\r\nB", "\u{e4}", "A\u{0}", "(a)", "a/b", "\"a\""] as [String] {
            #expect(throws: HTTPFieldError(.name), "\(name)") { try list.append(HTTPFieldName(name), "v") }
            #expect(throws: HTTPFieldError(.name), "\(name)") { try list.append(name: Array(name.utf8)[...], value: [0x76]) }
        }
        #expect(list.isEmpty)
        try list.append("A", " \t tabs\tand spaces \t")
        try list.append("B", "")
        try list.append(name: Array("C".utf8)[...], value: [])
        #expect(list.description == "A: tabs\tand spaces\nB: \nC: ")
    }

    @Test func everyByteIsClassifiedAsTheGrammarSays() {
        let punctuation = Set("!#$%&'*+-.^_`|~".utf8)
        for byte in UInt8.min...UInt8.max {
            let letterOrDigit = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            #expect(Octet.isTokenCharacter(byte) == (letterOrDigit || punctuation.contains(byte)))
            let isHost = letterOrDigit || Set("-._~%!$&'()*+,;=".utf8).contains(byte)
            #expect(Octet.isHostCharacter(byte) == isHost)
            var list = HTTPFields()
            let isLegal = byte == 0x09 || byte >= 0x20 && byte != 0x7f
            for padding in 0..<9 {
                let value = [UInt8](repeating: 0x61, count: padding) + [byte] + [UInt8](repeating: 0x62, count: 8)
                #expect(((try? list.append("A", bytes: value[...])) != nil) == isLegal)
            }
        }
    }

    @Test func textIsLatin1InBothDirections() throws {
        var list = HTTPFields()
        try list.append("A", "caf\u{e9} \u{ff}")
        #expect(Array(list.first("A") ?? []) == [0x63, 0x61, 0x66, 0xe9, 0x20, 0xff])
        #expect(list["A"] == "caf\u{e9} \u{ff}")
        try list.append("B", list["A"] ?? "")
        #expect(list.first("A") == list.first("B"))
    }

    @Test func listsOfTokensAreReadWithoutCase() throws {
        let list = try fields((.connection, "keep-alive ,, Upgrade"), (.connection, "\t X-Secret"), (.te, ", ,"))
        #expect(list.tokens(.connection) == ["keep-alive", "upgrade", "x-secret"])
        #expect(list.containsToken("upgrade", in: .connection) && list.containsToken("X-SECRET", in: .connection))
        #expect(!list.containsToken("keep", in: .connection) && !list.containsToken("", in: .connection))
        #expect(list.tokens(.te) == [] && !list.containsToken("trailers", in: .te))
        #expect(list.tokens(.upgrade) == [] && !list.containsToken("h2c", in: .upgrade))
    }

    @Test func hopByHopFieldsStayBehind() throws {
        var list = try fields(
            (.host, "a"), (.connection, "close, X-Hop, Host, content-length"), ("x-hop", "1"), (.keepAlive, "5"),
            (.contentLength, "3"),
            (.transferEncoding, "chunked"), (.te, "trailers"), (.upgrade, "h2c"), (.proxyAuthorization, "x"), (.cookie, "c"))
        list.removeHopByHop()
        #expect(list.map(\.nameString) == ["Host", "Content-Length", "Cookie"])
    }

    @Test func aHugeConnectionListCostsLittle() throws {
        var list = try fields(("A", "1"))
        for index in 0..<98 { try list.append(HTTPFieldName("X-\(index)"), "v") }
        try list.append(.connection, String(repeating: "a,", count: 15_000))
        list.removeHopByHop()
        #expect(list.count == 98)
    }

    @Test func unusualSpacingIsNormalisedOnTheWayOut() throws {
        var decoder = HTTPRequestDecoder()
        let message = "GET / HTTP/1.1\r\nHost:a\r\nA:\tb \t\r\nB: c\r\nC:    d\r\nD:\r\nE: f\r\nF: g \r\nG: h\r\n\r\n"
        decoder.receive(Array(message.utf8)[...])
        guard case .head(var head, _)? = try decoder.next() else {
            Issue.record("no head")
            return
        }
        head.fields.removeAll("E")
        var bytes: [UInt8] = []
        try head.encode(into: &bytes)
        #expect(text(bytes) == "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nB: c\r\nC: d\r\nD: \r\nF: g\r\nG: h\r\n\r\n")
    }

    @Test func namesThatAreConstantsAreTokens() {
        for name: HTTPFieldName in [.host, .wwwAuthenticate, .secWebSocketKey, .xForwardedPrefix, .etag, .te] {
            #expect(name.isToken)
        }
        #expect(HTTPFieldName.etag.string == "ETag")
    }

    // MARK: Names by number

    @Test func everyKnownNameIsFoundInAnyCaseAndNothingElseIs() {
        #expect(KnownName.allCases.count < 192, "KnownNameSet has so many bits")
        for known in KnownName.allCases {
            let name = known.spelling.description
            for text in [name, name.lowercased(), name.uppercased()] {
                #expect(HTTPFieldName(text).number == known.rawValue, "\(text)")
            }
            var bytes = Array(name.utf8)
            for index in bytes.indices {
                for change: UInt8 in [0x01, 0x20, 0x40] {
                    bytes[index] ^= change
                    let text = String(decoding: bytes, as: UTF8.self)
                    let isSame = text.lowercased() == name.lowercased()
                    #expect((HTTPFieldName(text).number == known.rawValue) == isSame, "\(text)")
                    bytes[index] ^= change
                }
            }
            #expect(
                HTTPFieldName(name + "x").number != known.rawValue
                    && HTTPFieldName(String(name.dropLast())).number != known.rawValue)
        }
    }

    // MARK: Memory

    @Test func onlyALittleMemoryIsKeptForTheNextSection() throws {
        let limits = FieldSectionParser.Limits(bytes: 1 << 20, bytesName: .fieldSection, count: 10_000, isTrailer: false)
        let sections = [
            "X: v\r\n", "X: " + String(repeating: "v", count: 100_000) + "\r\n", String(repeating: "X: v\r\n", count: 5_000),
        ]
        var parser = FieldSectionParser()
        for section in sections + sections.reversed() {
            let text = Array((section + "\r\n").utf8)
            parser.begin(at: 0)
            let fields = try text.withUnsafeBytes { raw in
                try parser.parse(try #require(raw.baseAddress), raw.count, limits)?.fields
            }
            #expect(fields?.count == section.split(separator: "\r\n").count)
            #expect(parser.keptByteCount <= 8_192)
            #expect((parser.keptByteCount > 0) == (section.utf8.count < 1_000))
        }
    }
}
