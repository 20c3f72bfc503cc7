// gatewayd's TLS as visitors see it: certificates by name and renewed while it serves, the port for plain HTTP, what services
// and browsers are told, and who is refused.

import Foundation
import MachineCore
import SocketKit
import Testing
import X509

extension DaemonTests {
    @Suite(.enabled(if: hasOpenSSL, withoutOpenSSL)) struct TLS {
        private func get(_ path: String, at port: UInt16, _ name: String = "gw.test") throws -> Response {
            let visitor = try TestVisitor(port: port, tls: name)
            defer { visitor.leave() }
            return try visitor.get(path)
        }

        private func pin(at port: UInt16, _ name: String) throws -> TLSPin? {
            let visitor = try TestVisitor(port: port, tls: name)
            defer { visitor.leave() }
            return visitor.tls?.peerPin
        }

        // MARK: Certificates

        @Test func theNameChoosesTheCertificate() throws {
            try withDaemons { fixture in
                let first = try CredentialFiles(fixture, ["gw.test"])
                let second = try CredentialFiles(fixture, ["*.apps.test", "apps.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(first.members), "certificates": [{\#(second.members)}]}}"#)
                for (name, files) in [
                    ("gw.test", first), ("a.apps.test", second), ("apps.test", second), ("a.b.apps.test", first),
                    ("other.test", first), ("127.0.0.1", first),
                ] { #expect(try pin(at: gateway.port, name) == files.pin, "\(name)") }
                let visitor = try TestVisitor(port: gateway.port, tls: "gw.test")
                #expect(visitor.tls?.applicationProtocol == "http/1.1")
                #expect(visitor.tls?.version == "TLSv1.3")
                #expect(try visitor.get("/healthz").verdict == "200")
                #expect(try visitor.get("/healthz").verdict == "200")
            }
        }

        @Test func aRenewedCertificateServesTheNextConnection() throws {
            try withDaemons { fixture in
                var files = try CredentialFiles(fixture, ["gw.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}, "loops": 3}"#)
                let before = files.pin
                let visitor = try TestVisitor(port: gateway.port, tls: "gw.test")
                #expect(try visitor.get("/healthz").verdict == "200")
                // Asked for.
                var mark = gateway.daemon.mark
                try files.renew(["gw.test"])
                gateway.daemon.signal(SIGHUP)
                try gateway.daemon.waitForLine(with: "tls.certificate ", files.certificate, after: mark)
                try eventually("the next certificate") { try pin(at: gateway.port, "gw.test") == files.pin }
                #expect(try visitor.get("/healthz").verdict == "200")
                #expect(visitor.tls?.peerPin == before)
                // Found.
                mark = gateway.daemon.mark
                try files.renew(["gw.test"])
                try gateway.daemon.waitForLine(with: "tls.certificate ", files.certificate, after: mark)
                try eventually("the one after that") { try pin(at: gateway.port, "gw.test") == files.pin }
                #expect(try visitor.get("/healthz").verdict == "200")
            }
        }

        @Test func filesThatAreWrongChangeNothing() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let other = try CredentialFiles(fixture, ["gw.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let right = try Data(contentsOf: URL(fileURLWithPath: files.key))
                let wrong = try Data(contentsOf: URL(fileURLWithPath: other.key))
                try wrong.write(to: URL(fileURLWithPath: files.key))
                try gateway.daemon.waitForLine(with: "tls.reload-refused", "does not belong to", files.key)
                #expect(try pin(at: gateway.port, "gw.test") == files.pin)
                gateway.daemon.signal(SIGHUP)
                try gateway.daemon.waitForLine(with: "gateway.reload-refused", "does not belong to")
                #expect(try pin(at: gateway.port, "gw.test") == files.pin)
                try right.write(to: URL(fileURLWithPath: files.key))
                gateway.daemon.signal(SIGHUP)
                try gateway.daemon.waitForLine(with: "gateway.reloaded")
                #expect(try pin(at: gateway.port, "gw.test") == files.pin)
                #expect(gateway.daemon.lines.count { $0.contains("tls.reload-refused") } == 1)
            }
        }

        // MARK: What follows

        @Test func servicesAndBrowsersHearOfTLS() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let settings = """
                    {"listeners": [{"host": "127.0.0.1", "port": 0, "tls": {\(files.members)}}, {"host": "127.0.0.1", "port": 0}],
                     "tls": {"hsts": 300}, "redirectPort": 0, "loops": 2}
                    """
                let daemon = try fixture.daemon("gatewayd", ["--config", try fixture.file(settings)])
                let secure = try fixture.port(in: daemon.waitForLine(with: "gateway.listening", "tls=yes"))
                let redirecting = try fixture.port(in: daemon.waitForLine(with: "gateway.listening", "redirects="))
                let lines = daemon.lines.filter { $0.contains("gateway.listening") }
                let plain = try fixture.port(in: lines.count > 1 ? lines[1] : "")
                let service = try fixture.service { call in
                    try call.respond("\(call.head["x-forwarded-proto"] ?? "-") \(call.head["x-forwarded-host"] ?? "-")")
                }
                try fixture.agent(at: plain, before: service.port)
                let response = try get("/web/pi/", at: secure)
                #expect(response.text == "https gateway.test")
                #expect(response.head["strict-transport-security"] == "max-age=300")
                #expect(try get("/healthz", at: secure).head["strict-transport-security"] == "max-age=300")
                let visitor = try TestVisitor(port: plain)
                let over = try visitor.get("/web/pi/")
                #expect(over.text == "http gateway.test" && over.head["strict-transport-security"] == nil)
                let moved = try TestVisitor(port: redirecting).get("/web/pi/?x=1", ["Host: gw.test:80"])
                #expect(moved.status == 308)
                #expect(moved.head["location"] == "https://gw.test:\(secure)/web/pi/?x=1")
            }
        }

        @Test func theDemoSpeaksTLSWithACertificateOfItsOwn() throws {
            try withDaemons { fixture in
                let daemon = try fixture.daemon("gatewayd", ["--demo", "--tls", "--port", "0"])
                let line = try daemon.waitForLine(with: "status page", "https://127.0.0.1:")
                let rest = line.components(separatedBy: "127.0.0.1:").last?.prefix { $0.isNumber }
                let port = try #require(rest.flatMap { UInt16($0) })
                try eventually("the demo's agent registers") {
                    try get("/web/demo/api/hello", at: port, "localhost").text.contains("Hello from Agent")
                }
                #expect(daemon.lines.contains { $0.contains("sha256:") })
            }
        }

        // MARK: Who is refused

        @Test func plainHTTPIsToldSo() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let visitor = try TestVisitor(port: gateway.port)
                let response = try visitor.get("/web/pi/")
                #expect(response.status == 400)
                #expect(response.text.contains("speaks HTTPS"))
                #expect(try visitor.isClosed())
                let other = try Socket.connect(to: gateway.port)
                try other.send(Array("SSH-2.0-x\r\n".utf8))
                #expect(try other.receive().isEmpty)
                try eventually("both are counted") {
                    try get("/metrics", at: gateway.port).text.contains("miagent_tls_handshake_failures_total 2")
                }
            }
        }

        @Test func oldVersionsAreRefused() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                for version: UInt8 in [1, 2] {
                    let socket = try Socket.connect(to: gateway.port)
                    try socket.send(Self.hello(version))
                    let reply = try socket.receive()
                    // A fatal alert: protocol_version (RFC 8446 §6).
                    #expect(reply.count == 7 && reply.first == 21 && reply.suffix(2) == [2, 70], "\(reply)")
                    socket.close()
                }
            }
        }

