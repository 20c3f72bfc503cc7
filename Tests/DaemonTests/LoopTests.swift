// One gatewayd of several loops: twelve agents that live on all of them, and visitors that go from one to another on
// connections that they keep. Which loop owns an agent cannot be seen from outside, so nothing here asks.

import Foundation
import TestSupport
import Testing

extension DaemonTests {
    @Suite struct Loops {
        private static let upgrade = ["Upgrade: websocket", "Connection: Upgrade"]

        /// A gateway of three loops and `count` agents `a0`, `a1`, …, each of which says its name.
        private func start(_ count: Int, _ fixture: DaemonFixture) throws -> RunningGateway {
            let gateway = try fixture.gateway(#"{"loops": 3}"#)
            let agents = try (0..<count).map { number in
                let service = try fixture.service { call in try Self.respond(call, "a\(number)") }
                return try fixture.agent("a\(number)", at: gateway.port, before: service.port, waits: false)
            }
            for agent in agents { try agent.waitForLine(with: "agent.registered") }
            return gateway
        }

        private static func respond(_ call: ServiceCall, _ name: String) throws {
            switch call.path {
            case "/raw":
                try call.say("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\(name)")
                try call.conversation.send(try call.conversation.readToEnd())
                call.hangUp()
            case "/events":
                try call.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                for number in 0..<3 { try call.say("data: \(name) \(number)\n\n") }
                call.hangUp()
            default: try call.respond(body: Array("\(name)\(call.path) ".utf8) + (try call.body()))
            }
        }

        @Test func visitorsGoFromAgentToAgentOnConnectionsThatTheyKeep() throws {
            try withDaemons { fixture in
                let gateway = try start(12, fixture)
                try onThreads(16) { thread in
                    var dice = SplitMix(seed: UInt64(thread))
                    let visitor = try gateway.visitor()
                    defer { visitor.leave() }
                    for turn in 0..<50 {
                        // Two at once, so that the second is there when the first one moves.
                        let agents = (0..<2).map { _ in Int.random(in: 0..<12, using: &dice) }
                        let body = String(repeating: "x", count: Int.random(in: 0..<20_000, using: &dice))
                        let requests = agents.map { TestVisitor.request("POST", "/web/a\($0)/\(thread)/\(turn)", body: body) }
                        try visitor.conversation.send(requests.joined())
                        for agent in agents {
                            let response = try visitor.response()
                            guard response.text == "a\(agent)/\(thread)/\(turn) \(body)" else {
                                throw TestFailure("a\(agent): \(response.verdict) with \(response.body.count) bytes")
                            }
                        }
                    }
                }
                let list = try gateway.get("/.miagent/agents").text
                #expect(list.hasPrefix(#"{"connected":12,"#))
                #expect(try gateway.daemon.terminate() == .exited(0))
            }
        }

        @Test func eventsAndUpgradesPassOnConnectionsThatMoved() throws {
            try withDaemons { fixture in
                let gateway = try start(3, fixture)
                for agent in ["a0", "a1", "a2"] {
                    let visitor = try gateway.visitor()
                    for other in ["a2", "a1", "a0"] { #expect(try visitor.get("/web/\(other)/").text == "\(other)/ ") }
                    let events = try visitor.get("/web/\(agent)/events")
                    #expect(events.text == (0..<3).map { "data: \(agent) \($0)\n\n" }.joined())
                    try visitor.conversation.send(TestVisitor.request("GET", "/web/\(agent)/raw", Self.upgrade) + "beside;")
                    #expect(try visitor.responseHead().words.dropFirst().first == "101")
                    try visitor.conversation.send("after")
                    visitor.conversation.socket.finishWriting()
                    #expect(String(decoding: try visitor.conversation.readToEnd(), as: UTF8.self) == "\(agent)beside;after")
                }
            }
        }

        @Test func anAgentThatComesBackIsFoundAgain() throws {
            try withDaemons { fixture in
                let gateway = try start(3, fixture)
                let service = try fixture.service { call in try Self.respond(call, "back") }
                let first = try fixture.agent("b", at: gateway.port, before: service.port)
                try first.kill()
                try gateway.daemon.waitForLine(with: "agent.lost agent=b")
                let mark = gateway.daemon.mark
                let agent = try fixture.agent("b", at: gateway.port, before: service.port)
                for _ in 0..<6 { #expect(try gateway.get("/web/b/").text == "back/ ") }
                try agent.kill()
                try gateway.daemon.waitForLine(with: "agent.lost agent=b", after: mark)
                for _ in 0..<6 { #expect(try gateway.get("/web/b/").verdict == "503 agent-offline") }
            }
        }

        @Test func aSecondGatewayIsRefusedThePort() throws {
            try withDaemons { fixture in
                let gateway = try start(3, fixture)
                let (ending, output) = try fixture.run(
                    "gatewayd", ["--host", "127.0.0.1", "--port", "\(gateway.port)", "--loops", "3"])
                #expect(ending == .exited(1))
                #expect(output.contains("cannot listen on 127.0.0.1:\(gateway.port): Address already in use"))
                for _ in 0..<20 { #expect(try gateway.get("/healthz").status == 200, "no connection goes to the other") }
            }
        }

        @Test func aDrainFinishesWhatIsInFlightOnEveryLoop() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway(#"{"loops": 3}"#)
                let begun = Bell("the requests are at the services")
                let mayEnd = Bell("the services may respond")
                let service = try fixture.service { call in
                    begun.ring()
                    try mayEnd.await()
                    try call.respond("done")
                }
                for agent in ["a", "b", "c"] { try fixture.agent(agent, at: gateway.port, before: service.port) }
                let visitors = try ["a", "b", "c"].map { agent in
                    let visitor = try gateway.visitor()
                    try visitor.send("GET", "/web/\(agent)/")
                    return visitor
                }
                for _ in visitors { try begun.await() }
                gateway.daemon.signal(SIGTERM)
                try gateway.daemon.waitForLine(with: "gateway.draining")
                for _ in visitors { mayEnd.ring() }
                for visitor in visitors {
                    #expect(try visitor.response().text == "done")
                    #expect(try visitor.isClosed())
                }
                #expect(try gateway.daemon.waitForEnding() == .exited(0))
            }
        }

        @Test func theNumberOfLoopsIsChecked() throws {
            try withDaemons { fixture in
                for count in ["0", "65", "two"] {
                    let (ending, output) = try fixture.run("gatewayd", ["--check-config", "--loops", count])
                    #expect(ending == .exited(78), "\(output)")
                    #expect(output.contains("loops"))
                }
            }
        }
    }
}
