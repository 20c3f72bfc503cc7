// Agents come back by themselves, under their own id only, and the newest connection under an id is the one that counts. The
// agents' endpoint takes WebSocket, version 13 (RFC 6455 §4.2), and an id of 1 to 64 of A-Z a-z 0-9 . _ - that does not begin
// with a dot; every other client is told what it is for.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct Reconnects {
        @Test(arguments: [SIGTERM, SIGKILL], Tunnel.allCases)
        func anAgentComesBackAfterTheGatewayRestarted(_ signal: Int32, _ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, agent, _) = try fixture.chain("{}", tunnel) { try $0.respond("served") }
                #expect(try gateway.get("/web/pi/").text == "served")
                let mark = agent.mark
                gateway.daemon.signal(signal)
                let ending = try gateway.daemon.waitForEnding()
                #expect(ending == (signal == SIGTERM ? .exited(0) : .killed(signal: SIGKILL)))
                let successor = try fixture.gateway(port: gateway.port)
                try agent.waitForLine(with: "agent.registered", after: mark)
                #expect(try successor.get("/web/pi/").text == "served")
            }
        }

        @Test func anAgentThatStartsFirstWaitsForItsGateway() throws {
            try withDaemons { fixture in
                let listener = try Socket.bound()
                let port = try listener.port
                let service = try fixture.pathService()
                let agent = try fixture.agent(at: port, before: service.port, waits: false)
                try agent.waitForLine(with: "agent.lost", "retryMs=")
                listener.close()
                let gateway = try fixture.gateway(port: port)
                try agent.waitForLine(with: "agent.registered")
                #expect(try gateway.get("/web/pi/").text == "service at /")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func theNewestAgentUnderAnIdTakesThePlaceAndTheOldOneStops(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, old, _) = try fixture.chain("{}", tunnel) { try $0.respond("old") }
                #expect(try gateway.get("/web/pi/").text == "old")
                let service = try fixture.service { try $0.respond("new") }
                try fixture.agent(at: gateway.port, before: service.port, tunnel)
                #expect(try old.waitForEnding() == .exited(0))  // in order: a restart would evict the newcomer
                try old.waitForLine(with: "another agent registered as pi")
                #expect(try gateway.get("/web/pi/").text == "new")
            }
        }

        @Test func aGatewayMayRejectASecondAgentUnderAnId() throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain(#"{"duplicateAgents": "reject"}"#) { try $0.respond("old") }
                let service = try fixture.service { try $0.respond("new") }
                let second = try fixture.agent(at: gateway.port, before: service.port, waits: false)
                try second.waitForLine(with: "duplicate-agent", "retryMs=")
                #expect(second.isRunning)
                #expect(try gateway.get("/web/pi/").text == "old")
            }
        }

        @Test func theAgentsAddressTakesWebSocketsOnly() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let visitor = try gateway.visitor()
                let plain = try visitor.get("/agent")
                #expect(plain.verdict == "426 upgrade-required")
                #expect(plain.head["sec-websocket-version"] == "13")
                let upgrade = [
                    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ]
                for id in [".hidden", "a%20b", "", String(repeating: "a", count: 65)] {
                    #expect(try gateway.get("/agent?agentId=\(id)", upgrade).verdict == "400 bad-agent-id", "\(id)")
                }
                try visitor.send("GET", "/agent?agentId=pi", upgrade)
                let head = try visitor.responseHead()
                #expect(head.words.dropFirst().first == "101")
                #expect(head["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")  // RFC 6455 §1.3
            }
        }
    }
}
