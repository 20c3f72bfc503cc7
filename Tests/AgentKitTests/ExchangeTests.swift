// Requests to a web service through v2: what the service sees, what the visitor sees, and who waits for whom.

import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct ExchangeTests {
    @Test func aGetReachesTheServiceAndItsResponseTheVisitor() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/api/hello", query: "a=%20b&c", fields: [("accept", "*/*")])
        #expect(world.dials.map(\.endpoint) == [.tcp(host: "localhost", port: 4173)])
        let service = try world.accept()
        #expect(world.readText(service) == "GET /api/hello?a=%20b&c HTTP/1.1\r\naccept: */*\r\nHost: localhost:4173\r\n\r\n")
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
        let response = world.response(gateway, stream)
        #expect(response.head?.status == 200)
        #expect(response.head?.fields[.contentType] == "text/plain")
        #expect(response.head?.fields[.contentLength] == "5")
        #expect(response.text == "hello")
        #expect(response.ended)
        let record = try #require(world.records.first)
        #expect(record.target == "/api/hello?a=%20b&c")
        #expect(record.status == 200)
        #expect(record.responseBytes == 5)
        #expect(record.failure == nil)
        #expect(world.agent.counters.pooledConnections == 1)
        world.expectNothingLeft()
    }

    @Test func anEmptyQueryIsNotNone() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "GET", "/", query: "")
        #expect(world.readText(try world.accept()).hasPrefix("GET /? HTTP/1.1\r\n"))
        world.send(.stop)
        world.expectNothingLeft()
    }

    @Test func theResponseMayArriveInAnyPieces() throws {
        for text in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 6\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
        ] {
            let (start, gateway) = try World.serving()
            let disagreement = firstDisagreement(over: Array(text.utf8), exhaustiveLimit: 60) { pieces in
                var world = start
                guard let stream = try? world.request(gateway, "GET", "/"), let service = try? world.accept() else { return "" }
                for piece in pieces { world.event(.received(service, piece)) }
                let response = world.response(gateway, stream)
                return "\(response.head?.status ?? 0) \(response.text) \(response.ended) \(response.trailers)"
            }
            #expect(disagreement == nil)
        }
    }

    @Test func trailersAndChunksComeThrough() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        #expect(world.response(gateway, stream).text == "abc")
        #expect(!world.response(gateway, stream).ended)
        world.reply(service, "0\r\nX-Sum: 3\r\n\r\n")
        #expect(world.response(gateway, stream).ended)
        #expect(world.response(gateway, stream).trailers["x-sum"] == "3")
        #expect(world.response(gateway, stream).head?.fields.contains(.transferEncoding) == false)
        world.expectNothingLeft()
    }

    @Test func aBodyOfKnownLengthKeepsItsLength() throws {
        var (world, gateway) = try World.serving()
        let fields = [("content-length", "5")]
        let stream = try world.request(gateway, "POST", "/form", fields: fields, body: "he", isWhole: false)
        let service = try world.accept()
        #expect(world.readText(service).hasSuffix("\r\n\r\nhe"))
        world.more(gateway, stream, "llo", end: true)
        #expect(world.readText(service) == "llo")
        world.reply(service, "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(world.response(gateway, stream).head?.status == 204)
        #expect(world.response(gateway, stream).ended)
        #expect(world.records.first?.requestBytes == 5)
        #expect(world.agent.counters.pooledConnections == 1)
        world.expectNothingLeft()
    }

    @Test func aBodyOfUnknownLengthIsChunked() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "PUT", "/file", body: "abc", isWhole: false)
        let service = try world.accept()
        let head = world.readText(service)
        #expect(head.contains("Transfer-Encoding: chunked\r\n"))
        #expect(head.hasSuffix("\r\n\r\n3\r\nabc\r\n"))
        world.more(gateway, stream, "0123456789abcdefg")
        #expect(world.readText(service) == "11\r\n0123456789abcdefg\r\n")
        world.more(gateway, stream, "", end: true)
        #expect(world.readText(service) == "0\r\n\r\n")
        world.reply(service, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        #expect(world.response(gateway, stream).ended)
        world.expectNothingLeft()
    }

    @Test func anEmptyPostKeepsItsZero() throws {
        var (world, gateway) = try World.serving()
        try world.request(gateway, "POST", "/", fields: [("content-length", "0")])
        let service = try world.accept()
        #expect(world.readText(service).contains("content-length: 0\r\n"))
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        world.expectNothingLeft()
    }

    @Test func aResponseToHeadHasALengthAndNoBody() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "HEAD", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        let response = world.response(gateway, stream)
        #expect(response.head?.hasBody == false)
        #expect(response.head?.fields[.contentLength] == "500")
        #expect(response.ended)
        world.expectNothingLeft()
    }

    @Test func aResponseThatEndsWithTheConnectionEnds() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/")
        let service = try world.accept()
        world.reply(service, "HTTP/1.0 200 OK\r\n\r\nall of it")
        #expect(!world.response(gateway, stream).ended)
        world.event(.receivedEOF(service))
        #expect(world.response(gateway, stream).text == "all of it")
        #expect(world.response(gateway, stream).ended)
        #expect(world.links[service]?.ending == .closed)
        world.expectNothingLeft()
    }

    @Test func eightRequestsAtOnceDoNotWaitForEachOther() throws {
        var (world, gateway) = try World.serving()
        let streams = try (0..<8).map { try world.request(gateway, "GET", "/\($0)") }
        let services = try (0..<8).map { _ in try world.accept() }
        #expect(world.agent.counters.openExchanges == 8)
        for index in [3, 1, 7, 0, 2, 6, 5, 4] {
            #expect(world.readText(services[index]).hasPrefix("GET /\(index) "))
            world.reply(services[index], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(index)")
            #expect(world.response(gateway, streams[index]).text == "\(index)")
        }
        #expect(world.agent.counters.pooledConnections == 8)
        world.expectNothingLeft()
    }

    @Test func moreExchangesThanAgreedAreRefused() throws {
        var (world, gateway) = try World.serving(.sample { $0.maximumExchanges = 2 })
        try world.request(gateway, "GET", "/1")
        try world.request(gateway, "GET", "/2")
        let third = try world.request(gateway, "GET", "/3")
        #expect(world.response(gateway, third).failure?.code == TunnelFailure.tooManyStreams.rawValue)
        #expect(world.agent.counters.openExchanges == 2)
        world.send(.stop)
        world.expectNothingLeft()
    }

    @Test func asManyExchangesAsConfiguredAreAgreed() throws {
        var world = World(.sample(service: .handler) { $0.maximumExchanges = 1_200 })
        world.welcome?.maximumStreams = 1_100  // more than the gateway's end allows by itself
        world.gatewayLimits.maximumStreams = 2_000
        world.send(.start)
        let gateway = try world.acceptUpgrade(.v2)
        for _ in 0..<1_101 { try world.request(gateway, "GET", "/") }
        #expect(world.agent.counters.openExchanges == 1_100)
        let failures = world.gateways[gateway]?.responses.values.compactMap(\.failure?.code)
        #expect(failures == [TunnelFailure.tooManyStreams.rawValue])
        world.send(.stop)
        world.expectNothingLeft()
    }

    // MARK: Fields

    @Test func cookiesStayApartAndHopByHopFieldsStayHere() throws {
        var (world, gateway) = try World.serving()
        let fields = [
            ("connection", "x-secret, keep-alive"), ("x-secret", "1"), ("keep-alive", "timeout=5"), ("te", "trailers"),
            ("expect", "100-continue"), ("proxy-authorization", "Basic eA=="), ("cookie", "a=1"),
        ]
        let stream = try world.request(gateway, "GET", "/", fields: fields)
        let service = try world.accept()
        #expect(world.readText(service) == "GET / HTTP/1.1\r\ncookie: a=1\r\nHost: localhost:4173\r\n\r\n")
        world.reply(
            service,
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
                + "Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
        let head = try #require(world.response(gateway, stream).head)
        #expect(head.fields.all(.setCookie).map { String(decoding: $0, as: UTF8.self) } == ["a=1", "b=2"])
        #expect(head.fields.count == 3)
        world.expectNothingLeft()
    }

    @Test(arguments: [
        ("/", "/x", "/x"), ("/app", "/x", "/app/x"), ("/app/", "/x", "/app/x"), ("/app", "/", "/app/"),
        ("/a/b/", "//x", "/a/b//x"),
    ])
    func theBasePathIsPutBefore(base: String, path: String, target: String) throws {
        let service = LocalHTTPService(port: 80, basePath: base)
        var (world, gateway) = try World.serving(.sample(service: .http(service)))
        try world.request(gateway, "GET", path, query: "q")
        #expect(world.readText(try world.accept()).hasPrefix("GET \(target)?q HTTP/1.1\r\n"))
        world.send(.stop)
        world.expectNothingLeft()
    }

    @Test func hostIsRewrittenOrKept() throws {
        let sent = [("host", "evil.example"), ("x-forwarded-host", "gateway.example.com")]
        for (field, expected) in [
            (nil, "localhost:4173"), (.text("dev.local"), "dev.local"), (.preserve, "gateway.example.com"),
        ] as [(LocalHTTPService.HostField?, String)] {
            let service = LocalHTTPService(port: 4173, hostField: field)
            var (world, gateway) = try World.serving(.sample(service: .http(service)))
            try world.request(gateway, "GET", "/", fields: sent)
            let head = world.readText(try world.accept()).lowercased()
            #expect(head.contains("\r\nhost: \(expected)\r\n"))
            #expect(!head.contains("evil"))
            world.send(.stop)
            world.expectNothingLeft()
        }
    }

    @Test func bytesAboveAsciiSurviveInPathsAndFields() throws {
        var (world, gateway) = try World.serving()
        let stream = try world.request(gateway, "GET", "/\u{e4}", fields: [("x-name", "\u{ff}\u{80}")])
        let service = try world.accept()
        let bytes = world.read(service)
        #expect(bytes.starts(with: Array("GET /\u{e4} HTTP/1.1\r\nx-name: ".utf8) + [0xff, 0x80]))
        world.reply(service, Array("HTTP/1.1 200 OK\r\nX-Back: ".utf8) + [0xe9] + Array("\r\nContent-Length: 0\r\n\r\n".utf8))
        #expect(world.response(gateway, stream).head?.fields["x-back"] == "\u{e9}")
        #expect(world.records.first?.target == "/%C3%A4")
        world.expectNothingLeft()
    }
}