        /// A client's hello of TLS 1.0 or 1.1 (RFC 4346 §7.4.1.2), with a cipher that those have.
        private static func hello(_ version: UInt8) -> [UInt8] {
            let body: [UInt8] = [3, version] + Array(repeating: 7, count: 32) + [0, 0, 4, 0xc0, 0x13, 0xc0, 0x09, 1, 0]
            let message = [1, 0, 0, UInt8(body.count)] + body
            return [22, 3, 1, 0, UInt8(message.count)] + message
        }

        @Test func clientsMayHaveToShowACertificate() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let (authority, stranger) = (try ClientAuthority(), try ClientAuthority())
                let file = try fixture.file(authority.pem)
                for (member, isOptional) in [("", false), (#", "clientAuthentication": "optional""#, true)] {
                    let gateway = try fixture.gateway(#"{"tls": {\#(files.members), "clientCA": "\#(file)"\#(member)}}"#)
                    func verdict(_ credential: TLSCredential?) -> String {
                        do {
                            let visitor = try TestVisitor(port: gateway.port, tls: "gw.test", credential: credential)
                            defer { visitor.leave() }
                            return try visitor.get("/healthz").verdict
                        } catch {
                            return "refused"
                        }
                    }
                    #expect(verdict(try authority.credential("laptop")) == "200")
                    #expect(verdict(try stranger.credential("laptop")) == "refused")
                    #expect(verdict(nil) == (isOptional ? "200" : "refused"))
                }
            }
        }

