// The access log's lines, whole; and X-Request-ID on its way in and out.

import HTTPCodec
import MachineCore
import RPCCore
import Testing

@testable import GatewayKit

@Suite struct AccessLogTests {
    private func record(_ target: String, _ fields: HTTPFields) -> AccessRecord {
        AccessRecord(
            requestID: "abc", time: 1_775_798_482, peer: "203.0.113.9",
            request: HTTPRequestHead(method: "GET", target: latin1(target), fields: fields), agentID: "pi", status: 200,
            requestBytes: 5, responseBytes: 7, untilResponse: .milliseconds(2), duration: .milliseconds(3), outcome: "done")
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func combinedIsWhatNginxWritesAndTheIDAtItsEnd() {
        let fields = fields(("Referer", "http://a.example/b?token=x"), ("User-Agent", "curl/8 \"x\" \\ \u{e9}"))
        #expect(
            text(record("/web/pi/x?token=secret", fields).line(.combined))
                == "203.0.113.9 - - [10/Apr/2026:05:21:22 +0000] \"GET /web/pi/x HTTP/1.1\" 200 7 \"http://a.example/b\" "
                + "\"curl/8 \\x22x\\x22 \\x5C \\xE9\" \"abc\"\n")
        var given = record("/a\u{1}\u{7f}", HTTPFields())
        given.status = nil
        #expect(
            text(given.line(.combined))
                == "203.0.113.9 - - [10/Apr/2026:05:21:22 +0000] \"GET /a\\x01\\x7F HTTP/1.1\" 499 7 \"-\" \"-\" \"abc\"\n")
    }

    @Test func jsonHasTheSameAndTimes() {
        #expect(
            text(record("/x?q=1", fields(("User-Agent", "curl"))).line(.json))
                == #"{"time":"2026-04-10T05:21:22Z","id":"abc","peer":"203.0.113.9","agent":"pi","method":"GET","path":"/x","#
                + #""userAgent":"curl","outcome":"done","status":200,"in":5,"out":7,"firstByteUs":2000,"us":3000}"# + "\n")
        #expect(record("/", HTTPFields()).line(.off).isEmpty)
    }

    @Test func eachRequestIsOneRecord() throws {
        let fixture = GatewayFixture { $0.accessLog = .json }
        let agent = fixture.agent("a")
        let first = fixture.visit("POST /web/a/x HTTP/1.1\r\nHost: gw\r\nContent-Length: 3\r\n\r\nabc")
        fixture.wait(.milliseconds(5))
        agent.respond(try agent.request().id, 201, HTTPFields(), "made")
        #expect(try fixture.expectResponse(first, to: "POST").status == 201)
        #expect(try fixture.get("/web/nobody/").status == 404)
        #expect(try fixture.get("/healthz").status == 200)
        let failed = fixture.visit(get("/web/a/"))
        agent.fail(try agent.request().id, .serviceUnreachable)
        #expect(try fixture.expectResponse(failed).status == 502)
        let gone = fixture.visit(get("/web/a/"))
        _ = try agent.request()
        fixture.leave(gone)
        let records = fixture.accessRecords
        #expect(records.map(\.status) == [201, 404, 200, 502, nil])
        #expect(records.map(\.agentID) == ["a", nil, nil, "a", "a"])
        #expect(records.map(\.outcome) == ["done", "unknown-agent", "done", "service-unreachable", "cancelled"])
        #expect(records[0].requestBytes == 3 && records[0].responseBytes == 4)
        #expect(records[0].untilResponse == .milliseconds(5) && records[0].peer == "203.0.113.9")
        #expect(Set(records.map(\.requestID)).count == records.count)
        fixture.end()
    }

    @Test func behindABelievedProxyTheVisitorIsWhomItNames() throws {
        let fixture = GatewayFixture {
            $0.accessLog = .combined
            $0.trustedProxies = [AddressRange("10.0.0.0/8")].compactMap(\.self)
        }
        for (peer, named) in [("10.0.0.1", "2001:DB8:0:0:1:0:0:1"), ("203.0.113.9", "198.51.100.7"), ("10.0.0.1", "nonsense")] {
            let id = fixture.visit(
                "GET /healthz HTTP/1.1\r\nHost: gw\r\nX-Forwarded-For: 192.0.2.1, \(named)\r\n\r\n", from: peer)
            #expect(try fixture.expectResponse(id).status == 200)
        }
        #expect(fixture.accessRecords.map(\.peer) == ["2001:db8::1:0:0:1", "203.0.113.9", "10.0.0.1"])
        fixture.end()
    }

    @Test func nothingIsRecordedUnlessAsked() throws {
        let fixture = GatewayFixture()
        #expect(try fixture.get("/healthz").status == 200)
        #expect(fixture.accessRecords.isEmpty)
        fixture.end()
    }
}

@Suite struct RequestIDTests {
    @Test func oneIDGoesToTheServiceTheVisitorAndTheLog() throws {
        let fixture = GatewayFixture { $0.logsRequests = true }
        let agent = fixture.agent("a")
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        let made = try #require(request.head.fields[.xRequestID])
        #expect(made.utf8.count == 13 && made.utf8.allSatisfy { QuotedText.quotable([$0]).utf8.count == 1 })
        agent.respond(request.id, 200, fields(("X-Request-ID", "the service's own")), "x")
        let response = try fixture.expectResponse(id)
        #expect(response.fields.all(.xRequestID).map { Array($0) } == [latin1(made)])
        #expect(fixture.takeLogs("web.request").first?.fields.first == .init("id", made))
        let other = try fixture.get("/healthz").fields[.xRequestID]
        #expect(other != nil && other != made)
        fixture.end()
    }

    @Test(arguments: ["a", "0f3-_.:/+=@Z", String(repeating: "x", count: 128)]) func aHarmlessIDOfTheVisitorsIsKept(
        _ given: String
    ) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent("a")
        let id = fixture.visit("GET /web/a/ HTTP/1.1\r\nHost: gw\r\nX-Request-ID: \(given)\r\nx-request-id: other\r\n\r\n")
        let request = try agent.request()
        #expect(request.head.fields.all(.xRequestID).map { Array($0) } == [latin1(given)])
        agent.respond(request.id, 204)
        #expect(try fixture.expectResponse(id).fields[.xRequestID] == given)
        fixture.end()
    }

    @Test(arguments: ["", "a b", "a\"b", "a,b", "<x>", "\u{e9}", String(repeating: "x", count: 129)])
    func anythingElseIsReplaced(_ given: String) throws {
        let fixture = GatewayFixture()
        let id = fixture.visit("GET /healthz HTTP/1.1\r\nHost: gw\r\nX-Request-ID: \(given)\r\n\r\n")
        #expect(try fixture.expectResponse(id).fields[.xRequestID]?.utf8.count == 13)
        fixture.end()
    }

    @Test func idsOfLoopsAndStartsDiffer() {
        var ids: Set<String> = []
        for start in 0..<3 {
            for loop in 0..<3 {
                var maker = RequestIDs(WallClock(unixNanosecondsAtZero: 1_775_798_482_000_000_000 + Int64(start)), loop: loop)
                for _ in 0..<100 { ids.insert(maker.id(for: HTTPFields())) }
            }
        }
        #expect(ids.count == 900)
    }
}
