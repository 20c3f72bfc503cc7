// Programs that speak TLS, for tests against them: Python's `ssl`, whose bytes go through pipes, and OpenSSL's own `s_client`
// and `s_server` over loopback.

import Foundation
import Testing
import X509

@testable import SocketKit

let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first { FileManager.default.isExecutableFile(atPath: $0) }
let openssl = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// An echo at either end of TLS over standard input and output; what was agreed on goes to the standard error.
let echo = """
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
final class OtherEnd {
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
final class CredentialFolder {
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
