// Our engine against others' TLS: Python's `ssl`, whose bytes go through pipes, and OpenSSL's own `s_client` and `s_server`
// over loopback. What is not installed is left out.

import Foundation
import Testing

@testable import SocketKit

private let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first { FileManager.default.isExecutableFile(atPath: $0) }
private let openssl = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// An echo at either end of TLS over standard input and output; what was agreed on goes to the standard error.
private let echo = """
    import os, ssl, sys
    role, folder, versions, rest = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
    if versions == "1.1":
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    if versions == "1.2": context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if "certificate" in rest: context.load_cert_chain(folder + "/own.pem", folder + "/own.key")
    if role == "client": context.load_verify_locations(folder + "/ca.pem")
    if "ask" in rest:
        context.load_verify_locations(folder + "/ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, role == "server", None if role == "server" else "gw.example.com")
    def flush():
        data = outgoing.read()
        while data: data = data[os.write(1, data):]
    def step(call, *arguments):
        while True:
            try:
                result = call(*arguments)
                flush()
                return result
            except ssl.SSLWantReadError:
                flush()
                data = os.read(0, 70000)
                incoming.write(data) if data else incoming.write_eof()
            except ssl.SSLError:
                flush()
                raise
    try:
        step(tls.do_handshake)
        subject = (tls.getpeercert() or {}).get("subject")
        sys.stderr.write(f"{tls.version()} {tls.selected_alpn_protocol()} {subject}\\n")
        while True:
            data = step(tls.read, 50000)
            if not data: break
            step(tls.write, data)
        step(tls.unwrap)
    except ssl.SSLError as error:
        sys.stderr.write(str(error) + "\\n")
    """

/// A program that speaks TLS, and the two descriptors that lead to it.
private final class OtherEnd {
    private let process = Process()
    private let errors = Pipe()
    private(set) var reading: Int32 = -1
    private(set) var writing: Int32 = -1
    private let input = Pipe()
    private let output = Pipe()

    init(_ path: String, _ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        reading = output.fileHandleForReading.fileDescriptor
        writing = input.fileHandleForWriting.fileDescriptor
    }

    deinit { process.terminate() }

    /// Speaks through a socket from now on.
    func use(_ descriptor: Int32) { (reading, writing) = (descriptor, descriptor) }

    /// Says something to the program itself.
    func type(_ text: String) { try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    /// What the program prints, up to the first line that contains `part`.
    func prints(_ part: String) throws -> String {
        var text = ""
        while !text.contains(part) {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "the program ended after: \(text)")
            text += String(decoding: more, as: UTF8.self)
        }
        return text
    }

    /// Carries bytes between `end` and the program until `isDone`, or until the program ends.
    func carry(_ end: TLSEnd, until isDone: (TLSEnd) -> Bool) throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var rest = end.outgoing[...]
            end.outgoing = []
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(writing, $0.baseAddress, min($0.count, 16_384)) }
                if count <= 0 { break }
                rest = rest.dropFirst(count)
            }
            if isDone(end) || end.error != nil { return }
            var ready = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            try #require(poll(&ready, 1, 30_000) == 1, "nothing comes")
            let count = read(reading, &buffer, buffer.count)
            if count <= 0 {
                do throws(TLSError) { try end.engine.receiveEOF() } catch { end.error = error }
                return
            }
            end.receive(buffer[..<count])
        }
    }

    /// What it said on its standard error, once it is over.
    func said() -> String {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        return String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
}

/// A folder with the authority's certificate and a credential of it, which goes with the test.
private final class Folder {
    let path: String

    init(_ credential: TLSCredential) throws {
        signal(SIGPIPE, SIG_IGN)
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        try Data(TestAuthority.usual.get().pem).write(to: url.appendingPathComponent("ca.pem"))
        try Data(credential.chain).write(to: url.appendingPathComponent("own.pem"))
        try Data(credential.key).write(to: url.appendingPathComponent("own.key"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("TLS: with Python's ssl", .enabled(if: hasOpenSSL && python != nil, "left out: there is no OpenSSL or no Python"))
struct TLSPythonTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority.usual.get() }

    private func run(_ role: String, _ folder: Folder, _ versions: String, _ rest: String...) throws -> OtherEnd {
        try OtherEnd(try #require(python), ["-c", echo, role, folder.path, versions] + rest)
    }

    @Test(arguments: ["any", "1.2"]) func ourClientWithItsServer(_ versions: String) throws {
        let folder = try Folder(authority.credential(["gw.example.com"]))
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
        let folder = try Folder(authority.credential([], subject: "laptop", purposes: [.client]))
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
        let folder = try Folder(authority.credential(["gw.example.com"]))
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
        let folder = try Folder(authority.credential(["x.test"]))
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
        let folder = try Folder(authority.credential(["gw.example.com"]))
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