        // MARK: Settings

        @Test func whatIsWrongWithFilesIsSaidAtTheStart() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                let other = try CredentialFiles(fixture, ["gw.test"])
                for (arguments, words) in [
                    (["--tls-certificate", "/nowhere/a.pem", "--tls-key", files.key], ["/nowhere/a.pem: no such file"]),
                    (["--tls-certificate", files.certificate], ["needs tls.key"]),
                    (["--tls-key", files.key], ["needs tls.certificate"]),
                    (["--tls-certificate", files.certificate, "--tls-key", other.key], ["does not belong to", other.key]),
                    (["--tls-certificate", files.key, "--tls-key", files.key], ["there is no certificate in it"]),
                    (["--redirect-port", "0"], ["needs a listener with TLS"]),
                    (["--tls"], ["--tls belongs to --demo"]),
                ] {
                    let (ending, output) = try fixture.run("gatewayd", ["--port", "0"] + arguments)
                    #expect(ending == .exited(78), "\(output)")
                    for word in words { #expect(output.contains(word), "\(output)") }
                    #expect(output.split(separator: "\n").count == 1, "\(output)")
                }
                let good = ["--check-config", "--tls-certificate", files.certificate, "--tls-key", files.key]
                #expect(try fixture.run("gatewayd", good).0 == .exited(0))
                let (ending, output) = try fixture.run("gatewayd", good, environment: ["MIAGENT_OPENSSL": "none"])
                #expect(ending == .exited(78) && output.contains("\"tls\" cannot be had"), "\(output)")
            }
        }

        @Test func settingsThatDoNotGoTogetherAreRefused() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"])
                for (settings, word) in [
                    (#"{"listeners": []}"#, "must not be an empty list"),
                    (#"{"listeners": {"port": 1}}"#, "must be a list of objects"),
                    (#"{"listeners": [{"host": "::1"}]}"#, "is required"),
                    (#"{"listeners": [{"port": 0, "prot": 1}]}"#, "did you mean \"port\"?"),
                    (#"{"listeners": [{"port": 0}], "port": 1}"#, "cannot be beside listeners"),
                    (#"{"tls": {\#(files.members), "certificates": [{"key": "x"}]}}"#, "needs certificate"),
                    (#"{"tls": {\#(files.members), "clientAuthentication": "optional"}}"#, "needs tls.clientCA"),
                    (#"{"tls": {"hsts": 5}}"#, "needs a listener with TLS"),
                    (
                        #"{"tls": {\#(files.members)}, "proxyProtocol": "all", "trustedProxies": ["unix"]}"#,
                        "for the Unix socket alone"
                    ),
                ] {
                    let (ending, output) = try fixture.run("gatewayd", ["--config", try fixture.file(settings)])
                    #expect(ending == .exited(78) && output.contains(word), "\(settings): \(output)")
                }
            }
        }

        @Test func aCertificateThatHasExpiredIsWarnedOf() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["gw.test"], from: 1_600_000_000)
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                try gateway.daemon.waitForLine(with: "tls.certificate-expired", files.certificate, "renew it")
                #expect(try get("/healthz", at: gateway.port).verdict == "200")
            }
        }
    }
}
