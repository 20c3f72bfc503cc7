// Untrusted peers that send anything at all: to the gateway's port, to an agent in place of its gateway, and in the middle of a
// tunnel. Nothing ends a daemon, and nothing stays open behind it. Every byte follows from a seed that the failure names.
//
// An agent accepts a 101 only with the right Sec-WebSocket-Accept (RFC 6455 §4.1), so the liar asks a real gateway for it.

import Foundation
import TestSupport
import Testing

extension DaemonTests {
    @Suite struct Garbage {
        private static let handshake = TestVisitor.request(
            "GET", "/agent?agentId=stranger",
            [
                "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: miagent.v2",
            ])

        /// Noise, alone or behind or within something that begins sensibly.
        private static func garbage(_ seed: UInt64) -> [UInt8] {
            var dice = SplitMix(seed: seed)
            let noise = dice.bytes(Int.random(in: 0...400, using: &dice))
            let starts = [
                "", handshake, TestVisitor.request("GET", "/web/pi/"), "GET /web/pi/ HTTP/1.1\r\nHost: x\r\nField: ",
                TestVisitor.request("POST", "/web/pi/", ["Content-Length: 50"]),
                TestVisitor.request("POST", "/web/pi/", ["Transfer-Encoding: chunked"]),
            ]
            var bytes = Array(starts[Int(seed) % starts.count].utf8)
            if seed % 4 == 3, !bytes.isEmpty {  // one byte of it is another
                bytes[Int.random(in: bytes.indices, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
            return bytes + noise
        }

        /// Frames as they might be, fragments without a beginning, opcodes that do not exist, and noise for payloads.
        private static func frames(_ seed: UInt64) -> [UInt8] {
            var dice = SplitMix(seed: seed)
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let payload = dice.bytes(Int.random(in: 0...120, using: &dice))
                let opcode: UInt8 = [0, 1, 2, 8, 9, 10, 3, 11].randomElement(using: &dice) ?? 0
                bytes += [opcode | (Bool.random(using: &dice) ? 0x80 : 0), UInt8(payload.count)] + payload
            }
            return bytes + dice.bytes(8)
        }

        @Test func whateverUntrustedPeersSendTheGatewayServesTheNext() throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain { call in
                    _ = try call.body()
                    try call.respond("served")
                }
                for seed in 0..<200 as Range<UInt64> {
                    let visitor = try gateway.visitor()
                    do {
                        try visitor.conversation.send(Self.garbage(seed))
                        if seed % 5 == 4 {
                            visitor.conversation.socket.reset()
                            continue
                        }
                        visitor.conversation.socket.finishWriting()
                        try visitor.conversation.awaitEnd()
                    } catch is CutOff {}
                    visitor.leave()
                    guard gateway.daemon.isRunning else { throw TestFailure("seed \(seed) ended the gateway") }
                }
                #expect(try gateway.get("/web/pi/").text == "served")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func framesThatAreNoneHurtOnlyTheirOwnTunnel(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain("{}", tunnel) { try $0.respond("served") }
                let register = #"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"stranger"}}"#
                let registration = [0x81, 0x80 | UInt8(register.utf8.count), 0, 0, 0, 0] + Array(register.utf8)
                for seed in 0..<100 as Range<UInt64> {
                    let peer = try gateway.visitor()
                    try peer.conversation.send(Self.handshake)
                    #expect(try peer.responseHead().words.dropFirst().first == "101")
                    var frames = Self.frames(seed)
                    if seed % 2 == 0 { frames = registration + frames }
                    do {
                        try peer.conversation.send(frames)
                        peer.conversation.socket.finishWriting()
                        try peer.conversation.awaitEnd()
                    } catch is CutOff {}
                    peer.leave()
                    guard gateway.daemon.isRunning else { throw TestFailure("seed \(seed) ended the gateway") }
                }
                #expect(try gateway.get("/web/pi/").text == "served")
            }
        }

        // MARK: To an agent

