// Services that are not there, respond with nonsense, break off or never respond: before the head of a response the visitor is
// told why (502, 504), after it the transfer visibly breaks (RFC 9112 §8), and in both cases the next request finds everything
// in order.

import Testing

/// What a broken service says before it hangs up.
struct BrokenResponse: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var text: String

    init(_ name: String, _ lines: String...) {
        testDescription = name
        text = lines.joined(separator: "\r\n")
    }

    static let beforeTheBody = [
        BrokenResponse("nothing", ""),
        BrokenResponse("no HTTP", "hello, I am a mail server", "", ""),
        BrokenResponse("half a head", "HTTP/1.1 200 OK", "Content-Le"),
        BrokenResponse("no number", "HTTP/1.1 200 OK", "Content-Length: many", "", ""),
        BrokenResponse("two lengths", "HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2", "", "ab"),
        BrokenResponse("HTTP/2", "HTTP/2.0 200 OK", "Content-Length: 0", "", ""),
        BrokenResponse("101 unasked", "HTTP/1.1 101 Sure", "Connection: Upgrade", "Upgrade: x", "", ""),
    ]

    static let withinTheBody = [
        BrokenResponse("length", "HTTP/1.1 200 OK", "Content-Length: 1000", "", "only this"),
        BrokenResponse("chunked", "HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "9", "only this", ""),
        BrokenResponse("no chunk", "HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "9", "only this!!"),
    ]
}

extension DaemonTests {
    @Suite struct ServiceFailures {
        // MARK: Not there

        @Test(arguments: Tunnel.allCases)
        func aServiceThatIsNotThereIsUnreachableUntilItStarts(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let listener = try Socket.bound()
                let agent = try fixture.agent(at: gateway.port, before: try listener.port, tunnel)
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/").verdict == "502 service-unreachable")
                try agent.waitForLine(with: "service.unreachable", "is the web service running?")
                #expect(try visitor.ask("POST", "/web/pi/", body: "some body").verdict == "502 service-unreachable")
                try listener.listen()
                _ = try fixture.service(on: listener) { try $0.respond("served") }
                #expect(try visitor.get("/web/pi/").text == "served")
                try agent.waitForLine(with: "service.reachable")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func aServiceThatStoppedIsUnreachable(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, _, service) = try fixture.chain("{}", tunnel) { try $0.respond("served") }
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/").text == "served")
                service.stop()
                #expect(try visitor.get("/web/pi/").verdict == "502 service-unreachable")
                #expect(try visitor.get("/healthz").status == 200)
            }
        }

        // MARK: Nonsense

        @Test(arguments: BrokenResponse.beforeTheBody, Tunnel.allCases)
        func aMalformedResponseIsReportedToTheVisitor(_ broken: BrokenResponse, _ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain("{}", tunnel) { call in
                    if call.path == "/good" { return try call.respond("served") }
                    try call.say(broken.text)
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/broken").verdict == "502 service-broken")
                #expect(try visitor.get("/web/pi/good").text == "served")
            }
        }

        // MARK: Broken off

        @Test(arguments: BrokenResponse.withinTheBody)
        func aResponseThatBreaksOffIsVisiblyCut(_ broken: BrokenResponse) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain { call in
                    if call.path == "/good" { return try call.respond("served") }
                    try call.say(broken.text)
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/broken")
                let head = try visitor.responseHead()
                #expect(head.words.dropFirst().first == "200")
                #expect(throws: CutOff.self) { try visitor.conversation.readBody(of: head, isResponse: true) }
                #expect(try gateway.get("/web/pi/good").text == "served")
            }
        }

        /// To HTTP/1.0 a response without a length ends with the connection: only a reset tells that it is not whole.
        @Test func aResponseThatBreaksOffIsAResetToAnOldVisitor() throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain { call in
                    try call.say(BrokenResponse.withinTheBody[1].text)
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.conversation.send("GET /web/pi/ HTTP/1.0\r\nHost: x\r\n\r\n")
                let error = #expect(throws: CutOff.self) { try visitor.conversation.readToEnd() }
                #expect(error?.wasReset == true)
                try gateway.expectHealthy()
            }
        }

        /// The first version of the tunnel carries whole bodies, so the visitor can still be told.
        @Test(arguments: BrokenResponse.withinTheBody)
        func aResponseThatBreaksOffIsReportedThroughTheFirstVersion(_ broken: BrokenResponse) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain("{}", .v1) { call in
                    if call.path == "/good" { return try call.respond("served") }
                    try call.say(broken.text)
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/broken").verdict == "502 service-broken")
                #expect(try visitor.get("/web/pi/good").text == "served")
            }
        }

        // MARK: The agent dies

        @Test(arguments: Tunnel.allCases)
        func anAgentThatDiesBeforeTheHeadIsToldToTheVisitor(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let begun = Bell("the request reaches the service")
                let (gateway, agent, _) = try fixture.chain("{}", tunnel) { call in
                    begun.ring()
                    try call.conversation.awaitEnd()
                    throw CutOff(wasReset: false)
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/")
                try begun.await()
                try agent.kill()
                #expect(try visitor.response().verdict == "502 agent-lost")
                #expect(try visitor.get("/web/pi/").verdict == "503 agent-offline")
            }
        }

        @Test func anAgentThatDiesWithinTheBodyIsVisible() throws {
            try withDaemons { fixture in
                let (gateway, agent, _) = try fixture.chain { call in
                    try call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                    try call.conversation.awaitEnd()
                    throw CutOff(wasReset: false)
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/")
                _ = try visitor.responseHead()
                #expect(try visitor.conversation.readChunk() == Array("hello".utf8))
                try agent.kill()
                #expect(throws: CutOff.self) { try visitor.conversation.readChunk() }
                try gateway.expectHealthy()
            }
        }

        // MARK: Silence

        @Test(arguments: Tunnel.allCases)
        func aServiceThatNeverRespondsIsGivenUp(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let left = Bell("the service sees that its client left")
                let (gateway, _, _) = try fixture.chain(#"{"channels": {"webService": {"timeoutMs": 300}}}"#, tunnel) { call in
                    if call.path == "/good" { return try call.respond("served") }
                    try call.conversation.awaitEnd()
                    left.ring()
                    throw CutOff(wasReset: false)
                }
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/silent").verdict == "504 service-timed-out")
                #expect(try visitor.get("/web/pi/good").text == "served")
                if tunnel == .v2 { try left.await() }  // the first version has no way to say so
            }
        }

        /// The time limit is for the head. A body may take as long as it likes.
        @Test func aSlowBodyIsNotCutByTheTimeLimitOfTheHead() throws {
            try withDaemons { fixture in
                let elapsed = Bell("another request has met the time limit")
                let (gateway, _, _) = try fixture.chain(#"{"channels": {"webService": {"timeoutMs": 300}}}"#) { call in
                    if call.path == "/silent" {
                        try call.conversation.awaitEnd()
                        throw CutOff(wasReset: false)
                    }
                    try call.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
                    try elapsed.await()
                    try call.say(" last")
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/slow")
                let head = try visitor.responseHead()
                try visitor.conversation.expect("first")
                #expect(try gateway.get("/web/pi/silent").verdict == "504 service-timed-out")
                elapsed.ring()
                try visitor.conversation.expect(" last")
                #expect(head["content-length"] == "10")
                try visitor.send("GET", "/healthz")
                #expect(try visitor.response().status == 200)
            }
        }
    }
}
