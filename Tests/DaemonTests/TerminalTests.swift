// What a person sees who starts agentd: the live view where standard output is a terminal that can be steered, plain lines
// everywhere else.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct TerminalTests {
        private static func words(_ gateway: RunningGateway, _ service: UInt16, _ more: [String] = []) -> [String] {
            ["\(service)", "--gateway", "ws://127.0.0.1:\(gateway.port)/agent", "--id", "pi"] + more
        }

        @Test func aTerminalShowsStatesRequestsAndTheEnd() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.pathService()
                let agent = try fixture.daemon(
                    "agentd", Self.words(gateway, service.port), environment: ["TERM": "xterm", "NO_COLOR": ""],
                    onTerminal: true)
                try agent.waitForLine(with: "mpi", "\u{1b}[32mserving\u{1b}[0m", "round trip")
                try agent.waitForLine(with: "public", "http://127.0.0.1:\(gateway.port)/web/pi/")
                try agent.waitForLine(with: "agent.registered")  // the log, above the block
                #expect(try gateway.get("/web/pi/hello?secret=1").status == 200)
                try agent.waitForLine(with: "\u{1b}[32m200\u{1b}[0m", "GET", "/hello")
                #expect(try gateway.get("/web/pi/%1b%5b2J").status == 200)
                try agent.waitForLine(with: "/%1b%5b2J")
                try agent.waitForLine(with: " requests", "2")
                #expect(!agent.lines.contains { $0.contains("secret") })
                try gateway.daemon.kill()
                try agent.waitForLine(with: "reconnecting in ")
                #expect(try agent.terminate() == .exited(0))
                #expect(agent.lines.last { $0.contains(" agent\u{1b}") }?.contains("stopped") == true)
                #expect(agent.lines.last?.contains("requests") == true)  // nothing behind the last block
            }
        }

        @Test(arguments: [["--view", "plain"], []])
        func linesArePlainWhereNoViewIsWantedOrPossible(more: [String]) throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.pathService()
                let agent = try fixture.daemon(
                    "agentd", Self.words(gateway, service.port, more), environment: ["TERM": more.isEmpty ? "dumb" : "xterm"],
                    onTerminal: true)
                try agent.waitForLine(with: "http://127.0.0.1:\(gateway.port)/web/pi/ -> http://localhost:\(service.port)/")
                #expect(try gateway.get("/web/pi/hello").status == 200)
                let line = try agent.waitForLine(with: "200 GET /hello ", " ms 17 B")
                #expect(line.hasPrefix("200 GET"))
                #expect(try agent.terminate() == .exited(0))
                #expect(!agent.lines.contains { $0.contains("\u{1b}") })
            }
        }

        @Test func aPipeGetsPlainLines() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.pathService()
                let agent = try fixture.daemon("agentd", Self.words(gateway, service.port), environment: ["TERM": "xterm"])
                try agent.waitForLine(with: "http://127.0.0.1:\(gateway.port)/web/pi/ -> http://localhost:\(service.port)/")
                #expect(try gateway.get("/web/pi/hello").status == 200)
                #expect(try agent.waitForLine(with: "200 GET /hello ").hasSuffix(" ms 17 B"))
                #expect(!agent.lines.contains { $0.contains("\u{1b}") })
            }
        }

        @Test func theAddressIsAlsoAQRCodeWhereOneIsWanted() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.pathService()
                for onTerminal in [true, false] {
                    let agent = try fixture.daemon(
                        "agentd", Self.words(gateway, service.port, ["--qr"]), environment: ["TERM": "xterm"],
                        onTerminal: onTerminal)
                    try agent.waitForLine(with: "██", "▀")
                    #expect(try agent.terminate() == .exited(0))
                    #expect(agent.lines.filter { $0.contains("██") }.count > 10)
                }
            }
        }

        @Test func aLiveViewNeedsATerminal() throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(
                    "agentd", ["1", "--gateway", "ws://127.0.0.1:1/agent", "--id", "pi", "--view", "live"])
                #expect(ending == .exited(78))
                #expect(output.contains("--view: must not be live where standard output is no terminal"))
            }
        }
    }
}