        /// How an untrusted peer in the gateway's place behaves to the `number`-th agent that calls.
        private static func mislead(_ call: ServiceCall, _ number: UInt64, _ gateway: RunningGateway) throws {
            switch number % 4 {
            case 0: try call.conversation.send(SplitMix.noise(number))
            case 1:
                try call.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
                try call.say("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            case 2:
                try call.say("HTTP/1.1 500 No\r\nContent-Type: text/plain\r\nX-MiAgent-Error: nonsense\r\n\r\n\u{1b}[2J")
                try call.conversation.send(SplitMix.noise(number))
            default:
                // The response of a real gateway to this very handshake, and then frames at random.
                let real = try gateway.visitor()
                let fields = call.head.fields.filter { $0.name != "host" }.map { "\($0.name): \($0.value)" }
                try real.send("GET", call.path, fields)
                let response = try real.responseHead()
                let lines = [response.startLine] + response.fields.map { "\($0.name): \($0.value)" }
                try call.say(lines.joined(separator: "\r\n") + "\r\n\r\n")
                try call.conversation.send(frames(number))
                real.leave()
            }
            call.conversation.socket.finishWriting()
            try call.conversation.awaitEnd()
            call.hangUp()
        }

        /// Agents wait longer after each failure, so several are misled at once.
        @Test func whateverAGatewaySaysAnAgentLivesOnAndTriesAgain() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let calls = Shared<UInt64>(0)
                let liar = try fixture.service { call in
                    let number = calls.change { number in
                        number += 1
                        return number
                    }
                    try Self.mislead(call, number, gateway)
                }
                let agents = try (0..<10).map { number in
                    let settings = [#""logLevel": "debug""#]
                    let tunnel = number % 2 == 0 ? Tunnel.v2 : .v1
                    return try fixture.agent("pi\(number)", at: liar.port, before: 9, tunnel, settings: settings, waits: false)
                }
                try eventually("forty connections of agents") { calls.value >= 40 }
                for agent in agents {
                    try eventually("\(agent.name) gives up a gateway that makes no sense") {
                        agent.lines.filter { $0.contains("agent.lost") }.count >= 2
                    }
                    #expect(agent.isRunning)
                    #expect(!agent.lines.contains { $0.contains("\u{1b}") })
                }
                // Each of the lies was told and seen through.
                let lines = agents.flatMap(\.lines)
                for part in ["is not HTTP", "wrong Sec-WebSocket-Accept", "responded with 500: nonsense", "agent.connected"] {
                    #expect(lines.contains { $0.contains(part) }, "\(part)")
                }
            }
        }

        // MARK: What stays behind

        #if os(Linux)
            @Test func visitorsThatComeAndGoLeaveNoDescriptorsBehind() throws {
                try withDaemons { fixture in
                    let (gateway, agent, _) = try fixture.chain { call in
                        guard call.path == "/good" else {
                            try call.conversation.awaitEnd()
                            throw CutOff(wasReset: false)
                        }
                        try call.respond("served")
                    }
                    #expect(try gateway.get("/web/pi/good").text == "served")
                    let before = try (gateway.daemon.descriptorCount, agent.descriptorCount)
                    for number in 0..<200 {
                        let visitor = try gateway.visitor()
                        switch number % 5 {
                        case 0: #expect(try visitor.get("/web/pi/good").text == "served")
                        case 1: try visitor.send("GET", "/web/pi/silent")
                        case 2: try visitor.send("POST", "/web/pi/silent", ["Content-Length: 10"])
                        case 3: try visitor.conversation.send(Self.handshake)
                        default: break
                        }
                        if number % 2 == 0 { visitor.leave() } else { visitor.conversation.socket.reset() }
                    }
                    try eventually("the gateway is back at \(before.0) descriptors") {
                        try gateway.daemon.descriptorCount <= before.0
                    }
                    try eventually("the agent is back at \(before.1) descriptors") { try agent.descriptorCount <= before.1 }
                    #expect(try gateway.get("/web/pi/good").text == "served")
                }
            }
        #endif
    }
}

extension SplitMix {
    /// A few hundred bytes that follow from `seed`.
    fileprivate static func noise(_ seed: UInt64) -> [UInt8] {
        var dice = SplitMix(seed: seed)
        return dice.bytes(Int.random(in: 1...400, using: &dice))
    }
}
