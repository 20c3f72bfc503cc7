// The two daemons from outside: real processes, real sockets on ports of the system's choosing, visitors and
// services that misbehave. One test at a time, so that the machine is not the thing that is tested; each ends what it started.
//
// Refused here: fixed ports, sleeps, assertions about how long something took, programs from elsewhere.

import Testing

@Suite(.serialized)
struct DaemonTests {
    @Test(arguments: Tunnel.allCases)
    func aVisitorReachesALocalService(_ tunnel: Tunnel) throws {
        try withDaemons { fixture in
            let (gateway, _, _) = try fixture.chain("{}", tunnel) { call in
                let body = String(decoding: try call.body(), as: UTF8.self)
                let fields = ["host", "x-forwarded-host", "x-forwarded-prefix"].map { call.head[$0] ?? "-" }
                try call.respond("\(call.method) \(call.path) \(fields.joined(separator: " ")) \(body)")
            }
            let visitor = try gateway.visitor()
            let response = try visitor.ask("POST", "/web/pi/a%20b/?q=1&q=%2F", body: "hello")
            #expect(response.verdict == "200")
            let parts = response.text.split(separator: " ")
            #expect(parts.prefix(2) == ["POST", "/a%20b/?q=1&q=%2F"])
            #expect(parts.dropFirst(3) == ["gateway.test", "/web/pi", "hello"])
            #expect(parts.count > 2 && parts[2].hasPrefix("localhost:"))
            #expect(try visitor.get("/web/pi?x=1").head["location"] == "/web/pi/?x=1")
        }
    }

    @Test func aServiceCannotForgeTheGatewaysMark() throws {
        try withDaemons { fixture in
            let (gateway, _, _) = try fixture.chain { call in
                let forged = ["X-MiAgent-Error: unauthorized", "Connection: x-mine", "X-Mine: 1", "X-Other: 2"]
                try call.respond(418, forged, body: [])
            }
            let response = try gateway.get("/web/pi/")
            #expect(response.verdict == "418")
            #expect(response.head["x-mine"] == nil)
            #expect(response.head["x-other"] == "2")
        }
    }
}
