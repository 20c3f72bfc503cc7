// A daemon that may open few descriptors: it says so, once, goes on with what it has, and serves again when there is room.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct Shortages {
        private static let event = "process.out-of-descriptors"

        @Test func aGatewayOutOfDescriptorsSaysSoOnceAndRecovers() throws {
            try withDaemons { fixture in
                let words = ["--host", "127.0.0.1", "--port", "0", "--loops", "2"]
                let daemon = try fixture.daemon("gatewayd", words, descriptors: 48)
                let mark = "gateway.listening address=127.0.0.1:"
                let line = try daemon.waitForLine(with: mark)
                let port = try #require(line.components(separatedBy: mark).last.flatMap { UInt16($0) })
                let gateway = RunningGateway(daemon: daemon, port: port)
                let visitors = try (0..<80).map { _ in try gateway.visitor() }
                let said = try daemon.waitForLine(with: Self.event, "accept connections", "LimitNOFILE")
                #expect(said.contains("48"))
                for visitor in visitors { visitor.leave() }
                try eventually("the gateway serves again") { (try? gateway.get("/healthz").status) == 200 }
                #expect(daemon.lines.count { $0.contains(Self.event) } == 1)
            }
        }

        @Test func anAgentOutOfDescriptorsSaysSoAndItsVisitorsAreTold() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let finish = Bell("the requests may finish")
                let service = try fixture.service { call in
                    try finish.await()
                    try call.respond("served")
                }
                let words = ["\(service.port)", "-g", "127.0.0.1:\(gateway.port)", "--id", "pi"]
                let agent = try fixture.daemon("agentd", words, descriptors: 32)
                try agent.waitForLine(with: "agent.registered")
                let visitors = try (0..<40).map { _ in try gateway.visitor() }
                for visitor in visitors { try visitor.send("GET", "/web/pi/") }
                try agent.waitForLine(with: Self.event, "connect to", "LimitNOFILE")
                for _ in 0...visitors.count { finish.ring() }
                let verdicts = Set(try visitors.map { try $0.response().verdict })
                #expect(verdicts == ["200", "502 service-unreachable"])
                #expect(agent.lines.count { $0.contains(Self.event) } == 1)
                #expect(try gateway.get("/web/pi/").text == "served")
            }
        }
    }
}
