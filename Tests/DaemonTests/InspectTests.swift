// agentd's own inspector: what a browser or curl on the same machine gets from `--inspect`.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct InspectTests {
        /// An agent with an inspector; the inspector's port.
        private static func agent(_ fixture: DaemonFixture, _ gateway: RunningGateway, _ service: UInt16) throws -> (
            Daemon, UInt16
        ) {
            let agent = try fixture.agent(at: gateway.port, before: service, settings: [#""inspect": "127.0.0.1:0""#])
            let line = try agent.waitForLine(with: "inspector at http://127.0.0.1:")
            let port = line.split(separator: ":").last.flatMap { UInt16($0.filter(\.isNumber)) }
            return (agent, try #require(port))
        }

        @Test func exchangesAreShownAndSentAgain() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.service { call in
                    let body = try call.body()
                    try call.respond("service at \(call.path) got \(body.count)")
                }
                let (agent, port) = try Self.agent(fixture, gateway, service.port)
                let inspector = RunningGateway(daemon: agent, port: port)  // asked as a gateway is
                #expect(try gateway.get("/web/pi/hello?token=s3cret").status == 200)
                let host = ["Host: 127.0.0.1:\(port)"]
                let list = try inspector.get("/api/exchanges", host).text
                #expect(list.contains("/hello?token=•••") && !list.contains("s3cret") && list.contains("\"status\":200"))
                #expect(try inspector.get("/api/exchanges/1", host).text.contains("service at /hello"))
                #expect(try inspector.get("/", host).text.contains("pi"))
                #expect(try inspector.get("/", ["Host: evil.example"]).status == 421)

                let visitor = try inspector.visitor()
                defer { visitor.leave() }
                let replay = #"{"number":1,"method":"POST","target":"/again","body":{"text":"12345"}}"#
                try visitor.send("POST", "/api/replay", host + ["Content-Type: application/json"], body: replay)
                let response = try visitor.response()
                #expect(response.status == 200)
                #expect(response.text.contains("service at /again got 5") && response.text.contains("\"replayOf\":1"))
                #expect(try agent.terminate() == .exited(0))
            }
        }

        @Test(arguments: ["0.0.0.0:4040", "192.168.0.2:4040", "example.com:80", "4040x", "localhost"])
        func onlyAddressesOfThisMachineAreTaken(address: String) throws {
            try withDaemons { fixture in
                let (ending, output) = try fixture.run(
                    "agentd", ["1", "--gateway", "ws://127.0.0.1:1/agent", "--id", "pi", "--inspect", address])
                #expect(ending == .exited(78))
                #expect(output.contains("--inspect: must be an address"))
            }
        }

        @Test func aPortThatIsTakenIsSaid() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let (ending, output) = try fixture.run(
                    "agentd",
                    ["1", "--gateway", "ws://127.0.0.1:1/agent", "--id", "pi", "--inspect", "127.0.0.1:\(gateway.port)"])
                #expect(ending == .exited(1))
                #expect(output.contains("127.0.0.1:\(gateway.port)"))
            }
        }
    }
}
