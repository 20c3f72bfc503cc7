// What SIGHUP means: the end of the terminal that agentd was started at is its own end too; as a service it reads its settings
// again. That a terminal really goes is in Interop/test_signals.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct HangUpTests {
        private func settings(_ gateway: RunningGateway, _ service: UInt16, _ more: String = "") -> String {
            #"{"agentId": "pi", "gatewayUrl": "ws://127.0.0.1:\#(gateway.port)/agent", "webService": {"port": \#(service)}\#(more)}"#
        }

        @Test func atATerminalAHangUpEndsItAndWhatIsUnderWayIsFinished() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let (asked, release) = (Shared(false), Shared(false))
                let service = try fixture.service { call in
                    _ = try call.body()
                    asked.change { $0 = true }
                    try eventually("the test lets it respond") { release.value }
                    try call.respond("done")
                }
                let agent = try fixture.daemon(
                    "agentd", ["--config", try fixture.file(settings(gateway, service.port, #", "view": "plain""#))],
                    onTerminal: true,
                    leads: true)
                try agent.waitForLine(with: "agent.registered")
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/slow")
                try eventually("the service is asked") { asked.value }
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.hung-up", "terminal")
                try agent.waitForLine(with: "agent.draining")
                agent.signal(SIGHUP)  // the shell says it too
                release.change { $0 = true }
                #expect(try visitor.response().text == "done")
                #expect(try agent.waitForEnding() == .exited(0))
            }
        }

        @Test func asAServiceItReadsItsSettingsAgain() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let (first, second) = (
                    try fixture.service { try $0.respond("first") }, try fixture.service { try $0.respond("second") }
                )
                let file = try fixture.file(settings(gateway, first.port))
                let agent = try fixture.daemon("agentd", ["--config", file], leads: true)
                try agent.waitForLine(with: "agent.registered")
                #expect(try gateway.get("/web/pi/").text == "first")
                try Data(settings(gateway, second.port).utf8).write(to: URL(fileURLWithPath: file))
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.reloaded")
                #expect(try gateway.get("/web/pi/").text == "second")
                try Data(settings(gateway, first.port, #", "colour": 1"#).utf8).write(to: URL(fileURLWithPath: file))
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.reload-refused", "colour")
                #expect(try gateway.get("/web/pi/").text == "second", "what was in force still is")
                let mark = agent.mark
                try Data(settings(gateway, first.port).replacingOccurrences(of: "\"pi\"", with: "\"po\"").utf8)
                    .write(to: URL(fileURLWithPath: file))
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.registered", "po", after: mark)
                #expect(try gateway.get("/web/po/").text == "first")
                #expect(try agent.terminate() == .exited(0))
            }
        }
    }
}
