// A login as a browser does it, over sockets and with tokens from files: form, cookie, service, logout; and what rotation ends.

import Foundation
import Testing

extension DaemonTests {
    @Suite struct Logins {
        private func form(_ visitor: TestVisitor, _ path: String, _ body: String, _ fields: [String] = []) throws -> Response {
            let head = ["Content-Type: application/x-www-form-urlencoded", "Accept: text/html"] + fields
            return try visitor.ask("POST", path, head, body: body)
        }

        @Test func aVisitorLogsInAndOutAndATokenThatIsTakenBackEndsIt() throws {
            try withDaemons { fixture in
                let token = try fixture.file("visitor-token\n")
                let settings = try fixture.file(
                    #"{"agents": {"pi": {"authTokenFile": "\#(token)"}}, "statusPage": {"authTokenFile": "\#(token)"}, "loops": 2}"#
                )
                let daemon = try fixture.daemon("gatewayd", ["--config", settings, "--host", "127.0.0.1", "--port", "0"])
                let mark = "gateway.listening address=127.0.0.1:"
                let line = try daemon.waitForLine(with: mark)
                let port = try #require(line.components(separatedBy: mark).last.flatMap { UInt16($0) })
                let gateway = RunningGateway(daemon: daemon, port: port)
                let service = try fixture.service { call in
                    _ = try call.body()
                    try call.respond("cookie: \(call.head["cookie"] ?? "none")")
                }
                try fixture.agent(at: port, before: service.port)
                let visitor = try gateway.visitor()
                #expect(try visitor.get("/").verdict == "401 unauthorized")
                let page = try visitor.get("/web/pi/x?y", ["Accept: text/html"])
                #expect(page.verdict == "401 unauthorized" && page.text.contains("action=\"/login\""))
                #expect(try form(visitor, "/login", "token=wrong&scope=pi&next=/").verdict == "401 unauthorized")
                let response = try form(visitor, "/login", "token=visitor-token&scope=pi&next=/web/pi/x?y")
                #expect(response.status == 303 && response.head["location"] == "/web/pi/x?y")
                let cookie = try #require(response.head["set-cookie"]?.split(separator: ";").first.map { String($0) })
                let fields = ["Cookie: a=b; \(cookie)", "Origin: http://evil.example"]
                #expect(try visitor.get("/web/pi/x?y", fields).text == "cookie: a=b")
                #expect(try form(visitor, "/web/pi/x", "a=b", fields).verdict == "403 cross-site")
                let loggedOut = try form(visitor, "/.miagent/logout", "scope=pi", [fields[0]])
                #expect(loggedOut.head["set-cookie"]?.contains("Max-Age=0") == true)
                try Data("another-token".utf8).write(to: URL(fileURLWithPath: token))
                daemon.signal(SIGHUP)
                try daemon.waitForLine(with: "gateway.reloaded")
                #expect(try visitor.get("/web/pi/x?y", fields).verdict == "401 unauthorized")
            }
        }
    }
}
