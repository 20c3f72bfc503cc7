// Requests to a web service through v2: what the service sees, what the visitor sees, and who waits for whom.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ExchangeTests {
    @Test func aGetReachesTheServiceAndItsResponseTheVisitor() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/api/hello", query: "a=%20b&c", fields: [("accept", "*/*")])
        #expect(fixture.dials.map(\.endpoint) == [.tcp(host: "localhost", port: 4173)])
        let service = try fixture.accept()
        #expect(fixture.readText(service) == "GET /api/hello?a=%20b&c HTTP/1.1\r\naccept: */*\r\nHost: localhost:4173\r\n\r\n")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
        let response = fixture.response(gateway, stream)
        #expect(response.head?.status == 200)
        #expect(response.head?.fields[.contentType] == "text/plain")
        #expect(response.head?.fields[.contentLength] == "5")
        #expect(response.text == "hello")
        #expect(response.ended)
        let record = try #require(fixture.records.first)
        #expect(record.target == "/api/hello?a=%20b&c")
        #expect(record.status == 200)
        #expect(record.responseBytes == 5)
        #expect(record.failure == nil)
        #expect(fixture.agent.counters.pooledConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func anEmptyQueryIsNotNone() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "GET", "/", query: "")
        #expect(fixture.readText(try fixture.accept()).hasPrefix("GET /? HTTP/1.1\r\n"))
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    @Test func theResponseMayArriveInAnyPieces() throws {
        for text in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 6\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
        ] {
            let disagreement = firstDisagreement(over: Array(text.utf8), exhaustiveLimit: 60) { pieces in
                guard case (var fixture, let gateway)? = try? AgentFixture.serving(),
                    let stream = try? fixture.request(gateway, "GET", "/"), let service = try? fixture.accept()
                else { return "" }
                for piece in pieces { fixture.event(.received(service, piece)) }
                let response = fixture.response(gateway, stream)
                return "\(response.head?.status ?? 0) \(response.text) \(response.ended) \(response.trailers)"
            }
            #expect(disagreement == nil)
        }
    }

    @Test func trailersAndChunksComeThrough() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        #expect(fixture.response(gateway, stream).text == "abc")
        #expect(!fixture.response(gateway, stream).ended)
        fixture.reply(service, "0\r\nX-Sum: 3\r\n\r\n")
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.response(gateway, stream).trailers["x-sum"] == "3")
        #expect(fixture.response(gateway, stream).head?.fields.contains(.transferEncoding) == false)
        fixture.expectNothingLeft()
    }

    @Test func aBodyOfKnownLengthKeepsItsLength() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let fields = [("content-length", "5")]
        let stream = try fixture.request(gateway, "POST", "/form", fields: fields, body: "he", isWhole: false)
        let service = try fixture.accept()
        #expect(fixture.readText(service).hasSuffix("\r\n\r\nhe"))
        fixture.more(gateway, stream, "llo", end: true)
        #expect(fixture.readText(service) == "llo")
        fixture.reply(service, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(fixture.response(gateway, stream).head?.status == 204)
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.records.first?.requestBytes == 5)
        #expect(fixture.agent.counters.pooledConnections == 1)
        fixture.expectNothingLeft()
    }

    @Test func aBodyOfUnknownLengthIsChunked() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "PUT", "/file", body: "abc", isWhole: false)
        let service = try fixture.accept()
        let head = fixture.readText(service)
        #expect(head.contains("Transfer-Encoding: chunked\r\n"))
        #expect(head.hasSuffix("\r\n\r\n3\r\nabc\r\n"))
        fixture.more(gateway, stream, "0123456789abcdefg")
        #expect(fixture.readText(service) == "11\r\n0123456789abcdefg\r\n")
        fixture.more(gateway, stream, "", end: true)
        #expect(fixture.readText(service) == "0\r\n\r\n")
        fixture.reply(service, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).ended)
        fixture.expectNothingLeft()
    }

    @Test func anEmptyPostKeepsItsZero() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        try fixture.request(gateway, "POST", "/", fields: [("content-length", "0")])
        let service = try fixture.accept()
        #expect(fixture.readText(service).contains("content-length: 0\r\n"))
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        fixture.expectNothingLeft()
    }

    @Test func aResponseToHeadHasALengthAndNoBody() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "HEAD", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        let response = fixture.response(gateway, stream)
        #expect(response.head?.hasBody == false)
        #expect(response.head?.fields[.contentLength] == "500")
        #expect(response.ended)
        fixture.expectNothingLeft()
    }

    @Test func aResponseThatEndsWithTheConnectionEnds() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(service, "HTTP/1.0 200 OK\r\n\r\nall of it")
        #expect(!fixture.response(gateway, stream).ended)
        fixture.event(.receivedEOF(service))
        #expect(fixture.response(gateway, stream).text == "all of it")
        #expect(fixture.response(gateway, stream).ended)
        #expect(fixture.links[service]?.ending == .closed)
        fixture.expectNothingLeft()
    }

    @Test func eightRequestsAtOnceDoNotWaitForEachOther() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let streams = try (0..<8).map { try fixture.request(gateway, "GET", "/\($0)") }
        let services = try (0..<8).map { _ in try fixture.accept() }
        #expect(fixture.agent.counters.openExchanges == 8)
        for index in [3, 1, 7, 0, 2, 6, 5, 4] {
            #expect(fixture.readText(services[index]).hasPrefix("GET /\(index) "))
            fixture.reply(services[index], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(index)")
            #expect(fixture.response(gateway, streams[index]).text == "\(index)")
        }
        #expect(fixture.agent.counters.pooledConnections == 8)
        fixture.expectNothingLeft()
    }

    @Test func moreExchangesThanAgreedAreRefused() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample { $0.maximumExchanges = 2 })
        try fixture.request(gateway, "GET", "/1")
        try fixture.request(gateway, "GET", "/2")
        let third = try fixture.request(gateway, "GET", "/3")
        #expect(fixture.response(gateway, third).failure?.code == TunnelFailure.tooManyStreams.rawValue)
        #expect(fixture.agent.counters.openExchanges == 2)
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    @Test func asManyExchangesAsConfiguredAreAgreed() throws {
        var fixture = AgentFixture(.sample(service: .handler) { $0.maximumExchanges = 1_200 })
        fixture.welcome?.maximumStreams = 1_100  // more than the gateway's end allows by itself
        fixture.gatewayLimits.maximumStreams = 2_000
        fixture.send(.start)
        let gateway = try fixture.acceptUpgrade(.v2)
        for _ in 0..<1_101 { try fixture.request(gateway, "GET", "/") }
        #expect(fixture.agent.counters.openExchanges == 1_100)
        let failures = fixture.gateways[gateway]?.responses.values.compactMap(\.failure?.code)
        #expect(failures == [TunnelFailure.tooManyStreams.rawValue])
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    // MARK: Fields

    @Test func cookiesStayApartAndHopByHopFieldsStayHere() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let fields = [
            ("connection", "x-secret, keep-alive"), ("x-secret", "1"), ("keep-alive", "timeout=5"), ("te", "trailers"),
            ("expect", "100-continue"), ("proxy-authorization", "Basic eA=="), ("cookie", "a=1"),
        ]
        let stream = try fixture.request(gateway, "GET", "/", fields: fields)
        let service = try fixture.accept()
        #expect(fixture.readText(service) == "GET / HTTP/1.1\r\ncookie: a=1\r\nHost: localhost:4173\r\n\r\n")
        fixture.reply(
            service,
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
                + "Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
        let head = try #require(fixture.response(gateway, stream).head)
        #expect(head.fields.all(.setCookie).map { String(decoding: $0, as: UTF8.self) } == ["a=1", "b=2"])
        #expect(head.fields.count == 3)
        fixture.expectNothingLeft()
    }

    @Test(arguments: [
        ("/", "/x", "/x"), ("/app", "/x", "/app/x"), ("/app/", "/x", "/app/x"), ("/app", "/", "/app/"),
        ("/a/b/", "//x", "/a/b//x"),
    ])
    func theBasePathIsPutBefore(base: String, path: String, target: String) throws {
        let service = LocalHTTPService(port: 80, basePath: base)
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(service)))
        try fixture.request(gateway, "GET", path, query: "q")
        #expect(fixture.readText(try fixture.accept()).hasPrefix("GET \(target)?q HTTP/1.1\r\n"))
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }

    @Test func hostIsRewrittenOrKept() throws {
        let sent = [("host", "evil.example"), ("x-forwarded-host", "gateway.example.com")]
        for (field, expected) in [
            (nil, "localhost:4173"), (.text("dev.local"), "dev.local"), (.preserve, "gateway.example.com"),
        ] as [(LocalHTTPService.HostField?, String)] {
            let service = LocalHTTPService(port: 4173, hostField: field)
            var (fixture, gateway) = try AgentFixture.serving(.sample(service: .http(service)))
            try fixture.request(gateway, "GET", "/", fields: sent)
            let head = fixture.readText(try fixture.accept()).lowercased()
            #expect(head.contains("\r\nhost: \(expected)\r\n"))
            #expect(!head.contains("evil"))
            fixture.send(.stop)
            fixture.expectNothingLeft()
        }
    }

    @Test func bytesAboveAsciiSurviveInPathsAndFields() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/\u{e4}", fields: [("x-name", "\u{ff}\u{80}")])
        let service = try fixture.accept()
        let bytes = fixture.read(service)
        #expect(bytes.starts(with: Array("GET /\u{e4} HTTP/1.1\r\nx-name: ".utf8) + [0xff, 0x80]))
        fixture.reply(service, Array("HTTP/1.1 200 OK\r\nX-Back: ".utf8) + [0xe9] + Array("\r\nContent-Length: 0\r\n\r\n".utf8))
        #expect(fixture.response(gateway, stream).head?.fields["x-back"] == "\u{e9}")
        #expect(fixture.records.first?.target == "/%C3%A4")
        fixture.expectNothingLeft()
    }
}
