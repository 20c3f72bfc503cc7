// Out of HTTP and into raw bytes (RFC 9110 §7.8), as WebSocket does it: nothing beside a head is lost, both halves have ends
// of their own, and a service that does not want to is an ordinary one. What the bytes mean is not looked at on the way,
// so they are no WebSocket frames here.

import Testing

extension DaemonTests {
    @Suite struct Upgrades {
        private static let fields = [
            "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        private static let switching =
            "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: mine\r\n\r\n"

        @Test func anUpgradedConnectionCarriesEveryByteBothWaysAndEndsByHalves() throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain { call in
                    guard call.path == "/socket?a=1&b=%20", call.head["upgrade"] == "websocket",
                        call.head["connection"]?.lowercased().contains("upgrade") == true,
                        call.head["sec-websocket-key"] != nil
                    else { return try call.respond(400, body: []) }
                    try call.say(Self.switching + "beside the service's head;")
                    try call.conversation.expect("beside the visitor's head;")
                    for _ in 0..<3 { try call.conversation.send(try call.conversation.read(5)) }
                    let last = try call.conversation.readToEnd()
                    try call.conversation.send(Array("after your end: ".utf8) + last)
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.conversation.send(
                    TestVisitor.request("GET", "/web/pi/socket?a=1&b=%20", Self.fields) + "beside the visitor's head;")
                let head = try visitor.responseHead()
                #expect(head.words.dropFirst().first == "101")
                #expect(head["upgrade"] == "websocket")
                #expect(head["connection"]?.lowercased().contains("upgrade") == true)
                #expect(head["sec-websocket-accept"] == "mine")
                #expect(head["content-length"] == nil && head["transfer-encoding"] == nil)
                try visitor.conversation.expect("beside the service's head;")
                for text in ["one..", "two..", "\u{0}\r\n\r\n"] {
                    try visitor.conversation.send(text)
                    try visitor.conversation.expect(text)
                }
                try visitor.conversation.send("last words")
                visitor.conversation.socket.finishWriting()
                let rest = try visitor.conversation.readToEnd()
                #expect(String(decoding: rest, as: UTF8.self) == "after your end: last words")
                try gateway.expectHealthy()
            }
        }

        @Test func theServiceMayEndItsHalfFirst() throws {
            try withDaemons { fixture in
                let heard = Shared("")
                let over = Bell("the service has heard the last of the visitor")
                let (gateway, _, _) = try fixture.chain { call in
                    try call.say(Self.switching + "goodbye")
                    call.conversation.socket.finishWriting()
                    let rest = String(decoding: try call.conversation.readToEnd(), as: UTF8.self)
                    heard.change { $0 = rest }
                    call.hangUp()
                    over.ring()
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/", Self.fields)
                _ = try visitor.responseHead()
                #expect(try visitor.conversation.readToEnd() == Array("goodbye".utf8))
                try visitor.conversation.send("still here")
                visitor.conversation.socket.finishWriting()
                try over.await()
                #expect(heard.value == "still here")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func aServiceThatDoesNotSwitchRespondsAsEver(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain("{}", tunnel) { call in try call.respond(426, body: Array("no".utf8)) }
                let visitor = try gateway.visitor()
                let response = try visitor.get("/web/pi/", Self.fields)
                #expect(response.verdict == "426")
                #expect(response.text == "no")
                #expect(try visitor.get("/healthz").status == 200)
            }
        }

        @Test func aVisitorThatLeavesEndsTheServicesConnectionToo() throws {
            try withDaemons { fixture in
                let left = Bell("the service sees its connection end")
                let (gateway, _, _) = try fixture.chain { call in
                    try call.say(Self.switching)
                    try call.conversation.awaitEnd()
                    left.ring()
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/", Self.fields)
                _ = try visitor.responseHead()
                visitor.conversation.socket.reset()
                try left.await()
                try gateway.expectHealthy()
            }
        }

        @Test func anAgentThatDiesEndsAnUpgradedConnection() throws {
            try withDaemons { fixture in
                let (gateway, agent, _) = try fixture.chain { call in
                    try call.say(Self.switching + "hello")
                    try call.conversation.awaitEnd()
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/", Self.fields)
                _ = try visitor.responseHead()
                try visitor.conversation.expect("hello")
                try agent.kill()
                try visitor.conversation.awaitEnd()
                try gateway.expectHealthy()
            }
        }
    }
}
