// TLS as the tests speak it, at a visitor's end: our own engine over a socket. Certificates are made for each test.

import Foundation
import MachineCore
import SocketKit
import Testing
import X509

/// Whether TLS can be tested here.
let hasOpenSSL = TLSLibrary.problem == nil
/// What is said of tests that are left out.
let withoutOpenSSL: Comment = "left out: there is no OpenSSL on this machine, or MIAGENT_OPENSSL is `none`"

/// A client's end of TLS. For one thread.
final class TLSWire {
    let socket: Socket
    let engine: TLSEngine

    /// Connects and does the handshake. A server that refuses is a `TLSError`.
    init(port: UInt16, name: String, credential: TLSCredential? = nil) throws {
        socket = try Socket.connect(to: port)
        let settings = TLSClientSettings(trust: .insecure, credential: credential, protocols: ["http/1.1"])
        engine = try TLSEngine(client: try TLSContext(client: settings), host: name)
        var bytes: [UInt8] = []
        try engine.start(into: &bytes)
        try socket.send(bytes)
        while engine.phase == .handshaking { _ = try step(Deadline()) }
    }

    func send(_ bytes: [UInt8]) throws {
        var ciphertext: [UInt8] = []
        try engine.send(bytes[...], into: &ciphertext)
        try socket.send(ciphertext)
    }

    /// What has come; empty at the peer's end.
    func receive(by deadline: Deadline) throws -> [UInt8] {
        while engine.phase == .open {
            let bytes = try step(deadline)
            if !bytes.isEmpty { return bytes }
        }
        return []
    }

    private func step(_ deadline: Deadline) throws -> [UInt8] {
        var (plaintext, ciphertext): ([UInt8], [UInt8]) = ([], [])
        let bytes = try socket.receive(by: deadline)
        if bytes.isEmpty { try engine.receiveEOF() }
        try engine.receive(bytes[...], plaintext: &plaintext, ciphertext: &ciphertext)
        if !ciphertext.isEmpty { try socket.send(ciphertext) }
        return plaintext
    }
}

/// A certificate with its key, in two files.
struct CredentialFiles {
    let certificate: String
    let key: String
    /// What tells it from others.
    private(set) var pin: TLSPin?

    /// A credential that signs itself, in new files.
    init(_ fixture: DaemonFixture, _ names: [String], from unixSeconds: Int64? = nil) throws {
        (certificate, key) = (try fixture.file(""), try fixture.file(""))
        try renew(names, from: unixSeconds)
    }

    /// Another one, in the same files.
    mutating func renew(_ names: [String], from unixSeconds: Int64? = nil) throws {
        let now = Int64(Date().timeIntervalSince1970)
        let credential = try OpenSSLKeys().selfSigned(for: names, unixSeconds: unixSeconds ?? now)
        try Data(credential.key).write(to: URL(fileURLWithPath: key))
        try Data(credential.chain).write(to: URL(fileURLWithPath: certificate))
        pin = credential.certificate.map { TLSPin(ofPublicKey: $0.publicKey) }
    }

    /// Members of a settings file.
    var members: String { #""certificate": "\#(certificate)", "key": "\#(key)""# }
}

/// An authority of clients.
struct ClientAuthority {
    private let template: CertificateTemplate
    private let key: String
    let pem: String

    init() throws {
        let keys = try OpenSSLKeys()
        let now = Int64(Date().timeIntervalSince1970)
        let template = CertificateTemplate(
            commonName: "Clients", names: [], notBefore: now - 60, notAfter: now + 3_600, purposes: [.authority])
        let key = try keys.makePrivateKey()
        let der = try template.certificate(point: try keys.publicPoint(ofKey: key)) {
            try keys.encodedSignature(of: $0, byKey: key)
        }
        (self.template, self.key, pem) = (template, key, PEMBlock(label: "CERTIFICATE", bytes: der).text)
    }

    func credential(_ name: String) throws -> TLSCredential {
        let keys = try OpenSSLKeys()
        let own = try keys.makePrivateKey()
        let leaf = CertificateTemplate(
            commonName: name, names: [], notBefore: template.notBefore, notAfter: template.notAfter, purposes: [.client])
        let der = try leaf.certificate(point: try keys.publicPoint(ofKey: own), issuer: template) {
            try keys.encodedSignature(of: $0, byKey: key)
        }
        return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: own)
    }
}
