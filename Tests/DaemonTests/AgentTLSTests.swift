// agentd's TLS: with a gateway and with a service, whom it believes, what it says where there is no TLS, and what a reload of
// its files does.

import Foundation
import MachineCore
import SocketKit
import Testing
import X509

extension DaemonTests {
    @Suite(.enabled(if: hasOpenSSL, withoutOpenSSL)) struct AgentTLS {
        /// An agent `pi` with these members in its settings file; as a service of the system, so that SIGHUP is a reload.
        private func agent(_ fixture: DaemonFixture, _ gateway: String, _ members: String) throws -> (Daemon, file: String) {
            let file = try fixture.file(Self.settings(gateway, members))
            return (try fixture.daemon("agentd", ["--config", file], leads: true), file)
        }

        private static func settings(_ gateway: String, _ members: String) -> String {
            #"{"agentId": "pi", "gatewayUrl": "\#(gateway)", \#(members)}"#
        }

        @Test(arguments: ["caFile", "pin", "insecure"])
        func aVisitorReachesAServiceOverTLS(_ kind: String) throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["127.0.0.1", "localhost"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let tls =
                    switch kind {
                    case "caFile": #""caFile": "\#(files.certificate)""#
                    case "pin": #""pin": "\#(files.pin?.description ?? "")""#
                    case _: #""insecure": true"#
                    }
                let service = try fixture.pathService().port
                let (agent, _) = try agent(
                    fixture, "wss://127.0.0.1:\(gateway.port)", #""tls": {\#(tls)}, "webService": {"port": \#(service)}"#)
                try agent.waitForLine(with: "agent.default-path", "wss://127.0.0.1:\(gateway.port)/agent")
                try agent.waitForLine(with: "agent.registered", "https://")
                if kind == "insecure" { try agent.waitForLine(with: "agent.insecure", "is not checked") }
                let visitor = try TestVisitor(port: gateway.port, tls: "127.0.0.1")
                defer { visitor.leave() }
                #expect(try visitor.get("/web/pi/x").text == "service at /x")
                #expect(try visitor.get("/web/pi/y").text == "service at /y")
            }
        }

        @Test func aGatewayThatIsNotBelievedIsNotRegisteredWith() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["127.0.0.1"])
                let other = try CredentialFiles(fixture, ["gw.test"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let address = "wss://127.0.0.1:\(gateway.port)/agent"
                let (stranger, _) = try agent(fixture, address, #""type": "t""#)
                try stranger.waitForLine(
                    with: "agent.lost", "is self-signed", "\(files.pin?.description ?? "") (tls.pin, --pin)")
                let (pinned, _) = try agent(fixture, address, #""tls": {"pin": "\#(other.pin?.description ?? "")"}"#)
                try pinned.waitForLine(with: "agent.lost", "not one that is pinned", files.pin?.description ?? "")
                let (plain, _) = try agent(fixture, "ws://127.0.0.1:\(gateway.port)/agent", #""type": "t""#)
                try plain.waitForLine(with: "agent.lost", "wss:// instead of ws://")
            }
        }

        @Test func plainHTTPWhereTLSWasMeantIsNamed() throws {
            try withDaemons { fixture in
                let gateway = try fixture.gateway()
                let (agent, _) = try agent(fixture, "wss://127.0.0.1:\(gateway.port)/agent", #""type": "t""#)
                try agent.waitForLine(with: "agent.lost", "plain HTTP is spoken there: ws:// instead of wss://")
            }
        }

        @Test func anAgentPresentsItsCertificate() throws {
            try withDaemons { fixture in
                let files = try CredentialFiles(fixture, ["127.0.0.1"])
                let authority = try ClientAuthority()
                let own = try authority.credential("laptop")
                let clients = try fixture.file(authority.pem)
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members), "clientCA": "\#(clients)"}}"#)
                let address = "wss://127.0.0.1:\(gateway.port)/agent"
                let believes = #""caFile": "\#(files.certificate)""#
                let (without, _) = try agent(fixture, address, #""tls": {\#(believes)}"#)
                try without.waitForLine(with: "agent.lost", "set tls.certificate and tls.key")
                let (chain, key) = (try fixture.file(own.chainPEM), try fixture.file(own.keyPEM))
                let presents = #""certificate": "\#(chain)", "key": "\#(key)""#
                let (with, _) = try agent(fixture, address, #""tls": {\#(believes), \#(presents)}"#)
                try with.waitForLine(with: "agent.registered")
            }
        }

        /// A file that has become wrong changes nothing; once it is right again it counts from the next connection on.
        @Test func aReloadReadsTheFilesAgain() throws {
            try withDaemons { fixture in
                var files = try CredentialFiles(fixture, ["127.0.0.1"])
                let gateway = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let authorities = try fixture.file(String(contentsOfFile: files.certificate, encoding: .utf8))
                let address = "wss://127.0.0.1:\(gateway.port)/agent"
                let (agent, _) = try agent(fixture, address, #""tls": {"caFile": "\#(authorities)"}"#)
                try agent.waitForLine(with: "agent.registered")
                try Data("odd".utf8).write(to: URL(fileURLWithPath: authorities))
                var mark = agent.mark
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.reload-refused", "tls.caFile", after: mark)
                // The gateway has another certificate, and drains nobody for it.
                try files.renew(["127.0.0.1"])
                mark = gateway.daemon.mark
                gateway.daemon.signal(SIGHUP)
                try gateway.daemon.waitForLine(with: "tls.certificate ", files.certificate, after: mark)
                try Data(contentsOf: URL(fileURLWithPath: files.certificate)).write(to: URL(fileURLWithPath: authorities))
                mark = agent.mark
                agent.signal(SIGHUP)
                try agent.waitForLine(with: "agent.reloaded", after: mark)
                let visitor = try TestVisitor(port: gateway.port, tls: "127.0.0.1")
                defer { visitor.leave() }
                #expect(try visitor.get("/web/pi/").verdict == "404 no-web-service")
            }
        }

        @Test func aServiceMaySpeakTLS() throws {
            try withDaemons { fixture in
                // Another gateway is the service.
                let files = try CredentialFiles(fixture, ["localhost"])
                let service = try fixture.gateway(#"{"tls": {\#(files.members)}}"#)
                let gateway = try fixture.gateway()
                let address = "https://localhost:\(service.port)"
                let routes = [
                    #""/system": {"url": "\#(address)"}"#,
                    #""/plain": {"url": "http://localhost:\#(service.port)"}"#,
                    #""/": {"url": "\#(address)", "tls": {"caFile": "\#(files.certificate)"}}"#,
                ].joined(separator: ", ")
                let (agent, _) = try agent(
                    fixture, "ws://127.0.0.1:\(gateway.port)/agent", #""webService": {"routes": {\#(routes)}}"#)
                try agent.waitForLine(with: "agent.registered")
                #expect(try gateway.get("/web/pi/healthz").verdict == "200")
                #expect(try gateway.get("/web/pi/system").verdict == "502 service-unreachable")
                try agent.waitForLine(
                    with: "service.unreachable", "no TLS with localhost:", "name it in the service's tls.caFile")
                #expect(try gateway.get("/web/pi/plain").status == 400)
            }
        }

        @Test func withoutOpenSSLPlainIsServedAndTLSIsRefused() throws {
            try withDaemons { fixture in
                let environment = ["MIAGENT_OPENSSL": "none"]
                for (words, code, text) in [
                    (["4173", "--gateway", "wss://gw.example"], 78, "--gateway: asks for TLS, which this machine lacks: "),
                    (["https://localhost", "--gateway", "ws://gw.example"], 78, "asks for TLS, which this machine lacks: "),
                    (["4173", "--gateway", "ws://gw.example"], 0, "the settings are in order"),
                ] {
                    let (ending, output) = try fixture.run("agentd", words + ["--check-config"], environment: environment)
                    #expect(ending == .exited(Int32(code)) && output.contains(text), "\(output)")
                }
            }
        }
    }
}
