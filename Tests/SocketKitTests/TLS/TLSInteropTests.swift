// Our engine against others' TLS, in both directions. What is not installed is left out.

import Foundation
import Testing
import X509

@testable import SocketKit

@Suite("TLS: with Python's ssl", .enabled(if: hasOpenSSL && python != nil, "left out: there is no OpenSSL or no Python"))
struct TLSPythonTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority.usual.get() }

    private func run(_ role: String, _ folder: CredentialFolder, _ versions: String, _ rest: String...) throws -> OtherEnd {
        try OtherEnd(try #require(python), ["-c", echo, role, folder.path, versions] + rest)
    }

    @Test(arguments: ["any", "1.2"]) func ourClientWithItsServer(_ versions: String) throws {
        let folder = try CredentialFolder(authority.credential(["gw.example.com"]))
        let other = try run("server", folder, versions, "certificate", "ask")
        let credential = try authority.credential([], subject: "laptop", purposes: [.client])
        let settings = TLSClientSettings(trust: .authorities(authority.pem), credential: credential, protocols: ["http/1.1"])
        let end = TLSEnd(try TLSEngine(client: TLSContext(client: settings), host: "gw.example.com"))
        try end.engine.start(into: &end.outgoing)
        try echoes(end, other)
        let said = other.said()
        #expect(
            said.contains(versions == "any" ? "TLSv1.3 http/1.1" : "TLSv1.2 http/1.1") && said.contains("laptop"), "\(said)")
    }

    @Test(arguments: ["any", "1.2"]) func ourServerWithItsClient(_ versions: String) throws {
        let folder = try CredentialFolder(authority.credential([], subject: "laptop", purposes: [.client]))
        let other = try run("client", folder, versions, "certificate")
        let settings = TLSServerSettings(
            [try authority.credential(["gw.example.com"])], clients: .mustAuthenticate(authorities: authority.pem),
            protocols: ["http/1.1"])
        let end = TLSEnd(try TLSEngine(server: TLSContext(server: settings)))
        try echoes(end, other)
        #expect(end.engine.facts?.peerSubject == "CN=laptop" && end.engine.facts?.serverName == "gw.example.com")
        #expect(other.said().contains("http/1.1"))
    }

    /// 200 KB there and back, and an end that both ends say.
    private func echoes(_ end: TLSEnd, _ other: OtherEnd) throws {
        try other.carry(end) { $0.engine.phase == .open }
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        for start in stride(from: 0, to: bytes.count, by: 20_000) {
            try end.send(Array(bytes[start..<start + 20_000]))
            try other.carry(end) { $0.received.count == start + 20_000 }
        }
        #expect(end.received == bytes && end.error == nil)
        end.engine.close(into: &end.outgoing)
        try other.carry(end) { $0.engine.phase == .ended }
        #expect(end.engine.phase == .ended && end.error == nil)
    }

    @Test func neitherEndSpeaksTLS11() throws {
        let folder = try CredentialFolder(authority.credential(["gw.example.com"]))
        let settings = TLSServerSettings([try authority.credential(["gw.example.com"])])
        let server = TLSEnd(try TLSEngine(server: TLSContext(server: settings)))
        let old = try run("client", folder, "1.1")
        try old.carry(server) { _ in false }
        #expect(server.error == .protocolTooOld)
        let client = TLSEnd(
            try TLSEngine(
                client: TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem))), host: "gw.example.com"))
        try client.engine.start(into: &client.outgoing)
        let older = try run("server", folder, "1.1", "certificate")
        try older.carry(client) { _ in false }
        #expect(client.error == .protocolTooOld)
    }
}

@Suite("TLS: with s_client and s_server", .enabled(if: hasOpenSSL && openssl != nil, "left out: there is no openssl"))
struct TLSProgramTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority.usual.get() }

    @Test(arguments: ["-tls1_2", "-tls1_3"]) func ourServerWithSClient(_ version: String) throws {
        let folder = try CredentialFolder(authority.credential(["x.test"]))
        let port = try BoundPort(listening: true)
        let other = try OtherEnd(
            try #require(openssl),
            ["s_client", "-connect", "127.0.0.1:\(port.number)", "-servername", "gw.example.com", version]
                + ["-verify_return_error", "-CAfile", folder.path + "/ca.pem", "-verify_hostname", "gw.example.com", "-quiet"])
        let descriptor = accept(port.descriptor, nil, nil)
        defer { close(descriptor) }
        other.use(descriptor)
        let context = try TLSContext(server: TLSServerSettings([authority.credential(["gw.example.com"])]))
        let end = TLSEnd(try TLSEngine(server: context))
        try other.carry(end) { $0.engine.phase == .open }
        #expect(end.engine.facts?.version == (version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        other.type("hello\n")
        try other.carry(end) { $0.received.count == 6 }
        #expect(end.received == Array("hello\n".utf8))
        try end.send(Array("good day\n".utf8))
        try other.carry(end) { _ in true }
        #expect(try other.prints("good day") == "good day\n")
    }

    @Test func ourClientWithSServer() throws {
        let folder = try CredentialFolder(authority.credential(["gw.example.com"]))
        let other = try OtherEnd(
            try #require(openssl),
            ["s_server", "-accept", "127.0.0.1:0", "-cert", folder.path + "/own.pem", "-key", folder.path + "/own.key"]
                + ["-www", "-no_ticket", "-naccept", "1"])
        // ACCEPT 127.0.0.1:40123
        let line = try other.prints("ACCEPT")
        let port = try #require(line.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) })
        let descriptor = try dial(port)
        defer { close(descriptor) }
        other.use(descriptor)
        let context = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
        let end = TLSEnd(try TLSEngine(client: context, host: "gw.example.com"))
        try end.engine.start(into: &end.outgoing)
        try other.carry(end) { $0.engine.phase == .open }
        try end.send(Array("GET / HTTP/1.0\r\n\r\n".utf8))
        try other.carry(end) { $0.engine.phase == .ended }
        #expect(
            String(decoding: end.received, as: UTF8.self).hasPrefix("HTTP/1.0 200 ok") && end.error == nil,
            "\(end.received.count) bytes, \(String(describing: end.error))")
    }

    @Test func aRequestAndAChallengeAreReadByOthers() throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        let template = CertificateTemplate(names: ["gw.example.com", "192.0.2.7"], notBefore: 0, notAfter: 0)
        let request = try template.request(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        let asked = try shown(
            ["req", "-verify", "-noout", "-text"], PEMBlock(label: "CERTIFICATE REQUEST", bytes: request).text)
        #expect(asked.contains("DNS:gw.example.com, IP Address:192.0.2.7") && asked.contains("verify OK"), "\(asked)")
        let digest = [UInt8](repeating: 0xab, count: 32)
        let challenge = try keys.selfSigned(for: ["gw.example.com"], unixSeconds: 1_800_000_000, challengeDigest: digest)
        let proof = try shown(["x509", "-noout", "-text"], String(decoding: challenge.chain, as: UTF8.self))
        // RFC 8737 §3: a critical extension that holds the digest.
        #expect(proof.contains("1.3.6.1.5.5.7.1.31: critical") && proof.contains("DNS:gw.example.com"), "\(proof)")
    }

    /// What openssl prints of `pem`, its messages too.
    private func shown(_ arguments: [String], _ pem: String) throws -> String {
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: try #require(openssl))
        process.arguments = arguments
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(pem.utf8))
        try input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    private func dial(_ port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, streamType, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let isConnected = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
        return descriptor
    }
}
