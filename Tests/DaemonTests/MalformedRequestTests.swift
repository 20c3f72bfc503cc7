// Requests that are not HTTP as RFC 9112 has it: each gets its status, its connection ends where the framing is in doubt, and
// the gateway serves the next visitor.
//
// 400 §2.2 to §6.3 · 414 §3 · 431 RFC 6585 §5 · 501 §6.1 · 505 RFC 9110 §15.6.6 · 405 RFC 9110 §15.5.6 · 408 §9.5

import Testing

struct MalformedRequest: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var status: Int
    var request: String

    init(_ name: String, _ status: Int, _ request: String) {
        testDescription = name
        self.status = status
        self.request = request
    }

    static let all = [
        MalformedRequest("bad request line", 400, "GARBAGE\r\n\r\n"),
        MalformedRequest("space before colon", 400, "GET / HTTP/1.1\r\nHost: x\r\nField : y\r\n\r\n"),
        MalformedRequest("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
        MalformedRequest("bare LF", 400, "GET / HTTP/1.1\nHost: x\n\n"),
        MalformedRequest("two lengths", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        MalformedRequest("no number", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na"),
        MalformedRequest("long target", 414, "GET /\(String(repeating: "a", count: 70_000)) HTTP/1.1\r\nHost: x\r\n\r\n"),
        MalformedRequest("long field", 431, "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n"),
        MalformedRequest("many fields", 431, "GET / HTTP/1.1\r\nHost: x\r\n\(String(repeating: "X: y\r\n", count: 200))\r\n"),
        MalformedRequest("other coding", 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
        MalformedRequest("other version", 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    ]
}

extension DaemonTests {
    @Suite struct MalformedRequests {
        @Test(arguments: MalformedRequest.all)
        func aMalformedRequestEndsItsOwnConnectionOnly(_ malformed: MalformedRequest) throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let visitor = try gateway.visitor()
                try visitor.conversation.send(malformed.request)
                let response = try visitor.response()
                #expect(response.verdict == "\(malformed.status) malformed-request")
                #expect(response.head["connection"] == "close")
                #expect(!response.text.isEmpty)
                #expect(try visitor.isClosed())
                try gateway.expectHealthy()
            }
        }

        @Test(arguments: Tunnel.allCases)
        func aRequestWithTwoFramingsReachesNoService(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let asked = Shared<[String]>([])
                let (gateway, _, _) = try fixture.chain("{}", tunnel) { call in
                    asked.change { $0.append(call.path) }
                    try call.respond("served")
                }
                let visitor = try gateway.visitor()
                let framings = ["Content-Length: 4", "Transfer-Encoding: chunked"]
                try visitor.conversation.send(
                    TestVisitor.request("POST", "/web/pi/outer", framings) + "0\r\n\r\n"
                        + TestVisitor.request("GET", "/web/pi/smuggled"))
                #expect(try visitor.response().verdict == "400 malformed-request")
                #expect(try visitor.isClosed())
                #expect(try gateway.get("/web/pi/honest").text == "served")
                #expect(asked.value == ["/honest"])
            }
        }

        @Test func aChunkThatIsNoneIsRefusedAndTheServiceSeesNoWholeRequest() throws {
            try withDaemons { fixture in
                let begun = Bell("the service sees the first chunk")
                let cut = Bell("the service sees its request break off")
                let (gateway, _, _) = try fixture.chain { call in
                    if call.path == "/" { return try call.respond("served") }
                    guard try call.conversation.readChunk() == Array("abc".utf8) else { throw TestFailure("another chunk") }
                    begun.ring()
                    do { _ = try call.body() } catch let error as CutOff {
                        cut.ring()
                        throw error
                    }
                    try call.respond("whole")
                }
                let visitor = try gateway.visitor()
                try visitor.send("POST", "/web/pi/upload", ["Transfer-Encoding: chunked"])
                try visitor.conversation.send("3\r\nabc\r\n")
                try begun.await()
                try visitor.conversation.send("ZZ\r\nabc\r\n0\r\n\r\n")
                #expect(try visitor.response().verdict == "400 malformed-request")
                #expect(try visitor.isClosed())
                try cut.await()
                #expect(try gateway.get("/web/pi/").text == "served")
            }
        }

        @Test func aMethodThatAPageDoesNotHaveIsRefusedAndTheConnectionStays() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let visitor = try gateway.visitor()
                let response = try visitor.ask("POST", "/", body: "x=1")
                #expect(response.verdict == "405 method-not-allowed")
                #expect(response.head["allow"] == "GET, HEAD")
                #expect(try visitor.get("/").status == 200)
            }
        }

        @Test func aHeadThatNeverEndsIsGivenUp() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway(#"{"limits": {"headTimeoutMs": 300}}"#)
                let visitor = try gateway.visitor()
                try visitor.conversation.send("GET /web/pi/ HTTP/1.1\r\nHost: x\r\n")
                let response = try visitor.response()
                #expect(response.verdict == "408 request-timed-out")
                #expect(response.head["connection"] == "close")
                #expect(try visitor.isClosed())
                try gateway.expectHealthy()
            }
        }
    }
}
