// What a confused or hostile peer may send. Each gets an error, or is ignored, or ends the tunnel with a code that names the
// fault; none disturbs anything else.

import HTTPCodec
import RPCCore
import Testing
import WireWS

@testable import TunnelLink

@Suite struct NonsenseTests {
    /// The code and message of the JSON-RPC error that `text` is.
    private func failure(_ text: String?, id: RPCID, sourceLocation: SourceLocation = #_sourceLocation) -> RPCFailure? {
        guard let text, let messages = try? RPCCodec.decode(Array(text.utf8)[...]),
            case .failure(id, let failure)? = try? messages.first?.get()
        else {
            Issue.record("no failure for \(id): \(text ?? "nothing")", sourceLocation: sourceLocation)
            return nil
        }
        return failure
    }

    @Test(arguments: [
        ("[]", "object"), ("{}", "httpMethod"), (#"{"httpMethod":"","path":"/","stream":1}"#, "httpMethod"),
        (#"{"httpMethod":1,"path":"/","stream":1}"#, "httpMethod"), (#"{"httpMethod":"GET","stream":1}"#, "path"),
        (#"{"httpMethod":"GET","path":"","stream":1}"#, "path"), (#"{"httpMethod":"GET","path":"x","stream":1}"#, "path"),
        (#"{"httpMethod":"GET","path":"/\u0100","stream":1}"#, "path"),
        (#"{"httpMethod":"GET","path":"/","query":7,"stream":1}"#, "query"),
        (#"{"httpMethod":"GET","path":"/","headers":[],"stream":1}"#, "headers"),
        (#"{"httpMethod":"GET","path":"/","headers":{"a":"\u4e00"},"stream":1}"#, "field a"),
        (#"{"httpMethod":"GET","path":"/","headers":{"a":{}},"stream":1}"#, "field a"),
        (#"{"httpMethod":"GET","path":"/","headers":{"a":[true]},"stream":1}"#, "field a"),
        (#"{"httpMethod":"GET","path":"/","headers":{"a":"b\r\nc: d"},"stream":1}"#, "field a"),
        (#"{"httpMethod":"GET","path":"/","headers":{"a b":"c"},"stream":1}"#, "field a b"),
        (#"{"httpMethod":"GET","path":"/","headers":{"":"c"},"stream":1}"#, "field"),
        (#"{"httpMethod":"GET","path":"/","upgrade":true,"stream":1}"#, "upgrade"),
        (#"{"httpMethod":"GET","path":"/","end":"yes","stream":1}"#, "end"),
        (#"{"httpMethod":"GET","path":"/"}"#, "stream"), (#"{"httpMethod":"GET","path":"/","stream":0}"#, "stream"),
        (#"{"httpMethod":"GET","path":"/","stream":4294967296}"#, "stream"),
        (#"{"httpMethod":"GET","path":"/","stream":1.5}"#, "stream"),
        (#"{"httpMethod":"GET","path":"/","stream":9}"#, "stream"),
    ]) func badParamsOfAWebRequestAreNamed(params: String, member: String) {
        var peer = RawPeer(of: agentRole, .v2)
        // Stream 9 is in use.
        _ = peer.say(
            #"{"jsonrpc":"2.0","id":"web_9","method":"web.request","params":{"httpMethod":"GET","path":"/","stream":9}}"#)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"web_1","method":"web.request","params":\#(params)}"#).isEmpty)
        let failure = failure(peer.receivedText(), id: .string("web_1"))
        #expect(failure?.code == -32602)
        #expect(failure?.message.contains(member) == true, "\(failure?.message ?? "")")
        #expect(peer.session.openStreams == 1)
    }

    @Test func aBodyThatIsNoBase64IsNamed() {
        for body in [#""!""#, #""YQ""#, #""YQ===""#, "7", "[]"] {
            var peer = RawPeer(of: agentRole, .v1)
            let events = peer.say(
                #"{"jsonrpc":"2.0","id":5,"method":"web.request","params":{"httpMethod":"GET","path":"/","body":\#(body)}}"#)
            #expect(events.isEmpty)
            let failure = failure(peer.receivedText(), id: .integer(5))
            #expect(failure?.code == -32602)
            #expect(failure?.message.contains("body") == true)
        }
    }

    @Test(arguments: [
        ("[1]", "object"), ("{}", "agentId"), (#"{"agentId":7}"#, "agentId"), (#"{"agentId":"a","type":{}}"#, "type"),
        (#"{"agentId":"a","host":1}"#, "host"), (#"{"agentId":"a","model":[]}"#, "model"),
        (#"{"agentId":"a","status":false}"#, "status"), (#"{"agentId":"a","version":2}"#, "version"),
        (#"{"agentId":"a","token":2}"#, "token"), (#"{"agentId":"a","webService":{"enabled":"no"}}"#, "enabled"),
        (#"{"agentId":"a","webService":false}"#, "webService"), (#"{"agentId":"a","webService":"off"}"#, "webService"),
    ]) func badParamsOfARegistrationAreNamed(params: String, member: String) {
        var peer = RawPeer(of: .gateway, .v2)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"r","method":"agent.register","params":\#(params)}"#).isEmpty)
        let failure = failure(peer.receivedText(), id: .string("r"))
        #expect(failure?.code == -32602)
        #expect(failure?.message.contains(member) == true, "\(failure?.message ?? "")")
    }

    @Test func unknownMethodsAndThoseOfTheOtherEndAreNotFound() {
        for (role, method) in [
            (TunnelSession.Role.gateway, "web.request"), (.gateway, "x"), (agentRole, "agent.register"), (agentRole, "rpc.x"),
        ] {
            var peer = RawPeer(of: role, .v2)
            #expect(peer.say(#"{"jsonrpc":"2.0","id":3,"method":"\#(method)","params":{}}"#).isEmpty)
            #expect(failure(peer.receivedText(), id: .integer(3))?.code == -32601)
            #expect(peer.say(#"{"jsonrpc":"2.0","method":"\#(method)","params":{}}"#).isEmpty)
            #expect(peer.received().isEmpty)  // a notification never gets a response
        }
    }

    @Test func textThatIsNoMessageGetsAnErrorAndEndsNothing() {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, .v2)
            for (text, code) in [
                ("", -32700), ("{", -32700), ("nonsense", -32700), ("\u{feff}{}", -32700), ("1", -32600), ("{}", -32600),
                ("[]", -32600), (#"{"jsonrpc":"1.0","method":"x"}"#, -32600), (#"{"jsonrpc":"2.0","method":1}"#, -32600),
            ] {
                #expect(peer.say(text).isEmpty)
                #expect(failure(peer.receivedText(), id: .null)?.code == code, "\(text)")
            }
            #expect(peer.ping([1]).isEmpty)
            #expect(peer.received() == [.pong([1])])
        }
    }

    @Test func eachMessageOfABatchIsDealtWithByItself() {
        var peer = RawPeer(of: agentRole, .v2)
        let events = peer.say(
            """
            [{"jsonrpc":"2.0","id":"web_1","method":"web.request",
            "params":{"httpMethod":"GET","path":"/a","stream":1,"end":true}},
            7, {"jsonrpc":"2.0","id":2,"method":"nothing"},
            {"jsonrpc":"2.0","id":"web_3","method":"web.request",
            "params":{"httpMethod":"GET","path":"/b","stream":3,"end":true}}]
            """)
        #expect(events.count == 4)
        #expect(peer.session.openStreams == 2)
        #expect(peer.received().count == 2)
    }

    @Test func responsesToNoRequestAreIgnored() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        _ = peer.received()
        for stray in [#""web_2""#, #""web_""#, #""1""#, "1", "null", #""web_99999999999999999999""#] {
            #expect(peer.say(#"{"jsonrpc":"2.0","id":\#(stray),"result":{"statusCode":200}}"#).isEmpty)
            #expect(peer.say(#"{"jsonrpc":"2.0","id":\#(stray),"error":{"code":1,"message":""}}"#).isEmpty)
        }
        #expect(peer.received().isEmpty)
        #expect(peer.session.isOpen(id))
        let response = #"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200}}"#
        #expect(peer.say(response).count == 1)
        #expect(peer.say(response).isEmpty)  // a second head of the same response
        #expect(peer.session.isOpen(id))
    }

    @Test(arguments: [
        "7", "[]", "{}", #"{"statusCode":"200"}"#, #"{"statusCode":100}"#, #"{"statusCode":199}"#, #"{"statusCode":600}"#,
        #"{"statusCode":200,"headers":7}"#, #"{"statusCode":200,"headers":{"a\n":"b"}}"#, #"{"statusCode":200,"end":1}"#,
    ]) func aResponseThatMakesNoSenseFailsTheStreamAndTellsTheAgent(result: String) throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        _ = peer.received()
        let events = peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":\#(result)}"#)
        guard case .failed(id, let failure)? = events.first, events.count == 1 else {
            Issue.record("\(events)")
            return
        }
        #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
        // For the agent its response is still under way: without a reset it would hold the stream for ever.
        #expect(peer.received() == [.binary(resetFrame(1, 6))])
        #expect(peer.isClean)
    }

    @Test(
        arguments: [
            #""result":{"statusCode":200},"error":{"code":1,"message":"x"}"#, #""result":null,"error":null"#,
            #""result":{"statusCode":200},"error":null"#, #""params":{}"#, #""error":null"#, #""error":"boom""#, #""error":{}"#,
            #""error":{"code":"1","message":"x"}"#, #""error":{"code":1.5,"message":"x"}"#, #""error":{"code":1}"#,
            #""error":{"code":1,"message":7}"#, #""error":[]"#, #""result":{"statusCode":200},"method":"x""#,
            #""result":7"#, #""result":null"#, #""result":{"statusCode":99}"#,
        ], TunnelVersion.allCases) func aReplyThatIsNoneFailsItsRequestAtOnce(members: String, version: TunnelVersion) throws
    {
        for text in [
            #"{"jsonrpc":"2.0","id":"web_1",\#(members)}"#, #"[{"jsonrpc":"2.0","id":"web_1",\#(members)}]"#,
        ] {
            var peer = RawPeer(of: .gateway, version)
            let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
            _ = peer.received()
            guard case .failed(id, let failure)? = peer.say(text).first else {
                Issue.record("\(text) was not the end of its request")
                continue
            }
            #expect(failure.code == TunnelFailure.serviceBroken.rawValue)
            #expect(peer.received() == (version == .v2 ? [.binary(resetFrame(1, 6))] : []))
            #expect(peer.say(text).isEmpty, "it is over, and a stray reply has no effect")
            _ = peer.received()
            #expect(peer.isClean)
        }
    }

    @Test(arguments: [#"{"id":"web_1","result":{"statusCode":200}}"#, #"{"jsonrpc":"1.0","id":"web_1","result":{}}"#])
    func aReplyOfAnotherVersionFailsItsRequestToo(text: String) throws {
        var peer = RawPeer(of: .gateway, .v2)
        _ = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        #expect(peer.say(text).count == 1)
        #expect(peer.session.openStreams == 0)
    }

    @Test func onlyTheRequestThatIsMeantFails() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let one = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        let other = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        _ = peer.received()
        for stray in ["1", "null", #""web_9""#, "{}"] { #expect(peer.say(#"{"jsonrpc":"2.0","id":\#(stray)}"#).isEmpty) }
        _ = peer.received()
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"web_2"}"#).count == 1)
        #expect(peer.session.isOpen(one) && !peer.session.isOpen(other))
        // Its head came: what follows under its id is late, and the body goes on.
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200}}"#).count == 1)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"web_1"}"#).isEmpty)
        #expect(peer.session.isOpen(one))
    }

    @Test func aMalformedResponseToTheRegistrationRefusesIt() {
        for version in TunnelVersion.allCases {
            var peer = RawPeer(of: agentRole, version)
            peer.session.register(AgentDescription(agentID: "a"))
            _ = peer.received()
            let events = peer.say(#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#)
            #expect(events.count == (version == .v2 ? 1 : 0))
            #expect(peer.received().isEmpty, "a reply is not replied to")
        }
    }

    // MARK: Binary

    @Test func aBinaryMessageHasNoPlaceInV1() {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, .v1)
            let reason = "binary messages are not part of miagent.v1"
            #expect(peer.say(dataFrame(1, [])) == [.broken(code: .unsupportedData, reason: reason)])
            #expect(peer.received() == [.closed(.unsupportedData, reason)])
        }
    }

    @Test(
        arguments: [
            [], [0], [0, 0, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 0, 0, 1], [255, 0, 0, 0, 0, 0, 0, 1],
            [1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
            [1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [2, 0, 0, 0, 0, 0, 0, 1, 1], [2, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
        ] as [[UInt8]]) func whatIsNoFrameEndsTheTunnel(message: [UInt8])
    {
        var peer = RawPeer(of: .gateway, .v2)
        #expect(peer.say(message) == [.broken(code: .protocolError, reason: "not a data, credit or reset frame")])
        #expect(peer.received() == [.closed(.protocolError, "not a data, credit or reset frame")])
    }

    @Test func aDataFrameThatIsTooLargeEndsTheTunnel() {
        var peer = RawPeer(of: .gateway, .v2)
        let events = peer.say(dataFrame(1, [UInt8](repeating: 0, count: 64 * 1024 + 1)))
        #expect(events.count == 1)
        guard case .broken(.protocolError, _)? = events.first else {
            Issue.record("\(events)")
            return
        }
    }

    @Test func anOversizedOrMalformedWebSocketMessageEndsTheTunnelWithItsCode() {
        var peer = RawPeer(of: .gateway, .v2)
        guard case .broken(.messageTooBig, _)? = peer.say(String(repeating: " ", count: 300_000)).first else {
            Issue.record("too big was let in")
            return
        }
        peer = RawPeer(of: .gateway, .v2)
        guard case .broken(.protocolError, _)? = peer.give([0x81, 0x00]).first else {  // not masked
            Issue.record("no mask was let in")
            return
        }
    }

    @Test func afterTheTunnelIsBrokenNothingMoreIsReceived() {
        var peer = RawPeer(of: .gateway, .v2)
        _ = peer.say([9])
        #expect(peer.say([9]).isEmpty)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"a"}}"#).isEmpty)
        #expect(peer.close(.normal, "") == [.closed(.normal, reason: "")])
        #expect(peer.received().count == 1)
    }

    @Test func afterOurCloseOnlyThePeersCloseIsReceived() throws {
        var peer = RawPeer(of: .gateway, .v2)
        peer.session.close(.goingAway, reason: "bye")
        #expect(peer.session.open(WebRequest(method: "GET", path: [0x2f])) == nil)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"a"}}"#).isEmpty)
        #expect(peer.say(dataFrame(1, [1])).isEmpty)
        #expect(peer.say([77]).isEmpty)
        #expect(peer.close(.goingAway, "") == [.closed(.goingAway, reason: "")])
        #expect(peer.received() == [.closed(.goingAway, "bye")])
        #expect(peer.isClean)
    }

    // MARK: Frames and streams that do not fit

    @Test func dataBeforeTheHeadOfAResponseResetsTheStream() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        _ = peer.received()
        #expect(peer.say(dataFrame(1, [1])) == [.reset(id, .protocolError)])
        #expect(peer.received() == [.binary(resetFrame(1, 6))])
        #expect(peer.isClean)
    }

    @Test func dataAfterTheEndResetsTheStream() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "POST", path: [0x2f], hasBody: true))
        _ = peer.say(#"{"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"end":true}}"#)
        _ = peer.received()
        #expect(peer.say(dataFrame(1, [])) == [.reset(id, .protocolError)])
        #expect(peer.received() == [.binary(resetFrame(1, 6))])
        #expect(peer.isClean)
    }

    @Test func framesOfUnknownStreamsAreLateNotWrong() {
        for role in [TunnelSession.Role.gateway, agentRole] {
            var peer = RawPeer(of: role, .v2)
            for message in [dataFrame(5, [1, 2]), dataFrame(0, [], end: true), creditFrame(5, 1), resetFrame(5, 1)] {
                #expect(peer.say(message).isEmpty)
            }
            #expect(peer.say(#"{"jsonrpc":"2.0","method":"web.trailers","params":{"stream":5,"trailers":{"a":"b"}}}"#).isEmpty)
            #expect(peer.received().isEmpty)
            #expect(peer.isClean)
        }
    }

    @Test func creditBeyondAnyWindowResetsTheStream() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "POST", path: [0x2f], hasBody: true))
        _ = peer.received()
        #expect(peer.say(creditFrame(1, 1 << 30)).isEmpty)
        #expect(peer.say(creditFrame(1, .max)) == [.reset(id, .protocolError)])
        #expect(peer.received() == [.binary(resetFrame(1, 6))])
        #expect(peer.isClean)
    }

    @Test func aReasonFromTheFutureStillResets() throws {
        var peer = RawPeer(of: .gateway, .v2)
        let id = try peer.open(WebRequest(method: "GET", path: [0x2f]))
        #expect(peer.say(resetFrame(1, 200)) == [.reset(id, .cancelled)])
        #expect(peer.session.openStreams == 0)
    }
}
