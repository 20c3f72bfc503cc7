// What the gateway refuses to visitors by itself: no such agent (404, 503), no permission (401, RFC 6750 §3), and what
// is too much (413, 503). Each response bears its code in x-miagent-error, and the connection serves the next request if the
// rest of the refused one can be told from it (RFC 9112 §9.3).

import Foundation
import Testing

extension DaemonTests {
    @Suite struct Refusals {
        // MARK: 404

        @Test func aWebServiceThatIsSwitchedOffIsNotFound() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway(#"{"channels": {"webService": {"enabled": false}}}"#)
                try fixture.agent(at: gateway.port, before: try fixture.pathService().port)
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/").verdict == "404 web-service-off")
                #expect(try visitor.get("/").status == 200)
            }
        }

        @Test func anUnknownAgentIsNotFound() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                try fixture.agent("Pi", at: gateway.port, before: try fixture.pathService().port)
                let visitor = try gateway.visitor()
                for id in ["nobody", "pi", "Pi2", "P", "Pi."] {
                    #expect(try visitor.get("/web/\(id)/").verdict == "404 unknown-agent", "\(id)")
                }
                for path in ["/web/.Pi/", "/web/%50i/", "/web//Pi/", "/WEB/Pi/", "/nowhere"] {
                    #expect(try visitor.get(path).verdict == "404 not-found", "\(path)")
                }
                #expect(try visitor.get("/web/Pi/x").text == "service at /x")
            }
        }

        @Test func aRefusalIsAPageForPeopleAndJSONForPrograms() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let visitor = try gateway.visitor()
                let page = try visitor.get("/web/nobody/", ["Accept: text/html,*/*;q=0.8"])
                #expect(page.head["content-type"]?.hasPrefix("text/html") == true)
                #expect(page.text.contains("unknown-agent") && page.text.hasPrefix("<!doctype html>"))
                let record = try visitor.get("/web/nobody/", ["Accept: application/json"])
                #expect(record.head["content-type"] == "application/json")
                let object = try JSONSerialization.jsonObject(with: Data(record.body)) as? [String: Any]
                #expect(object?["error"] as? String == "unknown-agent")
                #expect(object?["status"] as? Int == 404)
            }
        }

        @Test(arguments: Tunnel.allCases)
        func anAgentWithoutAWebServiceIsNotFound(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                try fixture.agent(at: gateway.port, before: nil, tunnel)
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/web/pi/").verdict == "404 no-web-service")
                #expect(try visitor.get("/healthz").status == 200)
            }
        }

        // MARK: 503

        @Test func anAgentThatHasGoneIsOfflineUntilItReturns() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let service = try fixture.pathService()
                let agent = try fixture.agent(at: gateway.port, before: service.port)
                try agent.kill()
                try gateway.daemon.waitForLine(with: "agent.lost", "agent=pi")
                let visitor = try gateway.visitor()
                let response = try visitor.get("/web/pi/")
                #expect(response.verdict == "503 agent-offline")
                #expect(response.head["retry-after"].flatMap { Int($0) } != nil)
                try fixture.agent(at: gateway.port, before: service.port)
                #expect(try visitor.get("/web/pi/").text == "service at /")
            }
        }

        @Test(arguments: Tunnel.allCases)
        func moreRequestsThanAnAgentMayServeAreTurnedAway(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let begun = Bell("the slow request begins")
                let finish = Bell("the slow request may finish")
                let (gateway, _, _) = try fixture.chain(#"{"limits": {"maxStreamsPerAgent": 1}}"#, tunnel) { call in
                    if call.path == "/slow" {
                        begun.ring()
                        try finish.await()
                    }
                    try call.respond("served")
                }
                let slow = try gateway.visitor()
                try slow.send("GET", "/web/pi/slow")
                try begun.await()
                let other = try gateway.visitor()
                let refused = try other.get("/web/pi/")
                #expect(refused.verdict == "503 too-many-streams")
                #expect(refused.head["retry-after"].flatMap { Int($0) } != nil)
                finish.ring()
                #expect(try slow.response().text == "served")
                #expect(try other.get("/web/pi/").text == "served")
            }
        }

        // MARK: 401

        @Test(arguments: Tunnel.allCases)
        func aVisitorNeedsTheTokenAndTheServiceNeverSeesIt(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let settings = #"{"logLevel": "debug", "channels": {"webService": {"authToken": "visitors-secret"}}}"#
                let (gateway, agent, _) = try fixture.chain(settings, tunnel) { call in
                    try call.respond(call.head["authorization"] ?? "none")
                }
                let visitor = try gateway.visitor()
                let wrong = [
                    "Bearer visitors-secre", "Bearer visitors-secret2", "Bearer", "Basic dmlzaXRvcnM6c2VjcmV0",
                    "visitors-secret",
                ]
                for fields in [[]] + wrong.map({ ["Authorization: \($0)"] }) {
                    for path in ["/web/pi/", "/web/nobody/"] {  // who has no token learns nothing of who is here
                        let refused = try visitor.get(path, fields)
                        #expect(refused.verdict == "401 unauthorized", "\(fields)")
                        #expect(refused.head["www-authenticate"]?.hasPrefix("Bearer") == true)
                    }
                }
                let allowed = try visitor.get("/web/pi/", ["Authorization: Bearer visitors-secret"])
                #expect(allowed.verdict == "200")
                #expect(allowed.text == "none")
                let lines = gateway.daemon.lines + agent.lines
                #expect(!lines.contains { $0.contains("visitors-secret") })
            }
        }

        @Test(arguments: Tunnel.allCases)
        func anAgentWithAWrongTokenSaysSoKeepsTryingAndNeverPrintsIt(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway(#"{"logLevel": "debug", "gatewayToken": "right-secret"}"#)
                let settings = [#""gatewayToken": "wrong-secret", "logLevel": "debug""#]
                let agent = try fixture.agent(at: gateway.port, before: 9, tunnel, settings: settings, waits: false)
                let line = try agent.waitForLine(
                    with: "agent.refused", "the gateway refuses the token", "check gatewayToken", "retryMs=")
                #expect(line.contains("401"))
                try gateway.daemon.waitForLine(with: "agent.turned-away", "code=unauthorized")
                #expect(agent.isRunning)
                #expect(try gateway.get("/web/pi/").verdict == "404 unknown-agent")
                let lines = gateway.daemon.lines + agent.lines
                #expect(!lines.contains { $0.contains("right-secret") || $0.contains("wrong-secret") })
            }
        }

        @Test func anAgentWithTheRightTokenIsTakenInAndTheTokenIsNotPrinted() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway(#"{"logLevel": "debug", "gatewayToken": ["old-secret", "right-secret"]}"#)
                let settings = [#""gatewayToken": "right-secret", "logLevel": "debug""#]
                let agent = try fixture.agent(at: gateway.port, before: try fixture.pathService().port, settings: settings)
                #expect(try gateway.get("/web/pi/").text == "service at /")
                let lines = gateway.daemon.lines + agent.lines
                #expect(!lines.contains { $0.contains("-secret") })
            }
        }

        // MARK: 413

        @Test(arguments: Tunnel.allCases)
        func aDeclaredBodyOverTheLimitIsRefusedAndTheConnectionStays(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let bodies = Shared<[Int]>([])
                let (gateway, _, _) = try fixture.chain(#"{"channels": {"webService": {"maxBody": 100}}}"#, tunnel) { call in
                    let count = try call.body().count
                    bodies.change { $0.append(count) }
                    try call.respond("\(count)")
                }
                let visitor = try gateway.visitor()
                let refused = try visitor.ask("POST", "/web/pi/", body: String(repeating: "x", count: 101))
                #expect(refused.verdict == "413 body-too-large")
                let allowed = try visitor.ask("POST", "/web/pi/", body: String(repeating: "x", count: 100))
                #expect(allowed.text == "100")
                #expect(bodies.value == [100])
            }
        }

        @Test(arguments: Tunnel.allCases)
        func aChunkedBodyOverTheLimitIsRefusedAndTheServiceSeesNoWholeRequest(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let bodies = Shared<[Int]>([])
                let (gateway, _, _) = try fixture.chain(#"{"channels": {"webService": {"maxBody": 100}}}"#, tunnel) { call in
                    let count = try call.body().count
                    bodies.change { $0.append(count) }
                    try call.respond("\(count)")
                }
                let visitor = try gateway.visitor()
                try visitor.send("POST", "/web/pi/", ["Transfer-Encoding: chunked"])
                for _ in 0..<5 { try visitor.conversation.sendChunk([UInt8](repeating: 0x78, count: 30)) }
                #expect(try visitor.response().verdict == "413 body-too-large")
                #expect(try visitor.isClosed())
                let other = try gateway.visitor()
                try other.send("POST", "/web/pi/", ["Transfer-Encoding: chunked"])
                for _ in 0..<2 { try other.conversation.sendChunk([UInt8](repeating: 0x78, count: 50)) }
                try other.conversation.send("0\r\n\r\n")
                #expect(try other.response().text == "100")
                #expect(bodies.value == [100])
            }
        }
    }
}
