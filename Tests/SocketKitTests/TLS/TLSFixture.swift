// Authorities, certificates and pairs of engines for the tests of TLS. Without OpenSSL on the machine these tests are left out,
// and each suite says so.

import Testing
import X509

@testable import SocketKit

/// Whether TLS can be tested here.
let hasOpenSSL = TLSLibrary.problem == nil
/// What is said of suites that are left out.
let withoutOpenSSL: Comment = "left out: there is no OpenSSL on this machine, or MIAGENT_OPENSSL is `none`"

/// Seconds of a day.
let day: Int64 = 86_400
/// A time at which certificates of the tests are valid: 2020 to 2099.
let firstSecond: Int64 = 1_577_836_800
let lastSecond: Int64 = 4_102_358_400

/// An authority that signs what a test needs.
struct TestAuthority: Sendable {
    let template: CertificateTemplate
    let key: String
    /// Its own certificate.
    let pem: [UInt8]

    /// The authority of most tests.
    static let usual = Result { try TestAuthority("Test authority") }

    init(_ name: String) throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        template = CertificateTemplate(
            commonName: name, names: [], notBefore: firstSecond, notAfter: lastSecond, purposes: [.authority])
        let der = try template.certificate(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        pem = Array(PEMBlock(label: "CERTIFICATE", bytes: der).text.utf8)
        self.key = key
    }

    /// A credential for these names with a new key.
    func credential(
        _ names: [String], subject: String = "", purposes: Set<CertificateTemplate.Purpose> = [.server],
        from notBefore: Int64 = firstSecond, to notAfter: Int64 = lastSecond
    ) throws -> TLSCredential {
        let keys = try OpenSSLKeys()
        let own = try keys.makePrivateKey()
        let leaf = CertificateTemplate(
            commonName: subject, names: names, notBefore: notBefore, notAfter: notAfter, purposes: purposes)
        let der = try leaf.certificate(point: try keys.publicPoint(ofKey: own), issuer: template) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: own)
    }
}

/// A credential that signs itself.
func selfSigned(_ names: [String], subject: String = "self", challengeDigest: [UInt8]? = nil) throws -> TLSCredential {
    let keys = try OpenSSLKeys()
    let key = try keys.makePrivateKey()
    var template = CertificateTemplate(commonName: subject, names: names, notBefore: firstSecond, notAfter: lastSecond)
    template.challengeDigest = challengeDigest
    let der = try template.certificate(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
        try keys.encodedSignature(of: info, byKey: key)
    }
    return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: key)
}

/// The pin of a credential's key.
func pin(of credential: TLSCredential) throws -> TLSPin {
    TLSPin(ofPublicKey: try OpenSSLKeys().publicKey(ofKey: String(decoding: credential.key, as: UTF8.self)))
}

/// One end of a wire, with what it read.
final class TLSEnd {
    let engine: TLSEngine
    /// Ciphertext that waits to be carried to the other end.
    var outgoing: [UInt8] = []
    var received: [UInt8] = []
    var error: TLSError?

    init(_ engine: TLSEngine) { self.engine = engine }

    func receive(_ bytes: ArraySlice<UInt8>) {
        do throws(TLSError) {
            try engine.receive(bytes, plaintext: &received, ciphertext: &outgoing)
        } catch {
            if let before = self.error { #expect(before == error) }
            self.error = error
        }
    }

    func send(_ bytes: [UInt8]) throws { try engine.send(bytes[...], into: &outgoing) }
}

/// Two engines back to back.
final class TLSPair {
    let client: TLSEnd
    let server: TLSEnd
    /// Bytes carried, to the server and to the client.
    var carried = (toServer: 0, toClient: 0)

    init(_ clientContext: TLSContext, _ serverContext: TLSContext, host: String = "gw.example.com") throws {
        client = TLSEnd(try TLSEngine(client: clientContext, host: host))
        server = TLSEnd(try TLSEngine(server: serverContext))
        try client.engine.start(into: &client.outgoing)
    }

    /// A pair of the usual authority, for one name.
    convenience init(
        _ clientSettings: TLSClientSettings? = nil, _ serverSettings: TLSServerSettings? = nil, host: String = "gw.example.com"
    ) throws {
        let authority = try TestAuthority.usual.get()
        let clientSettings = clientSettings ?? TLSClientSettings(trust: .authorities(authority.pem))
        let serverSettings = try serverSettings ?? TLSServerSettings([authority.credential(["gw.example.com"])])
        try self.init(TLSContext(client: clientSettings), TLSContext(server: serverSettings), host: host)
    }

    /// Carries what waits, in pieces of `length` bytes, until nothing waits.
    func carry(pieces length: Int = .max) {
        while !client.outgoing.isEmpty || !server.outgoing.isEmpty {
            carried.toServer += Self.carry(client, server, length)
            carried.toClient += Self.carry(server, client, length)
        }
    }

    private static func carry(_ from: TLSEnd, _ to: TLSEnd, _ length: Int) -> Int {
        let bytes = from.outgoing
        from.outgoing = []
        for start in stride(from: 0, to: bytes.count, by: length) {
            to.receive(bytes[start..<start + min(length, bytes.count - start)])
        }
        return bytes.count
    }

    /// The phases of both ends.
    var phases: [TLSEngine.Phase] { [client.engine.phase, server.engine.phase] }
}
