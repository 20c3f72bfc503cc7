// Every message of the control plane as text, both ways: what is written here is what other people's agents read.

import HTTPCodec
import RPCCore
import Testing

@testable import TunnelLink

@Suite struct MessageTests {
    // MARK: The two messages of original v1

    @Test func aRequestOfV1HasTheMembersOfOriginalV1AndNothingElse() throws {
        var peer = RawPeer(of: .gateway, .v1)
        let request = WebRequest(
            method: "GET", path: Array("/api/hello".utf8), query: Array("foo=bar".utf8), fields: fields(("Accept", "*/*")))
        #expect(peer.session.open(request) == .number(1))
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"requestId":"web_1","httpMethod":"GET",\
                "path":"/api/hello","query":"foo=bar","headers":{"accept":"*/*"},"body":""}}
                """)
    }

    @Test func aRequestOfV1CarriesItsBodyAsBase64AndAnUpgradeNotAtAll() throws {
        var peer = RawPeer(of: .gateway, .v1)
        let id = try peer.open(WebRequest(method: "POST", path: Array("/".utf8), upgrade: "websocket", hasBody: true))
        #expect(peer.received().isEmpty)
        #expect(peer.session.send(Array("hel".utf8)[...], on: id, end: false) == .sent)
        #expect(peer.session.send(Array("lo".utf8)[...], on: id, end: true) == .sent)
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"requestId":"web_1","httpMethod":"POST",\
                "path":"/","query":"","headers":{},"body":"aGVsbG8="}}
                """)
    }

    @Test func aRequestOfOriginalV1IsUnderstood() {
        var peer = RawPeer(of: agentRole, .v1)
        let events = peer.say(
            """
            {"jsonrpc": "2.0", "id": "web_xxx", "method": "web.request", "params": {"requestId": "web_1234",
            "httpMethod": "GET", "path": "/api/hello", "query": "foo=bar", "headers": {"accept": "*/*"}, "body": ""}}
            """)
        let request = WebRequest(
            method: "GET", path: Array("/api/hello".utf8), query: Array("foo=bar".utf8), fields: fields(("accept", "*/*")))
        #expect(events == [.request(.number(1), request), .end(.number(1), trailers: HTTPFields())])
    }

    @Test func aResponseOfV1HasTheMembersOfOriginalV1UnderTheIdOfItsRequest() throws {
        var peer = RawPeer(of: agentRole, .v1)
        _ = peer.say(#"{"jsonrpc":"2.0","id":"web_xxx","method":"web.request","params":{"httpMethod":"GET","path":"/"}}"#)
        let head = WebResponse(status: 200, fields: fields(("Content-Type", "application/json")), hasBody: true)
        peer.session.respond(head, on: .number(1))
        #expect(peer.session.send(Array(#"{"ok":true}"#.utf8)[...], on: .number(1), end: true) == .sent)
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":"web_xxx","result":{"statusCode":200,"headers":{"content-type":"application/json"},\
                "body":"eyJvayI6dHJ1ZX0="}}
                """)
        #expect(peer.isClean)
    }

    @Test func aResponseOfOriginalV1IsUnderstood() throws {
        var peer = RawPeer(of: .gateway, .v1)
        let id = try peer.open(WebRequest(method: "GET", path: Array("/".utf8)))
        _ = peer.received()
        let events = peer.say(
            """
            {"jsonrpc": "2.0", "id": "web_1", "result": {"statusCode": 200, "headers": {"content-type": "application/json"},
            "body": "eyJvayI6dHJ1ZX0="}}
            """)
        let response = WebResponse(
            status: 200, fields: fields(("content-type", "application/json")), hasBody: true, wholeBodyCount: 11)
        #expect(
            events == [
                .response(id, response), .data(id, Array(#"{"ok":true}"#.utf8)[...]), .end(id, trailers: HTTPFields()),
            ])
        #expect(peer.isClean)
    }

    @Test func bodiesWithEscapedSlashesAreBase64All() throws {
        var peer = RawPeer(of: .gateway, .v1)
        let id = try peer.open(WebRequest(method: "GET", path: Array("/".utf8)))
        let events = peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"body":"\/\/\/\/"}}"#)
        #expect(events.contains(.data(id, [0xff, 0xff, 0xff])))
    }

    // MARK: The same in v2

    @Test func aRequestOfV2HasItsStreamAndItsEndAndNoBody() throws {
        var peer = RawPeer(of: .gateway, .v2)
        _ = peer.session.open(WebRequest(method: "GET", path: Array("/x".utf8)))
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"requestId":"web_1","httpMethod":"GET",\
                "path":"/x","headers":{},"stream":1,"end":true}}
                """)
        let upgrade = WebRequest(
            method: "GET", path: Array("/ws".utf8), query: [], fields: fields(("a", "b")), upgrade: "websocket", hasBody: true)
        _ = peer.session.open(upgrade)
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":"web_2","method":"web.request","params":{"requestId":"web_2","httpMethod":"GET",\
                "path":"/ws","query":"","headers":{"a":"b"},"upgrade":"websocket","stream":2}}
                """)
    }

    @Test func anEmptyQueryIsNotTheSameAsNoneInV2() {
        for (query, expected) in [(#","query":"""#, [] as [UInt8]?), (#","query":null"#, nil), ("", nil)] {
            var peer = RawPeer(of: agentRole, .v2)
            let events = peer.say(
                """
                {"jsonrpc":"2.0","id":"web_1","method":"web.request",
                "params":{"httpMethod":"GET","path":"/","stream":1\(query)}}
                """
            )
            #expect(events == [.request(.number(1), WebRequest(method: "GET", path: [0x2f], query: expected, hasBody: true))])
        }
    }

    @Test func aResponseOfV2HasItsStreamAndItsEndAndNoBody() {
        var peer = RawPeer(of: agentRole, .v2)
        for stream in 1...2 {
            _ = peer.say(
                """
                {"jsonrpc":"2.0","id":"web_\(stream)","method":"web.request",\
                "params":{"httpMethod":"GET","path":"/","stream":\(stream),"end":true}}
                """)
        }
        peer.session.respond(WebResponse(status: 204), on: .number(1))
        #expect(
            peer.receivedText()
                == #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":204,"headers":{},"stream":1,"end":true}}"#)
        peer.session.respond(WebResponse(status: 200, hasBody: true), on: .number(2))
        #expect(peer.receivedText() == #"{"jsonrpc":"2.0","id":"web_2","result":{"statusCode":200,"headers":{},"stream":2}}"#)
    }

    @Test func aResponseOfV2IsUnderstood() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "GET", path: Array("/".utf8)))
        let events = peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":304,"stream":1,"end":true}}"#)
        #expect(events == [.response(id, WebResponse(status: 304)), .end(id, trailers: HTTPFields())])
        _ = peer.received()
        #expect(peer.isClean)
    }

    // MARK: Bytes

    @Test(arguments: TunnelVersion.allCases) func everyLegalByteOfPathsQueriesAndValuesSurvives(version: TunnelVersion) throws {
        let illegal: Set<UInt8> = [0x7f, 0x3f, 0x23]
        let legal: [UInt8] = [UInt8](0x21...0xff).filter { !illegal.contains($0) }
        var value = HTTPFields()
        var bytes: [UInt8] = [0x61]
        bytes += [UInt8](0x20...0x7e)
        bytes += [UInt8](0x80...0xff)
        bytes.append(0x61)
        try value.append(name: Array("x-all".utf8)[...], value: bytes[...])
        let path: [UInt8] = Array("/".utf8) + legal
        let request = WebRequest(method: "PROPFIND", path: path, query: legal, fields: value)
        var pair = Pair(version, seed: 3, largestCut: 50)
        let id = try pair.gateway.open(request)
        pair.settle()
        #expect(pair.agent.received == [.request(id, request), .end(id, trailers: HTTPFields())])
        pair.agent.session.respond(WebResponse(status: 200, fields: value), on: id)
        pair.settle()
        let whole = version == .v1 ? 0 : nil
        let response = WebResponse(status: 200, fields: value, wholeBodyCount: whole)
        #expect(pair.gateway.received == [.response(id, response), .end(id, trailers: HTTPFields())])
        #expect(pair.isClean)
    }

    @Test func fieldsThatCameSeveralTimesAreListsAndKeepTheirOrder() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let several = fields(("Set-Cookie", "a=1"), ("x", "y"), ("set-cookie", "b=2"), ("SET-COOKIE", "c=3"))
        _ = peer.session.open(WebRequest(method: "GET", path: Array("/".utf8), fields: several))
        let received = peer.receivedText()
        let text = try #require(received)
        #expect(text.contains(#""headers":{"set-cookie":["a=1","b=2","c=3"],"x":"y"}"#))
    }

    @Test func manyFieldsOfDifferentNamesAreNotTakenForRepeated() throws {
        var peer = RawPeer(of: .gateway, .v2)
        var many = HTTPFields()
        for index in 0..<200 { try many.append(HTTPFieldName("x-\(index)"), "\(index)") }
        _ = peer.session.open(WebRequest(method: "GET", path: Array("/".utf8), fields: many))
        let received = peer.receivedText()
        let text = try #require(received)
        #expect(!text.contains("["))
        for index in 0..<200 { #expect(text.contains(#""x-\#(index)":"\#(index)""#)) }
    }

    @Test func listsNumbersAndNullAmongHeadersAreUnderstood() {
        var peer = RawPeer(of: agentRole, .v1)
        let events = peer.say(
            """
            {"jsonrpc":"2.0","id":1,"method":"web.request","params":{"httpMethod":"GET","path":"/",
            "headers":{"a":["1","2"],"b":null,"content-length":12,"c":[]}}}
            """)
        let expected = fields(("a", "1"), ("a", "2"), ("content-length", "12"))
        #expect(events.first == .request(.number(1), WebRequest(method: "GET", path: [0x2f], fields: expected)))
    }

    @Test func trailersAreANotification() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "POST", path: Array("/".utf8), hasBody: true))
        _ = peer.received()
        #expect(peer.session.send([1], on: id, end: true, trailers: fields(("X-Sum", "1"))) == .sent)
        #expect(
            peer.received() == [
                .text(#"{"jsonrpc":"2.0","method":"web.trailers","params":{"stream":1,"trailers":{"x-sum":"1"}}}"#),
                .binary(dataFrame(1, [1], end: true)),
            ])
    }

    @Test func theIdOfARequestIsItsStreamsNumber() {
        #expect(StreamID.number(7).requestID == "web_7")
        #expect(StreamID(requestID: "web_4294967295") == .number(.max))
        for text in ["web_", "web_4294967296", "web_99999999999", "web_-1", "web_1a", "WEB_1", "1", "", "web_ 1", "web_１"] {
            #expect(StreamID(requestID: text) == nil, "\(text)")
        }
    }

    // MARK: Interim responses

    @Test func anInterimResponseIsANotificationWithItsStream() throws {
        var agent = RawPeer(of: agentRole, .v2)
        let params = #"{"httpMethod":"GET","path":"/","stream":7,"end":true}"#
        _ = agent.say(#"{"jsonrpc":"2.0","id":"web_7","method":"web.request","params":\#(params)}"#)
        agent.session.inform(WebInformational(status: 103, fields: fields(("Link", "</a>"))), on: .number(7))
        let text = agent.receivedText() ?? ""
        #expect(
            text == """
                {"jsonrpc":"2.0","method":"web.informational","params":{"stream":7,"statusCode":103,"headers":{"link":"</a>"}}}
                """)
        agent.session.inform(WebInformational(status: 101), on: .number(7))
        agent.session.inform(WebInformational(status: 103), on: .number(8))
        agent.session.respond(WebResponse(status: 200), on: .number(7))
        agent.session.inform(WebInformational(status: 103), on: .number(7))
        #expect(agent.received().count == 1)

        var gateway = RawPeer(of: .gateway, .v2)
        for _ in 1...7 { _ = try gateway.open(WebRequest(method: "GET", path: Array("/".utf8))) }
        let event = TunnelEvent.informational(.number(7), WebInformational(status: 103, fields: fields(("link", "</a>"))))
        #expect(gateway.say(text) == [event])
        #expect(gateway.say(text) == [event])
        #expect(gateway.say(text.replacing("103", with: "101")).isEmpty)
        #expect(gateway.say(text.replacing("\"stream\":7", with: "\"stream\":9")).isEmpty)
        #expect(gateway.say(#"{"jsonrpc":"2.0","id":"web_7","result":{"statusCode":200,"stream":7,"end":true}}"#).count == 2)
        #expect(gateway.say(text).isEmpty)
    }

    @Test func inVersionOneThereAreNoInterimResponses() {
        var agent = RawPeer(of: agentRole, .v1)
        _ = agent.say(#"{"jsonrpc":"2.0","id":"a","method":"web.request","params":{"httpMethod":"GET","path":"/"}}"#)
        agent.session.inform(WebInformational(status: 103), on: .number(1))
        #expect(agent.received().isEmpty)
    }
}
